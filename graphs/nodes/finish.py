"""The last node: the best round wins, whatever ended the turn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphs.node_helpers import timed
from graphs.state import Result, TurnSummary, TurnUsage
from graphs.turn_history import remember

if TYPE_CHECKING:
    from langgraph.runtime import Runtime

    from graphs.state import State
    from tools.context import Context


@timed
def finish(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Return the best picture with its verdict and what the turn took, and go on from that picture next time."""
    best, ended = state["best"], state["exit"]
    assert ended is not None
    result = Result(
        agreed=best is not None and best.agreed,
        exit=ended,
        detail=state["detail"],
        rounds=state["rounds"],
        image=best.image if best else state["picture"],
        verdict=best.verdict if best else None,
        usage=TurnUsage(**dict(state["usage"]), wall_seconds=round(state["elapsed"], 3)),
        spec=state["goal"].spec,
        fallbacks=len(state["fallbacks"]),
        notes=state["goal"].notes,
    )
    turn = TurnSummary(
        instruction=state["text"],
        exit=ended,
        done=state["done"][: best.edits] if best else (),
        was_wrong=state["was_wrong"],
        still_wrong=tuple(failure.reason for failure in best.verdict.failures) if best else (),
        answer=state["detail"] if ended == "answered" else "",
    )
    layout = best.layout if best else state["layout"]
    return {"result": result, "picture": result.image, "layout": layout, **remember(state, turn, result.image, layout)}
