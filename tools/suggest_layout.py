"""The ``suggest_layout`` tool: what the layout solver would do about the current verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.tools import tool
from langgraph.prebuilt import ToolRuntime
from pydantic import TypeAdapter

from tools.context import Context
from tools.errors import FinalToolError
from tools.scene.difference import difference
from tools.scene.layout import Layout
from tools.scene.operations import Operation, Remove, apply
from tools.scene.requirements import Requirement
from tools.scene.solver import Unsatisfiable, solve

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

OPERATIONS: TypeAdapter[list[Operation]] = TypeAdapter(list[Operation])
REQUIREMENTS: TypeAdapter[list[Requirement]] = TypeAdapter(list[Requirement])


@tool
def suggest_layout(runtime: ToolRuntime[Context, dict[str, Any]]) -> dict[str, Any]:
    """Ask the layout solver for the smallest change that meets every requirement of the goal.

    Answers with operations that can be given to edit as they are, and the layout they lead to.
    """
    state = runtime.state
    goal, scene = state["goal"], Layout.model_validate(state["layout"])
    shapes = usual_shapes(runtime.context, state["picture"])
    operations, target = propose(goal, scene, first=state["rounds"] == 0, doubtful=state["doubtful"], shapes=shapes)
    return {"operations": dump_operations(operations), "layout": target.model_dump(mode="json")}


def usual_shapes(context: Context, picture: str) -> dict[str, float]:
    """Return the preset's width over height by noun, as fractions of the picture."""
    if not context.settings.shapes:
        return {}
    width, height = context.images.load(picture).size
    return {name: round(shape * height / width, 3) for name, shape in context.settings.shapes.items()}


def propose(
    goal: dict[str, Any],
    scene: Layout,
    *,
    first: bool,
    doubtful: Collection[str] = (),
    shapes: Mapping[str, float] | None = None,
) -> tuple[list[Operation], Layout]:
    """Return operations towards the goal and the layout they aim at.

    Objects of the ``doubtful`` ids are no base for anything: they go, and what is needed comes anew, in the
    usual ``shapes`` (width over height, as fractions of the picture).

    In the first round what was asked for is taken to the letter (an instruction's own operations, or
    a target layout that was given); later only what the verdict still misses is worth a change.

    Raises:
        FinalToolError: no layout can meet the requirements.
    """
    if first and goal["operations"]:
        operations = OPERATIONS.validate_python(goal["operations"])
        return operations, apply(scene, operations)
    if first and goal["target"]:
        target = Layout.model_validate(goal["target"])
        return list(difference(scene, target)), target
    sure = scene.model_copy(update={"objects": tuple(one for one in scene.objects if one.id not in doubtful)})
    try:
        target = solve(REQUIREMENTS.validate_python(goal["requirements"]), sure, shapes=shapes)
    except Unsatisfiable as error:
        raise FinalToolError(f"no layout can meet the goal: {error}. Say so instead of editing") from None
    gone = [Remove(id=one) for one in scene.ids if one in doubtful]
    return [*difference(sure, target), *gone], target


def dump_operations(operations: list[Operation]) -> list[dict[str, Any]]:
    """Return operations as JSON types."""
    return [operation.model_dump(mode="json") for operation in operations]
