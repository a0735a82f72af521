"""Tool calls and structured output for servers that ignore forced tools: everything travels as JSON text.

The schema of all actions stands in a system message and in ``response_format``; tool calls and answers
of the conversation are written out as text, and the model's JSON is read back as ordinary tool calls.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.prompt_values import PromptValue
from langchain_core.runnables import Runnable, RunnableLambda
from langchain_core.utils.function_calling import convert_to_openai_tool

from agent.models.structured_output import read_json
from prompts import render

if TYPE_CHECKING:
    from collections.abc import Sequence


def actions_format(tools: Sequence[Any]) -> dict[str, Any]:
    """Return a ``response_format`` that allows any list of calls of these tools."""
    return {"type": "json_schema", "json_schema": {"name": "actions", "schema": _schema(tools), "strict": False}}


def request_in_text(tools: Sequence[Any]) -> Runnable[Any, Any]:
    """Return a step that describes the tools in the system message and writes earlier calls out as text."""
    functions = [convert_to_openai_tool(tool)["function"] for tool in tools]
    note = render("actions", tools=functions)
    return RunnableLambda(lambda messages: _noted([_as_text(message) for message in _messages(messages)], note))


def answer_in_text(schema: dict[str, Any]) -> Runnable[Any, Any]:
    """Return a step that puts the schema of the answer into the system message."""
    note = render("json_answer", schema=schema)
    return RunnableLambda(lambda messages: _noted(_messages(messages), note))


def act_in_text(tools: Sequence[Any]) -> Runnable[Any, AIMessage]:
    """Return a step that reads the model's JSON as tool calls.

    Text without JSON stays text. A call that is malformed becomes an invalid tool call, which the graph
    answers with what is wrong.
    """

    def read(message: AIMessage) -> AIMessage:
        if message.tool_calls or message.invalid_tool_calls:  # the server understood tools after all
            return message
        calls: list[Any] = []
        broken: list[Any] = []
        thought = ""
        try:
            answer = read_json(message.text)
        except ValueError as error:
            if "{" in message.text:
                broken.append(_invalid(0, None, message.text, str(error)))
        else:
            thought = str(answer.get("thought", ""))
            actions = answer.get("actions", [answer] if "tool" in answer else [])
            for number, action in enumerate(actions if isinstance(actions, list) else [actions]):
                match action:
                    case {"tool": str(name), "arguments": dict(arguments)}:
                        calls.append({"name": name, "args": arguments, "id": f"action_{number}", "type": "tool_call"})
                    case _:
                        problem = 'an action must be {"tool": name, "arguments": {...}}'
                        broken.append(_invalid(number, None, json.dumps(action), problem))
        return AIMessage(
            content=thought if calls or broken else message.text,
            tool_calls=calls,
            invalid_tool_calls=broken,
            usage_metadata=message.usage_metadata,
            response_metadata=message.response_metadata,
        )

    return RunnableLambda(read)


def _schema(tools: Sequence[Any]) -> dict[str, Any]:
    functions = [convert_to_openai_tool(tool)["function"] for tool in tools]
    actions = [
        {
            "type": "object",
            "properties": {"tool": {"const": function["name"]}, "arguments": function["parameters"]},
            "required": ["tool", "arguments"],
            "additionalProperties": False,
        }
        for function in functions
    ]
    return {
        "type": "object",
        "properties": {
            "thought": {"type": "string"},
            "actions": {"type": "array", "items": {"anyOf": actions}},
        },
        "required": ["actions"],
        "additionalProperties": False,
    }


def _messages(given: Any) -> list[AnyMessage]:
    return list(given.to_messages() if isinstance(given, PromptValue) else given)


def _noted(messages: list[AnyMessage], note: str) -> list[AnyMessage]:
    """Add a note to the system message, or put one in front: many servers take a single one only."""
    if messages and isinstance(messages[0], SystemMessage):
        return [SystemMessage(f"{messages[0].text}\n\n{note}"), *messages[1:]]
    return [SystemMessage(note), *messages]


def _as_text(message: AnyMessage) -> AnyMessage:
    if isinstance(message, ToolMessage):
        outcome = "failed" if message.status == "error" else "answered"
        return HumanMessage(f"{message.name} {outcome}: {message.text}")
    if isinstance(message, AIMessage) and message.tool_calls:
        actions = [{"tool": call["name"], "arguments": call["args"]} for call in message.tool_calls]
        return AIMessage(json.dumps({"thought": message.text, "actions": actions}))
    return message


def _invalid(number: int, name: str | None, args: str, error: str) -> dict[str, Any]:
    return {"name": name, "args": args[:2000], "id": f"action_{number}", "error": error, "type": "invalid_tool_call"}
