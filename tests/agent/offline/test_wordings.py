"""Ordinary wordings mean what the plain ones do: a brown and a black dog, a red car, a blue cup (see `test_wishes`)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from pydantic import TypeAdapter

from agent.offline.planner import OfflinePlanner
from agent.offline.wordings import reworded
from tests.agent.offline.test_wishes import SCENE
from tests.world import scene
from tools.scene.errors import CannotParse
from tools.scene.layout import Layout
from tools.scene.operations import Operation, apply

NAMES = ("dog", "car", "cup")
OPERATIONS = TypeAdapter(tuple[Operation, ...])

REWORDED = {
    "how about making the car green?": "make the car green",
    "why not remove the cup?": "remove the cup",
    "would you mind moving the cup up?": "move the cup up",
    "would it be possible to make the cup bigger?": "make the cup bigger",
    "how about a green car?": "make the car green",
    "I'd prefer a green car": "make the car green",
    "I would rather have a bigger cup": "make the cup bigger",
    "I'd prefer the car in green": "the car should be green",
    "what about a cat?": "add a cat",
    "a green car instead": "make the car green",
    "a cat instead": "replace it with a cat",
    "green would be better": "make it green",
    "green would be nicer for the car": "make the car green",
    "the car would look better in green": "the car should be green",
    "I wish the car was green": "the car should be green",
    "the car should rather be green": "the car should be green",
    "make the car a tad greener": "make the car green",
    "make the car more blue": "make the car blue",
    "can I have a bottle on the left?": "add a bottle on the left",
    "can I have the cup on the right?": "the cup should be on the right",
    "can we have two cups?": "there should be two cups",
    "a bottle on the left would be nice": "add a bottle on the left",
    "there's a bottle missing": "add a bottle",
    "another one, please": "add another one",
    "two more cups": "add two more cups",
    "a third dog": "add a third dog",
    "no cup please": "there should be no cup",
    "no dogs": "there should be no dogs",
    "I don't want the cup": "remove the cup",
    "I do not need any cups in the picture": "there should be no cups",
    "the cup has to go": "remove the cup",
    "I want the cup gone": "remove the cup",
    "lose the cup": "remove the cup",
    "I could do without the cup": "remove the cup",
    "make it two cups": "there should be two cups",
    "only one dog please": "there should be one dog",
    "one dog is enough": "there should be one dog",
    "let there be two cups": "there should be two cups",
    "let the cup and the car change places": "swap the cup and the car",
    "let the cup be red": "the cup should be red",
    "give the car a deep blue coat": "make the car deep blue",
    "the cup in red please": "make the cup red",
    "the cup is not big enough": "make the cup bigger",
    "not that big": "it is a bit too big",
    "wrong dog": "no, the other dog",
    "the cup, make it red": "make the cup red",
    "give me the cup back": "bring back the cup",
    "where did the cup go?": "where is the cup?",
    "the cup looks better in green": "the cup should be green",
    "make the dog and the cup change colors": "swap the colors of the dog and the cup",
    "replace the car by a cup, a blue one": "replace the car by a blue cup",
    "get rid of the cup, would you?": "get rid of the cup",
    "I'd put the dog on the right": "put the dog on the right",
    "only one cup is needed": "there should be one cup",
    "the copy should be white": "the new one should be white",
    "the cup's color should be pink": "the cup should be pink",
    "bring the cup back but in orange": "bring the cup back and make it orange",
    "the cup is in the wrong place, put it on the left": "put the cup on the left",
    "no, only two cups": "there should be two cups",
    "would you please get the dog out of here": "remove the dog",
    "make the car orange instead of purple": "make the car orange",
    "a cat instead of the dog": "replace the dog with a cat",
    "no dog, just a cat instead": "replace the dog with a cat",
    "the cup could use a darker shade": "make the cup darker",
    "I changed my mind, make the cup red": "make the cup red",
    "remove whatever is on the car": "remove the object on the car",
    "back to where it was": "put it back",
    "add one in blue": "add a blue one",
}
AFTER = {
    ("make the dog white", "the taller one"): {"dog #2": "white"},
    ("make the dog white", "the left one"): {"dog #1": "white"},
    ("make the dog white", "both"): {"dog #1": "white", "dog #2": "white"},
    ("make the left dog white", "no, the other one"): {"dog #1": "brown", "dog #2": "white"},
    ("make the left dog white", "wrong dog"): {"dog #1": "brown", "dog #2": "white"},
    ("make the left dog white", "no, I meant the car"): {"dog #1": "brown", "car #1": "white"},
    ("make the left dog white", "do the same with the other dog"): {"dog #1": "white", "dog #2": "white"},
    ("make the left dog white", "the other one too"): {"dog #1": "white", "dog #2": "white"},
    ("make the car blue", "same for the cup"): {"car #1": "blue", "cup #1": "blue"},
    ("make the car blue", "rather green"): {"car #1": "green"},
    ("make the car blue", "I said green"): {"car #1": "green"},
    ("make the car blue", "green instead"): {"car #1": "green"},
    ("make the car blue", "darker please"): {"car #1": "dark blue"},
    ("make the car white", "that's not what I meant, green"): {"car #1": "green"},
    ("make the left dog white", "no, the car should be white"): {"dog #1": "white", "car #1": "white"},
    ("make the car white", "the car should be green and the cup pink"): {"car #1": "green", "cup #1": "pink"},
    ("make the car white", "the car should be green, the cup should be pink"): {"car #1": "green", "cup #1": "pink"},
    ("add a white cup", "make the new cup green"): {"cup #1": "blue", "cup #2": "green"},
    ("add a white cup", "make the old cup green"): {"cup #1": "green", "cup #2": "white"},
    ("make the car white", "one of them should be pink"): {"car #1": "pink"},
    ("make the car white", "make the smallest one pink"): {"cup #1": "pink"},
    ("make the dogs white", "make both a bit darker"): {"dog #1": "gray", "dog #2": "gray"},
    ("make the dogs white", "everything but the car pink"): {"dog #1": "pink", "dog #2": "pink", "cup #1": "pink"},
}
LEFT_ALONE = ["make the car blue", "add a tiger", "no, further", "is there a cup?", "remove the cup and the car",
              "move the cup to the right", "undo", "the cup should be bigger"]  # fmt: skip


@pytest.mark.parametrize(("text", "meaning"), REWORDED.items(), ids=str)
def test_an_ordinary_wording_means(text: str, meaning: str) -> None:
    assert reworded(text, NAMES) == meaning


@pytest.mark.parametrize("text", LEFT_ALONE)
def test_what_the_grammar_knows_stays(text: str) -> None:
    assert reworded(text, NAMES) == text


def answer(layout: Layout, text: str, turns: list[dict[str, Any]], before: Layout | None) -> dict[str, Any]:
    history = {"before_last_change": None if before is None else before.model_dump(mode="json")}
    message = (
        f"<layout>{layout.model_dump_json()}</layout><recent>{json.dumps(turns)}</recent>"
        f"<history>{json.dumps(history)}</history><instruction>{text}</instruction>"
    )
    found: dict[str, Any] = OfflinePlanner().with_structured_output({}).invoke([HumanMessage(message)])
    return found


@pytest.mark.parametrize(("said", "looks"), AFTER.items(), ids=str)
def test_after_another_instruction(said: tuple[str, str], looks: dict[str, str]) -> None:
    first, then = said
    try:
        done = OPERATIONS.validate_python(answer(SCENE, first, [], None)["operations"])
    except CannotParse:
        done = ()
    layout = apply(SCENE, done)
    ids = [new.id for new in layout.objects if new not in SCENE.objects]
    turns = [{"instruction": first, "done": [f"changed '{id_}'" for id_ in ids]}]
    meant = OPERATIONS.validate_python(answer(layout, then, turns, SCENE if done else None)["operations"])
    after = apply(layout, meant)
    assert {id_: " ".join(after[id_].attributes) for id_ in looks} == looks


def test_what_stands_in_a_column_has_no_left_one() -> None:
    column = scene(("cup", [0.4, 0.1, 0.2, 0.2]), ("cup", [0.4, 0.4, 0.2, 0.2]), ("cup", [0.4, 0.7, 0.2, 0.2]))
    [done] = answer(column, "make the middle cup red", [], None)["operations"]
    assert done["id"] == "cup #2"
    with pytest.raises(CannotParse, match="farther that way"):
        answer(column, "make the left cup red", [], None)


@pytest.mark.parametrize("text", ["move the cup to the other side of the car", "put the cup on the other side"])
def test_the_other_side_is_where_it_is_not(text: str) -> None:
    [move] = answer(SCENE, text, [], None)["operations"]
    x, _, w, _ = move["box"]
    assert x + w / 2 > 0.55


def ways(text: str, *, first: str = "move the cup to the right") -> float:
    """Return how far the cup goes to the right, in widths of the picture, after it has gone to the right."""
    done = OPERATIONS.validate_python(answer(SCENE, first, [], None)["operations"])
    layout = apply(SCENE, done)
    turns = [{"instruction": first, "done": ["moved 'cup #1'"]}]
    after = apply(layout, OPERATIONS.validate_python(answer(layout, text, turns, SCENE)["operations"]))
    return after["cup #1"].box.x - layout["cup #1"].box.x


def test_ways_of_saying_how_far() -> None:
    assert ways("the other way") < ways("back a bit") < 0 < ways("a little further please") < ways("further")


@pytest.mark.parametrize(
    ("text", "at_left", "at_top"),
    [("put the cup in the corner", True, True), ("push the black dog into a corner", False, False)],
)
def test_the_nearest_corner_is_meant(text: str, at_left: bool, at_top: bool) -> None:
    [move] = answer(SCENE, text, [], None)["operations"]
    x, y, w, h = move["box"]
    assert (x + w / 2 < 1 / 3, y + h / 2 < 1 / 3) == (at_left, at_top)


@pytest.mark.parametrize(("text", "smaller"), [("add a smaller cup", True), ("add a bigger cup", False)])
def test_another_one_of_another_size(text: str, smaller: bool) -> None:
    [added] = answer(SCENE, text, [], None)["operations"]
    assert (added["box"][2] < SCENE["cup #1"].box.w) == smaller


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("is the dog #2 bigger than the cup?", "Yes"),
        ("how big is the cup?", "12% of the width"),
        ("which dog is bigger?", "'dog #2'"),
        ("is the car red?", "Yes"),
        ("is the car blue?", "No: 'car #1' is red"),
    ],
)
def test_questions_about_sizes_and_looks(text: str, said: str) -> None:
    assert said in answer(SCENE, text, [], None)["answer"]
