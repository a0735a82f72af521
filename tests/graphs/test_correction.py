"""The loop as a whole: what it does to pictures, and which round it returns."""

import json
from pathlib import Path
from typing import Any

import pytest

from graphs.nodes.begin import RequestError
from tests.loop import Loop
from tests.scripted import Planner, calls, edit, suggested
from tests.world import World, scene, truth
from tools.backend.protocol import BackendError, Detected
from tools.scene.layout import Layout

RED, BLUE = ("red car", [0.1, 0.5, 0.3, 0.3]), ("blue car", [0.6, 0.5, 0.3, 0.3])
TWO_RED = {"objects": [{"name": "car", "attributes": ["red"], "count": 2}]}
ADD_RED = {"op": "add", "name": "car", "attributes": ["red"], "box": [0.6, 0.5, 0.3, 0.3]}


def test_a_missing_car_is_added(tmp_path: Path) -> None:
    loop = Loop(tmp_path, [TWO_RED, edit(ADD_RED)])
    start = loop.picture(scene(RED))
    result = loop.run(prompt="two red cars", image=start)
    assert (result["agreed"], result["exit"], result["rounds"]) == (True, "agreed", 1)
    assert result["image"] != start
    assert [placed.phrase for placed in truth(loop.images.load(result["image"])).objects] == ["red car", "red car"]
    assert result["verdict"]["agreed"]
    assert result["spec"]["objects"][0]["count"] == 2


def test_a_right_picture_is_left_untouched(tmp_path: Path) -> None:
    loop = Loop(tmp_path, [TWO_RED], loop={"refine": True}, refiner={"path": "nowhere"})
    start = loop.picture(scene(RED, ("red car", [0.6, 0.1, 0.2, 0.2])))
    result = loop.run(prompt="two red cars", image=start)
    assert (result["exit"], result["rounds"], result["image"]) == ("agreed", 0, start)
    assert loop.world.edits == []
    assert loop.world.refined == 0


def test_without_a_picture_one_is_generated_first(tmp_path: Path) -> None:
    loop = Loop(tmp_path, [TWO_RED, *Planner], world=World(scene(RED)))
    result = loop.run(prompt="two red cars")
    assert (result["exit"], result["rounds"], loop.world.generated) == ("agreed", 1, 1)
    assert result["usage"]["model_evaluations"] == 60


def test_a_given_layout_grounds_the_first_picture_and_is_aimed_at(tmp_path: Path) -> None:
    target = scene(RED, ("red car", [0.6, 0.5, 0.3, 0.3]))
    loop = Loop(tmp_path, [])
    result = loop.run(prompt="two red cars", spec=TWO_RED, target=target.model_dump(mode="json"))
    assert (result["exit"], result["rounds"]) == ("agreed", 0)

    loop = Loop(tmp_path, Planner)
    start = loop.picture(scene(RED))
    result = loop.run(prompt="two red cars", spec=TWO_RED, target=target.model_dump(mode="json"), image=start)
    assert result["exit"] == "agreed"
    assert loop.world.edits == [[{"op": "add", "name": "car", "attributes": ["red"], "box": [0.6, 0.5, 0.3, 0.3]}]]


def test_an_instruction_is_read_against_what_is_there(tmp_path: Path) -> None:
    plan = {"operations": [{"op": "restyle", "id": "car #1", "attributes": ["blue"]}]}
    loop = Loop(tmp_path, [plan, *Planner], detector={"vocabulary": ["car", "dog"], "attributes": ["red", "blue"]})
    start = loop.picture(scene(RED, ("dog", [0.6, 0.1, 0.2, 0.2])))
    result = loop.run(instruction="make the car blue", image=start)
    assert (result["exit"], result["rounds"]) == ("agreed", 1)
    asked = loop.chat.seen[0][-1].text
    assert '"id": "car #1"' in asked
    assert '"attributes": ["red"]' in asked
    assert '"id": "dog #1"' in asked
    assert "make the car blue" in asked
    assert loop.world.edits == [[{"op": "restyle", "id": "car #1", "attributes": ["blue"]}]]


def test_an_instruction_is_carried_out_even_when_its_tolerances_hold_already(tmp_path: Path) -> None:
    nudge = {"op": "move", "id": "car #1", "box": [0.11, 0.5, 0.3, 0.3]}
    loop = Loop(tmp_path, [{"operations": [nudge]}, *Planner])
    start = loop.picture(scene(("car", [0.1, 0.5, 0.3, 0.3])))
    result = loop.run(instruction="move the car a tiny bit right", image=start)
    assert (result["exit"], result["rounds"]) == ("agreed", 1)
    assert result["image"] != start
    assert loop.world.edits == [[nudge]]


