"""Putting together an answer that came in pieces (server-sent events), as if the server had sent it whole."""

from __future__ import annotations

from typing import Any

from agent.models.rambling import is_endless
from agent.models.structured_output import parse_json

MARK = "data:"
END = "[DONE]"


def whole_body(text: str) -> Any:
    """Return the JSON value of an answer's body; of pieces, the chat completion that they make.

    Servers that do not stream, though asked to, send one JSON value.

    Raises:
        ValueError: the body is no JSON, and none of its pieces is.
    """
    if not text.lstrip().startswith((MARK, ":", "event:")):
        return parse_json(text)
    pieces = _pieces(text)
    failed = next((piece for piece in pieces if not isinstance(piece, dict) or piece.get("error")), None)
    return _joined(pieces) if failed is None else failed


def goes_on(body: bytes) -> bool:
    """Return whether what has come of a stream only says the same again and again (`agent.models.rambling`)."""
    text = body.decode("utf-8", "ignore")
    if not text.lstrip().startswith(MARK):
        return False
    try:
        message = _joined(_pieces(text[: text.rfind("\n")]))["choices"][0]["message"]
    except (ValueError, LookupError, AttributeError):
        return False
    calls = message.get("tool_calls")
    return is_endless(str(calls[-1]["function"].get("arguments", "")) if calls else message["content"])


def _pieces(text: str) -> list[Any]:
    lines = (line.removeprefix(MARK).strip() for line in text.splitlines() if line.startswith(MARK))
    return [parse_json(line) for line in lines if line and line != END]


def _joined(pieces: list[dict[str, Any]]) -> dict[str, Any]:
    message: dict[str, Any] = {"content": ""}
    calls: dict[Any, dict[str, Any]] = {}
    body: dict[str, Any] = {}
    finished, found = None, False
    for piece in pieces:
        if isinstance(piece.get("usage"), dict):
            body["usage"] = piece["usage"]
        choices = piece.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
        finished = choice.get("finish_reason") or finished
        delta = choice.get("delta") or choice.get("message")
        if not isinstance(delta, dict):
            continue
        found = True
        for key in ("content", "refusal"):
            if isinstance(delta.get(key), str):
                message[key] = message.get(key, "") + delta[key]
        for at, call in enumerate(delta.get("tool_calls") or ()):
            if isinstance(call, dict):
                _add(calls.setdefault(call.get("index", at), {"id": None, "function": {}}), call)
    if calls:
        message["tool_calls"] = list(calls.values())
    return body | {"choices": [{"message": message, "finish_reason": finished}] if found else []}


def _add(call: dict[str, Any], piece: dict[str, Any]) -> None:
    """Add a piece to a call: names come whole or in parts, arguments as parts of a text."""
    call["id"] = piece.get("id") or call["id"]
    function = piece.get("function")
    for key, value in (function if isinstance(function, dict) else {}).items():
        known = call["function"].get(key)
        joined = isinstance(known, str) and isinstance(value, str)
        call["function"][key] = known + value if joined else value if value is not None else known
