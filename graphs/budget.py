"""What a turn has used up, and which limit it has met."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphs.state import Exit, State

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

    from configs.settings import LoopSettings
    from tools.backend.protocol import Cost

COUNTERS = ("unet_evaluations", "encoder_passes", "decoder_passes", "detector_passes", "segmenter_passes")


def no_usage() -> dict[str, Any]:
    """Return the usage of a turn that has not begun."""
    return dict.fromkeys((*COUNTERS, "llm_calls", "input_tokens", "output_tokens"), 0) | {"seconds": {}}


def add_cost(usage: dict[str, Any], cost: Cost) -> dict[str, Any]:
    """Return the usage with what a backend call took."""
    seconds = dict(usage["seconds"])
    for phase, value in cost.seconds.items():
        seconds[phase] = round(seconds.get(phase, 0.0) + value, 4)
    return usage | {name: usage[name] + getattr(cost, name) for name in COUNTERS} | {"seconds": seconds}


def add_tokens(usage: dict[str, Any], message: BaseMessage) -> dict[str, Any]:
    """Return the usage with one answer of the language model."""
    used = getattr(message, "usage_metadata", None) or {}
    return usage | {
        "llm_calls": usage["llm_calls"] + 1,
        "input_tokens": usage["input_tokens"] + used.get("input_tokens", 0),
        "output_tokens": usage["output_tokens"] + used.get("output_tokens", 0),
    }


def reached_limit(state: State, loop: LoopSettings) -> tuple[Exit, str] | None:
    """Return the first limit that the turn has reached, with the numbers in words; None when there is none left over.

    Rounds come last: with a round left to give, another exhausted budget is the better explanation.
    """
    usage = state["usage"]
    tokens = usage["input_tokens"] + usage["output_tokens"]
    limits: tuple[tuple[Exit, float, float, str], ...] = (
        ("failure_limit", state["tool_failures"], loop.tool_failures, "tool failures in a row"),
        ("tool_limit", state["tool_calls"], loop.tool_calls, "tool calls"),
        ("token_limit", tokens, loop.tokens, "tokens"),
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
