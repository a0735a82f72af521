"""The offline planner: a deterministic chat model that needs no network and no weights.

It goes through the same graph, prompts and tools as any model. Asked for structured output, it reads the
sentence or instruction in the newest message that has one with the grammar; asked with tools bound, it calls
``suggest_layout``, looks at an object whose looks are about to change, and calls ``edit``. It has no geometry
of its own for a correction: that is the layout solver's.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import RunnableLambda
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import BaseModel, ValidationError

from agent.offline.corrections import parse_correction
from agent.offline.instructions import parse_instruction
from agent.offline.lexer import Impossible, Unclear
from agent.offline.mixed import parse_mixed
from agent.offline.other_pictures import unveiled, veiled
from agent.offline.questions import Facts, is_question
from agent.offline.sentences import parse_scene
from agent.offline.typing_errors import corrected
from agent.offline.undoing import parse_put_back, parse_undo, parse_undo_and_more
from agent.offline.whole_picture import parse_whole_picture
from agent.offline.wordings import otherwise, reworded
from agent.offline.workbench import Memory
from tools.scene.errors import CannotParse
from tools.scene.layout import Layout, PlacedObject
from tools.scene.other_picture import OtherPicture

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from langchain_core.callbacks import CallbackManagerForLLMRun
    from langchain_core.language_models import LangSmithParams, LanguageModelInput
    from langchain_core.messages import BaseMessage, ToolCall
    from langchain_core.runnables import Runnable
    from langchain_core.tools import BaseTool

    from tools.errors import Failure
    from tools.scene.operations import Operation

FAILURES = 2  # answers of tools that are errors, in one round, after which it gives up
_ID = re.compile(r"'([^'#]+ #\d+)'")
_STRUCTURED = "structured_output"


class OfflinePlanner(BaseChatModel):
    """A chat model with tool calling and structured output behind which a grammar works.

    Structured output reads ``<sentence>...</sentence>`` (answered as a `SceneSpec`), or
    ``<instruction>...</instruction>`` with the current ``<layout>`` as JSON and optionally ``<recent>``,
    ``<history>`` and ``<shapes>`` (answered as ``{"operations": [...]}``, or ``{"answer": "..."}`` for a question).

    Raises (when structured output is asked for): CannotParse, quoting the words it does not know.
    """

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        """Say what to call it wherever a model is named, as in a trace."""
        return {**super()._get_ls_params(stop, **kwargs), "ls_model_name": "offline planner"}

    @property
    def _llm_type(self) -> str:
        return "offline-planner"

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Bind tools; which one is called next follows from the conversation, so ``tool_choice`` is not used."""
        return self.bind(tools=[convert_to_openai_tool(tool) for tool in tools], **kwargs)

    def with_structured_output(
        self, schema: dict[str, Any] | type, *, include_raw: bool = False, **kwargs: Any
    ) -> Runnable[LanguageModelInput, Any]:
        """Answer with ``schema``: an instance of a pydantic class, or a dict for a JSON schema.

        With ``include_raw`` the answer is ``{"raw", "parsed", "parsing_error"}``, as with any chat model.
        """

        def parse(message: AIMessage) -> Any:
            try:
                answer, error = _fill(schema, message.text), None
            except ValidationError as problem:
                if not include_raw:
                    raise
                answer, error = None, problem
            return {"raw": message, "parsed": answer, "parsing_error": error} if include_raw else answer

        return self.bind(**{_STRUCTURED: True}) | RunnableLambda(parse)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        if kwargs.get(_STRUCTURED):
            message = AIMessage(_read(messages))
        else:
            message = _plan(messages, {tool["function"]["name"] for tool in kwargs.get("tools") or ()})
        message.usage_metadata = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
        message.response_metadata = {"model_name": self._llm_type, "deterministic": "the offline planner"}
        return ChatResult(generations=[ChatGeneration(message=message)])


def _fill(schema: dict[str, Any] | type, text: str) -> Any:
    if isinstance(schema, type) and issubclass(schema, BaseModel):
        return schema.model_validate_json(text)
    return json.loads(text)


# reading


def _read(messages: Sequence[BaseMessage]) -> str:
    """Return the JSON for the newest sentence or instruction in the conversation."""
    for message in reversed(messages):
        if not isinstance(message, HumanMessage):
            continue
        text = message.text
        if (sentence := _between(text, "sentence")) is not None:
            return parse_scene(sentence).model_dump_json()
        if (instruction := _between(text, "instruction")) is not None:
            rest = text.partition("<instruction>")[0] + text.rpartition("</instruction>")[2]
            layout = Layout.model_validate_json(_between(rest, "layout") or "{}")
            turns = _json(_between(rest, "recent"), [])
            history, shapes = (_json(_between(rest, tag), {}) for tag in ("history", "shapes"))
            others = [OtherPicture.model_validate(one | {"image": ""}) for one in _json(_between(rest, "others"), [])]
            memory = replace(_memory(turns, history, shapes, layout), others=tuple(others))
            instruction, notes = corrected(veiled(instruction, others), _names(layout, memory))
            last = next((str(turn.get("instruction", "")) for turn in reversed(turns) if isinstance(turn, dict)), "")
            instruction = unveiled(reworded(instruction, _names(layout, memory), last), others)
            if is_question(instruction):
                known_turns = [turn for turn in turns if isinstance(turn, dict)]
                return json.dumps({"answer": Facts(layout, memory, known_turns).answer(instruction)})
            operations = _operations(instruction, layout, memory, last)
            plan = [operation.model_dump(mode="json") for operation in operations]
            return json.dumps({"operations": plan, "notes": [*notes, *dict.fromkeys(memory.notes)]})
    raise CannotParse(
        "there is no <sentence> or <instruction> to read in the conversation: the offline planner parses these only; "
        "set a model and an endpoint for anything else"
    )


