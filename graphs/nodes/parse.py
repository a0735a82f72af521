"""Reading what was asked for: a sentence becomes a scene spec, an instruction becomes operations."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, RemoveMessage, SystemMessage
from langgraph.graph.message import REMOVE_ALL_MESSAGES
from pydantic import Field, model_validator

from graphs.budget import add_cost, add_tokens
from graphs.node_helpers import timed
from graphs.turn_history import recall
from prompts import render
from tools import abilities
from tools.scene.errors import CannotParse
from tools.scene.layout import Layout
from tools.scene.lexicon import singular
from tools.scene.merge import merge
from tools.scene.operations import Operation, apply
from tools.scene.requirements import Requirement, edit_requirements, requirements
from tools.scene.spec import Frozen, Query, SceneSpec
from tools.scene.track import track
from tools.suggest_layout import usual_shapes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from langgraph.runtime import Runtime

    from graphs.state import State
    from tools.context import Context

NO_NOUNS = frozenset(
    """
    a an the and or but not no it its them they this that these those one ones other another all both each every
    some any to from in on at of off out up down with without into onto by as so than then there here please add
    put place insert draw remove delete erase take away get rid move shift slide bring push pull drag swap
    exchange switch resize enlarge shrink grow scale make turn change recolor recolour paint color colour
    replace duplicate copy clone keep undo back is are be have left right above below top bottom middle center
    centre next between near far leftmost rightmost largest smallest biggest first second third last half twice
    double bigger smaller larger little bit more less picture image background side towards toward around under
    over
    """.split()  # noqa: SIM905 - a list literal of 200 words is harder to read
)


class Reply(Frozen):
    """What an instruction asks for, as operations on the current layout; or the answer to a question about it."""

    operations: tuple[Operation, ...] = Field(default=(), max_length=50)
    answer: str = Field(default="", max_length=4000)

    @model_validator(mode="after")
    def _has_one_of_them(self) -> Reply:
        if bool(self.operations) == bool(self.answer.strip()):
            raise ValueError("give operations for an instruction, or an answer for a question: exactly one of them")
        return self


@timed
def look(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Find out what the picture holds before an instruction about it is read.

    Asks for the objects known from earlier turns, the preset's vocabulary and the words of the
    instruction; then for the vocabulary's attributes on whatever was found.
    """
    context = runtime.context
    detector, scene = context.settings.detector, Layout.model_validate(state["layout"])
    names = dict.fromkeys([*(placed.name for placed in scene.objects), *detector.vocabulary, *nouns(state["text"])])
    image = context.images.load(state["picture"] or "")
    found = context.backend.detect(image, [Query(name=name) for name in names])
    usage, detections = add_cost(state["usage"], found.cost), found.detections
    attributed = dict.fromkeys(
        [
            *(placed.query for placed in scene.objects if placed.attributes),
            *(
                Query(name=name, attributes=(attribute,))
                for name in dict.fromkeys(one.name for one in detections)
                for attribute in detector.attributes
            ),
        ]
    )
    if attributed:
        more = context.backend.detect(image, list(attributed))
        usage, detections = add_cost(usage, more.cost), (*detections, *more.detections)
    return {"layout": track(scene, merge(detections)).model_dump(mode="json"), "usage": usage}


@timed
def parse(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Ask the language model once what is wanted; a broken answer is shown to it with its error.

    A given spec, and a given layout for an instruction, are used as they are and cost no call.
    """
    goal, scene = state["goal"], Layout.model_validate(state["layout"])
    if state["kind"] == "prompt" and goal["spec"]:
        return _understood(goal, requirements(SceneSpec.model_validate(goal["spec"])))
    if state["kind"] == "instruction" and goal["target"]:
        return _understood(goal, edit_requirements(scene, Layout.model_validate(goal["target"])))

    context, schema = runtime.context, SceneSpec if state["kind"] == "prompt" else Reply
    asked: list[AnyMessage] = list(state["messages"]) or _question(state, context)
    try:
        answer: Any = context.chat.with_structured_output(schema, include_raw=True).invoke(asked)
    except CannotParse as error:
        return _given_up(str(error), state["usage"])
    said: AIMessage = answer["raw"]
    usage = add_tokens(state["usage"], said)
    if refusal := said.additional_kwargs.get("refusal"):
        return _given_up(f"the language model refused: {refusal}", usage)
    try:
        if answer["parsed"] is None:
            broken_how = answer["parsing_error"]
            raise broken_how if isinstance(broken_how, ValueError) else ValueError("the answer holds no JSON object")
        parsed = schema.model_validate(answer["parsed"])
        if isinstance(parsed, Reply) and (
            refused := abilities.refusal(context.backend.capabilities, scene, parsed.operations)
        ):
            return _given_up(refused, usage)
        understood = _understand(goal, scene, parsed)
    except ValueError as error:  # pydantic's errors are ValueErrors
        problem = describe_error(error)
    else:
        return understood | {"usage": usage}
    if state["repairs"] >= context.settings.loop.repairs:
        count = state["repairs"] + 1
        return _given_up(f"{count} answers of the language model in a row were not usable: {problem}", usage)
    broken = AIMessage(said.text or json.dumps([call["args"] for call in said.tool_calls]) or "(empty)")
    repair = HumanMessage(render("repair", problem=problem))
    fresh = [] if state["messages"] else asked
    return {"messages": [*fresh, broken, repair], "repairs": state["repairs"] + 1, "usage": usage}


def nouns(text: str) -> list[str]:
    """Return the words of an instruction that may name objects, singular, each once, at most 20."""
    words = (singular(word) for word in re.findall(r"[a-z]{3,}", text.lower()) if word not in NO_NOUNS)
    return list(dict.fromkeys(words))[:20]


def describe_error(error: ValueError) -> str:
    """Say what is wrong with an answer in a few lines, without the noise a person would not read."""
    errors = getattr(error, "errors", None)
    if not callable(errors):
        return str(error)[:1000]
    lines = [f"{'.'.join(map(str, one['loc'])) or 'answer'}: {one['msg']}" for one in errors()]
    return "\n".join(lines[:10])


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


def _understand(goal: dict[str, Any], scene: Layout, parsed: SceneSpec | Reply) -> dict[str, Any]:
    if isinstance(parsed, SceneSpec):
        demands = tuple(requirements(parsed))
        if not demands:
            raise ValueError("objects and absent are both empty: nothing could be checked. Name what must be there")
        return _understood(goal | {"spec": parsed.model_dump(mode="json")}, demands)
    if parsed.answer:
        return {"exit": "answered", "detail": parsed.answer, "messages": [RemoveMessage(id=REMOVE_ALL_MESSAGES)]}
    try:
        target = apply(scene, parsed.operations)
    except KeyError as error:
        raise ValueError(error.args[0]) from None
    plan = parsed.model_dump(mode="json")["operations"]
    more = {"target": target.model_dump(mode="json"), "operations": plan}
    return _understood(goal | more, edit_requirements(scene, target))


def _understood(goal: dict[str, Any], demands: Iterable[Requirement]) -> dict[str, Any]:
    return {
        "goal": goal | {"requirements": [demand.model_dump(mode="json") for demand in demands]},
        "messages": [RemoveMessage(id=REMOVE_ALL_MESSAGES)],
        "repairs": 0,
    }


def _given_up(detail: str, usage: dict[str, Any]) -> dict[str, Any]:
    return {"exit": "parse_failed", "detail": detail, "usage": usage}
