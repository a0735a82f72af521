"""A reading is held against its sentence. The readings are those of a small model, or like them."""

from __future__ import annotations

from typing import Any

import pytest

from agent.offline.sentences import parse_scene
from evals.agent.gold import prompt_cases
from evals.lmd.prompts import choose
from tools.scene.reading.check import mended, problems, settled
from tools.scene.requirements import requirements
from tools.scene.spec import SceneSpec


def spec(*objects: Any, **more: Any) -> SceneSpec:
    """Build a reading; an object is a name, or a dict of its fields."""
    relations = [dict(zip(("subject", "predicate", "object"), one, strict=False)) for one in more.pop("relations", ())]
    given = [{"name": one, "bound": "a"} if isinstance(one, str) else {"bound": "a"} | one for one in objects]
    return SceneSpec.model_validate({"objects": given, "relations": relations, **more})


def thing(name: str, *attributes: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "attributes": attributes, **more}


MENDED = [
    pytest.param("a book in a corner", spec(thing("book", size="small")), spec("book"), id="a size that nobody said"),
    pytest.param(
        "a huge fox and a bear",
        spec(thing("fox", "big", size="large"), thing("bear", size="huge")),
        spec(thing("fox", size="huge"), "bear"),
        id="the size of another",
    ),
    pytest.param(
        "a bear twice as big as a fox",
        spec(thing("bear", "big", size="large"), thing("fox", size="small")),
        spec("bear", "fox"),
        id="a comparison is no size",
    ),
    pytest.param(
        "two dogs below a car",
        spec(thing("dog", count=2, bound="at least"), "car"),
        spec(thing("dog", count=2, bound="exactly"), "car"),
        id="a bound that nobody said",
    ),
    pytest.param(
        "a vase in the middle and a lamp in the top right corner",
        spec("vase", "lamp", relations=[("vase", "in the middle"), ("lamp", "on the right", "top")]),
        spec("vase", "lamp", relations=[("vase", "in the middle"), ("lamp", "in the top right corner")]),
        id="the place that is said behind the thing",
    ),
    pytest.param(
        "a fork on the left of a plate",
        spec("fork", "plate", relations=[("fork", "on the left", "plate")]),
        spec("fork", "plate", relations=[("fork", "left of", "plate")]),
        id="left of a thing is no place in the picture",
    ),
    pytest.param(
        "three kites in the sky",
        spec(thing("kite", count=3)),
        spec(thing("kite", count=3), background="sky"),
        id="where it is",
    ),
    pytest.param(
        "a living room with a sofa", spec("sofa"), spec("sofa", background="living room"), id="what has things in it"
    ),
    pytest.param(
        "a parking lot without trucks, and a bus",
        spec("bus", absent=["truck"]),
        spec("bus", absent=["truck"], background="parking lot"),
        id="what has none of them in it",
    ),
    pytest.param("a table with a vase", spec("vase"), spec("vase"), id="a thing is no place"),
    pytest.param(
        "a bench beside a park ranger in a park",
        spec("bench"),
        spec("bench", background="park"),
        id="one of them is a place",
    ),
    pytest.param(
        "a street without cars but with two bicycles",
        spec(thing("bicycle", count=2), background="a street without cars"),
        spec(thing("bicycle", count=2), background="a street", absent=["car"]),
        id="what is absent is no background",
    ),
    pytest.param(
        "a chair with a hat on it and a woman with a yellow umbrella",
        spec(thing("chair", "hat"), thing("woman", "yellow umbrella")),
        spec("chair", "woman", "hat", thing("umbrella", "yellow")),
        id="a thing is no attribute",
    ),
    pytest.param(
        "a cat left of a dog, and a rabbit between them",
        spec("cat", "dog", "rabbit", relations=[("cat", "left of", "dog"), ("rabbit", "between", "cat")]),
        spec("cat", "dog", "rabbit", relations=[("cat", "left of", "dog"), ("rabbit", "between", "cat and dog")]),
        id="between both",
    ),
    pytest.param(
        "two swans below an old stone bridge and in front of a red boat",
        spec(
            thing("swan", count=2),
            thing("bridge", "old"),
            relations=[("swan", "below", "old stone bridge"), ("swan", "near", "red boat")],
        ),
        spec(
            thing("swan", count=2),
            thing("bridge", "old", "stone"),
            thing("boat", "red"),
            relations=[("swan", "below", "old stone bridge"), ("swan", "near", "red boat")],
        ),
        id="what relations name is there",
    ),
    pytest.param(
        "two dogs or more",
        spec(thing("dog", count=2, bound="at least")),
        spec(thing("dog", count=2, bound="at least")),
        id="a bound that is said",
    ),
    pytest.param(
        "cats", spec(thing("cats", bound="exactly")), spec(thing("cat", count=2, bound="at least")), id="some"
    ),
    pytest.param("three cars", spec(thing("car", count=3, every=True)), spec(thing("car", count=3)), id="every"),
    pytest.param(
        "a red car", spec(thing("red car", "car", "shiny")), spec(thing("car", "red")), id="attributes that are none"
    ),
    pytest.param(
        "a boat below a bridge",
        spec(thing("boat", "below", "bridge"), "bridge"),
        spec("boat", "bridge"),
        id="places and other things are no attributes",
    ),
    pytest.param(
        "an oil painting of three roses",
        spec(thing("rose", "oil", count=3), background="an oil painting"),
        spec(thing("rose", count=3), background="an oil painting"),
        id="the style is no attribute",
    ),
    pytest.param(
        "a child holding a balloon",
        spec(thing("child", "holding a balloon"), "balloon"),
        spec("child", "balloon", unchecked=["child holding a balloon"]),
        id="what someone does is no attribute",
    ),
    pytest.param(
        "a plate without a fork",
        spec(thing("plate", lacks=["fork"]), unchecked=["a plate without a fork"]),
        spec("plate", absent=["fork"]),
        id="a thing that is not there is absent",
    ),
    pytest.param(
        "zero pears and three figs",
        spec(thing("pear", lacks=["zero"]), thing("fig", count=3), absent=["zero pears", "figs"]),
        spec(thing("fig", count=3), absent=["pear"]),
        id="there and absent",
    ),
    pytest.param(
        "no more than two birds",
        spec(absent=["more than two birds"]),
        spec(thing("bird", count=2, bound="at most")),
        id="a limit among the absent",
    ),
    pytest.param(
        "a cat on a mat",
        spec("cat", "mat", background="a beach", unchecked=["a man riding a horse", "a cat"]),
        spec("cat", "mat"),
        id="copied from an example",
    ),
    pytest.param(
        "a chair to the right of a blue backpack",
        spec("chair", thing("backpack", "blue"), relations=[("blue backpack", "right of", "chair")]),
        spec("chair", thing("backpack", "blue"), relations=[("chair", "right of", "blue backpack")]),
        id="backwards",
    ),
    pytest.param(
        "a bottle. Above it is a cat",
        spec("bottle", "cat", relations=[("cat", "above", "bottle")]),
        spec("bottle", "cat", relations=[("cat", "above", "bottle")]),
        id="backwards only to the eye",
    ),
    pytest.param(
        "a tower on the right",
        spec("tower", relations=[("tower", "right of", "a tower")]),
        spec("tower", relations=[("tower", "on the right")]),
        id="of itself, in the picture",
    ),
    pytest.param(
        "a dog to the left of a cat",
        spec("dog", "cat", relations=[("dog", "on the left", "cat")]),
        spec("dog", "cat", relations=[("dog", "left of", "cat")]),
        id="in the picture, of another",
    ),
    pytest.param(
        "a bench between a tree and a lamp",
        spec("bench", "tree", "lamp", relations=[("bench", "between", "tree"), ("bench", "between", "lamp")]),
        spec("bench", "tree", "lamp", relations=[("bench", "between", "tree and lamp")]),
        id="between in two parts",
    ),
    pytest.param(
        "as many cups as plates",
        spec("cups", "plates", relations=[("more cups", "more than", "plates")]),
        spec(
            thing("cup", bound="at least"),
            thing("plate", bound="at least"),
            relations=[("cups", "as many as", "plates")],
        ),
        id="another comparison",
    ),
]


