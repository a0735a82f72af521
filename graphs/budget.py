"""Which limit a turn has met."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from graphs.answer_bounds import SPOKEN, spoken

if TYPE_CHECKING:
    from configs.settings import LoopSettings
    from graphs.state import Exit, State


def reached_limit(state: State, loop: LoopSettings) -> tuple[Exit, str] | None:
    """Return the first limit that the turn has reached, with the numbers in words; None when there is none left over.

    Rounds come last: with a round left to give, another exhausted budget is the better explanation.
    """
    failures = max(state["tool_failures"].values(), default=0)
    limits: tuple[tuple[Exit, float, float, str], ...] = (
        ("failure_limit", failures, loop.tool_failures, "tool failures in a row"),
        ("tool_limit", state["tool_calls"], loop.tool_calls, "tool calls"),
        ("token_limit", state["usage"].tokens, loop.tokens, "tokens"),
        ("cost_limit", state["usage"].cost or 0.0, loop.max_cost or inf, "dollars"),
        ("size_limit", spoken(state["messages"]), SPOKEN, "characters of conversation"),
        ("time_limit", state["elapsed"], loop.seconds, "seconds"),
        ("round_limit", state["rounds"], loop.rounds, "rounds"),
    )
    for name, used, allowed, unit in limits:
        if used >= allowed:
            return name, f"{used:g} of {allowed:g} {unit} used"
    return None


def recursion_limit(loop: LoopSettings) -> int:
    """Return more graph steps than any turn can take within its limits.

    A tool call costs a think and an act at most, a round an approval, an edit and a judgement, a
    broken answer one more try; the rest happens once.
    """
    return 20 + 2 * loop.tool_calls + 3 * loop.rounds + (2 + loop.tool_calls) * loop.repairs
