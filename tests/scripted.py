"""A chat model that says what a test tells it to, records what it saw, and fails when its script ends."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable, RunnableLambda
from pydantic import Field, ValidationError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from langchain_core.tools import BaseTool

Line = Any
"""An AIMessage, a text, a dict (JSON), an exception to raise, or a function of the messages giving one of these."""


class ScriptEnded(AssertionError):
    """The graph asked for more than the script holds."""


class ScriptedChat(BaseChatModel):
    """Answers with the script's lines, one per call."""

    script: list[Any] = Field(default_factory=list)
    seen: list[list[BaseMessage]] = Field(default_factory=list)
    bound: list[list[str]] = Field(default_factory=list)
    position: int = 0
    forever: bool = False
    """Repeat the last line without end."""

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Sequence[BaseTool], **kwargs: Any) -> Runnable[Any, AIMessage]:  # type: ignore[override]  # tests bind tools only
        self.bound.append([tool.name for tool in tools])
        return self

    def with_structured_output(self, schema: Any, *, include_raw: bool = False, **kwargs: Any) -> Runnable[Any, Any]:
        assert include_raw

        def read(raw: AIMessage) -> dict[str, Any]:
            try:
                return {"raw": raw, "parsed": schema.model_validate_json(raw.text), "parsing_error": None}
            except ValidationError as error:
                return {"raw": raw, "parsed": None, "parsing_error": error}

        return self | RunnableLambda(read)

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        self.seen.append(messages)
        if self.position >= len(self.script):
            raise ScriptEnded(f"no line {self.position + 1} in the script; asked: {messages[-1].text[:300]!r}")
        line = self.script[self.position]
        if not (self.forever and self.position == len(self.script) - 1):
            self.position += 1
        if callable(line):
            line = line(messages)
        if isinstance(line, Exception):
            raise line
        if isinstance(line, dict):
            line = json.dumps(line)
        message = line.model_copy(deep=True) if isinstance(line, AIMessage) else AIMessage(line)
        message.usage_metadata = message.usage_metadata or {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
        return ChatResult(generations=[ChatGeneration(message=message)])


def calls(*requests: tuple[str, dict[str, Any]], text: str = "") -> AIMessage:
    """Return a message with tool calls ("call_0", "call_1", ...)."""
    return AIMessage(
        text,
        tool_calls=[{"name": name, "args": args, "id": f"call_{at}"} for at, (name, args) in enumerate(requests)],
    )


def edit(*operations: dict[str, Any]) -> AIMessage:
    """Return a message that calls the edit tool once."""
    return calls(("edit", {"operations": list(operations)}))


def suggested(messages: list[BaseMessage]) -> AIMessage:
    """Edit with whatever suggest_layout answered last: a planner in one line."""
    return edit(*json.loads(messages[-1].text)["operations"])


Planner: tuple[Callable[[list[BaseMessage]], AIMessage] | AIMessage, ...] = (calls(("suggest_layout", {})), suggested)