@pytest.mark.parametrize(("sentence", "given", "right"), MENDED)
def test_what_can_mean_one_thing_is_mended(sentence: str, given: SceneSpec, right: SceneSpec) -> None:
    result = mended(sentence, given)
    assert requirements(result) == requirements(right)
    assert result.background == right.background
    assert mended(sentence, result).model_copy(update={"notes": ()}) == result.model_copy(update={"notes": ()})
    assert problems(sentence, right) == problems(sentence, result)


TOLD = [
    pytest.param("a cat and a dog", spec("cat"), "'dog'", id="a thing lost"),
    pytest.param("a red cat", spec("cat"), "'red'", id="an attribute lost"),
    pytest.param("a cat on the left", spec("cat"), "'left'", id="a place lost"),
    pytest.param("a cat behind a dog", spec("cat", "dog"), "'behind'", id="what no predicate says is lost"),
    pytest.param("a cat", spec("cat", "sofa"), "'sofa' is not in the sentence", id="a thing added"),
    pytest.param(
        "a dog playing with a ball",
        spec("dog", "ball", relations=[("dog", "on top of", "ball")], unchecked=["playing with a ball"]),
        "does not say that 'dog' is on top of 'ball'",
        id="a relation added",
    ),
    pytest.param(
        "a cup left of a cup or a bowl",
        spec("cup", "bowl", relations=[("cup", "left of", "cup")]),
        "cannot be left of itself",
        id="of itself",
    ),
    pytest.param(
        "a cat above", spec("cat", relations=[("cat", "above", "")]), "take a predicate such as", id="of nothing"
    ),
    pytest.param("no cat and a cat", spec("cat", absent=["cat"]), "keep the one that the sentence means", id="both"),
    pytest.param(
        "a cat wearing a hat", spec("cat", unchecked=["wearing a hat"]), "put it into objects too", id="hidden"
    ),
]


@pytest.mark.parametrize(("sentence", "given", "told"), TOLD)
def test_what_can_mean_several_things_is_told_with_what_to_do(sentence: str, given: SceneSpec, told: str) -> None:
    assert told in "\n".join(problems(sentence, mended(sentence, given)))


def test_what_is_taken_in_the_end_demands_nothing_unsaid_and_loses_nothing() -> None:
    wrong = spec("dog", "ball", relations=[("dog", "on top of", "ball")])
    taken = settled("a dog to the left playing with a ball", wrong)
    assert (taken.relations, taken.unchecked) == ((), ("left",))
    assert "on top of" in taken.notes[0]


def test_the_grammars_readings_are_nothing_to_mend() -> None:
    for text in (*(case.text for case in prompt_cases()), *(prompt.text for prompt in choose(limit=100))):
        read = parse_scene(text)
        assert requirements(mended(text, read)) == requirements(read), text
        assert problems(text, read) == (), text


def test_what_only_a_note_says_is_lost() -> None:
    text = "a kitten half as big as a pumpkin"
    reading = mended(text, spec(thing("kitten", "half as big as a pumpkin")))
    assert any("'pumpkin'" in problem for problem in problems(text, reading))
    assert "pumpkin" in settled(text, reading).unchecked