def _operations(text: str, layout: Layout, memory: Memory, last: str) -> tuple[Operation, ...]:
    """Return what an instruction asks for; without a verb, what it can only mean."""
    try:
        return (
            parse_undo(text, layout, memory.before)
            or parse_undo_and_more(text, layout, memory, parse_instruction)
            or parse_put_back(text, layout, memory)
            or parse_mixed(text, layout, memory)
            or parse_whole_picture(text, layout, memory)
            or parse_correction(text, layout, memory, last)
            or parse_instruction(text, layout, memory)
        )
    except (Impossible, Unclear):
        raise
    except CannotParse as refusal:
        for meant in otherwise(text):
            try:
                return parse_instruction(meant, layout, memory)
            except CannotParse:
                continue
        raise refusal from None


def _names(layout: Layout, memory: Memory) -> set[str]:
    """Return the nouns that a text about this picture may use."""
    elsewhere = [placed for other in memory.others for placed in other.layout.objects]
    return {placed.name for placed in (*layout.objects, *memory.removed, *elsewhere)}


def _between(text: str, tag: str) -> str | None:
    found = re.search(rf"<{tag}>(.*)</{tag}>", text, re.DOTALL)
    return found[1].strip() if found else None


def _json(text: str | None, otherwise: Any) -> Any:
    try:
        found = json.loads(text) if text else otherwise
    except json.JSONDecodeError:
        return otherwise
    return found if isinstance(found, type(otherwise)) else otherwise


def _memory(turns: list[Any], history: dict[str, Any], shapes: dict[str, float], layout: Layout) -> Memory:
    """Read what earlier turns did or spoke of: ids, or turns as ``{"done": ["moved 'cup #1' ..."]}``, newest last."""
    before = history.get("before_last_change")
    memory = Memory(
        removed=tuple(PlacedObject.model_validate(removed) for removed in history.get("removed", [])),
        seen_in=tuple(map(str, history.get("seen_in", []))),
        before=None if before is None else Layout.model_validate(before),
        shapes=shapes,
    )
    if ids_given := tuple(turn for turn in turns if turn in layout.ids):
        return replace(memory, recent=ids_given)
    for turn in reversed(turns):
        lines = [turn] if isinstance(turn, str) else [*turn.get("done", []), turn.get("answer", "")]
        ids = dict.fromkeys(id_ for line in lines for id_ in _ID.findall(str(line)))
        if known := tuple(id_ for id_ in ids if id_ in layout.ids):
            return replace(memory, recent=known)
    return memory


# planning


def _plan(messages: Sequence[BaseMessage], bound: set[str]) -> AIMessage:
    """Return the next step: suggest_layout, inspect, edit, or a sentence that ends the work."""
    if not {"suggest_layout", "edit"} <= bound:
        return AIMessage("The offline planner needs the tools suggest_layout and edit to change a picture.")
    newest = max((at for at, message in enumerate(messages) if isinstance(message, HumanMessage)), default=-1)
    before = messages[newest - 1] if newest > 0 else None
    if isinstance(before, AIMessage) and not before.tool_calls and before.text:
        return AIMessage(before.text)  # asked again after giving up: nothing has changed
    answers = [message for message in messages[newest + 1 :] if isinstance(message, ToolMessage)]
    errors = [answer for answer in answers if answer.status == "error"]
    if refused := [answer.text for answer in errors if _failure(answer) == "refused"]:
        return AIMessage(f"I leave it as it is: {refused[-1]}")
    if len(errors) >= FAILURES or any(_failure(answer) == "final" for answer in errors):
        return AIMessage(f"I cannot go on: {errors[-1].name or 'a tool'} answered {errors[-1].text}")
    number = len(messages)
    suggestion = next((answer for answer in reversed(answers) if _is(answer, "suggest_layout")), None)
    if suggestion is None or (answers[-1].status == "error" and answers[-1].name == "edit"):
        return _calling(number, "suggest_layout", {})
    try:
        operations = json.loads(suggestion.text)["operations"]
    except (json.JSONDecodeError, KeyError, TypeError):
        return AIMessage(f"I cannot read what suggest_layout answered: {suggestion.text[:200]!r}")
    if any(_is(answer, "edit") for answer in answers):
        return AIMessage("The edit is planned; I wait for the next verdict.")
    if not operations:
        return AIMessage("I know no change that would bring the picture closer to what was asked for.")
    looks = next((operation for operation in operations if operation.get("op") == "restyle"), None)
    if looks and "inspect" in bound and not any(answer.name == "inspect" for answer in answers):
        return _calling(number, "inspect", {"object": looks["id"], "candidates": looks["attributes"]})
    return _calling(number, "edit", {"operations": operations})


def _failure(answer: ToolMessage) -> Failure | None:
    found: Failure | None = (answer.artifact or {}).get("failure")
    return found


def _is(answer: ToolMessage, name: str) -> bool:
    return answer.name == name and answer.status != "error"


def _calling(number: int, name: str, arguments: dict[str, Any]) -> AIMessage:
    """Return a message with one call; its id follows from the place in the conversation."""
    call: ToolCall = {"type": "tool_call", "id": f"call_{number}_{name}", "name": name, "args": arguments}
    return AIMessage("", tool_calls=[call])
