"""The ``edit`` tool: check the operations the model wants, and plan them for the next pass of the editor.

The tool itself draws nothing. The graph runs the editor once for all edit calls of one message, and
then completes each call's answer.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

from langchain_core.tools import tool
from langgraph.prebuilt import ToolRuntime
from pydantic import Field

from tools.abilities import refusal
from tools.context import Context
from tools.errors import ToolError
from tools.inspect import find_object
from tools.scene.operations import Add, Adjust, Move, Operation, Remove, Replace, Restyle, apply, source_of
from tools.suggest_layout import dump_operations, suggestion

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tools.scene.box import Box
    from tools.scene.layout import Layout

SMALLEST = 0.02  # of the picture, for each side: less is no object that any detector finds
SAME_PLACE = 0.9  # IoU above which two objects hide each other
VERBS = {  # what will be done, and what was
    "add": ("add", "added"), "remove": ("remove", "removed"), "move": ("move", "moved"), "restyle": ("make", "made"),
    "adjust": ("adjust", "adjusted"), "replace": ("replace", "replaced"),
}  # fmt: skip


@tool(response_format="content_and_artifact")
def edit(
    operations: Annotated[list[Operation], Field(min_length=1, max_length=20)],
    runtime: ToolRuntime[Context, dict[str, Any]],
) -> tuple[str, dict[str, Any]]:
    """Change the picture as the operations say, all in one pass; everything else stays as it is."""
    return _planned(runtime, operations)


@tool(response_format="content_and_artifact")
def apply_suggestion(runtime: ToolRuntime[Context, dict[str, Any]]) -> tuple[str, dict[str, Any]]:
    """Edit the picture as the solver proposes in <suggestion>, all of it in one pass. Takes no arguments."""
    operations, _ = suggestion(runtime.state, runtime.context)
    if not operations:
        raise ToolError("the solver knows no change that would help: look closer with detect, or edit on your own")
    return _planned(runtime, operations)


def _planned(
    runtime: ToolRuntime[Context, dict[str, Any]], operations: Sequence[Operation]
) -> tuple[str, dict[str, Any]]:
    state = runtime.state
    scene: Layout = state["layout"]
    check_operations(scene, state["planned"], operations)
    own = state["history"].seen_in  # what is brought back is copied where that can be done, and else drawn anew
    foreign = [one for one in operations if (source := source_of(one)) is None or source.picture not in own]
    if refused := refusal(runtime.context.backend.capabilities, scene, foreign, state["others"]):
        raise ToolError(refused)
    return "planned: " + json.dumps(describe(scene, operations)), {"operations": dump_operations(operations)}


def check_operations(scene: Layout, planned: Sequence[Operation], operations: Sequence[Operation]) -> None:
    """Check operations against the layout and against those already ``planned`` for the same pass.

    Raises:
        ToolError: an unknown id, a box too small to hold anything, two operations that contradict
            each other, or an object put exactly where another one is.
    """
    seen: dict[str, list[str]] = {}
    for operation in planned:
        _note(scene, seen, operation)
    for operation in operations:
        _note(scene, seen, operation)
        box: Box | None = getattr(operation, "box", None)
        if box is not None and min(box.w, box.h) < SMALLEST:
            raise ToolError(
                f"the box {[round(value, 3) for value in box]} of {operation.op!r} is too small to hold anything: "
                f"w and h must be at least {SMALLEST}"
            )
    placing = {operation.id for operation in operations if isinstance(operation, Move)}
    target = apply(scene, [*planned, *operations])
    placing |= set(target.ids) - set(scene.ids)
    for placed in target.objects:
        for other in target.objects:
            if placed.id in placing and placed.id != other.id and placed.box.iou(other.box) > SAME_PLACE:
                raise ToolError(
                    f"{placed.id!r} would cover {other.id!r} completely, both in {_numbers(placed.box)}: "
                    "choose another box, or remove or replace the other object in the same call"
                )


def describe(scene: Layout, operations: Sequence[Operation], *, planned: bool = False) -> list[str]:
    """Say in words what was done to which id, or (``planned``) will be; one line per operation, new ids included."""
    lines, layout = [], scene
    for operation in operations:
        after = apply(layout, [operation])
        new = [placed for placed in after.objects if placed.id not in layout.ids]
        match operation:
            case Add():
                words = f"{new[0].id!r} ({new[0].phrase}) at {_numbers(operation.box)}"
            case Remove():
                words = repr(operation.id)
            case Move():
                old = layout[operation.id].box
                where = f", {operation.depth.side} {operation.depth.id!r}" if operation.depth else ""
                words = f"{operation.id!r} from {_numbers(old)} to {_numbers(operation.box)}{where}"
            case Restyle():
                words = f"{operation.id!r} {' '.join(operation.attributes)}"
            case Adjust():
                words = f"the picture: {operation.wish}{f' ({operation.id!r})' if operation.id else ''}"
            case Replace():
                new_object = new[0] if new else after[operation.id]
                words = f"{operation.id!r} by {new_object.id!r} ({new_object.phrase})"
        verb, past = VERBS[operation.op]
        lines.append(f"{f'will {verb}' if planned else past} {words}")
        layout = after
    return lines


def _note(scene: Layout, seen: dict[str, list[str]], operation: Operation) -> None:
    if isinstance(operation, Add):
        return
    if isinstance(operation, Adjust):
        if operation.id is not None:
            find_object(scene, operation.id)
        return
    placed = find_object(scene, operation.id)
    earlier = seen.setdefault(placed.id, [])
    # A move and a change of looks can be done to one object together; everything else contradicts.
    if (earlier and {*earlier, operation.op} != {"move", "restyle"}) or operation.op in earlier:
        raise ToolError(
            f"{placed.id!r} has two operations that contradict each other ({', '.join([*earlier, operation.op])}): "
            "give one operation per object; replace takes name, attributes and box together"
        )
    earlier.append(operation.op)


def _numbers(box: Box) -> list[float]:
    return [round(value, 3) for value in box]
