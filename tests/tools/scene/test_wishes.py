"""What a language model asks for in words comes to boxes of which the words are true."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from pydantic import TypeAdapter

from tests.world import scene
from tools.scene.operations import Add, Depth, Move, Replace, apply
from tools.scene.places import WAYS
from tools.scene.relations import holds
from tools.scene.spec import PairPredicate, PicturePredicate
from tools.scene.wishes import Wish, operations_of

TABLE = scene(
    ("red cup", [0.05, 0.6, 0.2, 0.22]), ("blue bowl", [0.45, 0.5, 0.24, 0.18]), ("bottle", [0.8, 0.1, 0.12, 0.3])
)
WISHES: TypeAdapter[tuple[Wish, ...]] = TypeAdapter(tuple[Wish, ...])


def done(*wishes: dict[str, Any], shapes: dict[str, float] | None = None) -> Any:
    return operations_of(WISHES.validate_python(wishes), TABLE, shapes)


@pytest.mark.parametrize("where", get_args(PairPredicate))
@pytest.mark.parametrize("op", ["add", "move"])
def test_a_place_beside_something_is_there(where: Any, op: str) -> None:
    of = ["cup #1", "bowl #1"] if where == "between" else ["bowl #1"]
    wish = {"op": op, "place": where, "of": of} | ({"name": "dog"} if op == "add" else {"id": "bottle #1"})
    (operation,) = done(wish)
    assert holds(where, operation.box, *(TABLE[one].box for one in of))
    if op == "move" and where != "inside":  # where it has to fit
        assert operation.box[2:] == pytest.approx((0.12, 0.3))


@pytest.mark.parametrize("where", get_args(PicturePredicate))
def test_a_place_in_the_picture_is_there_and_hides_nothing_else(where: Any) -> None:
    (operation,) = done({"op": "add", "name": "dog", "place": where})
    assert holds(where, operation.box)
    hidden = max(operation.box.intersection(placed.box) for placed in TABLE.objects) / operation.box.area
    assert hidden < 0.35


@pytest.mark.parametrize(("where", "way"), WAYS.items())
def test_further_is_further_and_nothing_else(where: str, way: tuple[int, int]) -> None:
    (operation,) = done({"op": "move", "id": "bowl #1", "place": where})
    old, new = TABLE[operation.id].box.center, operation.box.center
    axis, sign = way
    assert sign * (new[axis] - old[axis]) > 0.07
    assert new[1 - axis] == pytest.approx(old[1 - axis], abs=1e-3)


def test_a_swap_a_size_and_what_changes_nothing_else() -> None:
    swapped = apply(TABLE, done({"op": "swap", "id": "cup #1", "other": "bowl #1"}))
    assert holds("right of", swapped["cup #1"].box, swapped["bowl #1"].box)
    assert swapped["cup #1"].box[2:] == TABLE["cup #1"].box[2:]
    (half,) = done({"op": "resize", "id": "cup #1", "factor": 0.5})
    assert half.box.center == pytest.approx(TABLE["cup #1"].box.center, abs=1e-3)
    assert half.box.w == pytest.approx(0.1)
    (huge,) = done({"op": "resize", "id": "cup #1", "factor": 19})
    assert 0 <= huge.box.x <= huge.box.x + huge.box.w <= 1
    assert done({"op": "replace", "id": "cup #1", "name": "dog"}) == (Replace(id="cup #1", name="dog"),)
    (before,) = done({"op": "move", "id": "bottle #1", "place": "in front of", "of": ["bowl #1"]})
    assert before.depth == Depth(side="in front of", id="bowl #1")


def test_numbers_are_taken_as_they_are_and_the_usual_shape_is_known() -> None:
    box = [0.1, 0.1, 0.3, 0.2]
    assert done({"op": "add", "name": "dog", "box": box}) == (Add(name="dog", box=box),)
    assert done({"op": "move", "id": "cup #1", "box": box}) == (Move(id="cup #1", box=box),)
    (tall,) = done({"op": "add", "name": "vase"}, shapes={"vase": 0.5})
    assert tall.box.w == pytest.approx(0.5 * tall.box.h, rel=0.01)
    (like,) = done({"op": "add", "name": "cup"})
    assert like.box[2:] == pytest.approx(TABLE["cup #1"].box[2:])


def test_wishes_follow_one_another() -> None:
    added, moved = done(
        {"op": "add", "name": "dog"}, {"op": "move", "id": "cup #1", "place": "on top of", "of": ["dog #1"]}
    )
    assert holds("on top of", moved.box, added.box)


@pytest.mark.parametrize(
    ("wish", "told"),
    [
        ({"op": "move", "id": "cup #1"}, "say where"),
        ({"op": "move", "id": "cup #1", "place": "left of"}, "name the ids in 'of'"),
        ({"op": "add", "name": "dog", "place": "between", "of": ["cup #1"]}, "of two things"),
        ({"op": "add", "name": "dog", "place": "above", "of": ["cat #1"]}, "known ids: cup #1"),
        ({"op": "swap", "id": "cup #1", "other": "cat #1"}, "known ids: cup #1"),
        ({"op": "move", "id": "cup #1", "place": "left of", "of": ["cup #1"]}, "name the ids in 'of'"),
    ],
)
def test_a_place_that_is_none_is_told_with_what_to_do(wish: dict[str, Any], told: str) -> None:
    with pytest.raises((ValueError, KeyError), match=told):
        done(wish)


def test_what_replaces_something_has_a_shape_of_its_own() -> None:
    (operation,) = done({"op": "replace", "id": "bottle #1", "name": "book"}, shapes={"book": 0.85})
    old, new = TABLE["bottle #1"].box, operation.box
    assert new.w / new.h == pytest.approx(0.85, abs=0.01)
    assert new.w * new.h == pytest.approx(old.w * old.h, rel=0.01)
    (same,) = done({"op": "replace", "id": "bottle #1", "name": "vase"}, shapes={"vase": 0.42})
    assert same.box is None


def test_what_stands_above_something_does_not_touch_it() -> None:
    (operation,) = done({"op": "add", "name": "dog", "place": "above", "of": ["cup #1"]})
    assert operation.box.y + operation.box.h < TABLE["cup #1"].box.y - 0.01
