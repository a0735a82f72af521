"""Reading JSON out of a language model's answer: the one place that knows how answers are broken."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, TypeVar

from langchain_core.runnables import RunnableLambda
from pydantic import BaseModel

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage
    from langchain_core.runnables import Runnable

T = TypeVar("T", bound=BaseModel)
THOUGHTS = re.compile(r"<think>.*?</think>", re.DOTALL)  # some models reason aloud before they answer


def read_json(text: str) -> dict[str, Any]:
    """Return the first JSON object in the text, whatever stands around it (prose, code fences).

    Raises:
        ValueError: there is none, or it is broken; the message says where.
    """
    text = THOUGHTS.sub("", text)
    start = text.find("{")
    if start < 0:
        raise ValueError(f"no JSON object in the answer {text[:80]!r}")
    try:
        value, _ = json.JSONDecoder().raw_decode(text, start)
    except json.JSONDecodeError as error:
        near = text[max(error.pos - 30, 0) : error.pos + 10]
        raise ValueError(f"the JSON is broken at character {error.pos - start}, near {near!r}: {error.msg}") from None
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None
    assert isinstance(value, dict)  # it began with a brace
    return value


def read_answer(message: AIMessage, schema: type[T]) -> T:
    """Return the object that an answer holds, as arguments of a forced tool call or as JSON text.

    Raises:
        ValueError: neither is there, or it does not fit the schema (pydantic's error is a ValueError).
    """
    if message.response_metadata.get("finish_reason") == "length":
        raise ValueError("the answer was cut off at the length limit: give a shorter one")
    if message.tool_calls:
        return schema.model_validate(message.tool_calls[0]["args"])
    if message.invalid_tool_calls:
        return schema.model_validate(read_json(message.invalid_tool_calls[0]["args"] or ""))
    return schema.model_validate(read_json(message.text))


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
