"""Every way to write a call or an answer that has one meaning is read; seen in answers of small models."""

import json
from typing import Any

import pytest
from langchain_core.messages import AIMessage

from agent.models.structured_output import read_answer
from agent.models.text_tool_calls import act_in_text
from graphs.nodes.parse import Reply
from tools.registry import TOOLS
from tools.scene.spec import SceneSpec
from tools.scene.wishes import AddWish

BOX = [0.6, 0.5, 0.3, 0.3]
ADD = {"op": "add", "name": "car", "attributes": ["red"], "box": BOX}
TEXT = json.dumps({"operations": [ADD]})
EDIT = ("edit", {"operations": [ADD]})
CALL = {"name": "edit", "arguments": {"operations": [ADD]}}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"```json\n{json.dumps(CALL)}\n```", id="fenced"),
        pytest.param(f"I will add a car.\n```\n{json.dumps(CALL)}\n```\nDone.", id="fenced in prose"),
        pytest.param(f"<tool_call>\n{json.dumps(CALL)}\n</tool_call>", id="marked"),
        pytest.param(f"<tool_call>\n{json.dumps(CALL)}", id="marked, not closed"),
        pytest.param(json.dumps(CALL), id="bare"),
        pytest.param(json.dumps([CALL]), id="a list of calls"),
        pytest.param(json.dumps({"tool": "edit", "arguments": CALL["arguments"]}), id="tool"),
        pytest.param(json.dumps({"type": "function", "function": CALL}), id="as the protocol has it"),
        pytest.param(json.dumps({"tool_calls": [CALL]}), id="tool_calls"),
        pytest.param(json.dumps({"name": "edit", "parameters": CALL["arguments"]}), id="parameters"),
        pytest.param(json.dumps({"name": "edit", "operations": [ADD]}), id="arguments beside the name"),
        pytest.param(json.dumps({"name": "edit", "arguments": TEXT}), id="arguments as a text"),
        pytest.param(json.dumps({"name": "edit", "arguments": {"operations": json.dumps([ADD])}}), id="list as a text"),
        pytest.param(json.dumps({"name": "edit", "arguments": {"operations": ADD}}), id="one operation for a list"),
        pytest.param(json.dumps({"name": "edit", "arguments": [ADD]}), id="arguments as a list"),
        pytest.param(json.dumps({"name": "edit", "arguments": ADD}), id="arguments are one operation"),
        pytest.param(json.dumps({"operations": [ADD]}), id="operations alone"),
        pytest.param(json.dumps([ADD]), id="a list of operations"),
        pytest.param(json.dumps(ADD), id="one operation alone"),
        pytest.param(json.dumps(CALL).replace('["red"]', '"red"'), id="a text for a list of attributes"),
        pytest.param(json.dumps(CALL).replace('["red"]', '"red", "id": "car #2"'), id="an id for a new object"),
        pytest.param(
            json.dumps(CALL).replace(json.dumps(BOX), '{"x": 0.6, "y": 0.5, "w": 0.3, "h": 0.3}'), id="a box with names"
        ),
        pytest.param(json.dumps(CALL).replace("0.6", '"0.6"'), id="a number in a text"),
    ],
)
def test_tool_calls_written_as_text_are_read(text: str) -> None:
    answer = act_in_text(TOOLS).invoke(AIMessage(text))
    assert [(call["name"], call["args"]) for call in answer.tool_calls] == [EDIT]
    assert answer.invalid_tool_calls == []


def test_calls_of_a_server_that_knows_tools_are_made_to_fit_and_it_is_noted() -> None:
    given: Any = [{"name": "edit", "args": {"operations": json.dumps(ADD)}, "id": "1"}]
    answer = act_in_text(TOOLS).invoke(AIMessage("", tool_calls=given))
    assert answer.tool_calls[0]["args"] == EDIT[1]
    assert "list of one" in str(answer.response_metadata["mended"])
    broken: Any = [{"name": "edit", "args": json.dumps([ADD]), "id": "1", "error": "no object"}]
    answer = act_in_text(TOOLS).invoke(AIMessage("", invalid_tool_calls=broken))
    assert answer.tool_calls[0]["args"] == EDIT[1]


@pytest.mark.parametrize("text", ["suggest_layout()", "I ask the solver:\n`suggest_layout()`"])
def test_a_call_without_arguments_may_stand_in_prose(text: str) -> None:
    assert [call["name"] for call in act_in_text(TOOLS).invoke(AIMessage(text)).tool_calls] == ["suggest_layout"]


@pytest.mark.parametrize("text", ["I cannot do it.", "edit()", "The layout is {car}.", '{"answer": "nothing"}'])
def test_what_is_no_call_stays_text(text: str) -> None:
    assert act_in_text(TOOLS).invoke(AIMessage(text)).tool_calls == []


@pytest.mark.parametrize(
    "given",
    [
        pytest.param([ADD], id="a list"),
        pytest.param(ADD, id="one operation"),
        pytest.param({"operations": ADD}, id="one operation for a list"),
        pytest.param({"operations": [ADD], "answer": None, "unchecked": None, "notes": None}, id="null for nothing"),
        pytest.param({"name": "Reply", "arguments": {"operations": [ADD]}}, id="as a call"),
    ],
)
def test_answers_are_read_in_every_shape(given: Any) -> None:
    reply = read_answer(AIMessage(json.dumps(given)), Reply)
    assert reply.operations == (AddWish.model_validate(ADD),)


def test_a_scene_with_texts_for_lists() -> None:
    given = {"objects": {"name": "cup", "attributes": "red and wooden", "count": "2", "size": ""}, "absent": "cat, dog"}
    spec = read_answer(AIMessage(json.dumps(given)), SceneSpec)
    assert (spec.objects[0].attributes, spec.objects[0].count) == (("red", "wooden"), 2)
    assert spec.absent == ("cat", "dog")
