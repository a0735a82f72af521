"""What an editor says of its own work, and what a backend cannot do, in the real graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.loop import Loop
from tests.scripted import edit
from tests.world import World, scene
from tools.backend.protocol import Capabilities

if TYPE_CHECKING:
    from pathlib import Path

ROOM = scene(("red cup", [0.1, 0.1, 0.2, 0.2]), ("dog", [0.6, 0.6, 0.3, 0.3]))
REMOVE = {"op": "remove", "id": "cup #1"}


def test_what_did_not_come_out_clean_fails_the_verdict(tmp_path: Path) -> None:
    world = World()
    world.doubts = ("a cup is still seen there",)
    loop = Loop(tmp_path, [{"operations": [REMOVE]}, edit(REMOVE), "no more"], world, forever=True)
    result = loop.run(instruction="remove the cup", image=loop.picture(ROOM))
    assert not result["agreed"]
    failed = [one["reason"] for one in result["verdict"]["results"] if not one["passed"]]
    assert failed == ["expected nothing else there, found that a cup is still seen there"]


def test_a_fulfilled_wish_with_a_flaw_is_kept_before_the_picture_as_it_was(tmp_path: Path) -> None:
    world = World()
    world.doubts = ("its own picture cut it off",)
    add = {"op": "add", "name": "ball", "attributes": ["blue"], "box": [0.4, 0.1, 0.2, 0.2]}
    loop = Loop(tmp_path, [{"operations": [add]}, edit(add), "no more"], world, forever=True)
    result = loop.run(instruction="add a blue ball", image=loop.picture(ROOM))
    failed = [one["requirement"]["kind"] for one in result["verdict"]["results"] if not one["passed"]]
    assert failed == ["clean"]


def test_a_clean_one_does_not(tmp_path: Path) -> None:
    loop = Loop(tmp_path, [{"operations": [REMOVE]}, edit(REMOVE)])
    assert loop.run(instruction="remove the cup", image=loop.picture(ROOM))["agreed"]


def test_what_the_backend_cannot_draw_is_refused_before_any_edit(tmp_path: Path) -> None:
    world = World()
    world.can = Capabilities(world.can.operations, draws=frozenset())
    add = {"op": "add", "name": "horse", "attributes": [], "box": [0.4, 0.1, 0.2, 0.2]}
    loop = Loop(tmp_path, [{"operations": [add]}], world)
    result = loop.run(instruction="add a horse", image=loop.picture(ROOM))
    assert result["exit"] == "parse_failed"
    assert "cannot draw a new horse" in result["detail"]
    assert world.edits == []
