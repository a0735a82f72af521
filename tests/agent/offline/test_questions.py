"""Questions, answered from a layout and the turns so far."""

from __future__ import annotations

from typing import Any

import pytest

from agent.offline.questions import Facts, is_question
from agent.offline.undoing import parse_undo
from agent.offline.workbench import Memory
from tests.world import scene
from tools.scene.errors import CannotParse
from tools.scene.layout import Layout
from tools.scene.operations import apply

LAYOUT = scene(
    ("red car", [0.05, 0.6, 0.25, 0.25]),
    ("brown dog", [0.4, 0.65, 0.2, 0.2]),
    ("dog", [0.7, 0.1, 0.2, 0.2]),
)
GONE = scene(("blue cup", [0.1, 0.1, 0.2, 0.2])).objects
CAR = "'car #1' (red car) is on the left at the bottom, at [0.05, 0.6, 0.25, 0.25] (x, y, width, height)."
BROWN, OTHER = "'dog #1' (brown dog) in the middle at the bottom", "'dog #2' on the right at the top"
MOVED = "I moved 'car #1' from [0, 0, 1, 1] to [0, 0, 0.5, 1], because you asked for 'push it left'."
ADDED = "'dog #2' (dog) at [0.7, 0.1, 0.2, 0.2]"
TWO_DOGS = "expected exactly two dogs, found one dog"
TURNS: list[dict[str, Any]] = [
    {"instruction": "a car and two dogs", "exit": "agreed", "done": [f"added {ADDED}"], "was_wrong": [TWO_DOGS]},
    {"instruction": "remove the cup", "exit": "agreed", "done": ["removed 'cup #1'"]},
    {
        "instruction": "push it left",
        "exit": "round_limit",
        "done": ["moved 'car #1' from [0, 0, 1, 1] to [0, 0, 0.5, 1]"],
        "still_wrong": ["expected car at [0.0], found none"],
    },
    {"instruction": "where is it?", "exit": "answered", "answer": "'car #1' is on the left."},
]


def facts(turns: list[dict[str, Any]] | None = None, layout: Layout = LAYOUT) -> Facts:
    return Facts(layout, Memory(recent=("car #1",), removed=GONE), TURNS if turns is None else turns)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("What do you see?", f"I see 'car #1' (red car) on the left at the bottom, {BROWN} and {OTHER}."),
        ("How many dogs are there?", "There are two dogs: 'dog #1' (brown dog) and 'dog #2'."),
        ("how many brown dogs do you see in the picture?", "There is one brown dog: 'dog #1' (brown dog)."),
        ("how many cats are there?", "There are no cats."),
        (
            "How many things are there?",
            "There are three things: 'car #1' (red car), 'dog #1' (brown dog) and 'dog #2'.",
        ),
        ("is there a dog?", f"Yes: {BROWN} and {OTHER}."),
        ("are there any cats?", "No, I see no cat."),
        ("Where is the red car?", CAR),
        ("where's it", CAR),
        ("where is the cup?", "'cup #1' (blue cup) was taken away; it was on the left at the top."),
        ("what colour is the car?", "'car #1' is red."),
        ("what color is the right dog?", "of 'dog #2' I know nothing but what it is."),
        ("what is to the right of the car?", "'dog #1' (brown dog) and 'dog #2' are to the right of 'car #1'."),
        ("what is left of the car", "Nothing that I see is left of 'car #1'."),
        ("why did you move the car?", MOVED),
        ("why did you do that?", MOVED),
        ("why is the car there?", MOVED),
        ("why was the cup removed?", "I removed 'cup #1', because you asked for 'remove the cup'."),
        (
            "why did you add a dog?",
            f"I added {ADDED}, because you asked for 'a car and two dogs' and the detector said: {TWO_DOGS}.",
        ),
        (
            "why did you move the dogs?",
            f"I have not moved the dogs, as far as this conversation goes; I added {ADDED}.",
        ),
        ("why did you move the laptop?", "I have not moved the laptop, as far as this conversation goes."),
        ("what did you change last?", MOVED),
        ("what is wrong?", "After 'push it left' the detector still says: expected car at [0.0], found none."),
    ],
)
def test_answers(question: str, answer: str) -> None:
    assert is_question(question)
    assert facts().answer(question) == answer


def test_answers_when_nothing_is_there_or_was_done() -> None:
    empty = facts([], Layout())
    assert empty.answer("what do you see?") == "I see nothing that I know."
    assert empty.answer("what did you do?") == "I have changed nothing yet."
    assert empty.answer("is everything right?") == "Nothing was asked for yet."
    assert facts(TURNS[:2]).answer("did it work?") == "Nothing: the detector agrees with 'remove the cup'."


@pytest.mark.parametrize(
    "question",
    ["what is the meaning of life?", "why is the sky blue?", "where is the zebra?", "who are you?", "how many?"],
)
def test_what_the_facts_do_not_say_is_not_answered(question: str) -> None:
    with pytest.raises(CannotParse):
        facts().answer(question)


@pytest.mark.parametrize(
    "text",
    ["can you move the cup?", "could you please remove the dog?", "make it red", "do not change anything else",
     "add a dog where the cup was", "how about a red car"],
)  # fmt: skip
def test_requests_are_no_questions(text: str) -> None:
    assert not is_question(text)


BEFORE = scene(("red car", [0.1, 0.5, 0.2, 0.2]), ("dog", [0.6, 0.5, 0.2, 0.2]), ("cup", [0.4, 0.1, 0.1, 0.1]))
AFTER = Layout.model_validate(
    {
        "objects": [
            {"id": "car #1", "name": "car", "attributes": ["blue"], "box": [0.3, 0.6, 0.4, 0.4]},
            {"id": "cat #1", "name": "cat", "attributes": ["white"], "box": [0.6, 0.5, 0.2, 0.2]},
        ]
    }
)


@pytest.mark.parametrize(
    ("text", "car", "rest"),
    [
        ("undo the last change but keep the colour", ("blue car", [0.1, 0.5, 0.2, 0.2]), {"white dog", "cup"}),
        ("Undo that, but keep the size", ("red car", [0.0, 0.4, 0.4, 0.4]), {"dog", "cup"}),
        ("revert the last change but keep the position", ("red car", [0.4, 0.7, 0.2, 0.2]), {"dog", "cup"}),
        ("undo it but keep the size and the color", ("blue car", [0.0, 0.4, 0.4, 0.4]), {"white dog", "cup"}),
        ("undo it except for the place and the size", ("red car", [0.3, 0.6, 0.4, 0.4]), {"dog", "cup"}),
    ],
)
def test_the_last_change_can_be_undone_in_part(text: str, car: tuple[str, list[float]], rest: set[str]) -> None:
    operations = parse_undo(text, AFTER, BEFORE)
    assert operations is not None
    target = apply(AFTER, operations)
    assert target["car #1"].phrase == car[0]
    assert list(target["car #1"].box) == pytest.approx(car[1])
    assert {placed.phrase for placed in target.objects} - {car[0]} == rest


@pytest.mark.parametrize(
    ("text", "before", "message"),
    [
        ("undo it but keep the mood", BEFORE, "'the mood'"),
        ("undo it but keep the colour", None, "nothing was changed"),
        ("undo it but keep the colour", AFTER, "nothing is left"),
    ],
)
def test_an_undo_that_cannot_be_is_refused(text: str, before: Layout | None, message: str) -> None:
    with pytest.raises(CannotParse, match=message):
        parse_undo(text, AFTER, before)


def test_other_instructions_are_no_undo() -> None:
    assert parse_undo("remove the dog but keep the cup", AFTER, BEFORE) is None
