"""Reading a chat completion that any server may have sent: one well-formed, bounded message, or what is wrong with it.

What the language model got wrong (arguments that are no JSON object, say) becomes an invalid tool call, which the
graph shows it. What the server got wrong is a `CompletionError`, which says what it sent.
"""

from __future__ import annotations

import json
from typing import Any

from langchain_core.messages import AIMessage

from agent.models.structured_output import parse_json, whole
from graphs.answer_bounds import ARGUMENTS, CALLS, NAME, TEXT, TOKENS, TOLD


class CompletionError(Exception):
    """A body that is no chat completion; the message says what it is instead."""


def read_completion(body: Any) -> AIMessage:
    """Return the first message of a chat completion (a JSON value), with its tokens and why it ended.

    Raises:
        CompletionError: there is none.
    """
    if not isinstance(body, dict):
        raise CompletionError(f"{_kind(body)} instead of a chat completion: {_quoted(body)}")
    if body.get("error"):
        raise CompletionError(f"an error: {_quoted(_error(body['error']))}")
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices:
        found = f"choices that are {_kind(choices)}" if "choices" in body else f"no choices, only {_quoted(list(body))}"
        raise CompletionError("an empty list of choices" if choices == [] else found)
    choice = choices[0]
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(message, dict):
        raise CompletionError(f"a choice without a message: {_quoted(choice)}")
    calls, broken = _calls(message.get("tool_calls"), message.get("function_call"))
    finished = choice.get("finish_reason")
    refusal = message.get("refusal")
    return AIMessage(
        content=_content(message.get("content")),
        tool_calls=calls,
        invalid_tool_calls=broken,
        additional_kwargs={"refusal": whole(refusal)[:TOLD]} if isinstance(refusal, str) and refusal else {},
        usage_metadata=_usage(body["usage"]) if isinstance(body.get("usage"), dict) else None,
        response_metadata={"finish_reason": finished[:NAME]} if isinstance(finished, str) else {},
    )


def _content(given: Any) -> str:
    """Return a message's text; of a list of parts, their texts."""
    match given:
        case None:
            return ""
        case str():
            return whole(given)[:TEXT]
        case list():
            texts = [
                part if isinstance(part, str) else part.get("text") for part in given if isinstance(part, str | dict)
            ]
            return whole("".join(text for text in texts if isinstance(text, str)))[:TEXT]
        case _:
            raise CompletionError(f"a message whose content is {_kind(given)}: {_quoted(given)}")


def _calls(given: Any, single: Any) -> tuple[list[Any], list[Any]]:
    calls, broken = list[Any](), list[Any]()
    if isinstance(given, dict):
        given = [given]
    if not isinstance(given, list):
        given = [{"function": single}] if isinstance(single, dict) else []
    for number, call in enumerate(given[:CALLS]):
        function = call.get("function") if isinstance(call, dict) else None
        call_id = call.get("id") if isinstance(call, dict) else None
        call_id = whole(call_id) if isinstance(call_id, str) and 0 < len(call_id) <= NAME else f"call_{number}"
        function = function if isinstance(function, dict) else {}
        name, arguments = function.get("name"), function.get("arguments")
        name = whole(name)[:NAME] if isinstance(name, str) else ""
        try:
            if not name:
                raise ValueError("a tool call needs the name of a function")
            calls.append({"name": name, "args": _arguments(arguments), "id": call_id, "type": "tool_call"})
        except ValueError as error:
            text = arguments if isinstance(arguments, str) else json.dumps(arguments, default=str)
            broken.append(
                {
                    "name": name or None,
                    "args": whole(text)[:TOLD],
                    "id": call_id,
                    "error": str(error),
                    "type": "invalid_tool_call",
                }
            )
    return calls, broken


def _arguments(given: Any) -> dict[str, Any]:
    if given is None or given == "":
        return {}
    text = given if isinstance(given, str) else json.dumps(given)
    if len(text) > ARGUMENTS:
        raise ValueError(f"the arguments have {len(text):,} characters: at most {ARGUMENTS:,} are read")
    value = parse_json(text)
    if not isinstance(value, dict):
        raise ValueError(f"the arguments must be a JSON object, not {_kind(value)}")
    return value


def _usage(given: Any) -> Any:
    """Return the tokens; a server that counts in another way counts for nothing."""
    details = given.get("prompt_tokens_details")

    def count(name: str, among: Any = given) -> int:
        value = among.get(name)
        number = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < TOKENS
        return int(value) if number else 0

    used = {"input_tokens": count("prompt_tokens"), "output_tokens": count("completion_tokens")}
    cached = count("cached_tokens", details) if isinstance(details, dict) else 0
    known = {"input_token_details": {"cache_read": cached}} if cached else {}
    return {**used, "total_tokens": sum(used.values()), **known}


def _error(given: Any) -> Any:
    return given.get("message") or given if isinstance(given, dict) else given


def _quoted(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return repr(whole(text[:200]))


def _kind(value: Any) -> str:
    names = {
        dict: "an object",
        list: "a list",
        str: "a text",
        bool: "true or false",
        int: "a number",
        float: "a number",
    }
    return names.get(type(value), "null")