def test_words_of_the_instruction_are_looked_for(tmp_path: Path) -> None:
    loop = Loop(tmp_path, [{"operations": [{"op": "remove", "id": "giraffe #1"}]}, *Planner])
    start = loop.picture(scene(("giraffe", [0.1, 0.1, 0.3, 0.8])))
    assert loop.run(instruction="Remove the giraffes!", image=start)["agreed"]
    assert "giraffe" in loop.world.asked[0]


def test_later_turns_know_the_scene_and_what_was_done(tmp_path: Path) -> None:
    from langgraph.checkpoint.memory import InMemorySaver

    from graphs.correction import build_graph

    bigger = {"op": "move", "id": "car #2", "box": [0.5, 0.4, 0.45, 0.45]}
    loop = Loop(tmp_path, [TWO_RED, edit(ADD_RED), {"operations": [bigger]}, *Planner])
    loop.graph = build_graph(InMemorySaver())
    config: Any = {"configurable": {"thread_id": "one"}}
    first = loop.graph.invoke(
        {"prompt": "two red cars", "image": loop.picture(scene(RED))}, config, context=loop.context, version="v2"
    ).value
    second = loop.graph.invoke({"instruction": "make it larger"}, config, context=loop.context, version="v2").value
    assert first["result"].agreed
    assert second["result"].agreed
    assert [turn.instruction for turn in second["turns"]] == ["two red cars", "make it larger"]
    asked = loop.chat.seen[2][-1].text
    assert "added 'car #2' (red car)" in asked
    assert second["result"].rounds == 1
    assert second["result"].usage.llm_calls == 3


def test_the_best_round_wins_not_the_last(tmp_path: Path) -> None:
    spec = {"objects": [{"name": "car", "count": 1}, {"name": "dog", "count": 1}, {"name": "cat", "count": 1}]}
    dog = {"op": "add", "name": "dog", "box": [0.6, 0.1, 0.2, 0.2]}
    loop = Loop(
        tmp_path,
        [spec, edit(dog), edit({"op": "remove", "id": "car #1"}), edit({**dog, "box": [0.1, 0.1, 0.2, 0.2]})],
        loop={"rounds": 3},
    )
    loop.world.distort = lambda layout, number: layout if number < 3 else Layout()
    result = loop.run(prompt="a car, a dog and a cat", image=loop.picture(scene(RED)))
    assert (result["agreed"], result["exit"], result["rounds"]) == (False, "round_limit", 3)
    assert sorted(placed.name for placed in truth(loop.images.load(result["image"])).objects) == ["car", "dog"]
    assert [one["passed"] for one in result["verdict"]["results"]] == [True, True, False, True]  # nothing else there
    assert loop.state["turns"][0].done == ("added 'dog #1' (dog) at [0.6, 0.1, 0.2, 0.2]",)


def test_of_equal_rounds_the_one_that_changed_least_wins(tmp_path: Path) -> None:
    spec = {"objects": [{"name": "car", "count": 2}]}
    loop = Loop(
        tmp_path,
        [spec, edit({"op": "move", "id": "car #1", "box": [0.5, 0.1, 0.4, 0.4]})],
        loop={"rounds": 1},
    )
    start = loop.picture(scene(RED))
    assert loop.run(prompt="two cars", image=start)["image"] == start


def test_all_edit_calls_of_a_message_are_one_pass(tmp_path: Path) -> None:
    spec = {"objects": [{"name": "car", "attributes": ["red"], "count": 1}, {"name": "dog", "count": 1}]}
    both = calls(
        ("edit", {"operations": [{"op": "restyle", "id": "car #1", "attributes": ["red"]}]}),
        ("detect", {"phrases": ["dog"]}),
        ("edit", {"operations": [{"op": "add", "name": "dog", "box": [0.1, 0.1, 0.2, 0.2]}]}),
    )
    loop = Loop(tmp_path, [spec, both])
    result = loop.run(prompt="a red car and a dog", image=loop.picture(scene(BLUE)))
    assert result["agreed"]
    assert [[operation["op"] for operation in one] for one in loop.world.edits] == [["restyle", "add"]]
    answers = loop.answers()
    assert [(call, status) for call, status, _ in answers] == [(f"call_{at}", "success") for at in range(3)]
    assert json.loads(answers[0][2]) == json.loads(answers[2][2])
    assert json.loads(answers[0][2])["image"] == result["image"]
    assert json.loads(answers[1][2]) == {"dog": []}
    assert result["usage"]["detector_passes"] == 3


