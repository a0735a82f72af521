"""Turns what LangGraph and LangChain say while a graph runs into trace events.

Nodes come from the graph's stream, language model and tool calls from callbacks. Knows nothing of
what the nodes do.
"""

from __future__ import annotations

import hashlib
import json
import time
from typing import TYPE_CHECKING, Any

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from pydantic import BaseModel

from agent.trace.events import now

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from langchain_core.outputs import LLMResult

    from agent.trace.events import TraceWriter

ROUTING = "branch:to:"  # channels that LangGraph itself writes, of no interest to a reader


class Recorder(BaseCallbackHandler):
    """Writes one event per finished node, language model call and tool call."""

    raise_error = True  # a trace that cannot be written ends the run: silence would lose the story
    run_inline = True

    def __init__(self, trace: TraceWriter) -> None:
        self._trace = trace
        self._open: dict[Any, dict[str, Any]] = {}
        self._clocks: dict[Any, float] = {}
        self._shown: list[dict[str, Any]] = []

    def clean(self, update: dict[str, Any]) -> dict[str, Any]:
        """Return what a node wrote without secrets, for whoever listens."""
        cleaned: dict[str, Any] = self._trace.redactor.tree(update)
        return cleaned

    # -- the graph's stream -------------------------------------------------------------------

    def node(self, part: dict[str, Any], step: int) -> None:
        """Take one part of stream mode "tasks"."""
        task = part["id"]
        if "triggers" in part:
            self._begin(task, task=task, node=part["name"], step=step)
            return
        fields = self._end(task)
        if part.get("error"):
            self._trace.write("node", **fields, error=part["error"])
        else:
            self._trace.write("node", **fields, update=update_of(part.get("result")))

    # -- language model calls -----------------------------------------------------------------

    def on_chat_model_start(
        self, serialized: dict[str, Any], messages: list[list[BaseMessage]], *, run_id: UUID, **kwargs: Any
    ) -> None:
        """Remember the start, and the messages that this call adds to the last one's."""
        shown = [readable(message) for message in messages[0]] if messages else []
        keep = 0
        while keep < min(len(shown), len(self._shown)) and shown[keep] == self._shown[keep]:
            keep += 1
        self._shown = shown
        model = (kwargs.get("metadata") or {}).get("ls_model_name")
        self._begin(run_id, **_place(kwargs), model=model, keep=keep, new=shown[keep:])

    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **kwargs: Any) -> None:
        """Write the answer with its tokens."""
        message = getattr(response.generations[0][0], "message", None) if response.generations else None
        used: Any = (message.usage_metadata if isinstance(message, AIMessage) else None) or {}
        answer = readable(message) if isinstance(message, BaseMessage) else str(response)
        recorded = isinstance(message, AIMessage) and message.response_metadata.get("recorded")
        self._trace.write(
            "llm",
            **self._end(run_id),
            **({"recorded": True} if recorded else {}),
            answer=answer,
            input_tokens=used.get("input_tokens", 0),
            output_tokens=used.get("output_tokens", 0),
        )

    def on_llm_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        """Write the failure."""
        self._trace.write("llm", **self._end(run_id), error=f"{type(error).__name__}: {error}")

    # -- tool calls ---------------------------------------------------------------------------

    def on_tool_start(self, serialized: dict[str, Any], input_str: str, *, run_id: UUID, **kwargs: Any) -> None:
        """Remember the start and the arguments."""
        inputs = kwargs.get("inputs") or {}
        arguments = {name: value for name, value in inputs.items() if name != "runtime"} or input_str
        name = serialized.get("name") or kwargs.get("name")
        self._begin(run_id, **_place(kwargs), tool=name, arguments=arguments)

    def on_tool_end(self, output: Any, *, run_id: UUID, **kwargs: Any) -> None:
        """Write what the tool answered."""
        failed = isinstance(output, ToolMessage) and output.status == "error"
        self._trace.write("tool", **self._end(run_id), answer=_answer(output), failed=failed)

    def on_tool_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        """Write the failure."""
        self._trace.write("tool", **self._end(run_id), error=f"{type(error).__name__}: {error}", failed=True)

    def _begin(self, key: Any, **fields: Any) -> None:
        self._open[key] = {"started": now(), **fields}
        self._clocks[key] = time.perf_counter()

    def _end(self, key: Any) -> dict[str, Any]:
        seconds = time.perf_counter() - self._clocks.pop(key, time.perf_counter())
        return {**self._open.pop(key, {}), "seconds": round(seconds, 4)}


def readable(message: BaseMessage) -> dict[str, Any]:
    """Return a message as JSON types, as the language model knows it; pictures in it become "(picture DIGEST)"."""
    content: Any = message.content
    if not isinstance(content, str):
        content = "\n".join(part if isinstance(part, str) else part.get("text", _picture(part)) for part in content)
    result: dict[str, Any] = {"role": message.type, "content": content}
    if isinstance(message, AIMessage):
        calls: Sequence[Any] = [*message.tool_calls, *message.invalid_tool_calls]
        known = ("id", "name", "args", "error")  # only a call that could not be read has an error
        result["tool_calls"] = [{key: call[key] for key in known if key in call} for call in calls]
        if message.additional_kwargs.get("fallback"):
            result["fallback"] = True  # the solver's plan, done in the language model's place
        if mended := message.response_metadata.get("mended"):
            result["mended"] = mended
        if refusal := message.additional_kwargs.get("refusal"):
            result["refusal"] = refusal
    if isinstance(message, ToolMessage):
        result |= {"name": message.name, "tool_call_id": message.tool_call_id, "failed": message.status == "error"}
    return result


def update_of(result: Any) -> dict[str, Any]:
    """Return what a node wrote to the state as JSON types, messages made readable."""
    writes = dict(result) if isinstance(result, (dict, list)) else {}
    return {name: _readable_all(value) for name, value in writes.items() if not str(name).startswith(ROUTING)}


def _picture(part: dict[str, Any]) -> str:
    """Stand for a picture: another one has another digest."""
    return f"(picture {hashlib.sha256(json.dumps(part, sort_keys=True).encode()).hexdigest()[:12]})"


def _readable_all(value: Any) -> Any:
    if isinstance(value, BaseMessage):
        artifact = value.artifact if isinstance(value, ToolMessage) else None
        return readable(value) | ({"artifact": artifact} if artifact else {})
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, (list, tuple)):
        return [_readable_all(item) for item in value]
    return value


def _answer(output: Any) -> Any:
    if isinstance(output, BaseMessage):
        return readable(output)["content"]
    update = getattr(output, "update", None)  # a Command carries the answer among its messages
    if isinstance(update, dict):
        return "\n".join(
            readable(message)["content"] for message in update.get("messages", []) if isinstance(message, BaseMessage)
        )
    return output


def _place(kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return where a callback happened: LangGraph's namespace is ``node:task`` (nested ones after ``|``)."""
    metadata = kwargs.get("metadata") or {}
    namespace = str(metadata.get("langgraph_checkpoint_ns", "")).partition("|")[0]
    node, _, task = namespace.partition(":")
    return {"task": task or None, "node": node or None, "step": metadata.get("langgraph_step")}
