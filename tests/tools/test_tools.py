"""What each tool answers, and what it says to a model that asked for something impossible."""

import json
from pathlib import Path
from typing import Any

import pytest
from langchain_core.utils.function_calling import convert_to_openai_tool

from tests.loop import Loop
from tests.scripted import calls
from tests.world import scene
from tools.inspect import relation
from tools.registry import TOOLS
from tools.scene.box import Box

CAR, DOG = ("red car", [0.1, 0.5, 0.3, 0.3]), ("dog", [0.6, 0.1, 0.2, 0.2])
SPEC = {"objects": [{"name": "car", "attributes": ["red"], "count": 2}]}


def ask(tmp_path: Path, *requests: tuple[str, dict[str, Any]], **sections: Any) -> list[tuple[str, str, str]]:
    """Let a model make these calls in one message, and return the answers."""
    alone = {"repairs": 0, "fallback": "stop"}
    loop = Loop(tmp_path, [calls(*requests), "done"], loop=alone | sections.pop("loop", {}), **sections)
    request = {"prompt": "two red cars", "spec": SPEC, "image": loop.picture(scene(CAR, DOG))}
    # A tool only knows what the detector was asked for: the sentence is about cars, the dog is a stranger.
    loop.run(**request)
    return loop.answers()


def answer(tmp_path: Path, name: str, args: dict[str, Any], **sections: Any) -> Any:
    ((_, status, text),) = ask(tmp_path, (name, args), **sections)
    assert status == "success", text
    return json.loads(text)


def failure(tmp_path: Path, name: str, args: dict[str, Any]) -> str:
    ((_, status, text),) = ask(tmp_path, (name, args))
    assert status == "error", text
    return text


def test_detect_finds_phrases(tmp_path: Path) -> None:
    found = answer(tmp_path, "detect", {"phrases": ["red cars", "dog", "blue car"], "threshold": 0.1})
    assert found == {
        "red car": [{"box": [0.1, 0.5, 0.3, 0.3], "score": 0.9}],
        "dog": [{"box": [0.6, 0.1, 0.2, 0.2], "score": 0.9}],
        "blue car": [],
    }


def test_inspect_an_object(tmp_path: Path) -> None:
    seen = answer(tmp_path, "inspect", {"object": "car #1", "candidates": ["red", "blue"]})
    assert (seen["id"], seen["size_px"], seen["share_of_picture"]) == ("car #1", [20, 19], 0.09)
    assert seen["scores"] == {"red": 0.9, "blue": 0.1}
    assert seen["neighbours"] == {}


def test_inspect_a_place(tmp_path: Path) -> None:
    seen = answer(tmp_path, "inspect", {"box": [0.6, 0.1, 0.2, 0.2]})
    assert seen["neighbours"] == {"car #1": "0.45 to the right, 0.45 above"}
    assert "scores" not in seen


@pytest.mark.parametrize(
    ("box", "other", "words"),
    [
        ([0.1, 0.1, 0.2, 0.2], [0.5, 0.1, 0.2, 0.2], "0.40 to the left"),
        ([0.1, 0.5, 0.2, 0.2], [0.1, 0.1, 0.2, 0.2], "0.40 below"),
        ([0.1, 0.1, 0.2, 0.2], [0.1, 0.1, 0.2, 0.2], "overlapping (IoU 1.00)"),
    ],
)
def test_relation_in_words(box: list[float], other: list[float], words: str) -> None:
    assert relation(Box(*box), Box(*other)) == words


def test_suggest_layout_proposes_what_is_missing(tmp_path: Path) -> None:
    proposal = answer(tmp_path, "suggest_layout", {})
    assert [(one["op"], one["name"], one["attributes"]) for one in proposal["operations"]] == [("add", "car", ["red"])]
    assert [one["name"] for one in proposal["layout"]["objects"]] == ["car", "car"]