def test_refinement_is_kept_only_when_it_still_agrees(tmp_path: Path) -> None:
    config: dict[str, Any] = {"loop": {"refine": True}, "refiner": {"path": "nowhere"}}
    loop = Loop(tmp_path, [TWO_RED, edit(ADD_RED)], **config)
    loop.world.refine_result = lambda layout: layout.model_copy(update={"background": "polished"})
    result = loop.run(prompt="two red cars", image=loop.picture(scene(RED)))
    assert result["exit"] == "agreed"
    assert truth(loop.images.load(result["image"])).background == "polished"

    loop = Loop(tmp_path / "spoilt", [TWO_RED, edit(ADD_RED)], **config)
    loop.world.refine_result = lambda layout: scene(RED)
    result = loop.run(prompt="two red cars", image=loop.picture(scene(RED)))
    assert (result["agreed"], result["exit"], loop.world.refined) == (True, "agreed", 1)
    assert len(truth(loop.images.load(result["image"])).objects) == 2


def test_on_request_the_best_picture_is_polished_without_agreement(tmp_path: Path) -> None:
    config: dict[str, Any] = {"loop": {"refine": "always", "rounds": 1}, "refiner": {"path": "nowhere"}}
    more = {"objects": [*TWO_RED["objects"], {"name": "dog"}]}
    loop = Loop(tmp_path, [more, edit(ADD_RED)], **config)
    loop.world.refine_result = lambda layout: layout.model_copy(update={"background": "polished"})
    result = loop.run(prompt="two red cars and a dog", image=loop.picture(scene(RED)))
    assert (result["agreed"], result["exit"], loop.world.refined) == (False, "round_limit", 1)
    polished = truth(loop.images.load(result["image"]))
    assert (polished.background, len(polished.objects)) == ("polished", 2)
    assert len(result["verdict"]["results"]) > 0


def test_a_given_picture_that_nothing_bettered_is_not_polished(tmp_path: Path) -> None:
    config: dict[str, Any] = {"loop": {"refine": "always", "rounds": 0}, "refiner": {"path": "nowhere"}}
    loop = Loop(tmp_path, [TWO_RED], **config)
    start = loop.picture(scene(RED))
    result = loop.run(prompt="two red cars", image=start)
    assert (result["image"], loop.world.refined) == (start, 0)


def test_what_the_sentence_forbids_reaches_the_models(tmp_path: Path) -> None:
    parse = {"objects": [{"name": "car", "attributes": ["red"], "count": 2}], "absent": ["dog"]}
    loop = Loop(tmp_path, [parse, edit(ADD_RED)])
    seen: list[Layout] = []
    draws = loop.world.edit
    loop.world.edit = lambda image, operations, layout, **more: (  # type: ignore[method-assign]
        seen.append(layout) or draws(image, operations, layout, **more)
    )
    assert loop.run(prompt="two red cars and no dog", image=loop.picture(scene(RED)))["agreed"]
    assert [layout.absent for layout in seen] == [("dog",)]


def test_what_the_editor_cannot_do_goes_back_to_the_model(tmp_path: Path) -> None:
    loop = Loop(tmp_path, [TWO_RED, edit(ADD_RED), edit(ADD_RED)])
    loop.world.edit_errors.append(BackendError("no room left"))
    result = loop.run(prompt="two red cars", image=loop.picture(scene(RED)))
    assert (result["exit"], result["rounds"]) == ("agreed", 1)
    assert [status for _, status, _ in loop.answers()] == ["error", "success"]
    assert "no room left" in loop.chat.seen[2][-1].text


def test_each_round_gets_its_own_noise(tmp_path: Path) -> None:
    loop = Loop(tmp_path, [TWO_RED, edit(ADD_RED), edit(ADD_RED)])
    loop.world.distort = lambda layout, number: scene(RED) if number == 1 else layout
    assert loop.run(prompt="two red cars", image=loop.picture(scene(RED)), seed=7)["rounds"] == 2
    assert loop.world.seeds == [7, 8]


def test_the_model_sees_the_new_verdict_after_each_edit(tmp_path: Path) -> None:
    loop = Loop(tmp_path, [TWO_RED, edit({**ADD_RED, "attributes": ["blue"]}), *Planner])
    assert loop.run(prompt="two red cars", image=loop.picture(scene(RED)))["rounds"] == 2
    report = loop.chat.seen[2][-1].text
    assert "FAIL expected two red cars" in report
    assert "ok   expected exactly two cars" in report
    assert "added 'car #2' (blue car)" in report


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        ({}, "exactly one"),
        ({"prompt": "a", "instruction": "b", "image": "00"}, "exactly one"),
        ({"prompt": "  "}, "not an empty one"),
        ({"instruction": "remove it"}, "needs a picture"),
        ({"prompt": "a", "spec": {"objects": "many"}}, "SceneSpec is not valid: objects"),
        ({"prompt": "a", "spec": {}}, "demands nothing"),
        (
            {
                "prompt": "a",
                "spec": {"objects": [{"name": "a"}], "relations": [{"subject": "a", "predicate": "above"}]},
            },
            "cannot be checked",
        ),
        ({"prompt": "a", "target": {"objects": [{"id": 1}]}}, "Layout is not valid"),
    ],
)
def test_a_request_that_makes_no_turn_is_refused(tmp_path: Path, request_: dict[str, Any], told: str) -> None:
    with pytest.raises(RequestError, match=told):
        Loop(tmp_path).run(**request_)


