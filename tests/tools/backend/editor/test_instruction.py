from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.tools.backend.editor.test_grounded import CAR, DOG, SCENE
from tools.backend.editor.instruction import KEEP, instruct
from tools.backend.editor.plan import plan_edit
from tools.scene.box import Box
from tools.scene.layout import Layout, PlacedObject
from tools.scene.operations import Add, Depth, Move, Operation, Remove, Replace, Restyle

if TYPE_CHECKING:
    from collections.abc import Sequence


def cars(*boxes: Box) -> Layout:
    objects = [
        PlacedObject(id=f"car #{number}", name="car", attributes=("red",), box=box)
        for number, box in enumerate(boxes, start=1)
    ]
    return Layout(objects=tuple(objects))


ROW = cars(Box(0.1, 0.4, 0.1, 0.1), Box(0.4, 0.4, 0.1, 0.1), Box(0.7, 0.4, 0.1, 0.1))
COLUMN = cars(Box(0.4, 0.1, 0.1, 0.1), Box(0.4, 0.7, 0.1, 0.1))


@pytest.mark.parametrize(
    ("scene", "operations", "said"),
    [
        (SCENE, [Remove(id="car #1")], "Remove the red car."),
        (
            SCENE,
            [Add(name="cup", attributes=("green",), box=Box(0.6, 0.1, 0.3, 0.2))],
            "Add a green cup at the top right.",
        ),
        (SCENE, [Add(name="apple", box=Box(0.4, 0.4, 0.2, 0.2))], "Add an apple in the middle."),
        (SCENE, [Add(name="apple", box=Box(0.0, 0.4, 0.2, 0.2))], "Add an apple on the left."),
        (
            SCENE,
            [Add(name="cup", box=Box(0.6, 0.6, 0.3, 0.3), depth=Depth(side="behind", id="dog #1"))],
            "Add a cup at the bottom right, behind the blue dog.",
        ),
        (SCENE, [Restyle(id="car #1", attributes=("green",))], "Make the red car green, with the same shape."),
        (
            SCENE,
            [Restyle(id="car #1", attributes=("red", "shiny", "striped"))],
            "Make the red car shiny and striped, with the same shape.",
        ),
        (SCENE, [Replace(id="car #1", name="cat")], "Replace the red car with a cat."),
        (SCENE, [Move(id="car #1", box=Box(0.5, 0.1, 0.25, 0.25))], "Remove the red car."),
        (
            SCENE,
            [Replace(id="car #1", name="cat", box=Box(0.6, 0.1, 0.2, 0.2))],
            "Remove the red car. Add a cat at the top right.",
        ),
        (
            SCENE,
            [
                Remove(id="dog #1"),
                Restyle(id="car #1", attributes=("blue",)),
                Add(name="cup", box=Box(0, 0.8, 0.2, 0.2)),
            ],
            "Remove the blue dog. Make the red car blue, with the same shape. Add a cup at the bottom left.",
        ),
        (ROW, [Remove(id="car #1")], "Remove the red car on the left."),
        (ROW, [Remove(id="car #2")], "Remove the second red car from the left."),
        (ROW, [Remove(id="car #3")], "Remove the red car on the right."),
        (COLUMN, [Remove(id="car #1")], "Remove the red car at the top."),
        (COLUMN, [Remove(id="car #2")], "Remove the red car at the bottom."),
    ],
)
def test_a_plan_becomes_one_plain_instruction(scene: Layout, operations: Sequence[Operation], said: str) -> None:
    assert instruct(plan_edit(scene, operations)) == f"{said} {KEEP}"


def test_what_moved_is_given_its_new_look_where_it_stands_then() -> None:
    other = CAR.model_copy(update={"id": "car #2", "box": Box(0.7, 0.1, 0.2, 0.2)})
    scene = Layout(objects=(CAR, other, DOG))
    operations = [Move(id="car #1", box=Box(0.1, 0.6, 0.2, 0.2)), Restyle(id="car #1", attributes=("green",))]
    plan = plan_edit(scene, operations)
    assert instruct(plan) == f"Remove the red car on the left. {KEEP}"
    said = instruct(plan, plan.touched)
    assert said == f"Make the red car on the left green, with the same shape. {KEEP}"
