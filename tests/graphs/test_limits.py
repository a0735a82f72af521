"""Every way a turn can end without agreement has its name, and loses nothing."""

from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage

from graphs.budget import recursion_limit
from tests.loop import Loop
from tests.scripted import calls, edit
from tests.world import scene
from tools.backend.protocol import BackendError

RED = ("red car", [0.1, 0.5, 0.3, 0.3])
TWO_RED = {"objects": [{"name": "car", "attributes": ["red"], "count": 2}]}
LOOK = calls(("detect", {"phrases": ["car"]}))
WRONG = edit({"op": "move", "id": "car #1", "box": [0.2, 0.5, 0.3, 0.3]})
EXPENSIVE = LOOK.model_copy(
    update={"usage_metadata": {"input_tokens": 900, "output_tokens": 100, "total_tokens": 1000}}
)


@pytest.mark.parametrize(
    ("script", "limits", "ended", "detail"),
    [
        pytest.param([WRONG], {"rounds": 2}, "round_limit", "2 of 2 rounds", id="rounds"),
        pytest.param([WRONG], {"rounds": 0}, "round_limit", "0 of 0 rounds", id="no rounds at all"),
        pytest.param([LOOK], {"tool_calls": 4}, "tool_limit", "4 of 4 tool calls", id="never stops looking"),
        pytest.param([calls(("nonsense", {}))], {}, "failure_limit", "5 of 5 tool failures", id="unknown tool"),
        pytest.param([calls(("detect", {"phrases": []}))], {}, "failure_limit", "in a row", id="bad arguments"),
        pytest.param([EXPENSIVE], {"tokens": 3000}, "token_limit", "3015 of 3000 tokens", id="tokens"),
        pytest.param([LOOK], {"seconds": 1e-9}, "time_limit", "seconds", id="wall time"),
        pytest.param(["I am sure it is fine."], {}, "model_stopped", "I am sure it is fine.", id="rambles"),
        pytest.param([AIMessage("")], {"repairs": 0}, "model_stopped", "", id="says nothing"),
    ],
)
def test_each_limit_has_its_exit(
    tmp_path: Path, script: list[Any], limits: dict[str, Any], ended: str, detail: str
) -> None:
    loop = Loop(tmp_path, [TWO_RED, *script], forever=True, loop={"fallback": "stop", **limits})
    start = loop.picture(scene(RED))
    result = loop.run(prompt="two red cars", image=start)
    assert (result["agreed"], result["exit"]) == (False, ended)
    assert detail in result["detail"]
    assert result["image"] is not None
    assert not result["verdict"]["agreed"]
    calls_made = [call["id"] for one in loop.state["messages"] if one.type == "ai" for call in one.tool_calls]
    assert [call for call, _, _ in loop.answers()] == calls_made


def test_a_limit_of_money_has_its_exit_and_the_cost_is_told(tmp_path: Path) -> None:
    priced = {"provider": "openai", "api_key": "sk-x", "model": "a-model", "price": {"input": 100, "output": 1000}}
    loop = Loop(tmp_path, [TWO_RED, EXPENSIVE], forever=True, loop={"max_cost": 0.5}, chat=priced)
    result = loop.run(prompt="two red cars", image=loop.picture(scene(RED)))
    assert result["exit"] == "cost_limit"
    assert result["detail"].endswith("of 0.5 dollars used")
    assert 0.5 <= result["usage"]["cost"] < 0.7


def test_what_a_model_without_a_price_costs_is_not_told(tmp_path: Path) -> None:
    unpriced = {"provider": "openai", "api_key": "sk-x", "model": "a-model", "base_url": "http://localhost:1/v1"}
    loop = Loop(tmp_path, [TWO_RED, "I give up."], forever=True, chat=unpriced)
    result = loop.run(prompt="two red cars", image=loop.picture(scene(RED)))
    assert result["usage"]["cost"] is None


def test_calls_beyond_the_budget_are_answered_and_not_run(tmp_path: Path) -> None:
    many = calls(*[("detect", {"phrases": ["car"]})] * 5)
    loop = Loop(tmp_path, [TWO_RED, many], loop={"tool_calls": 3})
    result = loop.run(prompt="two red cars", image=loop.picture(scene(RED)))
    assert result["exit"] == "tool_limit"
    assert [status for _, status, _ in loop.answers()] == ["success"] * 3 + ["error"] * 2
    assert len(loop.world.asked) == 1 + 3


def test_an_edit_at_the_limit_is_still_done_and_judged(tmp_path: Path) -> None:
    add = edit({"op": "add", "name": "car", "attributes": ["red"], "box": [0.6, 0.5, 0.3, 0.3]})
    loop = Loop(tmp_path, [TWO_RED, add], loop={"tool_calls": 1})
    assert loop.run(prompt="two red cars", image=loop.picture(scene(RED)))["exit"] == "agreed"


def test_an_editor_that_never_works_ends_the_turn(tmp_path: Path) -> None:
    loop = Loop(tmp_path, [TWO_RED, WRONG], forever=True, loop={"tool_failures": 3})
    loop.world.edit_errors.extend([BackendError("no")] * 9)
    result = loop.run(prompt="two red cars", image=loop.picture(scene(RED)))
    assert (result["exit"], result["rounds"]) == ("failure_limit", 0)


def test_a_success_ends_the_row_of_failures(tmp_path: Path) -> None:
    bad = calls(("detect", {"phrases": []}))
    loop = Loop(
        tmp_path,
        [TWO_RED, bad, LOOK, bad, LOOK, bad, "done"],
        forever=True,
        loop={"tool_failures": 2, "fallback": "stop"},
    )
    assert loop.run(prompt="two red cars", image=loop.picture(scene(RED)))["exit"] == "model_stopped"


def test_a_model_that_rambles_is_reminded_before_it_is_given_up(tmp_path: Path) -> None:
    add = edit({"op": "add", "name": "car", "attributes": ["red"], "box": [0.6, 0.5, 0.3, 0.3]})
    loop = Loop(tmp_path, [TWO_RED, "I will add a car now.", add])
    assert loop.run(prompt="two red cars", image=loop.picture(scene(RED)))["exit"] == "agreed"
    assert "called no tool" in loop.chat.seen[2][-1].text


def test_a_goal_that_no_layout_meets_is_named(tmp_path: Path) -> None:
    spec = {
        "objects": [{"name": "car"}, {"name": "dog"}],
        "relations": [
            {"subject": "dog", "predicate": "left of", "object": "car"},
            {"subject": "car", "predicate": "left of", "object": "dog"},
        ],
    }
    loop = Loop(tmp_path, [spec, calls(("suggest_layout", {})), "It cannot be done."])
    result = loop.run(prompt="a dog left of a car that is left of the dog", image=loop.picture(scene(RED)))
    assert result["exit"] == "unsatisfiable"
    assert "left of" in result["detail"]
    assert loop.world.edits == []


def test_the_recursion_limit_covers_a_turn_at_all_its_limits(tmp_path: Path) -> None:
    limits = {"rounds": 3, "tool_calls": 7, "repairs": 2}
    script = ["{", "{", TWO_RED, "hm", "hm", LOOK, "hm", "hm", LOOK, WRONG, "hm", WRONG, LOOK, WRONG]
    loop = Loop(tmp_path, script, loop=limits)
    assert loop.run(prompt="two red cars", image=loop.picture(scene(RED)))["exit"] == "round_limit"
    assert loop.graph.config is not None
    assert loop.graph.config["recursion_limit"] == recursion_limit(loop.settings.loop)
