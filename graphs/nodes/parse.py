"""Reading what was asked for: a sentence becomes a scene spec, an instruction becomes operations."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, RemoveMessage, SystemMessage
from langgraph.graph.message import REMOVE_ALL_MESSAGES
from pydantic import Field, ValidationError, model_validator

from configs.errors import in_words
from graphs.node_helpers import demands_of, timed
from graphs.turn_history import recall
from prompts import render
from tools import abilities
from tools.scene.difference import completed
from tools.scene.edit_goal import edit_requirements, layout_requirements
from tools.scene.errors import CannotParse
from tools.scene.lexicon import parse_phrase
from tools.scene.operations import Operation, apply, in_new_light
from tools.scene.requirements import Requirement
from tools.scene.spec import Frozen, Quote, SceneSpec
from tools.suggest_layout import usual_shapes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from langgraph.runtime import Runtime

    from configs.settings import Settings
    from graphs.state import State, Usage
    from tools.context import Context
    from tools.scene.goal import Goal
    from tools.scene.layout import Layout


class Reply(Frozen):
    """What an instruction asks for, as operations on the current layout; or the answer to a question about it."""

    operations: tuple[Operation, ...] = Field(default=(), max_length=50)
    answer: str = Field(default="", max_length=4000)
    unchecked: tuple[Quote, ...] = Field(default=(), max_length=50)
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
    context = runtime.context
    if state["kind"] == "prompt" and goal.spec and not state["reads_places"]:
        return _understood(goal, demands_of(goal.spec, context.settings))
    if state["kind"] == "instruction" and goal.target:
        whole = goal.model_copy(update={"target": completed(goal.target, layout, goal.names)})
        return _understood(whole, edit_requirements(layout, whole.target or layout))

    schema = SceneSpec if state["kind"] == "prompt" else Reply
    asked: list[AnyMessage] = list(state["messages"]) or _question(state, context)
    try:
        answer: Any = context.chat.with_structured_output(schema, include_raw=True).invoke(asked)
    except CannotParse as error:
        if goal.spec:
            return _understood(goal, demands_of(_without_places(goal.spec, state["text"]), context.settings))
        return _given_up(str(error), state["usage"])
    message: AIMessage = answer["raw"]
    usage = state["usage"].with_answer(message)
    if refusal := message.additional_kwargs.get("refusal"):
        return _given_up(f"the language model refused: {refusal}", usage)
    try:
        parsed = _checked(schema, answer)
        if refused := _beyond(context, layout, parsed):
            return _given_up(refused, usage)
        understood = _understand(goal, layout, parsed, context.settings)
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


def _checked(schema: type[SceneSpec | Reply], answer: dict[str, Any]) -> SceneSpec | Reply:
    if answer["parsed"] is None:
        broken_how = answer["parsing_error"]
        raise broken_how if isinstance(broken_how, ValueError) else ValueError("the answer holds no JSON object")
    return schema.model_validate(answer["parsed"])


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


def _understand(goal: Goal, layout: Layout, parsed: SceneSpec | Reply, settings: Settings) -> dict[str, Any]:
    if isinstance(parsed, SceneSpec):
        parsed = _with_places(goal.spec, parsed) if goal.spec else parsed
        demands = demands_of(parsed, settings)
        if not any(demand.kind != "unchecked" for demand in demands):
            raise ValueError("objects and absent are both empty: nothing could be checked. Name what must be there")
        return _understood(goal.model_copy(update={"spec": parsed, "notes": parsed.notes}), demands)
    if parsed.answer:
        return {"exit": "answered", "detail": parsed.answer, "messages": [RemoveMessage(id=REMOVE_ALL_MESSAGES)]}
    try:
        target = apply(layout, parsed.operations)
    except KeyError as error:
        raise ValueError(error.args[0]) from None
    plan = goal.model_copy(update={"target": target, "operations": parsed.operations, "notes": parsed.notes})
    unchecked = (Requirement(kind="unchecked", said=said) for said in parsed.unchecked)
    demands = edit_requirements(in_new_light(layout, parsed.operations), target)
    return _understood(plan, (*demands, *unchecked))


def _with_places(given: SceneSpec, read: SceneSpec) -> SceneSpec:
    """Return a given parse with what the sentence, read anew, says of where its objects are."""
    names = {parse_phrase(placed.name).name for placed in given.objects}
    about = tuple(
        relation
        for relation in read.relations
        if all(
            parse_phrase(part).name.split()[-1] in {name.split()[-1] for name in names}
            for phrase in (relation.subject, relation.object)
            for part in phrase.split(" and ")
            if part
        )
    )
    return given.model_copy(update={"relations": (*given.relations, *about), "unchecked": read.unchecked})


def _without_places(given: SceneSpec, sentence: str) -> SceneSpec:
    """Return a given parse of a sentence that nobody could read: where things are stays unchecked."""
    return given.model_copy(update={"unchecked": (*given.unchecked, f"where things are in: {sentence[:200]}")})


def _understood(goal: Goal, demands: Iterable[Requirement]) -> dict[str, Any]:
    if goal.spec and goal.target:  # a given layout is checked, not only drawn
        demands = (*demands, *layout_requirements(goal.target))
    return {
        "goal": goal.model_copy(update={"requirements": tuple(demands)}),
        "messages": [RemoveMessage(id=REMOVE_ALL_MESSAGES)],
        "repairs": 0,
    }


def _given_up(detail: str, usage: Usage) -> dict[str, Any]:
    return {"exit": "parse_failed", "detail": detail, "usage": usage}