def test_edit_answers_with_what_was_done(tmp_path: Path) -> None:
    operations = [
        {"op": "restyle", "id": "car #1", "attributes": ["blue"]},
        {"op": "move", "id": "car #1", "box": [0.2, 0.5, 0.3, 0.3]},
        {"op": "add", "name": "cat", "box": [0.7, 0.7, 0.2, 0.2]},
    ]
    done = answer(tmp_path, "edit", {"operations": operations}, loop={"rounds": 1})
    assert done["done"] == [
        "made 'car #1' blue",
        "moved 'car #1' from [0.1, 0.5, 0.3, 0.3] to [0.2, 0.5, 0.3, 0.3]",
        "added 'cat #1' (cat) at [0.7, 0.7, 0.2, 0.2]",
    ]
    assert len(done["image"]) == 16


@pytest.mark.parametrize(
    ("name", "args", "told"),
    [
        pytest.param("paint", {}, "detect, inspect, suggest_layout, apply_suggestion, edit", id="unknown tool"),
        pytest.param("detect", {}, "phrases", id="missing argument"),
        pytest.param("detect", {"phrases": []}, "phrases: List should have at least 1 item", id="empty list"),
        pytest.param("detect", {"phrases": ["x"] * 21}, "phrases", id="too many"),
        pytest.param("detect", {"phrases": ["car"], "threshold": 2}, "threshold: Input should be less", id="bound"),
        pytest.param("inspect", {}, "exactly one of object and box", id="neither"),
        pytest.param("inspect", {"object": "car #1", "box": [0, 0, 1, 1]}, "exactly one", id="both"),
        pytest.param("inspect", {"object": "cow #1"}, "known ids: car #1", id="unknown object"),
        pytest.param("inspect", {"box": [0, 0, 0, 1]}, "no area", id="empty box"),
        pytest.param("edit", {"operations": []}, "at least 1", id="no operation"),
        pytest.param("edit", {"operations": [{"op": "explode"}]}, "operations.0", id="unknown operation"),
        pytest.param("edit", {"operations": [{"op": "remove", "id": "cow #1"}]}, "no object 'cow #1'", id="unknown id"),
        pytest.param(
            "edit",
            {"operations": [{"op": "move", "id": "car #1", "box": [0.9, 0.1, 0.3, 0.3]}]},
            "leaves",
            id="outside",
        ),
        pytest.param(
            "edit",
            {"operations": [{"op": "add", "name": "cat", "box": [0.1, 0.1, 0.01, 0.3]}]},
            "too small",
            id="sliver",
        ),
        pytest.param(
            "edit", {"operations": [{"op": "add", "name": "cat", "box": CAR[1]}]}, "cover 'car #1'", id="on top"
        ),
        pytest.param(
            "edit",
            {"operations": [{"op": "remove", "id": "car #1"}, {"op": "move", "id": "car #1", "box": [0, 0, 0.3, 0.3]}]},
            "contradict",
            id="removed and moved",
        ),
    ],
)
def test_a_bad_call_is_answered_with_what_to_mend(tmp_path: Path, name: str, args: dict[str, Any], told: str) -> None:
    assert told in failure(tmp_path, name, args)


def test_edit_calls_of_one_message_may_not_contradict(tmp_path: Path) -> None:
    remove = {"operations": [{"op": "remove", "id": "car #1"}]}
    first, second = ask(tmp_path, ("edit", remove), ("edit", remove), loop={"rounds": 1})
    assert (first[1], second[1]) == ("success", "error")
    assert "contradict" in second[2]


def test_one_bad_operation_stops_its_whole_call_only(tmp_path: Path) -> None:
    good = {"operations": [{"op": "add", "name": "cat", "box": [0.7, 0.7, 0.2, 0.2]}]}
    bad = {"operations": [{"op": "add", "name": "cow", "box": [0, 0, 0.2, 0.2]}, {"op": "remove", "id": "cow #9"}]}
    answers = ask(tmp_path, ("edit", bad), ("edit", good), loop={"rounds": 1})
    assert [status for _, status, _ in answers] == ["error", "success"]
    assert json.loads(answers[1][2])["done"] == ["added 'cat #1' (cat) at [0.7, 0.7, 0.2, 0.2]"]


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_schemas_show_bounds_and_no_services(tool: Any) -> None:
    function = convert_to_openai_tool(tool)["function"]
    assert len(function["description"]) > 80
    assert "runtime" not in function["parameters"]["properties"]
    text = json.dumps(function["parameters"])
    assert tool.name in ("suggest_layout", "apply_suggestion") or "maxItems" in text or "maximum" in text
