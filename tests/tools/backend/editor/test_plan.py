from __future__ import annotations

import pytest

from tools.backend.editor.plan import plan_edit
from tools.backend.protocol import BackendError
from tools.scene.box import Box
from tools.scene.layout import Layout, PlacedObject
from tools.scene.operations import Add, Move, Operation, Remove, Replace, Restyle, Source

HERE, THERE = Box(0.1, 0.1, 0.2, 0.2), Box(0.5, 0.5, 0.2, 0.2)
CAR = PlacedObject(id="car #1", name="car", attributes=("red",), box=HERE)
DOG = PlacedObject(id="dog #1", name="dog", box=Box(0.7, 0.1, 0.2, 0.2))
SCENE = Layout(objects=(CAR, DOG), background="a room")

MOVE, BLUE = Move(id="car #1", box=THERE), Restyle(id="car #1", attributes=("blue",))

CASES: dict[str, tuple[list[Operation], list[str], list[str]]] = {
    # operations, what happens to touched objects, ids erased
    "move": ([MOVE], ["car #1 moved"], ["car #1"]),
    "move and back": ([MOVE, Move(id="car #1", box=HERE)], [], []),
    "restyle": ([BLUE], ["car #1 restyled"], []),
    "move then restyle": ([MOVE, BLUE], ["car #1 moved restyled"], ["car #1"]),
    "restyle then move": ([BLUE, MOVE], ["car #1 moved restyled"], ["car #1"]),
    "restyle then remove": ([BLUE, Remove(id="car #1")], [], ["car #1"]),
    "replace": ([Replace(id="car #1", name="cat")], ["cat #1 made"], ["car #1"]),
    "replace by the same": ([Replace(id="car #1", name="car")], ["car #2 made"], ["car #1"]),
    "move then replace": ([MOVE, Replace(id="car #1", name="cat")], ["cat #1 made"], ["car #1"]),
    "add then move": ([Add(name="cup", box=HERE), Move(id="cup #1", box=THERE)], ["cup #1 made"], []),
    "add then remove": ([Add(name="cup", box=HERE), Remove(id="cup #1")], [], []),
    "remove then add": ([Remove(id="car #1"), Add(name="car", box=THERE)], ["car #1 made"], ["car #1"]),
    "add then restyle": ([Add(name="cup", box=HERE), Restyle(id="cup #1", attributes=("red",))], ["cup #1 made"], []),
}


@pytest.mark.parametrize(("operations", "touched", "erased"), CASES.values(), ids=CASES.keys())
def test_operations_fold(operations: list[Operation], touched: list[str], erased: list[str]) -> None:
    plan = plan_edit(SCENE, operations)
    words = [
        " ".join(
            [one.placed.id] + ["made"] * (one.source is None) + ["moved"] * one.moved + ["restyled"] * one.restyled
        )
        for one in plan.touched
    ]
    assert words == touched
    assert [placed.id for placed in plan.erased] == erased
    assert DOG in plan.untouched


def test_a_copy_keeps_the_pixels_of_an_original_that_stays() -> None:
    copy = Add(name="car", attributes=CAR.attributes, box=THERE, source=Source(box=CAR.box))
    plan = plan_edit(SCENE, [copy])
    assert [(one.placed.id, one.source, one.moved, one.restyled) for one in plan.touched] == [
        ("car #2", CAR, True, False)
    ]
    assert (plan.erased, plan.made) == ((), ())
    assert CAR in plan.untouched


def test_the_canvas_shows_old_styles_at_new_places() -> None:
    plan = plan_edit(SCENE, [MOVE, BLUE, Remove(id="dog #1"), Add(name="cup", box=HERE)])
    assert plan.canvas_layout.objects == (CAR.model_copy(update={"box": MOVE.box}),)
    assert [placed.phrase for placed in plan.target.objects] == ["blue car", "cup"]


@pytest.mark.parametrize(
    ("operations", "message"),
    [
        ([], "empty"),
        ([Remove(id="cat #1")], "known ids: car #1, dog #1"),
        ([Remove(id="car #1"), MOVE], "no object 'car #1'"),
        ([Move.model_construct(op="move", id="car #1", box=Box(0.9, 0.9, 0.5, 0.5))], "leaves the picture"),
        ([Move.model_construct(op="move", id="car #1", box=Box(0.9, 0.9, 0.0, 0.1))], "no area"),
    ],
)
def test_bad_operations_say_why(operations: list[Operation], message: str) -> None:
    with pytest.raises(BackendError, match=message):
        plan_edit(SCENE, operations)
