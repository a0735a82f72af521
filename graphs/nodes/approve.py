"""Asking a person before an edit is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langgraph.types import interrupt
from pydantic import TypeAdapter

from graphs.node_helpers import answer_edits, timed
from tools.edit import check_operations
from tools.errors import ToolError
from tools.scene.edit_goal import as_seen, edit_requirements
from tools.scene.operations import Operation, apply
from tools.suggest_layout import dump_operations

if TYPE_CHECKING:
    from langgraph.runtime import Runtime

    from graphs.state import State
    from tools.context import Context
    from tools.scene.goal import Goal


@timed
def approve(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Wait for a person's word on the planned operations.

    The interrupt shows ``operations``, the ``layout`` they aim at, the ``image`` id and, after an
    answer that cannot be used, the ``problem`` (JSON types). It is answered with ``{"accept": true}``, with
    ``{"operations": [...]}`` to do these instead, or with ``{"reject": "reason"}``. Operations that a
    person gives for an instruction are what it means from then on: the verdict is about them.
    """
    layout, planned = state["layout"], state["planned"]
    shown = {
        "operations": dump_operations(planned),
        "layout": apply(layout, planned).model_dump(mode="json"),
        "image": state["picture"],
        "problem": "",
    }
    while True:
        answer = interrupt(shown)
        match answer:
            case {"accept": True}:
                return {}
            case {"reject": str(reason)}:
                refused = answer_edits(state["messages"], f"the person said no: {reason}", {"failure": "refused"})
                return {"planned": (), "messages": refused}
            case {"operations": [*given]}:
                try:
                    operations = TypeAdapter(tuple[Operation, ...]).validate_python(given)
                    check_operations(layout, (), operations)
                except (ToolError, ValueError) as error:
                    shown = shown | {"problem": str(error)}
                else:
                    return {"planned": operations, "goal": _goal_of(state, operations, runtime.context)}
            case _:
                shown = shown | {"problem": f"{answer!r} is none of accept, operations and reject"}


def _goal_of(state: State, operations: tuple[Operation, ...], context: Context) -> Goal:
    """Return the goal after a person has changed the plan; a sentence's goal stays what the sentence says."""
    goal, before = state["goal"], state["before"]
    if state["kind"] == "prompt" or before is None:
        return goal
    target = apply(state["layout"], operations)
    demands = as_seen(edit_requirements(before, target), context.settings.detector.sees)
    return goal.model_copy(update={"target": target, "operations": operations, "requirements": demands})
