"""What validation demands, every schema says: a constrained decoder may leave out whatever is not required."""

import json
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from pydantic import BaseModel

from agent.models.schemas import strict_function, strict_schema
from agent.models.structured_output import read_answer
from agent.models.text_tool_calls import act_in_text
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
        operations = schema["properties"]["operations"]["items"]["anyOf"]
        assert len(operations) >= 6
        assert all("op" in one["required"] for one in operations)


def test_nobody_is_asked_for_what_is_seldom_said() -> None:
    for schema in (strict_schema(Reply), strict_function(TOOLS[-1])["parameters"]):
        assert "depth" not in str(schema)
        assert "source" not in str(schema)
    copying = strict_schema(Reply.about(Layout(), copies=True))
    assert "source" in str(copying)
    assert "depth" not in str(copying)


def test_what_nobody_is_asked_for_is_read_where_it_is_given() -> None:
    source = {"picture": "b.png", "box": [0.1, 0.1, 0.2, 0.2], "attributes": ["red"]}
    box = [0.1, 0.2, 0.3, 0.4]
    added = {"op": "add", "name": "dog", "box": box, "source": source, "depth": {"side": "behind", "id": "cup #1"}}
    replaced = {"op": "replace", "id": "cup #1", "name": "dog", "attributes": [], "box": box}
    reply = read_answer(AIMessage(json.dumps({"operations": [added, replaced]})), Reply)
    assert reply == Reply.model_validate({"operations": [added, replaced]})
    call: Any = {"name": "edit", "args": {"operations": [added, replaced]}, "id": "1"}
    assert act_in_text(list(TOOLS)).invoke(AIMessage("", tool_calls=[call])).tool_calls[0]["args"] == call["args"]


def test_only_ids_that_are_there_can_be_named() -> None:
    layout = scene(("red cup", [0.1, 0.1, 0.2, 0.2]), ("dog", [0.5, 0.1, 0.2, 0.2]))
    wishes = strict_schema(Reply.about(layout), narrow=True)["properties"]["operations"]["items"]["anyOf"]
    schema = {wish["properties"]["op"]["const"]: wish for wish in wishes}
    ids = {"type": "string", "enum": ["cup #1", "dog #1"]}
    assert schema["remove"]["properties"]["id"] == schema["swap"]["properties"]["other"] == ids
    assert schema["move"]["properties"]["of"]["items"] == ids
    assert {"type": "null"} in schema["adjust"]["properties"]["id"]["anyOf"]
    assert "enum" not in schema["add"]["properties"]["name"]
    assert strict_schema(Reply.about(layout)) == strict_schema(Reply)
    assert strict_schema(Reply.about(Layout()), narrow=True) == strict_schema(Reply)
