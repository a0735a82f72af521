"""A chat model of any program may answer anything: what a state takes of it is bounded, and the model is told."""

from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage

from graphs.answer_bounds import ARGUMENTS, CALLS, NAME, SPOKEN, TEXT, bounded
from tests.loop import Loop
from tests.scripted import Planner, calls
from tests.world import scene

RED = ("red car", [0.1, 0.5, 0.3, 0.3])
TWO_RED = {"objects": [{"name": "car", "attributes": ["red"], "count": 2}]}
DEEP: list[Any] = []
for _ in range(3000):
    DEEP = [DEEP]


def call(**changes: Any) -> Any:
    return {"name": "detect", "args": {"phrases": ["car"]}, "id": "a", "type": "tool_call"} | changes


def test_ids_names_arguments_and_the_number_of_calls_are_bounded() -> None:
    many = bounded(AIMessage("x" * 10**6, tool_calls=[call(id="i" * 10**6, name="n" * 10**6)] * 1000))
    assert len(many.content) == TEXT
    assert len({one["id"] for one in many.tool_calls}) == len(many.tool_calls) == CALLS
    assert all(len(one["id"] or "") <= NAME and len(one["name"]) <= NAME for one in many.tool_calls)

    half = {"phrases": ["x" * (ARGUMENTS // 2)]}
    long = bounded(AIMessage("", tool_calls=[call(args=half), call(args=half, id="b")]))
    assert [one["id"] for one in long.tool_calls] == ["a"]
    assert "at most 100,000" in (long.invalid_tool_calls[0]["error"] or "")

    broken: Any = {
        "name": "n" * 999,
        "args": "x" * 10**6,
        "id": None,
        "error": "e" * 10**6,
        "type": "invalid_tool_call",
    }
    cut = bounded(AIMessage("", invalid_tool_calls=[broken] * 1000)).invalid_tool_calls
    assert len(cut) == CALLS
    assert max(len(str(one)) for one in cut) < 5000


def test_arguments_that_go_too_deep_are_a_mistake_of_the_model() -> None:
    deep = AIMessage.model_construct(content="", tool_calls=[call(args={"a": DEEP})], invalid_tool_calls=[])
    assert bounded(deep).invalid_tool_calls[0]["error"] == "they are no JSON"


@pytest.mark.parametrize("args", [{"a": {1, 2}}, {"a": object()}])
def test_arguments_that_are_no_data_are_a_mistake_of_the_model(args: Any, tmp_path: Path) -> None:
    loop = Loop(tmp_path, [calls(("detect", {"phrases": ["car"]})), *Planner])
    loop.chat.script[0] = AIMessage.model_construct(
        content="", tool_calls=[call(args=args)], invalid_tool_calls=[], usage_metadata=None, type="ai"
    )
    assert loop.run(prompt="two red cars", spec=TWO_RED, image=loop.picture(scene(RED)))["agreed"]
    assert loop.answers()[0][1] == "error"


def test_blocks_of_content_are_bounded() -> None:
    blocks: Any = [{"type": "text", "text": "x" * TEXT}, {"type": "text", "text": "y"}]
    assert bounded(AIMessage(blocks)).content == "x" * TEXT
    assert bounded(AIMessage(blocks[1:])).content == blocks[1:]


def test_a_conversation_that_grows_without_end_has_an_exit(tmp_path: Path) -> None:
    chatty = calls(("detect", {"phrases": ["car"]})).model_copy(update={"content": "x" * TEXT})
    limits = {"tool_calls": 1000, "tokens": 10**9, "seconds": 10**6}
    loop = Loop(tmp_path, [chatty], forever=True, loop=limits)
    result = loop.run(prompt="two red cars", spec=TWO_RED, image=loop.picture(scene(RED)))
    assert result["exit"] == "size_limit"
    assert "characters of conversation" in result["detail"]
    assert loop.chat.position <= SPOKEN // TEXT + 1
