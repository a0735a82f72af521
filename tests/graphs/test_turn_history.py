"""Questions in the graph, and what a turn leaves behind for later ones."""

from pathlib import Path
from typing import Any

import pytest

from graphs.state import History, TurnSummary
from graphs.turn_history import remember
from tests.loop import Loop
from tests.scripted import edit
from tests.world import scene
from tools.scene.layout import Layout
from tools.scene.operations import Remove

START = scene(("red car", [0.1, 0.5, 0.2, 0.2]), ("dog", [0.6, 0.5, 0.2, 0.2]))
GONE = {"op": "remove", "id": "dog #1"}


def test_a_question_is_answered_without_an_edit(tmp_path: Path) -> None:
    loop = Loop(tmp_path, [{"answer": "There is one dog, 'dog #1'."}])
    start = loop.picture(START)
    result = loop.run(instruction="how many dogs are there?", image=start)
    assert (result["exit"], result["detail"], result["image"]) == ("answered", "There is one dog, 'dog #1'.", start)
    assert (result["agreed"], loop.world.edits) == (False, [])
    assert loop.state["turns"][0].answer == "There is one dog, 'dog #1'."
    assert loop.state["history"] == History()


def test_what_is_said_beside_operations_is_no_answer(tmp_path: Path) -> None:
    loop = Loop(tmp_path, [{"operations": [GONE], "answer": "I remove the dog."}, edit(GONE)])
    result = loop.run(instruction="remove the dog", image=loop.picture(START))
    assert (result["exit"], loop.state["goal"].operations) == ("agreed", (Remove(id="dog #1"),))


@pytest.mark.parametrize("reply", [{}, {"operations": [GONE], "answer": "done"}, {"answer": "  "}])
def test_a_question_is_answered_by_operations_or_by_words(tmp_path: Path, reply: dict[str, Any]) -> None:
    loop = Loop(tmp_path, [reply, {"answer": "Nothing."}])
    assert loop.run(instruction="what?", image=loop.picture(START))["exit"] == "answered"
    assert "exactly one of them" in loop.chat.seen[-1][-1].text


def test_what_was_removed_is_remembered_as_it_was(tmp_path: Path) -> None:
    loop = Loop(tmp_path, [{"operations": [GONE]}, edit(GONE)], detector={"vocabulary": ["car"]})
    loop.run(instruction="remove the dog", image=loop.picture(START))
    history = loop.state["history"]
    assert [(placed.id, placed.box) for placed in history.removed] == [("dog #1", (0.6, 0.5, 0.2, 0.2))]
    assert history.seen_in == (loop.state["first_picture"],)
    assert history.before is not None
    assert history.before.ids == ("car #1", "dog #1")


def test_what_the_verdict_missed_at_first_is_remembered(tmp_path: Path) -> None:
    spec = {"objects": [{"name": "car"}], "absent": ["dog"]}
    loop = Loop(tmp_path, [spec, edit(GONE)])
    loop.run(prompt="a car and no dog", image=loop.picture(START))
    (turn,) = loop.state["turns"]
    assert len(turn.was_wrong) == 1
    assert "dog" in turn.was_wrong[0]
    assert turn.still_wrong == ()


def lasting(done: str, after: Layout, history: History = History()) -> History:  # noqa: B008 - it is frozen
    """Return the history after a turn that led from START to ``after``."""
    state: Any = {"turns": (), "history": history, "before": START, "first_picture": "a"}
    turn = TurnSummary(instruction="x", exit="agreed", done=(done,))
    kept: History = remember(state, turn, "b", after)["history"]
    return kept


def test_what_the_detector_lost_sight_of_was_not_removed() -> None:
    after = scene(("red car", [0.1, 0.5, 0.2, 0.2]))
    assert lasting("made 'car #1' red", after).removed == ()
    assert [placed.id for placed in lasting("removed 'dog #1'", after).removed] == ["dog #1"]


def test_what_was_put_back_is_no_longer_missing() -> None:
    cup = scene(("cup", [0.4, 0.1, 0.2, 0.2])).objects[0]
    history = History(removed=(cup,), seen_in=("c",))
    there = scene(*((one.phrase, list(one.box)) for one in (*START.objects, cup)))
    elsewhere = scene(*((one.phrase, list(one.box)) for one in START.objects), ("cup", [0.7, 0.7, 0.2, 0.2]))
    assert lasting("added 'cup #1' (cup)", there, history).removed == ()
    assert lasting("added 'cup #1' (cup)", elsewhere, history).removed == history.removed
    assert lasting("added 'cup #1' (cup)", elsewhere, history).seen_in == ("c",)
