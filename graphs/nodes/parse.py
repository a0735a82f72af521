"""Reading what was asked for: a sentence becomes a scene spec, an instruction becomes operations."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from langchain_core.exceptions import ContextOverflowError
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, RemoveMessage, SystemMessage
from langgraph.graph.message import REMOVE_ALL_MESSAGES
from pydantic import Field, ValidationError, model_validator

from configs.errors import in_words
from configs.prices import price_of
from graphs.answer_bounds import TEXT
from graphs.node_helpers import demands_of, timed
from graphs.nodes.survey import nouns
from graphs.turn_history import recall
from prompts import render
from tools import abilities
from tools.scene.difference import completed
from tools.scene.edit_goal import as_seen, edit_requirements, layout_requirements, wish_requirements
from tools.scene.errors import CannotParse
from tools.scene.lexicon import parse_phrase
from tools.scene.operations import Move, Operation, apply, source_of
from tools.scene.reading.check import flaws, joined, mended, problems, settled
from tools.scene.reading.instruction import answer_problems, mended_wishes, wish_problems
from tools.scene.requirement import Requirement
from tools.scene.spec import Frozen, Quote, SceneSpec
from tools.scene.spec_check import with_all_words
from tools.scene.wishes import Wish, operations_of
from tools.scene.worn import with_worn
from tools.suggest_layout import usual_shapes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from langgraph.runtime import Runtime

    from configs.settings import Settings
    from graphs.state import State, Usage
    from tools.context import Context
    from tools.scene.goal import Goal
    from tools.scene.layout import Layout


ASKING = re.compile(
    r"^\W*(?:(?:please|ok|okay|and|so|hey|now|but)\W+)*(?:what|where|why|which|who|whose|when|how|is|are|was|were|am|do|"
    r"does|did|has|have|had|can|could|will|would|should|describe|list|count|explain|tell|say|name|show me|thank|thanks|"
    r"hi|hello)\b"
)
"""How a text begins that wants to be answered."""


class Reply(Frozen):
    """What an instruction asks for, as wishes about the current layout; or the answer to a question about it."""

    choices: ClassVar[dict[str, tuple[str, ...]]] = {}
    """What texts some keys may have, where that is known."""
    also: ClassVar[tuple[str, ...]] = ()
    """Keys that are asked for this once."""

    operations: tuple[Wish, ...] = Field(default=(), max_length=50)
    answer: str = Field(default="", max_length=4000)
    unchecked: tuple[Quote, ...] = Field(default=(), max_length=50)
    notes: tuple[Quote, ...] = Field(default=(), max_length=50, description="what was taken for granted in reading")

    @model_validator(mode="after")
    def _has_one_of_them(self) -> Reply:
        if not self.operations and not self.answer.strip():
            raise ValueError("give operations for an instruction, or an answer for a question: exactly one of them")
        return self

    @classmethod
    def about(cls, layout: Layout, *, copies: bool = False) -> type[Reply]:
        """Return the same for one layout: its ids are all that can be named. ``copies``: from other pictures, too."""
        ids = dict.fromkeys(("id", "other", "of"), layout.ids)
        also = ("source",) if copies else ()
        return type("Reply", (cls,), {"choices": ids, "also": also, "__doc__": cls.__doc__})


class Plan(NamedTuple):
    """A reply with its places in numbers."""

    operations: tuple[Operation, ...]
    answer: str
    unchecked: tuple[str, ...]
    notes: tuple[str, ...]


@timed
def parse(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Ask the language model once what is wanted; a broken answer is shown to it with its error.

    So is one that leaves out what the sentence says, or says what it does not. Where the model stands by it, and where
    no repair is left, such an answer is taken, and what it leaves out is kept as unchecked.

    A given spec, and a given layout for an instruction, are used as they are and cost no call.
    """
    goal, layout = state["goal"], state["layout"]
    context = runtime.context
    if state["kind"] == "prompt" and goal.spec and not state["reads_places"]:
        return _understood(goal, _of_sentence(goal, goal.spec, context.settings, state["text"]))
    if state["kind"] == "instruction" and goal.target:
        whole = goal.model_copy(update={"target": completed(goal.target, layout, goal.names)})
        return _understood(
            whole, as_seen(edit_requirements(layout, whole.target or layout), context.settings.detector.sees)
        )

    schema = SceneSpec if state["kind"] == "prompt" else Reply.about(layout, copies=bool(state["others"]))
    asked: list[AnyMessage] = list(state["messages"]) or _question(state, context)
    try:
        answer: Any = context.chat.with_structured_output(schema, include_raw=True).invoke(asked)
    except (CannotParse, ContextOverflowError) as error:
        return _unreadable(state, context, error)
    message: AIMessage = answer["raw"]
    usage = state["usage"].with_answer(message, price_of(context.settings.chat), asked)
    if refusal := message.additional_kwargs.get("refusal"):
        return _unread(state, f"the language model refused: {refusal}", usage, context.settings, failed=True)
    understood, problem = _used(state, context, answer, message)
    if understood and not problem:
        return understood | {"usage": usage}
    if whose := _last_word_of(state, message, context.settings):
        count = "the answer" if state["repairs"] == 0 else f"{state['repairs'] + 1} answers in a row"
        detail = f"{count} of {whose} {'was' if state['repairs'] == 0 else 'were'} not usable: {problem}"
        return _unread(state, detail, usage, context.settings, failed=not _is_deterministic(message))
    is_reading = bool(understood) and state["kind"] == "prompt"
    kept = {"reading": _checked(state, answer).model_dump(mode="json")} if is_reading else {}
    broken = AIMessage(_shown(message), response_metadata=kept)
    repair = HumanMessage(render("repair", problem=problem))
    fresh = [] if state["messages"] else asked
    return {"messages": [*fresh, broken, repair], "repairs": state["repairs"] + 1, "usage": usage}


