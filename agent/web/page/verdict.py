"""The verdict as a list: what is wrong first; a line lights what it is about on the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agent.trace.wording import mark, standing
from agent.web.page.dom import tag

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

WORDS = {"pass": "met", "fail": "not met", "open": "not checked"}


def verdict_list(
    results: Sequence[dict[str, Any]], light: Callable[[dict[str, Any] | None], Any] | None = None
) -> None:
    """Draw the results; ``light`` is given the one under the pointer or the focus, and None afterwards."""
    with tag("ul", None, "verdict", aria_label="Verdict"):
        for result in sorted(results, key=lambda one: ("fail", "open", "pass").index(standing(one["passed"]))):
            how = standing(result["passed"])
            with tag("li", None, how, tabindex=0 if light else None) as line:
                with tag("span", mark(result["passed"]), "sign", aria_hidden="true"):
                    pass
                with tag("span", str(result["reason"])):
                    tag("span", f" ({WORDS[how]})", "sr")
            if light:
                for begins in ("mouseenter", "focus"):
                    line.on(begins, lambda _, one=result: light(one), args=[])
                for ends in ("mouseleave", "blur"):
                    line.on(ends, lambda _: light(None), args=[])
