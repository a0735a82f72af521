"""What is asked is what is checked: given parses and layouts, doubt, losses, leftovers, and what only eyes can see."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from agent.offline.planner import OfflinePlanner
from configs.settings import Settings
from tests.loop import Loop
from tests.scripted import Planner, ScriptedChat, edit
from tests.world import World, scene, truth
from tools.backend.protocol import Detected, Edited
from tools.scene.layout import Detection, Layout
from tools.scene.spec import Query

CAR, DOG, CUP = ("car", [0.05, 0.5, 0.3, 0.3]), ("dog", [0.6, 0.5, 0.3, 0.3]), ("cup", [0.4, 0.1, 0.2, 0.2])
CAR_AND_DOG = {"objects": [{"name": "car"}, {"name": "dog"}]}


def planned(folder: Path, **sections: Any) -> Loop:
    """A loop with the offline planner."""
    loop = Loop(folder, **sections)
    loop.context = replace(loop.context, chat=OfflinePlanner())
    return loop


def with_vocabulary(settings: Settings, *names: str) -> Settings:
    detector = settings.detector.model_copy(update={"vocabulary": names})
    return settings.model_copy(update={"detector": detector})


def names(loop: Loop, image: str) -> list[str]:
    return sorted(placed.name for placed in truth(loop.images.load(image)).objects)


def test_what_a_given_layout_does_not_mention_stays(tmp_path: Path) -> None:
    loop = Loop(tmp_path, Planner)
    start, target = loop.picture(scene(CAR, DOG, CUP)), scene(("car", [0.05, 0.1, 0.3, 0.3]), DOG)
    loop.context = replace(loop.context, settings=with_vocabulary(loop.settings, "car", "dog", "cup"))
    result = loop.run(instruction="move the car up", image=start, target=target.model_dump(mode="json"))
    assert result["agreed"]
    assert names(loop, result["image"]) == ["car", "cup", "dog"]


def test_a_given_layout_is_checked(tmp_path: Path) -> None:
    loop = Loop(tmp_path, Planner)
    target = scene(("car", [0.6, 0.5, 0.3, 0.3]), ("dog", [0.05, 0.5, 0.3, 0.3])).model_dump(mode="json")
    result = loop.run(prompt="a car and a dog", image=loop.picture(scene(CAR, DOG)), spec=CAR_AND_DOG, target=target)
    assert (result["agreed"], result["rounds"]) == (True, 1)
    assert [placed.box.x for placed in truth(loop.images.load(result["image"])).objects] == pytest.approx([0.6, 0.05])


def test_the_places_of_a_sentence_are_required_of_a_given_parse_too(tmp_path: Path) -> None:
    loop = planned(tmp_path)
    start = loop.picture(scene(CAR, DOG))
    given = {"prompt": "a dog to the left of a car", "image": start, "spec": CAR_AND_DOG}
    assert loop.run(**given)["rounds"] == 0  # a parse of this project says all there is
    result = loop.run(**given, places=True)
    assert (result["agreed"], result["rounds"]) == (True, 1)
    unread = loop.run(prompt="a dog wug blick the car of", image=start, spec=CAR_AND_DOG, places=True)
    assert unread["agreed"]
    assert [one["passed"] for one in unread["verdict"]["results"]] == [True, True, None]


def test_what_was_seen_only_doubtfully_is_no_part_of_the_picture(tmp_path: Path) -> None:
    class Unsure(World):
        def detect(self, image: Image.Image, queries: Sequence[Query], threshold: float | None = None) -> Detected:
            ghost = Detection(name="dog", box=scene(DOG).objects[0].box, score=0.3)
            return replace(super().detect(image, queries), doubtful=(ghost,))

    loop = Loop(tmp_path, [CAR_AND_DOG, "I cannot"], world=Unsure(), loop={"repairs": 0, "fallback": "stop"})
    result = loop.run(prompt="a car and a dog", image=loop.picture(scene(CAR)))
    assert not result["agreed"]
    assert loop.state["layout"].ids == ("car #1",)


def test_a_round_that_destroyed_something_is_never_the_best(tmp_path: Path) -> None:
    become: dict[str, Any] = {
        "operations": [{"op": "replace", "id": "dog #1", "name": "tiger", "attributes": [], "box": None}]
    }
    loop = Loop(tmp_path, [become, edit(become["operations"][0])], loop={"rounds": 1})
    loop.world.distort = lambda layout, number: layout.without({"tiger"})
    start = loop.picture(scene(CAR, DOG))
    loop.context = replace(loop.context, settings=with_vocabulary(loop.settings, "car", "dog"))
    result = loop.run(instruction="turn the dog into a tiger", image=start)
    assert (result["agreed"], result["image"]) == (False, start)
    assert loop.state["layout"].ids == ("car #1", "dog #1")


def test_what_an_edit_leaves_behind_is_wrong_and_taken_away(tmp_path: Path) -> None:
    class Careless(World):
        """Leaves a part of what it takes away, once."""

        def edit(self, image: Image.Image, operations: Any, scene: Layout, **more: Any) -> Edited:
            edited = super().edit(image, operations, scene, **more)
            region = np.zeros((64, 64), bool)
            region[28:56, 34:62] = True
            pixels = np.array(edited.image)
            if len(self.edits) == 1:
                pixels[40:48, 44:50] = (200, 20, 20)
            return replace(edited, image=Image.fromarray(pixels), region=region, doubts=None)

    loop = Loop(tmp_path, [{"objects": [{"name": "car"}], "absent": ["dog"]}, *Planner, *Planner], world=Careless())
    result = loop.run(prompt="a car and no dog", image=loop.picture(scene(CAR, DOG)))
    assert (result["agreed"], result["rounds"]) == (True, 2)
    assert [one["op"] for edits in loop.world.edits for one in edits] == ["remove", "remove"]
    assert loop.world.edits[1] == [{"op": "remove", "id": "leftover #1"}]
    assert all("leftover" not in phrases for phrases in loop.world.asked)
    assert loop.state["layout"].ids == ("car #1",)


@pytest.mark.parametrize("failing", [0, 1])
def test_what_was_overlooked_before_an_edit_is_not_taken_away(tmp_path: Path, failing: int) -> None:
    class Merging(World):
        """Sees two cars that touch as one until something was edited."""

        def detect(self, image: Image.Image, queries: Sequence[Query], threshold: float | None = None) -> Detected:
            found = super().detect(image, queries)
            seen = [one for one in found.detections if self.edits or one.box.x != 0.2]
            return replace(found, detections=tuple(seen))

    loop = planned(tmp_path, loop={"rounds": 3})
    loop.context = replace(loop.context, backend=(world := Merging()))
    start = scene(
        ("blue car", [0.05, 0.5, 0.15, 0.3]), ("blue car", [0.2, 0.5, 0.15, 0.3]), ("car", [0.6, 0.5, 0.3, 0.3])
    )
    *others, right = start.objects
    done = Layout(objects=(*others, right.model_copy(update={"attributes": ("red",)})))
    world.distort = lambda layout, number: start if number <= failing else done
    result = loop.run(instruction="make the right car red", image=loop.picture(start))
    assert result["agreed"]
    assert names(loop, result["image"]) == ["car", "car", "car"]
    assert {one["op"] for edits in world.edits for one in edits} == {"restyle"}


SMILING = {**CAR_AND_DOG, "unchecked": ["the dog is smiling"]}
NO, YES = ({"answers": [{"true": true, "reason": "its mouth is shut"}]} for true in (False, True))


@pytest.mark.parametrize(
    ("answer", "passed", "agreed"),
    [(NO, False, False), (YES, None, True), ({"answers": []}, None, True), ("hm", None, True)],
    ids=["no", "yes", "too few answers", "no answer"],
)
def test_a_model_that_sees_can_fail_a_picture_and_never_pass_it(
    tmp_path: Path, answer: Any, passed: bool | None, agreed: bool
) -> None:
    loop = Loop(tmp_path, ["I cannot", "no"], chat={"vision": False}, loop={"repairs": 0})
    eyes = ScriptedChat(script=[answer])
    loop.context = replace(loop.context, eyes=eyes)
    result = loop.run(prompt="a car and a smiling dog", image=loop.picture(scene(CAR, DOG)), spec=SMILING)
    assert result["agreed"] is agreed
    asked = result["verdict"]["results"][-1]
    assert asked["passed"] is passed
    if isinstance(answer, dict) and answer["answers"]:
        assert "its mouth is shut" in asked["reason"]
    (question,) = eyes.seen
    assert "1. the dog is smiling" in question[-1].text
    assert any(isinstance(block, dict) and block["type"] == "image_url" for block in question[-1].content)


def test_eyes_are_not_asked_while_the_detector_finds_something_wrong(tmp_path: Path) -> None:
    loop = Loop(tmp_path, ["I cannot"], loop={"repairs": 0, "fallback": "stop"})
    loop.context = replace(loop.context, eyes=ScriptedChat(script=[]))
    assert not loop.run(prompt="a car and a smiling dog", image=loop.picture(scene(CAR)), spec=SMILING)["agreed"]


def test_what_the_detector_cannot_answer_is_not_checked_and_alone_agrees_to_nothing(tmp_path: Path) -> None:
    class Narrow(World):
        def detect(self, image: Image.Image, queries: Sequence[Query], threshold: float | None = None) -> Detected:
            unanswered = tuple(query for query in queries if query.name == "dragon")
            return replace(super().detect(image, queries), unanswered=unanswered)

    spec = {"objects": [{"name": "car"}, {"name": "dragon"}]}
    loop = Loop(tmp_path, ["I cannot"], world=Narrow(), loop={"repairs": 0})
    start = loop.picture(scene(CAR))
    result = loop.run(prompt="a car and a dragon", image=start, spec=spec)
    assert result["agreed"]
    assert [one["passed"] for one in result["verdict"]["results"]] == [True, None]
    assert not loop.run(prompt="a dragon", image=start, spec={"objects": [{"name": "dragon"}]})["agreed"]
