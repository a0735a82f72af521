"""The verdict as a list: what is wrong first; a line lights what it is about on the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agent.studio.views import VerdictLine
from agent.trace.wording import mark, standing, without_boxes
from agent.web.page.dom import tag
from tools.scene.box import Box

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from agent.studio.views import State

ORDER: dict[State, tuple[bool | None, str, str]] = {
    "fail": (False, "not met", "fail"),
    "unchecked": (None, "not checked", "open"),
    "pass": (True, "met", "pass"),
}
"""What is wrong comes first. Each with its result, its words and its style."""
STATES: dict[str, State] = {style: state for state, (_, _, style) in ORDER.items()}


def verdict_list(lines: Sequence[VerdictLine], light: Callable[[VerdictLine | None], Any] | None = None) -> None:
    """Draw the lines; ``light`` is given the one under the pointer or the focus, and None afterwards."""
    with tag("ul", None, "verdict", aria_label="Verdict"):
        for line in sorted(lines, key=lambda one: list(ORDER).index(one.state)):
            passed, words, style = ORDER[line.state]
            with tag("li", None, style, tabindex=0 if light and line.boxes else None) as item:
                tag("span", mark(passed), "sign", aria_hidden="true")
                with tag("span", without_boxes(line.text)):
                    tag("span", f" ({words})", "sr")
            if light:
                for begins in ("mouseenter", "focus"):
                    item.on(begins, lambda _, one=line: light(one), args=[])
                for ends in ("mouseleave", "blur"):
                    item.on(ends, lambda _: light(None), args=[])


def lines_of(results: Iterable[dict[str, Any]]) -> list[VerdictLine]:
    """Return the results of a verdict, as a trace holds them, as lines."""
    return [
        VerdictLine(
            state=STATES[standing(result["passed"])],
            text=str(result["reason"]),
            kind=str(result["requirement"].get("kind", "")),
            boxes=tuple(Box(*seen["box"]) for seen in result.get("evidence") or [] if seen.get("box")),
            objects=(),
        )
        for result in results
    ]
