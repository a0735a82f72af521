"""Reading JSON out of a language model's answer: the one place that knows how answers are broken."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, TypeVar

from langchain_core.runnables import RunnableLambda
from pydantic import BaseModel

from agent.models.fitting import fitted
from agent.models.rambling import completed, rambles, unrepeated
from agent.models.schemas import EVERYTHING, strict_schema

if TYPE_CHECKING:
    from collections.abc import Iterable

    from langchain_core.messages import AIMessage
    from langchain_core.runnables import Runnable

DEEPEST = 40  # levels of JSON; what any tool takes has six
LONGEST_NUMBER = 18  # digits of a whole number: a checkpoint holds 64 bits
BEGINNING = re.compile(r"\{|\[\s*\{")
T = TypeVar("T", bound=BaseModel)
THOUGHTS = re.compile(r"<think>.*?</think>", re.DOTALL)  # some models reason aloud before they answer


def read_json(text: str, *, cut: bool = False) -> Any:
    """Return the first JSON object (or list of objects) in the text, whatever stands around it (prose, code fences).

    ``cut`` says that the answer came to its limit, which explains best why it is broken. One that only repeated itself
    by then is read as far as it is whole, each thing once.

    Raises:
        ValueError: there is none, or it is broken; the message says where.
    """
    text = THOUGHTS.sub("", text)
    start = BEGINNING.search(text)
    try:
        if start is None:
            raise ValueError(f"no JSON object in the answer {text[:80]!r}")
        return parse_json(text[start.start() :], more=True)
    except ValueError:
        if cut and start is not None and rambles(text):
            return unrepeated(parse_json(completed(text[start.start() :])))
        if cut:
            raise ValueError("the answer was cut off at the length limit: give a shorter one") from None
        raise


def parse_json(text: str, *, more: bool = False) -> Any:
    """Return the JSON value that a text is (or, with ``more``, begins with), safe to be kept and sent again.

    Raises:
        ValueError: it is broken, nested more than `DEEPEST` levels, or has a number that JSON or a checkpoint
            cannot hold; the message says where.
    """
    text = whole(text)
    try:
        value, end = DECODER.raw_decode(text, len(text) - len(text.lstrip()))
        if not more and text[end:].strip():
            raise json.JSONDecodeError("Extra data", text, end)
    except json.JSONDecodeError as error:
        near = text[max(error.pos - 30, 0) : error.pos + 10]
        raise ValueError(f"the JSON is broken at character {error.pos}, near {near!r}: {error.msg}") from None
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None
    level = [value]
    for _ in range(DEEPEST):
        level = [item for node in level for item in _items(node)]
        if not level:
            return _whole_tree(value)
    raise ValueError(f"the JSON is nested too deeply: at most {DEEPEST} levels are read")


def whole(text: str) -> str:
    """Return a text whose characters are whole: half of one (a lone surrogate) can neither be kept nor sent."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _whole_tree(value: Any) -> Any:
    if isinstance(value, str):
        return whole(value)  # an escape sequence in the JSON may have made half a character
    if isinstance(value, list):
        return [_whole_tree(item) for item in value]
    return {whole(key): _whole_tree(item) for key, item in value.items()} if isinstance(value, dict) else value


def _items(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def _integer(text: str) -> int:
    if len(text) > LONGEST_NUMBER:
        raise ValueError(f"a number of {len(text)} digits is too long")
    return int(text)


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no JSON number")


DECODER = json.JSONDecoder(parse_int=_integer, parse_constant=_no_number, strict=False)


def read_answer(message: AIMessage, schema: type[T]) -> T:
    """Return the object that an answer holds, as arguments of a forced tool call or as JSON text.

    What was read in another way than it was written is added to ``response_metadata["mended"]``.

    Raises:
        ValueError: neither is there, or it does not fit the schema (pydantic's error is a ValueError).
    """
    if message.tool_calls:
        value: Any = message.tool_calls[0]["args"]
    elif message.invalid_tool_calls:
        value = read_json(message.invalid_tool_calls[0]["args"] or "", cut=is_cut(message))
    else:
        value = read_json(message.text, cut=is_cut(message))
    notes: list[str] = []
    value = fitted(value, strict_schema(schema, also=EVERYTHING), notes)
    if notes:
        message.response_metadata = message.response_metadata | {"mended": notes}
    return schema.model_validate(value)


def is_cut(message: AIMessage) -> bool:
    """Return whether an answer ended because it came to its limit."""
    return message.response_metadata.get("finish_reason") in ("length", "max_tokens")


def structured(model: Runnable[Any, AIMessage], schema: type[T], include_raw: bool) -> Runnable[Any, Any]:
    """Return the model followed by `read_answer`, with LangChain's ``include_raw`` contract.

    With ``include_raw`` the output is ``{"raw", "parsed", "parsing_error"}`` and a broken answer does
    not raise; without, it is the object.
    """

    def read(message: AIMessage) -> Any:
        if not include_raw:
            return read_answer(message, schema)
        try:
            return {"raw": message, "parsed": read_answer(message, schema), "parsing_error": None}
        except ValueError as error:
            return {"raw": message, "parsed": None, "parsing_error": error}

    return model | RunnableLambda(read)