def _used(state: State, context: Context, answer: dict[str, Any], message: AIMessage) -> tuple[dict[str, Any], str]:
    """Return the update that an answer makes, empty where it makes none, and what is wrong with the answer."""
    doubts, is_last = tuple[str, ...](), bool(_last_word_of(state, message, context.settings))
    try:
        given = _checked(state, answer, instead=_earlier(state) if is_last else None)
        if not _is_deterministic(message):
            given, doubts = _held(state["text"], given, state["layout"])
            better = _better(state, given) if doubts and isinstance(given, SceneSpec) else None
            if doubts and (better or is_last or _stands_by(state, message)):
                given, doubts = better or given, ()
                given = settled(state["text"], given) if isinstance(given, SceneSpec) else given
        parsed = given if isinstance(given, SceneSpec) else _plan(state, context, given)
        if isinstance(parsed, SceneSpec) and context.backend is not None:
            can = context.backend.capabilities
            parsed = abilities.with_kinds(can, abilities.with_settings(can, parsed))
        if refused := _beyond(context, state, parsed):
            return {"exit": "parse_failed", "detail": refused}, ""
        understood = _understand(state["goal"], state["layout"], parsed, context.settings, state["text"])
    except ValueError as error:  # pydantic's errors are ValueErrors
        return {}, "\n".join((describe_error(error), *doubts))
    return understood, "\n".join(doubts)


def _better(state: State, given: SceneSpec) -> SceneSpec | None:
    """Return the reading before a repair, alone or with the repair, where that has less wrong than the repair."""
    reading, text = _earlier(state), state["text"]
    if reading is None:
        return None
    best = min((given, reading, joined(text, reading, given)), key=lambda one: flaws(text, one))
    return None if best is given else best


def _earlier(state: State) -> SceneSpec | None:
    """Return the latest reading that was sent back for what it left out, mended; None where there is none."""
    before = (asked.response_metadata.get("reading") for asked in reversed(state["messages"]))
    return next((mended(state["text"], SceneSpec.model_validate(found)) for found in before if found), None)


def _is_deterministic(message: AIMessage) -> bool:
    """Return whether who answered would only say the same again."""
    return bool(message.response_metadata.get("deterministic"))


