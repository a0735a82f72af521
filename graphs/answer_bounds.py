"""How much one answer of a language model may bring into a state, whichever program made the chat model.

Whatever is beyond becomes a mistake that the model is told of, so that one answer cannot fill the disk.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_core.messages import BaseMessage, InvalidToolCall

CALLS = 64  # of one answer; a turn has fewer
NAME = 64  # characters of an id or a name; longer ones are no tool's
ARGUMENTS = 100_000  # characters of all calls of an answer together
TEXT = 100_000
TOLD = 2000  # characters of broken arguments and of what is wrong with them
TOKENS = 2**40
SPOKEN = 2 * 2**20  # characters that are said in one turn: every checkpoint of it holds them all


def bounded(message: BaseMessage) -> AIMessage:
    """Return an answer within bounds, with an id of its own for every call: some models give none, or one twice."""
    given = message if isinstance(message, AIMessage) else AIMessage(message.content)
    good, broken, seen = list[Any](), list[Any](), set[str]()

    def own(call_id: Any) -> str:
        usable = isinstance(call_id, str) and 0 < len(call_id) <= NAME and call_id not in seen
        chosen = call_id if usable else f"call_{len(seen)}"
        while chosen in seen:
            chosen += "_"
        seen.add(chosen)
        return str(chosen)

    room = ARGUMENTS
    for call in given.tool_calls[:CALLS]:
        kept = {**call, "id": own(call["id"]), "name": call["name"][:NAME]}
        problem, length = None, 0
        try:
            length = _length(call["args"])
        except (TypeError, ValueError, RecursionError):
            problem = "they are no JSON"
        if length > room:
            problem = f"they have {length:,} characters: at most {ARGUMENTS:,} are read in one answer"
        if problem is None:
            room -= length
            good.append(kept)
        else:
            broken.append({**kept, "args": "", "error": problem, "type": "invalid_tool_call"})
    broken += [_cut(call, own(call["id"])) for call in given.invalid_tool_calls[: CALLS - len(given.tool_calls)]]
    whole_text = isinstance(given.content, str) or _length(given.content) <= TEXT
    return AIMessage(
        content=given.content[:TEXT] if isinstance(given.content, str) or whole_text else given.text[:TEXT],
        tool_calls=good,
        invalid_tool_calls=broken,
        usage_metadata=given.usage_metadata,
    )


def spoken(messages: Sequence[BaseMessage]) -> int:
    """Return how many characters were said: texts and the arguments of calls."""
    called = (call for message in messages if isinstance(message, AIMessage) for call in message.tool_calls)
    return sum(len(message.text) for message in messages) + sum(_length(call["args"]) for call in called)


def _length(value: Any) -> int:
    return len(json.dumps(value))


def _cut(call: InvalidToolCall, call_id: str) -> dict[str, Any]:
    texts = {"name": NAME, "args": TOLD, "error": TOLD}
    return {**call, "id": call_id} | {key: (call[key] or "")[:most] or None for key, most in texts.items()}  # type: ignore[literal-required]
