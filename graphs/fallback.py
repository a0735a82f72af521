"""What is done when the language model is at a loss: the solver's plan, by the same tool, for the same verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

from tools.errors import FinalToolError
from tools.suggest_layout import suggestion

if TYPE_CHECKING:
    from graphs.state import State
    from tools.context import Context
    from tools.scene.operations import Operation

STUCK = 2  # calls that were refused before and made again, after which the model is not asked any more


def solvers_plan(state: State, context: Context) -> tuple[Operation, ...]:
    """Return what the solver proposes for the current picture; nothing when it knows no way."""
    try:
        return suggestion(state, context)[0]
    except FinalToolError:
        return ()


def can_fall_back(state: State, context: Context) -> bool:
    """Return whether the solver's plan may be done now.

    It is tried once in a round, and never when a person has refused an edit.
    """
    if context.settings.loop.fallback == "stop" or state["rounds"] in state["fallbacks"] or state["impossible"]:
        return False
    latest = state["latest"]
    wanted = state["rounds"] == 0 and bool(state["goal"].operations)
    if not wanted and latest is not None and not latest.verdict.failures:
        return False  # what nothing can check is no reason to change a picture
    return not _refused_by_person(state) and bool(solvers_plan(state, context))


def is_stuck(state: State, context: Context) -> bool:
    """Return whether the model need not be asked again in this round: it only repeats what is refused."""
    failures = max(state["tool_failures"].values(), default=0)
    return state["stuck"] >= STUCK or failures >= context.settings.loop.tool_failures


def fall_back(state: State) -> dict[str, Any]:
    """Return the part of an update that calls for the solver's plan in the model's place."""
    call: Any = {"name": "apply_suggestion", "args": {}, "id": f"fallback_{state['rounds']}", "type": "tool_call"}
    return {
        "messages": [AIMessage("", tool_calls=[call], additional_kwargs={"fallback": True})],
        "fallbacks": (*state["fallbacks"], state["rounds"]),
        "tool_failures": {},
        "repairs": 0,
        "stuck": 0,
    }


def _refused_by_person(state: State) -> bool:
    for message in reversed(state["messages"]):
        if isinstance(message, HumanMessage) and "picture" in message.additional_kwargs:
            return False
        if isinstance(message, ToolMessage) and (message.artifact or {}).get("failure") == "refused":
            return True
    return False
