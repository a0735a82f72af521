"""JSON schemas as language models are shown them: strict, and no longer than they must be.

A constrained decoder may leave out whatever a schema does not require, so everything is required: no defaults, no
other keys. Titles and lengths say nothing that a model needs; the prompts say in prose what each key means. A field
that is marked ``unasked`` is left out: it is read where it is given, and nobody is asked for it.
"""

from __future__ import annotations

from inspect import cleandoc
from typing import TYPE_CHECKING, Any

from langchain_core.utils.function_calling import convert_to_openai_tool

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence

    from pydantic import BaseModel

UNSAID = "unasked", "title", "default", "description", "discriminator", "maxLength", "minLength", "pattern"
BOUNDS = "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"
"""Validation tells of them where they are overstepped."""


def strict_schema(
    model: type[BaseModel], *, narrow: bool = False, also: Container[str] | None = None
) -> dict[str, Any]:
    """Return the JSON schema of what a language model fills in: all keys required and no others.

    ``also``: unasked fields that are asked for, those that the model's ``also`` names unless given.

    With ``narrow`` the keys that the model's ``choices`` name may hold those texts only. A server that compiles each
    new schema at length had better not be sent such ones.
    """
    also = getattr(model, "also", ()) if also is None else also
    tree, choices = _inlined(_strict(model.model_json_schema(), also)), getattr(model, "choices", {})
    return _narrowed(tree, choices) if narrow and any(choices.values()) else tree


def _narrowed(tree: Any, choices: Mapping[str, Sequence[str]], key: str = "") -> Any:
    if isinstance(tree, list):
        return [_narrowed(item, choices, key) for item in tree]
    if not isinstance(tree, dict):
        return tree
    if tree.get("type") == "string" and key in choices and "const" not in tree:
        return tree | {"enum": list(choices[key])}
    return {
        name: {field: _narrowed(item, choices, field) for field, item in value.items()}
        if name == "properties"
        else _narrowed(value, choices, key)
        for name, value in tree.items()
    }


def strict_function(tool: Any, *, also: Container[str] = ()) -> dict[str, Any]:
    """Return a tool as the OpenAI protocol describes functions, its parameters as `strict_schema` has them."""
    function: dict[str, Any] = convert_to_openai_tool(tool)["function"]
    given: Any = getattr(tool, "tool_call_schema", None)  # LangChain's own conversion loses what is required
    tree = given.model_json_schema() if hasattr(given, "model_json_schema") else function["parameters"]
    parameters = _inlined(_strict(tree, also))
    for key, said in tree.get("properties", {}).items():
        if "description" in said:
            parameters["properties"][key]["description"] = said["description"]
    return {"name": function["name"], "description": cleandoc(function["description"]), "parameters": parameters}


def _inlined(tree: dict[str, Any]) -> dict[str, Any]:
    """Return a schema with its definitions where they are used, if each is used once: that is shorter."""
    definitions = tree.get("$defs", {})
    said = str(tree)
    if any(said.count(f"#/$defs/{name}'") > 1 for name in definitions):
        return tree

    def put(part: Any) -> Any:
        if isinstance(part, list):
            return [put(item) for item in part]
        if not isinstance(part, dict):
            return part
        name = part.get("$ref", "").rpartition("/")[2]
        return put(definitions[name]) if name in definitions else {key: put(item) for key, item in part.items()}

    return {key: put(item) for key, item in tree.items() if key != "$defs"}


class _Everything:
    def __contains__(self, _: object) -> bool:
        return True


EVERYTHING = _Everything()
"""All fields: those that are asked for, and those that are read where they are given."""


def _strict(tree: Mapping[str, Any], also: Container[str] = ()) -> dict[str, Any]:
    kept = {key: value for key, value in tree.items() if key not in (*UNSAID, *BOUNDS)}
    if kept.get("type") == "array" and (kept.get("minItems"), kept.get("maxItems")) != (4, 4):
        kept = {
            key: value for key, value in kept.items() if key not in ("minItems", "maxItems")
        }  # only a box's length binds
    if "oneOf" in kept:
        kept["anyOf"] = kept.pop("oneOf")
    for key in ("items", "additionalProperties"):
        if isinstance(kept.get(key), dict):
            kept[key] = _strict(kept[key], also)
    if "anyOf" in kept:
        kept["anyOf"] = [_strict(item, also) for item in kept["anyOf"]]
    if "$defs" in kept:
        kept["$defs"] = {name: _strict(item, also) for name, item in kept["$defs"].items()}
    if kept.get("type") == "object":
        asked = {
            name: item for name, item in kept.get("properties", {}).items() if name in also or not item.get("unasked")
        }
        properties = {name: _strict(item, also) for name, item in asked.items()}
        kept |= {"properties": properties, "required": list(properties), "additionalProperties": False}
    if "$defs" in kept:
        used = str({key: value for key, value in kept.items() if key != "$defs"}) + str(kept["$defs"])
        kept["$defs"] = {name: item for name, item in kept["$defs"].items() if f"#/$defs/{name}'" in used}
    return kept
