from __future__ import annotations

import pytest

from agent.offline.instructions import parse_instruction
from tests.world import scene
from tools.scene.operations import Move, apply

TABLE = scene(("cup", [0.1, 0.5, 0.2, 0.3]), ("bottle", [0.5, 0.2, 0.2, 0.6]), ("bowl", [0.75, 0.6, 0.2, 0.2]))

SAID = {
    "bring the cup in front of the bottle": ("cup #1", "in front of", "bottle #1"),
    "move the cup behind the bottle": ("cup #1", "behind", "bottle #1"),
    "put the bowl in front of the bottle": ("bowl #1", "in front of", "bottle #1"),
    "push the bowl right behind the bottle": ("bowl #1", "behind", "bottle #1"),
}


@pytest.mark.parametrize("said", SAID)
def test_one_thing_covers_the_other_and_stands_nearer(said: str) -> None:
    moved, side, other = SAID[said]
    (operation,) = parse_instruction(said, TABLE)
    assert isinstance(operation, Move)
    assert operation.depth is not None
    assert (operation.id, operation.depth.side, operation.depth.id) == (moved, side, other)
    after = apply(TABLE, [operation])
    mine, theirs = after[moved].box, after[other].box
    assert mine.intersection(theirs) > 0
    order = after.ids.index(moved) - after.ids.index(other)
    front = side == "in front of"
    assert order == (1 if front else -1)
    assert (mine.y + mine.h > theirs.y + theirs.h) == front
    hidden, whole = mine.intersection(theirs), theirs if front else mine
    assert hidden < 0.45 * whole.area


def test_no_depth_no_word_of_it() -> None:
    assert "depth" not in Move(id="cup #1", box=TABLE["cup #1"].box).model_dump()