def _last_word_of(state: State, message: AIMessage, settings: Settings) -> str:
    """Return who is not asked again, "" while a repair is left."""
    whose: str = message.response_metadata.get("deterministic", "")
    return whose or ("the language model" if state["repairs"] >= settings.loop.repairs else "")


def _shown(message: AIMessage) -> str:
    """Return an answer as it is shown to the model again."""
    shown = message.text or json.dumps([call["args"] for call in message.tool_calls], default=str)
    return shown[:TEXT] or "(empty)"


def _stands_by(state: State, message: AIMessage) -> bool:
    """Return whether the model was told of doubts and gave the same answer again."""
    before = [asked.text for asked in state["messages"] if isinstance(asked, AIMessage)]
    return bool(before) and before[-1] == _shown(message)


def _unreadable(state: State, context: Context, error: CannotParse | ContextOverflowError) -> dict[str, Any]:
    """End the turn where the text is none for this planner, or too long for this model."""
    if isinstance(error, ContextOverflowError):
        return {"exit": "context_limit", "detail": str(error)[:1000]}
    return _unread(state, _with_unknown(str(error), state["text"], context), state["usage"], context.settings)


def _checked(state: State, answer: dict[str, Any], instead: SceneSpec | None = None) -> SceneSpec | Reply:
    """Return what an answer says; ``instead`` where it says nothing that can be used."""
    if instead is not None:
        try:
            return _checked(state, answer)
        except ValueError:
            return instead
    if answer["parsed"] is None:
        broken_how = answer["parsing_error"]
        raise broken_how if isinstance(broken_how, ValueError) else ValueError("the answer holds no JSON object")
    given = answer["parsed"]
    if state["kind"] == "prompt":
        return SceneSpec.model_validate(given)
    reply = given if isinstance(given, Reply) else Reply.model_validate(given)
    if reply.operations and reply.answer.strip() and asks(state["text"]):
        raise ValueError("give operations for an instruction, or an answer for a question: exactly one of them")
    return reply


def _held(text: str, given: SceneSpec | Reply, layout: Layout) -> tuple[SceneSpec | Reply, tuple[str, ...]]:
    """Return an answer held against the text: without what it does not say, and what is wrong with it."""
    if isinstance(given, SceneSpec):
        given = mended(text, given)
        return given, problems(text, given)
    if not given.operations:
        return given, answer_problems(text, given.answer, layout)
    operations, notes = mended_wishes(text, given.operations, layout)
    reply = given.model_copy(update={"operations": operations, "notes": (*given.notes, *notes)[:50]})
    return reply, wish_problems(text, operations, layout)


def _plan(state: State, context: Context, reply: Reply) -> Plan:
    shapes = usual_shapes(context, state["picture"] or "") if context.backend is not None else {}
    try:
        operations = operations_of(reply.operations, state["layout"], shapes)
    except KeyError as error:
        raise ValueError(error.args[0]) from None
    return Plan(operations, "" if operations else reply.answer, reply.unchecked, reply.notes)


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
        others=[other.model_dump(mode="json", exclude={"image"}) for other in state["others"]],
        abilities=abilities.describe(context.backend.capabilities),
        **recall(state),
    )
    return [SystemMessage(render("parse_instruction", others=bool(state["others"]))), HumanMessage(question)]


def _with_unknown(refusal: str, text: str, context: Context) -> str:
    """Return a refusal that also says which of the words it quotes the detector does not know."""
    if context.backend is None:
        return refusal
    spoken = re.sub(r"\S+\.\w{3,4}\b", " ", text)  # "dog.jpg" is no noun
    quoted = [word for word in nouns(spoken) if word in refusal]
    unknown = abilities.cannot_find(context.backend.capabilities, quoted, context.settings.detector.vocabulary)
    return f"{refusal} ({unknown})" if unknown else refusal


