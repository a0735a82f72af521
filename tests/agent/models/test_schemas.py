"""What validation demands, every schema says: a constrained decoder may leave out whatever is not required."""

from typing import Any

import pytest
from pydantic import BaseModel

from agent.models.schemas import strict_function, strict_schema
from graphs.eyes import Sightings
from graphs.nodes.parse import Reply
from tests.world import scene
from tools.registry import TOOLS
from tools.scene.layout import Layout
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
        operations = [one for one in schema["$defs"].values() if "op" in one.get("properties", {})]
        assert len(operations) >= 6
        assert all("op" in one["required"] for one in operations)


def test_nobody_is_asked_for_what_is_seldom_said() -> None:
    for schema in (strict_schema(Reply), strict_function(TOOLS[-1])["parameters"]):
        assert "depth" not in str(schema)
        assert "source" not in str(schema)


def test_only_ids_that_are_there_can_be_named() -> None:
    layout = scene(("red cup", [0.1, 0.1, 0.2, 0.2]), ("dog", [0.5, 0.1, 0.2, 0.2]))
    schema = strict_schema(Reply.about(layout), narrow=True)["$defs"]
    ids = {"type": "string", "enum": ["cup #1", "dog #1"]}
    assert schema["Remove"]["properties"]["id"] == schema["Swap"]["properties"]["other"] == ids
    assert schema["MoveWish"]["properties"]["of"]["items"] == ids
    assert {"type": "null"} in schema["Adjust"]["properties"]["id"]["anyOf"]
    assert "enum" not in schema["AddWish"]["properties"]["name"]
    assert strict_schema(Reply.about(layout)) == strict_schema(Reply)
    assert strict_schema(Reply.about(Layout()), narrow=True) == strict_schema(Reply)
