"""The tree of a conversation, to be gone back to: a row for each turn with its picture and its branches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.web.page.branches import ROW, centre_of, rows_of, width_of
from agent.web.page.dom import tag
from agent.web.page.shell import chip, outcome_tone

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from agent.studio.views import Turn


def line_of(moments: Sequence[Turn]) -> list[int]:
    """Return the turns from the beginning to where the conversation stands."""
    parents = {one.turn: one.parent for one in moments}
    at = next((one.turn for one in moments if one.current), None)
    line: list[int] = []
    while at is not None and at in parents:
        line.append(at)
        at = parents[at]
    return line[::-1]


def draw_tree(moments: Sequence[Turn], picture: Callable[[Turn], str], go: Callable[[Turn], Any]) -> None:
    """Draw the tree; ``picture`` gives the URL of a turn's picture ("" for none), ``go`` is given what is chosen."""
    by_turn = {one.turn: one for one in moments}
    rows = rows_of({one.turn: one.parent for one in moments}, line_of(moments))
    width = width_of(rows)
    with tag("ul", None, "history"):
        for row in rows:
            moment = by_turn[row.turn]
            with tag("li"):
                item = tag("button", None, "moment", type="button", aria_current="true" if moment.current else None)
                with item:
                    with tag("svg", viewBox=f"0 0 {width} {ROW}", width=width, height=ROW, aria_hidden="true"):
                        for line in row.lines:
                            tag("path", d=line)
                        tag("circle", cx=centre_of(row), cy=ROW // 2, r=5)
                    if src := picture(moment):
                        tag("img", None, "thumb", src=src, alt="", loading="lazy")
                    else:
                        tag("span", None, "thumb")
                    with tag("span", None, "grow"):
                        with tag("span", None, "row"):
                            tag("span", moment.text or "the beginning", "ellipsis")
                        with tag("span", None, "row"):
                            if moment.exit:
                                chip(moment.exit.replace("_", " "), outcome_tone(moment.exit, moment.exit == "agreed"))
                            for name in moment.branches:
                                chip(name, "accent")
                item.on("click", lambda _, one=moment: go(one), args=[])
