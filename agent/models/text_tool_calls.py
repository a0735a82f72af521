"""Tool calls and structured output for servers that ignore forced tools: everything travels as JSON text.

The schema of all actions stands in a system message and in ``response_format``; tool calls and answers
of the conversation are written out as text, and the model's JSON is read back as ordinary tool calls.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.prompt_values import PromptValue
from langchain_core.runnables import Runnable, RunnableLambda

from agent.models.fitting import NAMES, WRAPPERS, fitted
from agent.models.rambling import completed, rambles, unrepeated
from agent.models.schemas import EVERYTHING, strict_function
from agent.models.structured_output import THOUGHTS, is_cut, parse_json
from prompts import render

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def actions_format(tools: Sequence[Any]) -> dict[str, Any]:
    """Return a ``response_format`` that allows any list of calls of these tools."""
    return {"type": "json_schema", "json_schema": {"name": "actions", "schema": _schema(tools), "strict": True}}


def request_in_text(tools: Sequence[Any]) -> Runnable[Any, Any]:
    """Return a step that describes the tools in the system message and writes earlier calls out as text."""
    functions = [strict_function(tool) for tool in tools]
    note = render("actions", tools=functions)
    return RunnableLambda(lambda messages: _noted([_as_text(message) for message in _messages(messages)], note))


def act_in_text(tools: Sequence[Any]) -> Runnable[Any, AIMessage]:
    """Return a step that reads a model's text as tool calls, and makes the arguments of all calls fit.

    Text without calls stays text. A call that is malformed becomes an invalid tool call, which the graph
    answers with what is wrong. What was read in another way than it was written stands in
    ``response_metadata["mended"]``.
    """
    described = (strict_function(tool, also=EVERYTHING) for tool in tools)
    functions = {function["name"]: function["parameters"] for function in described}

    def read(message: AIMessage) -> AIMessage:
        notes: list[str] = []
        calls, broken = list[Any](), list[Any]()
        thought: str = message.text
        for call in [*message.tool_calls, *message.invalid_tool_calls]:  # the server understood tools after all
            given: Any = call["args"]
            if call["name"] not in functions and call in message.invalid_tool_calls:
                broken.append(call)
                continue
            try:
                given = parse_json(given) if isinstance(given, str) else given
            except ValueError:
                broken.append(call)
                continue
            fit = fitted(given, functions.get(str(call["name"]), {}), notes)
            if isinstance(fit, dict):
                calls.append({"name": call["name"], "args": fit, "id": call["id"], "type": "tool_call"})
            else:
                broken.append(call)
        if not message.tool_calls and not message.invalid_tool_calls:
            text = completed(message.text) if is_cut(message) and rambles(message.text) else message.text
            thought, calls, broken = _read_text(text, functions, notes)
        kept = {"mended": notes} if notes else {}
        return AIMessage(
            content=thought if calls or broken else message.text,
            tool_calls=calls,
            invalid_tool_calls=broken,
            usage_metadata=message.usage_metadata,
            additional_kwargs=message.additional_kwargs,
            response_metadata=message.response_metadata | kept,
        )

    return RunnableLambda(read)


def _read_text(
    text: str, functions: Mapping[str, dict[str, Any]], notes: list[str]
) -> tuple[str, list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the thought, the calls and the broken calls that a text holds."""
    text = THOUGHTS.sub("", text)
    calls, broken, thought = list[Any](), list[Any](), ""
    for number, piece in enumerate(_pieces(text)):
        try:
            value = parse_json(piece, more=True)
        except ValueError as error:
            broken.append(_invalid(number, None, piece, str(error)))
            continue
        if isinstance(value, dict):
            thought = thought or str(value.get("thought", ""))
        actions = _actions(value)
        once = unrepeated(actions)
        if once != actions:
            notes.append("took what was said more than once as said once")
        for action in once:
            _take(action, functions, notes, calls, broken)
    if not calls and not broken:
        for found in re.finditer(r"^[\s`]*(\w+)\(\)[\s`.]*$", text, re.MULTILINE):
            if functions.get(found[1], {}).get("properties") == {}:
                notes.append("read a call in prose")
                calls.append({"name": found[1], "args": {}, "id": f"action_{len(calls)}", "type": "tool_call"})
    return thought, calls, broken


def _take(
    action: Any, functions: Mapping[str, dict[str, Any]], notes: list[str], calls: list[Any], broken: list[Any]
) -> None:
    """Put one action among the calls, or among the broken ones if it looks like a call and is none."""
    at = len(calls) + len(broken)
    name, arguments = _call(action, functions)
    if name is None:
        if not isinstance(action, dict) or set(action) & {"op", *NAMES}:
            problem = 'an action must be {"tool": name, "arguments": {...}}'
            broken.append(_invalid(at, None, json.dumps(action), problem))
        return
    fit = fitted(arguments, functions.get(name, {}), notes)
    if isinstance(fit, dict):
        calls.append({"name": name, "args": fit, "id": f"action_{at}", "type": "tool_call"})
    else:
        broken.append(_invalid(at, name, json.dumps(arguments), "the arguments must be a JSON object"))


def _pieces(text: str) -> list[str]:
    """Return the parts of a text that are, or begin with, JSON."""
    for marks in (r"<tool_call>\s*(.*?)\s*(?:</tool_call>|$)", r"```\w*\s*(.*?)\s*(?:```|$)"):
        found = [piece for piece in re.findall(marks, text, re.DOTALL) if piece[:1] in ("{", "[")]
        if found:
            return found
    start = re.search(r"\{|\[\s*\{", text)
    return [text[start.start() :]] if start else []


def _actions(value: Any) -> list[Any]:
    """Return the single calls in a JSON value: operations that stand alone are one edit."""
    if isinstance(value, dict):
        for key in ("actions", "tool_calls", "calls"):
            if key in value:
                inside = value[key]
                return inside if isinstance(inside, list) else [inside]
        return [value] if set(value) & {"tool", "function", "op", "operations", *NAMES} else []
    if isinstance(value, list) and value and all(isinstance(item, dict) and "op" in item for item in value):
        return [{"operations": value}]
    return value if isinstance(value, list) else []


def _call(action: Any, functions: Mapping[str, dict[str, Any]]) -> tuple[str | None, Any]:
    """Return the name and the arguments of one call, however a model names these keys."""
    if not isinstance(action, dict):
        return None, None
    if isinstance(action.get("function"), dict):
        action = action["function"]
    if "op" in action or ("operations" in action and not set(NAMES) & set(action)):
        return "edit", action
    name = next((action[key] for key in NAMES if isinstance(action.get(key), str)), None)
    if name is None:
        return None, None
    inside = next((action[key] for key in WRAPPERS if key in action), None)
    if inside is None:
        inside = {key: item for key, item in action.items() if key not in (*NAMES, "thought")}
        if not inside and functions.get(name, {}).get("properties"):
            return None, None
    return name, inside


def _schema(tools: Sequence[Any]) -> dict[str, Any]:
    functions = [strict_function(tool) for tool in tools]
    shared = {name: item for function in functions for name, item in function["parameters"].pop("$defs", {}).items()}
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
        "$defs": shared,  # references are looked up from the root
        "type": "object",
        "properties": {
            "thought": {"type": "string"},
            "actions": {"type": "array", "items": {"anyOf": actions}},
        },
        "required": ["thought", "actions"],
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
