"""The ``suggest_layout`` tool: what the layout solver would do about the current verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.tools import tool
from langgraph.prebuilt import ToolRuntime

from tools.context import Context
from tools.errors import FinalToolError
from tools.scene.difference import completed, difference
from tools.scene.operations import Remove, apply
from tools.scene.requirement import Requirement
from tools.scene.solver import Unsatisfiable, solve

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from tools.scene.goal import Goal
    from tools.scene.layout import Layout
    from tools.scene.operations import Operation


@tool
def suggest_layout(runtime: ToolRuntime[Context, dict[str, Any]]) -> dict[str, Any]:
    """Ask the solver for the smallest change that meets every requirement, as operations for edit."""
    operations, target = suggestion(runtime.state, runtime.context)
    return {"operations": dump_operations(operations), "layout": target.model_dump(mode="json")}


def suggestion(state: Mapping[str, Any], context: Context) -> tuple[tuple[Operation, ...], Layout]:
    """Return what the solver proposes for the current picture of a graph's state (see `propose`)."""
    shapes = usual_shapes(context, state["picture"])
    return propose(
        state["goal"],
        state["layout"],
        first=state["rounds"] == 0,
        doubtful=state["doubtful"],
        strangers=state["strangers"],
        shapes=shapes,
    )


def usual_shapes(context: Context, picture: str) -> dict[str, float]:
    """Return the preset's width over height by noun, as fractions of the picture."""
    if not context.settings.shapes:
        return {}
    width, height = context.images.load(picture).size
    return {name: round(shape * height / width, 3) for name, shape in context.settings.shapes.items()}


def propose(
    goal: Goal,
    scene: Layout,
    *,
    first: bool,
    doubtful: Collection[str] = (),
    strangers: Collection[str] = (),
    shapes: Mapping[str, float] | None = None,
) -> tuple[tuple[Operation, ...], Layout]:
    """Return operations towards the goal and the layout they aim at.

    Objects of the ``doubtful`` ids are no base for anything: they go, and what is needed comes anew, in the
    usual ``shapes`` (width over height, as fractions of the picture). ``strangers`` stay as they are, whatever is
    counted: they were there before an edit, though nobody had seen them.

    In the first round what was asked for is taken to the letter (an instruction's own operations, or
    a target layout that was given); later only what the verdict still misses is worth a change.

    Raises:
        FinalToolError: no layout can meet the requirements.
    """
    if first and goal.operations:
        return goal.operations, apply(scene, goal.operations)
    if first and goal.target:
        target = completed(goal.target, scene, goal.names)
        return tuple(difference(scene, target)), target
    set_aside = {*doubtful, *strangers}
    sure = scene.model_copy(update={"objects": tuple(placed for placed in scene.objects if placed.id not in set_aside)})
    try:
        target = solve((*(goal.requirements or ()), Requirement(kind="clean")), sure, shapes=shapes)
    except Unsatisfiable as error:
        raise FinalToolError(f"no layout can meet the goal: {error}. Say so instead of editing") from None
    gone = (Remove(id=object_id) for object_id in scene.ids if object_id in doubtful)
    operations = (*difference(sure, target), *gone)
    return operations, apply(scene, operations) if strangers else target


def dump_operations(operations: Sequence[Operation]) -> list[dict[str, Any]]:
    """Return operations as JSON types."""
    return [operation.model_dump(mode="json") for operation in operations]
