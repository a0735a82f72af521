"""JSON schemas as language models are shown them: strict, and no longer than they must be.

A constrained decoder may leave out whatever a schema does not require, so everything is required: no defaults, no
other keys. Titles and lengths say nothing that a model needs; the prompts say in prose what each key means.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.utils.function_calling import convert_to_openai_tool

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

UNSAID = "title", "default", "description", "discriminator", "maxLength", "minLength", "pattern"


def strict_schema(model: type[BaseModel]) -> dict[str, Any]:
    """Return the JSON schema of what a language model fills in: all keys required and no others."""
    return _strict(model.model_json_schema())


def strict_function(tool: Any) -> dict[str, Any]:
    """Return a tool as the OpenAI protocol describes functions, its parameters as `strict_schema` has them."""
    function: dict[str, Any] = convert_to_openai_tool(tool)["function"]
    given: Any = getattr(tool, "tool_call_schema", None)  # LangChain's own conversion loses what is required
    tree = given.model_json_schema() if hasattr(given, "model_json_schema") else function["parameters"]
    parameters = _strict(tree)
    for key, said in tree.get("properties", {}).items():
        if "description" in said:
            parameters["properties"][key]["description"] = said["description"]
    return {"name": function["name"], "description": function["description"], "parameters": parameters}


def _strict(tree: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in tree.items() if key not in UNSAID}
    if kept.get("type") == "array" and (kept.get("minItems"), kept.get("maxItems")) != (4, 4):
        kept = {key: value for key, value in kept.items() if key != "maxItems"}  # only a box's length binds
    if "oneOf" in kept:
        kept["anyOf"] = kept.pop("oneOf")
    for key in ("items", "additionalProperties"):
        if isinstance(kept.get(key), dict):
            kept[key] = _strict(kept[key])
    if "anyOf" in kept:
        kept["anyOf"] = [_strict(item) for item in kept["anyOf"]]
    if "$defs" in kept:
        kept["$defs"] = {name: _strict(item) for name, item in kept["$defs"].items()}
    if kept.get("type") == "object":
        properties = {name: _strict(item) for name, item in kept.get("properties", {}).items()}
        kept |= {"properties": properties, "required": list(properties), "additionalProperties": False}
    if "$defs" in kept:
        used = str({key: value for key, value in kept.items() if key != "$defs"}) + str(kept["$defs"])
        kept["$defs"] = {name: item for name, item in kept["$defs"].items() if f"#/$defs/{name}'" in used}
    return kept
