"""What the language model is told: text files in this folder, rendered strictly.

A missing variable is an error. Text from people is data: it stands between tags, and `data` keeps it
from closing them.
"""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Undefined
from pydantic import BaseModel

TAGS = ("sentence", "claims", "instruction", "layout", "target", "suggestion", "recent", "history", "shapes", "others",
        "verdict")  # fmt: skip


def render(name: str, **values: Any) -> str:
    """Return the prompt ``name`` (a file ``name.txt`` here) with the values filled in.

    Raises:
        jinja2.UndefinedError: a value that the prompt needs is missing.
        jinja2.TemplateNotFound: there is no such prompt.
    """
    return _environment().get_template(f"{name}.txt").render(values)


def data(text: str) -> str:
    """Return text that cannot open or close one of the tags around it; other text stays as it is."""
    return re.sub(rf"<(?=\s*/?\s*(?:{'|'.join(TAGS)})\b)", "\u2039", str(text), flags=re.IGNORECASE)


def as_json(value: Any) -> str:
    """Return JSON (of pydantic models too) in which no string can open or close a tag."""
    if isinstance(value, Undefined):
        str(value)  # a strict one raises what any other use of it would
    return json.dumps(value, ensure_ascii=False, default=_dump).replace("<", "\\u003c")


def _dump(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    raise TypeError(f"{type(value).__name__} is no JSON")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("prompts", ""),
        undefined=StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"data": data, "json": as_json}
    return environment