def test_refining_without_a_refiner_is_refused_before_any_work(tmp_path: Path) -> None:
    loop = Loop(tmp_path, loop={"refine": True})
    with pytest.raises(RequestError, match="names no refiner"):
        loop.run(prompt="a car")
    assert loop.chat.seen == []


def test_a_bug_propagates(tmp_path: Path) -> None:
    loop = Loop(tmp_path, [TWO_RED, edit(ADD_RED)])
    loop.world.edit_errors.append(ZeroDivisionError("a bug"))
    with pytest.raises(ZeroDivisionError, match="a bug"):
        loop.run(prompt="two red cars", image=loop.picture(scene(RED)))


def test_a_bug_in_a_tool_propagates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError("a bug")

    loop = Loop(tmp_path, [TWO_RED, calls(("inspect", {"object": "car #1", "candidates": ["red"]}))])
    monkeypatch.setattr(loop.world, "score", broken)
    with pytest.raises(ZeroDivisionError, match="a bug"):
        loop.run(prompt="two red cars", image=loop.picture(scene(RED)))


def test_an_empty_layout_for_an_empty_picture_is_reached_already(tmp_path: Path) -> None:
    loop = Loop(tmp_path)
    empty = Layout()
    start = loop.picture(empty)
    result = loop.run(instruction="empty it", target=empty.model_dump(mode="json"), image=start)
    assert (result["exit"], result["image"]) == ("agreed", start)


def test_a_detector_that_refuses_is_a_failure_the_model_sees(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loop = Loop(tmp_path, [TWO_RED, calls(("detect", {"phrases": ["car"]})), edit(ADD_RED)])
    whole, asked = loop.world.detect, []

    def detect(*args: Any, **kwargs: Any) -> Any:
        asked.append(args)
        if len(asked) == 2:
            raise BackendError("too many words: use fewer")
        return whole(*args, **kwargs)

    monkeypatch.setattr(loop.world, "detect", detect)
    assert loop.run(prompt="two red cars", image=loop.picture(scene(RED)))["exit"] == "agreed"
    assert loop.answers()[0][1:] == ("error", "too many words: use fewer")


def test_suggestions_are_followed_over_rounds(tmp_path: Path) -> None:
    spec = {
        "objects": [{"name": "car", "attributes": ["red"]}, {"name": "dog"}],
        "relations": [{"subject": "dog", "predicate": "left of", "object": "red car"}],
        "absent": ["cat"],
    }
    loop = Loop(tmp_path, [spec, *Planner, calls(("suggest_layout", {})), suggested])
    loop.world.distort = lambda layout, number: (
        Layout(objects=tuple(one for one in layout.objects if one.name != "dog")) if number == 1 else layout
    )
    start = loop.picture(scene(BLUE, ("cat", [0.1, 0.1, 0.2, 0.2]), ("dog", [0.7, 0.1, 0.2, 0.2])))
    result = loop.run(prompt="a dog left of a red car without a cat", image=start)
    assert (result["exit"], result["rounds"]) == ("agreed", 2)


def test_what_the_detector_is_not_sure_of_is_drawn_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loop = Loop(tmp_path, [TWO_RED, *Planner])
    whole = loop.world.detect

    def detect(*args: Any) -> Detected:
        found = whole(*args)
        faded = () if loop.world.edits else tuple(one for one in found.detections if one.box.center[0] > 0.5)
        return Detected(found.detections, faded)

    monkeypatch.setattr(loop.world, "detect", detect)
    start = loop.picture(scene(RED, ("red car", [0.6, 0.5, 0.3, 0.3])))
    result = loop.run(prompt="two red cars", image=start)
    assert (result["exit"], result["rounds"]) == ("agreed", 1)
    added, removed = loop.world.edits[0]
    assert (added["op"], added["name"], added["attributes"]) == ("add", "car", ["red"])
    assert removed == {"op": "remove", "id": "car #2"}
    assert "found one car, not counting doubtful ones" in loop.chat.seen[1][-1].text
