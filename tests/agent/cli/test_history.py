"""The tree of turns, on as few lines and columns as it takes."""

from __future__ import annotations

from rich.text import Text

from agent.cli.history import draw_history
from agent.session.turn_result import Moment


def moment(turn: int, parent: int | None, text: str = "", *, current: bool = False, at: tuple[str, ...] = ()) -> Moment:
    return Moment(turn, parent, text, "agreed" if turn else "", str(turn), None, None, at, current)


def test_a_straight_line_is_not_set_in_and_side_branches_are() -> None:
    told = [
        moment(0, None),
        moment(1, 0, "add a cup"),
        moment(2, 1, "make it [red]", at=("main",)),
        moment(3, 1, "make it blue"),
        moment(10, 3, "remove it", current=True, at=("second",)),
    ]
    assert [Text.from_markup(line).plain for line in draw_history(told)] == [
        "   0 the beginning",
        "   1 add a cup",
        "   2 │ make it [red] (main)",
        "   3 make it blue",
        "> 10 remove it (second)",
    ]