def _beyond(context: Context, state: State, parsed: SceneSpec | Plan) -> str | None:
    """Return why the backend cannot do what was understood: said before anything is drawn."""
    if context.backend is None:  # a sentence is only read
        return None
    can = context.backend.capabilities
    if isinstance(parsed, SceneSpec):
        names = [*(wanted.name for wanted in parsed.objects), *parsed.absent]
        return abilities.scene_refusal(can, parsed) or abilities.cannot_find(
            can, names, context.settings.detector.vocabulary
        )
    own = state["history"].seen_in  # what is brought back is copied where that can be done, and else drawn anew
    foreign = [one for one in parsed.operations if (source := source_of(one)) is None or source.picture not in own]
    return abilities.refusal(can, state["layout"], foreign, state["others"])


def _understand(goal: Goal, layout: Layout, parsed: SceneSpec | Plan, settings: Settings, text: str) -> dict[str, Any]:
    if isinstance(parsed, SceneSpec):
        spec = with_all_words(text, _with_places(goal.spec, parsed) if goal.spec else parsed)
        demands = _of_sentence(goal, spec, settings, text)
        if not any(demand.kind != "unchecked" for demand in demands):
            raise ValueError("objects and absent are both empty: nothing could be checked. Name what must be there")
        return _understood(goal.model_copy(update={"spec": spec, "notes": spec.notes}), demands)
    if parsed.answer:
        if not asks(text):
            raise ValueError(
                f"the instruction is no question, and {parsed.answer[:80]!r} changes nothing: give the operations "
                "that do what it says, and leave the answer empty"
            )
        return {"exit": "answered", "detail": parsed.answer, "messages": [RemoveMessage(id=REMOVE_ALL_MESSAGES)]}
    try:
        operations = with_worn(layout, parsed.operations, spoken=nouns(text))
        target = apply(layout, operations)
    except KeyError as error:
        raise ValueError(error.args[0]) from None
    plan = goal.model_copy(update={"target": target, "operations": operations, "notes": parsed.notes})
    unchecked = (Requirement(kind="unchecked", said=words) for words in parsed.unchecked)
    along = {operation.id for operation in operations[len(parsed.operations) :] if isinstance(operation, Move)}
    wished = (
        demand
        for demand in wish_requirements(layout, operations, target)
        if not (demand.kind == "placed" and demand.id in along)  # a tie is seen less surely than its wearer
    )
    demands = as_seen(wished, settings.detector.sees)
    return _understood(plan, (*demands, *unchecked))


def asks(text: str) -> bool:
    """Return whether a text may want an answer instead of a change: a question, or a wish to be told something."""
    return "?" in text or ASKING.search(text.lower()) is not None


def _of_sentence(goal: Goal, spec: SceneSpec, settings: Settings, text: str) -> tuple[Requirement, ...]:
    """Return the requirements of a sentence; a layout given with it is checked, not only drawn.

    A setting that only its parse names is a help for drawing, and stays unchecked.
    """
    spoken = set(re.findall(r"[a-z]+", text.lower()))
    demands = (
        Requirement(kind="unchecked", said=spec.background)
        if demand.kind == "setting" and spoken.isdisjoint(settings.setting_words[demand.said])
        else demand
        for demand in demands_of(spec, settings)
    )
    return (*demands, *(layout_requirements(goal.target) if goal.target else ()))


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


def _understood(goal: Goal, demands: Iterable[Requirement]) -> dict[str, Any]:
    return {
        "goal": goal.model_copy(update={"requirements": tuple(demands)}),
        "messages": [RemoveMessage(id=REMOVE_ALL_MESSAGES)],
        "repairs": 0,
    }


def _unread(state: State, detail: str, usage: Usage, settings: Settings, *, failed: bool = False) -> dict[str, Any]:
    """Give up, because of the text or because the model ``failed``; with a given parse leave places unchecked."""
    goal = state["goal"]
    if goal.spec is None:
        return {"exit": "model_failed" if failed else "parse_failed", "detail": detail, "usage": usage}
    unread = (*goal.spec.unchecked, f"where things are in: {state['text'][:200]}")
    spec = goal.spec.model_copy(update={"unchecked": unread})
    return _understood(goal, _of_sentence(goal, spec, settings, state["text"])) | {"usage": usage}
