"""What the page works out before it draws: trees, plans, spans, words, filters, costs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from tools.scene.box import Box
from tools.scene.layout import Layout, PlacedObject
from tools.scene.operations import Add, Adjust, Move, Remove, Replace, Restyle

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("nicegui", reason="the extra `web` is not installed")
from agent.run.folder import RunFolder
from agent.studio.views import Summary, Turn
from agent.web.page.branches import rows_of, width_of
from agent.web.page.costs import cost_of
from agent.web.page.dom import ICONS
from agent.web.page.gallery import Wanted, address, ago
from agent.web.page.history import line_of
from agent.web.page.inspect import trace_of
from agent.web.page.picture_view import hue, planned
from agent.web.page.plan import Plan, fitting, naming, plan_words
from agent.web.page.samples import suggestions
from agent.web.page.spans import span_total
from agent.web.page.talk import free_name
from agent.web.page.verdict import lines_of
from tests.agent.jobs import FIRST, LOOK, SECOND, SPEC, run
from tests.scripted import ScriptedChat, edit

SCENE = Layout(
    objects=(
        PlacedObject(id="car #1", name="car", attributes=("red",), box=Box(0.1, 0.1, 0.2, 0.2)),
        PlacedObject(id="car #2", name="car", attributes=("blue",), box=Box(0.5, 0.1, 0.2, 0.2)),
        PlacedObject(id="dog #1", name="dog", attributes=("yellow",), box=Box(0.5, 0.5, 0.3, 0.3)),
        PlacedObject(id="cup #1", name="cup", attributes=(), box=Box(0.0, 0.5, 0.1, 0.1)),
        PlacedObject(id="cup #2", name="cup", attributes=(), box=Box(0.2, 0.5, 0.1, 0.1)),
    )
)


def test_nothing_new_is_suggested_where_the_models_cannot_draw_it() -> None:
    assert not any(words.startswith("add") for words in suggestions((), "photo"))
    assert all(words.startswith("add") for words in suggestions((), "iconworld"))


def test_a_line_of_turns_is_one_lane_with_the_newest_first() -> None:
    rows = rows_of({0: None, 1: 0, 2: 1})

    assert [row.turn for row in rows] == [2, 1, 0]
    assert {row.lane for row in rows} == {0}
    assert [len(row.lines) for row in rows] == [1, 2, 1]


def test_a_branch_has_a_lane_of_its_own_and_the_line_of_the_person_stays_left() -> None:
    rows = {row.turn: row for row in rows_of({0: None, 1: 0, 2: 1, 3: 1, 4: 3}, line=(0, 1, 3, 4))}

    assert {turn: row.lane for turn, row in rows.items()} == {0: 0, 1: 0, 2: 1, 3: 0, 4: 0}
    assert any("C" in line for line in rows[1].lines)  # the other branch bends into where it began
    assert width_of(list(rows.values())) == 40


@pytest.mark.parametrize(
    ("operation", "words"),
    [
        (Add(name="apple", attributes=(), box=Box(0, 0, 0.1, 0.1)), "add an apple"),
        (Remove(id="dog #1"), "remove the dog"),
        (Move(id="car #2", box=Box(0, 0, 0.1, 0.1)), "move the blue car"),
        (Restyle(id="cup #2", attributes=("green",)), "make cup #2 green"),
        (Replace(id="dog #1", name="cat", attributes=("black",)), "replace the dog with a black cat"),
        (Adjust(wish="brighter"), "brighter: the picture"),
    ],
)
def test_a_plan_is_said_in_words(operation: Any, words: str) -> None:
    assert plan_words(operation, SCENE.objects) == words


def test_an_object_is_named_by_what_means_it_alone() -> None:
    assert [naming(one.id, SCENE.objects) for one in SCENE.objects] == [
        "the red car", "the blue car", "the dog", "cup #1", "cup #2",
    ]  # fmt: skip
    assert naming("bowl #1", SCENE.objects) == "bowl #1"


def test_a_plan_is_changed_before_it_is_accepted() -> None:
    plan = Plan([Remove(id="dog #1"), Move(id="car #1", box=Box(0, 0, 0.1, 0.1))], SCENE.objects)
    plan.move(2, [0.9, -0.5, 0.3, 1.0])
    plan.leave_out(1)

    assert plan.operations == [Move(id="car #1", box=Box(0.9, 0, 0.1, 0.5))]
    assert (plan.words, plan.changed) == (["move the red car"], True)
    with pytest.raises(ValueError, match="there is no operation 2"):
        plan.move(2, [0, 0, 1, 1])


def test_a_drawn_place_goes_to_the_first_operation_that_has_one() -> None:
    plan = Plan([Remove(id="dog #1"), Add(name="cup", box=Box(0, 0, 0.1, 0.1))], SCENE.objects)
    plan.place_at([0.5, 0.5, 0.2, 0.2])

    assert plan.operations[1] == Add(name="cup", box=Box(0.5, 0.5, 0.2, 0.2))
    with pytest.raises(ValueError, match="nothing in this plan has a place"):
        Plan([Remove(id="dog #1")], SCENE.objects).place_at([0, 0, 1, 1])


@pytest.mark.parametrize("box", [[0, 0, 1], ["a", 0, 1, 1], [2, 2, 1, 1], [0, 0, 0, 1], None, [float("nan")] * 4])
def test_what_is_no_box_is_refused(box: Any) -> None:
    with pytest.raises(ValueError, match="box"):
        fitting(box)


def test_a_planned_removal_cannot_be_dragged_and_a_move_shows_both_places() -> None:
    places = {one.id: one.box for one in SCENE.objects}

    assert planned(1, Remove(id="dog #1"), places, "x")["editable"] is False
    moved = planned(2, Move(id="dog #1", box=Box(0, 0, 0.1, 0.1)), places, "x")
    assert (moved["old"], moved["box"], moved["editable"]) == ([0.5, 0.5, 0.3, 0.3], [0, 0, 0.1, 0.1], True)
    assert hue("dog #1") == hue("dog #1")


def test_a_branch_gets_a_name_that_is_free() -> None:
    assert free_name(3, ("main",)) == "after-3"
    assert free_name(3, ("main", "after-3", "after-3-2")) == "after-3-3"


def test_the_line_leads_to_where_the_conversation_stands() -> None:
    moments = [turn(0, None), turn(1, 0), turn(2, 1), turn(3, 1, current=True)]

    assert line_of(moments) == [0, 1, 3]


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [
        (Wanted(), True),
        (Wanted(text="RED dog"), True),
        (Wanted(text="cat"), False),
        (Wanted(kind="run"), False),
        (Wanted(result="agreed"), True),
        (Wanted(result="not agreed"), False),
        (Wanted(result="round_limit"), False),
        (Wanted(preset="photo"), False),
        (Wanted(since="2026-11-25"), True),
        (Wanted(since="2026-11-26"), False),
    ],
)
def test_the_gallery_finds(wanted: Wanted, fits: bool) -> None:
    assert wanted.fits(summary()) is fits


def test_a_name_in_an_address_stays_a_name() -> None:
    assert address(summary(name="run:a b", kind="run")) == "/inspect/run%3Aa%20b"
    assert address(summary(name="<img src=x>")) == "/talk/%3Cimg%20src%3Dx%3E"


def test_times_are_said_as_a_person_would() -> None:
    now = datetime(2026, 11, 25, 12, tzinfo=UTC)
    ages = (5, 90, 7200, 2 * 86400, 30 * 86400)

    assert [ago(now.timestamp() - age, now) for age in ages] == [
        "just now", "1 min ago", "2 h ago", "2 d ago", "26 Oct 2026",
    ]  # fmt: skip


def test_a_trace_is_a_tree_of_spans_with_times_pictures_and_what_failed(tmp_path: Path) -> None:
    wrong = edit({"op": "move", "id": "nothing #1", "box": [0.1, 0.1, 0.2, 0.2]})
    run(tmp_path, chat=ScriptedChat(script=[SPEC, LOOK, wrong, FIRST, SECOND]))
    trace = trace_of(RunFolder(tmp_path))
    spans = [span for top in trace.spans for span in top.walk()]
    kinds = {span.kind for span in spans}

    assert {"turn", "round", "node", "llm", "tool"} <= kinds
    assert all(span.start is not None and span.start >= 0 for span in spans if span.kind in ("node", "llm", "tool"))
    assert span_total(trace.spans) > 0
    assert any(span.failed and span.kind == "tool" for span in spans)
    asked = next(span for span in spans if span.kind == "llm")
    assert asked.messages[0]["role"] == "system"
    judged = [span.scene for span in spans if span.name == "judge"]
    assert judged[0].image != judged[-1].image
    assert len({span.id for span in spans}) == len(spans)
    assert [line.state for line in lines_of(judged[-1].results)]
    cost = cost_of(RunFolder(tmp_path))
    assert (cost.calls, cost.rounds) == (5, 2)
    assert cost.total > 0


def test_icons_are_one_path_each() -> None:
    assert all(set(path) <= set("MmLlHhVvCcAaZz0123456789 .,-") for path in ICONS.values())


def turn(number: int, parent: int | None, *, current: bool = False) -> Turn:
    return Turn(
        turn=number, parent=parent, text="", exit="", agreed=False, answer="", detail="", done=(), notes=(),
        picture=None, branches=(), current=current,
    )  # fmt: skip


def summary(name: str = "a", kind: Any = "session") -> Summary:
    changed = datetime(2026, 11, 25, 12, tzinfo=UTC).timestamp()
    return Summary(
        name=name, kind=kind, text="a red car", last="add a dog", started="", changed=changed, preset="iconworld",
        status="open", exit="agreed", agreed=True, turns=1, branches=1, picture=None,
    )  # fmt: skip
