"""Making pictures: the first one, every edit of it, and the last polish."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage, ToolMessage
from langgraph.types import interrupt

from graphs.budget import add_cost, reached_limit
from graphs.node_helpers import make_once, report_to, timed
from tools.backend.protocol import BackendError
from tools.edit import check_operations, describe
from tools.errors import ToolError
from tools.scene.layout import Layout
from tools.scene.operations import apply
from tools.scene.requirements import edit_requirements
from tools.suggest_layout import OPERATIONS, dump_operations

if TYPE_CHECKING:
    from langgraph.runtime import Runtime

    from graphs.state import State
    from tools.backend.protocol import Edited, Generated
    from tools.context import Context
    from tools.scene.operations import Operation


@timed
def generate(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Make the first picture from the sentence; a given target layout grounds it."""
    context, seed, target = runtime.context, state["noise_seed"], state["goal"]["target"]

    def make() -> Generated:
        layout = None if target is None else Layout.model_validate(target)
        return context.backend.generate(
            state["text"], layout=layout, seed=seed, progress=report_to(runtime.stream_writer)
        )

    what = ["generate", state["text"], target, seed, context.settings.generator.model_dump(mode="json")]
    made = make_once(context, what, make)
    return {
        "picture": made.image,
        "first_picture": made.image,
        "generated": True,
        "usage": add_cost(state["usage"], made.cost),
    }


@timed
def approve(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Wait for a person's word on the planned operations.

    The interrupt shows ``operations``, the ``layout`` they aim at, the ``image`` id and, after an
    answer that cannot be used, the ``problem``. It is answered with ``{"accept": true}``, with
    ``{"operations": [...]}`` to do these instead, or with ``{"reject": "reason"}``. Operations that a
    person gives for an instruction are what it means from then on: the verdict is about them.
    """
    scene, planned = Layout.model_validate(state["layout"]), OPERATIONS.validate_python(state["planned"])
    shown = {
        "operations": state["planned"],
        "layout": apply(scene, planned).model_dump(mode="json"),
        "image": state["picture"],
        "problem": "",
    }
    while True:
        answer = interrupt(shown)
        match answer:
            case {"accept": True}:
                return {}
            case {"reject": str(reason)}:
                return {"planned": [], "messages": _answer_edits(state, f"the person said no: {reason}", failed=True)}
            case {"operations": [*given]}:
                try:
                    operations = OPERATIONS.validate_python(given)
                    check_operations(scene, [], operations)
                except (ToolError, ValueError) as error:
                    shown = shown | {"problem": str(error)}
                else:
                    return {"planned": dump_operations(operations), "goal": _goal_of(state, operations)}
            case _:
                shown = shown | {"problem": f"{answer!r} is none of accept, operations and reject"}


@timed
def edit(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Run the editor once for everything planned, and complete the answers of the edit calls.

    What the editor cannot do goes back to the model as a failure; the picture stays as it was.
    """
    context, seed = runtime.context, state["noise_seed"] + state["rounds"]
    scene, operations = Layout.model_validate(state["layout"]), OPERATIONS.validate_python(state["planned"])
    assert state["picture"] is not None
    image = context.images.load(state["picture"])

    def make() -> Edited:
        return context.backend.edit(image, operations, scene, seed=seed, progress=report_to(runtime.stream_writer))

    editor = context.settings.editor.model_dump(mode="json")
    try:
        what = ["edit", state["picture"], state["planned"], state["layout"], seed, editor]
        made = make_once(context, what, make)
    except BackendError as error:
        failures = state["tool_failures"] + 1
        limit = reached_limit({**state, "tool_failures": failures}, context.settings.loop)
        return {
            "planned": [],
            "tool_failures": failures,
            "exit": limit[0] if limit else None,
            "detail": limit[1] if limit else "",
            "messages": _answer_edits(state, f"the editor could not do it, nothing has changed: {error}", failed=True),
        }
    done = describe(scene, operations)
    shown = {"region": made.region, "masks": made.masks, "masked": list(made.masked)}
    answer: dict[str, Any] = {"done": done, "image": made.image}
    if made.doubts:
        answer["not_clean"] = list(made.doubts)
    if made.warnings:
        answer["warnings"] = list(made.warnings)
    return {
        "picture": made.image,
        "unclean": list(made.doubts),
        "layout": apply(scene, operations).model_dump(mode="json"),
        "rounds": state["rounds"] + 1,
        "planned": [],
        "tool_failures": 0,
        "done": [*state["done"], *done],
        "usage": add_cost(state["usage"], made.cost),
        "messages": _answer_edits(state, json.dumps(answer), shown),
    }


@timed
def refine(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Polish the picture that agrees; the next judgement decides whether the polish is kept."""
    context, seed = runtime.context, state["noise_seed"]
    assert state["picture"] is not None
    image = context.images.load(state["picture"])
    prompt = state["text"] if state["kind"] == "prompt" else ""

    def make() -> Generated:
        return context.backend.refine(image, prompt, seed=seed, progress=report_to(runtime.stream_writer))

    settings = context.settings.refiner
    what = ["refine", state["picture"], prompt, seed, settings.model_dump(mode="json") if settings else None]
    made = make_once(context, what, make)
    return {"picture": made.image, "polish": "done", "usage": add_cost(state["usage"], made.cost)}


def _goal_of(state: State, operations: list[Operation]) -> dict[str, Any]:
    """Return the goal after a person has changed the plan; a sentence's goal stays what the sentence says."""
    goal, before = state["goal"], state["before"]
    if state["kind"] == "prompt" or before is None:
        return goal
    target = apply(Layout.model_validate(state["layout"]), operations)
    demands = edit_requirements(Layout.model_validate(before), target)
    return goal | {
        "target": target.model_dump(mode="json"),
        "operations": dump_operations(operations),
        "requirements": [demand.model_dump(mode="json") for demand in demands],
    }


def _answer_edits(
    state: State, content: str, artifact: dict[str, Any] | None = None, *, failed: bool = False
) -> list[ToolMessage]:
    """Return the final answers of the last message's edit calls; the same ids replace the first ones."""
    answers: list[ToolMessage] = []
    for message in reversed(state["messages"]):
        if isinstance(message, AIMessage):
            break
        if isinstance(message, ToolMessage) and (message.artifact or {}).get("operations"):
            status = "error" if failed else "success"
            answers.append(message.model_copy(update={"content": content, "status": status, "artifact": artifact}))
    return answers[::-1]
