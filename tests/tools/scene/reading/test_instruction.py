"""Readings of instructions are held against them; the faults are those of a small model on the benchmark."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter

from tests.world import scene
from tools.scene.reading.instruction import answer_problems, mended_wishes, wish_problems
from tools.scene.wishes import Wish

WISHES: TypeAdapter[tuple[Wish, ...]] = TypeAdapter(tuple[Wish, ...])
LAYOUT = scene(
    ("red cup", [0.1, 0.6, 0.2, 0.2]),
    ("blue cup", [0.7, 0.6, 0.2, 0.2]),
    ("gray laptop", [0.4, 0.2, 0.3, 0.2]),
    ("brown chair", [0.1, 0.1, 0.2, 0.3]),
)


def add(name: str, *attributes: str, **given: Any) -> dict[str, Any]:
    return {"op": "add", "name": name, "attributes": list(attributes), **given}


def mended(text: str, *wishes: dict[str, Any]) -> list[dict[str, Any]]:
    result, notes = mended_wishes(text, WISHES.validate_python(wishes), LAYOUT)
    assert bool(notes) == (result != WISHES.validate_python(wishes))
    assert not wish_problems(text, result, LAYOUT)
    return [{"op": wish.op} | wish.model_dump(mode="json", exclude_defaults=True) for wish in result]


BLACK = {"op": "restyle", "id": "cup #2", "attributes": ["black"]}
GONE = {"op": "remove", "id": "chair #1"}
MOVED = {"op": "move", "id": "chair #1"}
RIGHT_OF = {"place": "right of", "of": ["cup #2"]}


@pytest.mark.parametrize(
    ("text", "given", "expected"),
    [
        pytest.param("paint the cup on the left black", BLACK, BLACK | {"id": "cup #1"}, id="the left one"),
        pytest.param("paint the red cup black", BLACK, BLACK | {"id": "cup #1"}, id="the red one"),
        pytest.param("paint the rightmost cup black", BLACK, BLACK, id="the right one"),
        pytest.param(
            "turn the picture into black and white",
            BLACK,
            {"op": "adjust", "wish": "black and white"},
            id="the whole picture",
        ),
        pytest.param("add a cup by the laptop", add("cup", "gray"), add("cup"), id="another's colour"),
        pytest.param("add a crimson book", add("book", "red"), add("book", "red"), id="another word for it"),
        pytest.param(
            "add a bottle in the same colour as the chair", add("bottle", "brown"), add("bottle", "brown"), id="same"
        ),
        pytest.param(
            "put a dog in the lower right corner",
            add("dog", box=[0.7, 0.7, 0.2, 0.2], **RIGHT_OF),
            add("dog", place="in the bottom right corner"),
            id="the corner",
        ),
        pytest.param(
            "move the chair to the top right corner",
            {"op": "move", "id": "chair #1", "place": "right of", "of": ["chair #1"]},
            {"op": "move", "id": "chair #1", "place": "in the top right corner"},
            id="right of itself",
        ),
        pytest.param(
            "move the chair to the right",
            {"op": "move", "id": "chair #1", "place": "right of", "of": []},
            {"op": "move", "id": "chair #1", "place": "further right"},
            id="to the right",
        ),
        pytest.param(
            "a dog on the left, please", add("dog", place="left of"), add("dog", place="on the left"), id="of nothing"
        ),
    ],
)
def test_what_can_mean_one_thing_is_mended(text: str, given: dict[str, Any], expected: dict[str, Any]) -> None:
    without = {key: value for key, value in expected.items() if value != []}
    assert mended(text, given) == [without]


def test_the_same_thing_twice_is_done_once() -> None:
    assert mended("paint the blue cup black", BLACK, BLACK, BLACK) == [BLACK]


def test_what_comes_in_the_place_of_something_replaces_it() -> None:
    cat = add("cat", place="in front of", of=["cup #1"])
    replaced = {"op": "replace", "id": "chair #1", "name": "cat"}
    assert mended("remove the chair and put a cat in its place", GONE, cat) == [replaced]


@pytest.mark.parametrize(
    ("text", "given", "told"),
    [
        ("turn the picture with the cups into black and white", BLACK, '"wish": "black and white"'),
        ("remove the laptop", GONE, "use those ids"),
        ("remove the chair and the laptop", GONE, "also speaks of 'laptop #1'"),
        ("remove the chair and make the red cup green", GONE, "'green'"),
    ],
)
def test_what_is_lost_or_strange_is_told(text: str, given: dict[str, Any], told: str) -> None:
    assert told in " ".join(wish_problems(text, WISHES.validate_python([given]), LAYOUT))


@pytest.mark.parametrize(
    ("text", "given"),
    [
        ("remove it", GONE),
        ("take the stool away", GONE),
        ("remove everything but the cups and the laptop", GONE),
        ("put the chair where the laptop is", MOVED | {"box": [0.4, 0.2, 0.2, 0.3]}),
        ("swap the red cup and the blue cup", {"op": "swap", "id": "cup #1", "other": "cup #2"}),
        ("move the chair to the left of the red cup", MOVED | {"place": "left of", "of": ["cup #1"]}),
        (
            "move the chair between the two cups",
            MOVED | {"place": "between", "of": ["cup #1", "cup #2"]},
        ),
        ("remove the brown one", GONE),
        ("duplicate the red cup", add("cup", "red", box=[0.4, 0.6, 0.2, 0.2])),
        ("clone the left cup", add("cup", "red", box=[0.4, 0.6, 0.2, 0.2])),
        ("put a dog in the top right corner", add("dog", box=[0.75, 0.05, 0.2, 0.2])),
        ("make the red cup smaller", {"op": "resize", "id": "cup #1", "factor": 0.7}),
        ("make the picture darker", {"op": "adjust", "wish": "darker"}),
        ("blur everything behind the laptop", {"op": "adjust", "wish": "blur the background", "id": "laptop #1"}),
    ],
)
def test_a_right_reading_stays_as_it_is(text: str, given: dict[str, Any]) -> None:
    (wish,) = WISHES.validate_python([given])
    assert mended_wishes(text, [wish], LAYOUT) == ((wish,), ())
    assert wish_problems(text, [wish], LAYOUT) == ()


@pytest.mark.parametrize(
    ("text", "answer", "is_wrong"),
    [
        ("How many cups are there?", "There is one cup, on the left.", True),
        ("How many cups are there?", "There are two cups.", False),
        ("how many blue cups are in the picture?", "Two.", True),
        ("how many dogs are there?", "None: there are four things, and no dog.", False),
        ("what is on the left?", "One cup.", False),
    ],
)
def test_a_number_in_an_answer_is_that_of_the_picture(text: str, answer: str, is_wrong: bool) -> None:
    assert bool(answer_problems(text, answer, LAYOUT)) == is_wrong
