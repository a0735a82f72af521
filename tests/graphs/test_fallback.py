"""When the language model is at a loss the solver does its round, marked as such, before the same verdict."""

from pathlib import Path
from typing import Any

import pytest
from langchain_core.exceptions import ContextOverflowError
from langchain_core.messages import AIMessage, HumanMessage

from graphs.state import Usage
from tests.loop import Loop
from tests.scripted import calls, edit
from tests.world import scene
from tools.backend.protocol import BackendError

RED = ("red car", [0.1, 0.5, 0.3, 0.3])
TWO_RED = {"objects": [{"name": "car", "attributes": ["red"], "count": 2}]}
BAD = edit({"op": "move", "id": "car #9", "box": [0.2, 0.5, 0.3, 0.3]})


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(["I cannot help with that."], id="only talks"),
        pytest.param([BAD], id="the same refused call for ever"),
        pytest.param([calls(("suggest_layout", {}), *((call["name"], call["args"]) for call in BAD.tool_calls))],
                     id="a good call before the bad one"),
        pytest.param([calls(("nonsense", {}))], id="no such tool"),
    ],
)  # fmt: skip
def test_the_solver_takes_over(tmp_path: Path, script: list[Any]) -> None:
    loop = Loop(tmp_path, [TWO_RED, *script], forever=True)
    result = loop.run(prompt="two red cars", image=loop.picture(scene(RED)))
    assert (result["exit"], result["rounds"], result["fallbacks"]) == ("agreed", 1, 1)
    marked = [one for one in loop.state["messages"] if one.additional_kwargs.get("fallback")]
    assert [call["name"] for one in marked for call in one.tool_calls] == ["apply_suggestion"]
    assert len(loop.chat.seen) <= 5


def test_a_repeated_refused_call_brings_the_proposal_before_the_model(tmp_path: Path) -> None:
    loop = Loop(tmp_path, [TWO_RED, BAD, BAD, calls(("apply_suggestion", {}))])
    result = loop.run(prompt="two red cars", image=loop.picture(scene(RED)))
    assert (result["exit"], result["fallbacks"]) == ("agreed", 0)
    assert "<suggestion>" in loop.chat.seen[3][-1].text


def test_it_can_be_told_to_stop_instead(tmp_path: Path) -> None:
    loop = Loop(tmp_path, [TWO_RED, "I cannot"], forever=True, loop={"fallback": "stop"})
    result = loop.run(prompt="two red cars", image=loop.picture(scene(RED)))
    assert (result["exit"], result["fallbacks"], loop.world.edits) == ("model_stopped", 0, [])


def test_the_solver_is_tried_once_in_a_round(tmp_path: Path) -> None:
    loop = Loop(tmp_path, [TWO_RED, "I cannot"], forever=True)
    loop.world.edit_errors.extend([BackendError("no")] * 99)
    result = loop.run(prompt="two red cars", image=loop.picture(scene(RED)))
    assert (result["exit"], result["rounds"], result["fallbacks"]) == ("model_stopped", 0, 1)


def test_one_call_without_arguments_is_enough(tmp_path: Path) -> None:
    loop = Loop(tmp_path, [TWO_RED, calls(("apply_suggestion", {}))])
    result = loop.run(prompt="two red cars", image=loop.picture(scene(RED)))
    assert (result["exit"], result["usage"]["llm_calls"]) == ("agreed", 2)
    report = loop.chat.seen[1][-1].text
    assert '"op": "add", "name": "car", "attributes": ["red"]' in report.split("<suggestion>")[1]


def test_failures_are_counted_by_tool(tmp_path: Path) -> None:
    def bad(number: int) -> Any:
        move = {"op": "move", "id": f"car #{number}", "box": [0.2, 0.5, 0.3, 0.3]}
        return calls(("suggest_layout", {}), ("edit", {"operations": [move]}))

    loop = Loop(tmp_path, [TWO_RED, *map(bad, range(5, 15))], loop={"tool_failures": 3, "fallback": "stop"})
    result = loop.run(prompt="two red cars", image=loop.picture(scene(RED)))
    assert (result["exit"], len(loop.chat.seen)) == ("failure_limit", 4)


def test_a_full_context_is_cut_and_then_has_its_own_exit(tmp_path: Path) -> None:
    full = ContextOverflowError("16,500 tokens of 16,384")
    loop = Loop(tmp_path, [TWO_RED, full, calls(("apply_suggestion", {}))])
    assert loop.run(prompt="two red cars", image=loop.picture(scene(RED)))["exit"] == "agreed"

    loop = Loop(tmp_path, [TWO_RED, full], forever=True, loop={"fallback": "stop"})
    start = loop.picture(scene(RED))
    result = loop.run(prompt="two red cars", image=start)
    assert (result["exit"], result["image"]) == ("context_limit", start)
    assert "16,384" in result["detail"]


@pytest.mark.parametrize("answer", ["Unable to understand.", "Sure, I swapped them."])
def test_an_answer_is_no_way_out_of_an_instruction(tmp_path: Path, answer: str) -> None:
    loop = Loop(tmp_path, [{"answer": answer}], forever=True, loop={"repairs": 1})
    result = loop.run(instruction="remove the car", image=loop.picture(scene(RED)))
    assert (result["exit"], len(loop.chat.seen)) == ("model_failed", 2)
    assert "no question" in loop.chat.seen[1][-1].text


@pytest.mark.parametrize(
    "text", ["what do you see", "is there a cup?", "Please tell me what changed", "where's the cup"]
)
def test_questions_are_answered(tmp_path: Path, text: str) -> None:
    loop = Loop(tmp_path, [{"answer": "There is a car."}])
    assert loop.run(instruction=text, image=loop.picture(scene(RED)))["exit"] == "answered"


def test_tokens_that_a_server_does_not_count_are_estimated_and_marked() -> None:
    used = Usage().with_answer(AIMessage("x" * 40), None, [HumanMessage("y" * 400)])
    assert (used.input_tokens, used.output_tokens, used.llm_calls, used.estimated) == (100, 10, 1, True)
