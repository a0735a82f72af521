"""Reading what was asked for: a sentence becomes a scene spec, an instruction becomes operations."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, RemoveMessage, SystemMessage
from langgraph.graph.message import REMOVE_ALL_MESSAGES
from pydantic import Field, ValidationError, model_validator

from configs.errors import in_words
from graphs.node_helpers import timed
from graphs.turn_history import recall
from prompts import render
from tools import abilities
from tools.scene.edit_goal import edit_requirements
from tools.scene.errors import CannotParse
from tools.scene.operations import Operation, apply
from tools.scene.requirements import Requirement, requirements
from tools.scene.spec import Frozen, Quote, SceneSpec
from tools.scene.spec_check import with_all_words
from tools.suggest_layout import usual_shapes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from langgraph.runtime import Runtime

    from graphs.state import State, Usage
    from tools.context import Context
    from tools.scene.goal import Goal
    from tools.scene.layout import Layout


class Reply(Frozen):
    """What an instruction asks for, as operations on the current layout; or the answer to a question about it."""

    operations: tuple[Operation, ...] = Field(default=(), max_length=50)
    answer: str = Field(default="", max_length=4000)
    notes: tuple[Quote, ...] = Field(default=(), max_length=50, description="what was taken for granted in reading")

    @model_validator(mode="after")
    def _has_one_of_them(self) -> Reply:
        if bool(self.operations) == bool(self.answer.strip()):
            raise ValueError("give operations for an instruction, or an answer for a question: exactly one of them")
        return self


@timed
def parse(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Ask the language model once what is wanted; a broken answer is shown to it with its error.

    A given spec, and a given layout for an instruction, are used as they are and cost no call.
    """
    goal, layout = state["goal"], state["layout"]
    if state["kind"] == "prompt" and goal.spec:
        return _understood(goal, requirements(goal.spec))
    if state["kind"] == "instruction" and goal.target:
        return _understood(goal, edit_requirements(layout, goal.target))

    context, schema = runtime.context, SceneSpec if state["kind"] == "prompt" else Reply
    asked: list[AnyMessage] = list(state["messages"]) or _question(state, context)
    try:
        answer: Any = context.chat.with_structured_output(schema, include_raw=True).invoke(asked)
    except CannotParse as error:
        return _given_up(str(error), state["usage"])
    message: AIMessage = answer["raw"]
    usage = state["usage"].with_answer(message)
    if refusal := message.additional_kwargs.get("refusal"):
        return _given_up(f"the language model refused: {refusal}", usage)
    try:
        if answer["parsed"] is None:
            broken_how = answer["parsing_error"]
            raise broken_how if isinstance(broken_how, ValueError) else ValueError("the answer holds no JSON object")
        parsed = schema.model_validate(answer["parsed"])
        if refused := _beyond(context, layout, parsed):
            return _given_up(refused, usage)
        understood = _understand(goal, layout, parsed, state["text"])
    except ValueError as error:  # pydantic's errors are ValueErrors
        problem = describe_error(error)
    else:
        return understood | {"usage": usage}
    if state["repairs"] >= context.settings.loop.repairs:
        count = state["repairs"] + 1
        return _given_up(f"{count} answers of the language model in a row were not usable: {problem}", usage)
    broken = AIMessage(message.text or json.dumps([call["args"] for call in message.tool_calls]) or "(empty)")
    repair = HumanMessage(render("repair", problem=problem))
    fresh = [] if state["messages"] else asked
    return {"messages": [*fresh, broken, repair], "repairs": state["repairs"] + 1, "usage": usage}


def describe_error(error: ValueError) -> str:
    """Say what is wrong with an answer in a few lines, without the noise a person would not read."""
    if isinstance(error, ValidationError):
        return in_words(error.errors(), whole="answer", separator="\n")
    return str(error)[:1000]


def _question(state: State, context: Context) -> list[AnyMessage]:
    if state["kind"] == "prompt":
        return [SystemMessage(render("parse_scene")), HumanMessage(render("sentence", sentence=state["text"]))]
    shapes = usual_shapes(context, state["picture"] or "")
    question = render(
        "instruction",
        instruction=state["text"],
        layout=state["layout"],
        shapes=shapes,
        abilities=abilities.describe(context.backend.capabilities),
        **recall(state),
    )
    return [SystemMessage(render("parse_instruction")), HumanMessage(question)]


def _beyond(context: Context, layout: Layout, parsed: SceneSpec | Reply) -> str | None:
    """Return why the backend cannot do what was understood: said before anything is drawn."""
    if context.backend is None:  # a sentence is only read
        return None
    if isinstance(parsed, SceneSpec):
        return abilities.scene_refusal(context.backend.capabilities, parsed)
    return abilities.refusal(context.backend.capabilities, layout, parsed.operations)


def _understand(goal: Goal, layout: Layout, parsed: SceneSpec | Reply, text: str) -> dict[str, Any]:
    if isinstance(parsed, SceneSpec):
        if not tuple(requirements(parsed)):
            raise ValueError("objects and absent are both empty: nothing could be checked. Name what must be there")
        spec = with_all_words(text, parsed)
        return _understood(goal.model_copy(update={"spec": spec, "notes": spec.notes}), requirements(spec))
    if parsed.answer:
        return {"exit": "answered", "detail": parsed.answer, "messages": [RemoveMessage(id=REMOVE_ALL_MESSAGES)]}
    try:
        target = apply(layout, parsed.operations)
    except KeyError as error:
        raise ValueError(error.args[0]) from None
    plan = goal.model_copy(update={"target": target, "operations": parsed.operations, "notes": parsed.notes})
    return _understood(plan, edit_requirements(layout, target))


def _understood(goal: Goal, demands: Iterable[Requirement]) -> dict[str, Any]:
    return {
        "goal": goal.model_copy(update={"requirements": tuple(demands)}),
        "messages": [RemoveMessage(id=REMOVE_ALL_MESSAGES)],
        "repairs": 0,
    }


def _given_up(detail: str, usage: Usage) -> dict[str, Any]:
    return {"exit": "parse_failed", "detail": detail, "usage": usage}
