"""What validation demands, every schema says: a constrained decoder may leave out whatever is not required."""

from typing import Any

import pytest
from pydantic import BaseModel

from agent.models.schemas import strict_function, strict_schema
from graphs.eyes import Sightings
from graphs.nodes.parse import Reply
from tools.registry import TOOLS
from tools.scene.spec import SceneSpec

FILLED: list[type[BaseModel]] = [SceneSpec, Reply, Sightings]
SCHEMAS = [*map(strict_schema, FILLED), *(strict_function(tool)["parameters"] for tool in TOOLS)]


def nodes(tree: Any) -> list[dict[str, Any]]:
    """Return every schema in a schema; the names of properties are no schemas."""
    if isinstance(tree, list):
        return [found for item in tree for found in nodes(item)]
    if not isinstance(tree, dict):
        return []
    inside = [
        *tree.get("properties", {}).values(),
        *tree.get("$defs", {}).values(),
        *tree.get("anyOf", []),
        *([tree["items"]] if "items" in tree else []),
    ]
    return [tree, *nodes(inside)]


@pytest.mark.parametrize("schema", SCHEMAS, ids=[*(model.__name__ for model in FILLED), *(tool.name for tool in TOOLS)])
def test_schemas_are_strict(schema: dict[str, Any]) -> None:
    defined = set(schema.get("$defs", {}))
    for node in nodes(schema):
        assert not {"title", "default", "discriminator", "oneOf"} & set(node)
        if node.get("type") == "object":
            assert node["required"] == list(node["properties"])
            assert node["additionalProperties"] is False
        if "$ref" in node:
            assert node["$ref"].removeprefix("#/$defs/") in defined


def test_an_operation_must_say_what_it_is() -> None:
    for schema in (strict_schema(Reply), strict_function(TOOLS[-1])["parameters"]):
        assert all(
            "op" in schema["$defs"][name]["required"] for name in ("Add", "Remove", "Move", "Restyle", "Replace")
        )
