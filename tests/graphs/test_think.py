"""What the model is shown, and how its answers are put in order before they are acted on."""

from pathlib import Path
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage

from tests.loop import Loop
from tests.scripted import Planner, calls, edit
from tests.world import scene

RED = ("red car", [0.1, 0.5, 0.3, 0.3])
TWO_RED = {"objects": [{"name": "car", "attributes": ["red"], "count": 2}]}


def pictures(messages: list[BaseMessage]) -> list[int]:
    """Return how many pictures each message holds."""
    return [
        0 if isinstance(message.content, str) else sum(part["type"] == "image_url" for part in message.content)  # type: ignore[index]  # blocks are dicts here
        for message in messages
    ]


def test_a_model_that_sees_gets_the_picture_and_the_crops(tmp_path: Path) -> None:
    look = calls(("inspect", {"object": "car #1"}), ("inspect", {"box": [0.5, 0.5, 0.5, 0.5]}))
    loop = Loop(tmp_path, [look, *Planner], chat={"vision": True})
    result = loop.run(prompt="two red cars", spec=TWO_RED, image=loop.picture(scene(RED)))
    assert result["agreed"]
    assert pictures(loop.chat.seen[0]) == [0, 1]
    assert [message.type for message in loop.chat.seen[1]] == ["system", "human", "ai", "tool", "tool", "human"]
    assert pictures(loop.chat.seen[1]) == [0, 1, 0, 0, 0, 2]
    assert "crop of call call_1" in loop.chat.seen[1][-1].text
    assert "shows it to you" in loop.chat.seen[0][0].text
    assert all(isinstance(message.content, str) for message in loop.state["messages"])  # none is kept in the state


def test_a_model_that_does_not_see_gets_text_only(tmp_path: Path) -> None:
    loop = Loop(tmp_path, [calls(("inspect", {"object": "car #1"})), *Planner])
    loop.run(prompt="two red cars", spec=TWO_RED, image=loop.picture(scene(RED)))
    assert all(sum(pictures(seen)) == 0 for seen in loop.chat.seen)


def test_missing_and_repeated_call_ids_are_mended(tmp_path: Path) -> None:
    call: Any = {"name": "detect", "args": {"phrases": ["car"]}}
    message = AIMessage("", tool_calls=[{**call, "id": None}, {**call, "id": "same"}, {**call, "id": "same"}])
    loop = Loop(tmp_path, [message, *Planner])
    loop.run(prompt="two red cars", spec=TWO_RED, image=loop.picture(scene(RED)))
    (asked,) = [one for one in loop.state["messages"] if one.type == "ai" and len(one.tool_calls) == 3]
    ids = [one["id"] for one in asked.tool_calls]
    assert len(set(ids)) == 3
    assert [call for call, _, _ in loop.answers()][:3] == ids


def test_arguments_that_are_no_json_are_answered(tmp_path: Path) -> None:
    broken: Any = {"name": "edit", "args": '{"operations": [', "id": "b", "error": "cut off"}
    message = AIMessage("", tool_calls=[], invalid_tool_calls=[broken])
    loop = Loop(tmp_path, [message, *Planner])
    assert loop.run(prompt="two red cars", spec=TWO_RED, image=loop.picture(scene(RED)))["agreed"]
    call, status, text = loop.answers()[0]
    assert (call, status) == ("b", "error")
    assert "not valid JSON (cut off)" in text


def test_long_turns_show_the_last_rounds_only(tmp_path: Path) -> None:
    add = {"op": "add", "name": "car", "attributes": ["red"], "box": [0.6, 0.5, 0.3, 0.3]}
    loop = Loop(tmp_path, [edit(add)], forever=True, loop={"rounds": 9})
    loop.world.distort = lambda layout, number: scene(RED)
    result = loop.run(prompt="two red cars", spec=TWO_RED, image=loop.picture(scene(RED)))
    assert result["rounds"] == 9
    shown = [sum(message.text.count("<verdict>") for message in seen[1:]) for seen in loop.chat.seen]
    assert max(shown) == 4
    assert loop.chat.seen[-1][1].type == "human"
    assert loop.chat.seen[-1][-1].text.count("added 'car #2'") == 8
