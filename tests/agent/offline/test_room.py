"""Where there is no room: things step aside or apart, stay as large as they are, or it is said why not."""

from __future__ import annotations

import pytest

from agent.offline.instructions import parse_instruction
from agent.offline.placement import CROWDED, TOUCHED, is_crowded
from agent.offline.workbench import Memory
from tests.world import scene
from tools.scene.errors import CannotParse
from tools.scene.layout import Layout
from tools.scene.operations import Add, apply
from tools.scene.relations import holds

ROW = scene(("cat", [0.05, 0.6, 0.3, 0.3]), ("chair", [0.4, 0.55, 0.3, 0.35]))
LOW = scene(("chair", [0.35, 0.55, 0.3, 0.43]), ("dog", [0.02, 0.6, 0.25, 0.3]))
FULL = scene(
    *(("book", [x, y, 0.3, 0.3]) for x in (0.02, 0.35, 0.68) for y in (0.02, 0.35, 0.68) if (x, y) != (0.35, 0.35)),
    ("cup", [0.4, 0.4, 0.2, 0.2]),
)


def done(text: str, layout: Layout) -> tuple[Layout, list[str]]:
    memory = Memory()
    return apply(layout, parse_instruction(text, layout, memory)), memory.notes


def overlap(layout: Layout) -> float:
    boxes = [placed.box for placed in layout.objects]
    pairs = [(one, other) for place, one in enumerate(boxes) for other in boxes[:place]]
    return max(one.intersection(other) / min(one.area, other.area) for one, other in pairs)


def test_two_things_step_apart_for_one_between_them() -> None:
    after, notes = done("put a laptop between the cat and the chair", ROW)
    laptop = after["laptop #1"].box
    assert holds("between", laptop, after["cat #1"].box, after["chair #1"].box)
    assert overlap(after) <= CROWDED
    assert [after[one].box[2:] for one in ROW.ids] == [ROW[one].box[2:] for one in ROW.ids]
    assert notes == ["moving 'cat #1' and 'chair #1' apart to make room"]


def test_what_stands_at_the_bottom_steps_up_for_one_under_it() -> None:
    after, notes = done("move the dog under the chair", LOW)
    assert holds("below", after["dog #1"].box, after["chair #1"].box)
    assert after["dog #1"].box[2:] == pytest.approx(LOW["dog #1"].box[2:])
    assert notes == ["moving 'chair #1' a little to make room"]


def test_a_shift_goes_round_what_is_in_the_way() -> None:
    after, _ = done("move the chair to the left", ROW)
    assert after["chair #1"].box.center[0] < ROW["chair #1"].box.center[0] - 0.09
    assert overlap(after) <= TOUCHED


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("add a huge bowl", "no room for 'bowl'"),
        ("make the cup four times as big", "there is for 1.[0-9] times its size|no room for 'cup #1' to grow"),
        ("move the cup to the top right corner", "move, shrink or remove something first: book #1"),
    ],
)
def test_no_room_is_said_with_what_would_help(text: str, why: str) -> None:
    with pytest.raises(CannotParse, match=f"^cannot do {text!r}: .*({why})"):
        parse_instruction(text, FULL)


def test_growth_takes_what_room_there_is() -> None:
    tight = scene(("cup", [0.4, 0.4, 0.2, 0.2]), ("book", [0.0, 0.0, 0.36, 1.0]), ("dog", [0.68, 0.0, 0.32, 1.0]))
    after, notes = done("make the cup twice as big", tight)
    assert notes == ["there is room for 1.5 times 'cup #1' only"]
    assert after["cup #1"].box.area > 1.3 * tight["cup #1"].box.area
    assert not is_crowded(after["cup #1"].box, [after["book #1"].box, after["dog #1"].box])


def test_closer_ends_before_they_overlap() -> None:
    apart = scene(("cup", [0.05, 0.5, 0.2, 0.2]), ("book", [0.6, 0.5, 0.2, 0.2]))
    after, _ = done("move the cup much closer to the book", apart)
    assert after["cup #1"].box.x > 0.3
    assert overlap(after) == 0


def test_a_new_thing_behind_another_is_drawn_before_it() -> None:
    (added,) = parse_instruction("put a cup behind the chair", ROW)
    assert isinstance(added, Add)
    after = apply(ROW, [added])
    assert after.ids.index("cup #1") < after.ids.index("chair #1")
    assert 0 < after["cup #1"].box.intersection(after["chair #1"].box) < 0.3 * after["cup #1"].box.area


@pytest.mark.parametrize(("words", "low", "high"), [("bigger than", 1.2, 2), ("smaller than", 0.4, 0.84)])
def test_a_new_thing_may_be_compared_with_what_is_there(words: str, low: float, high: float) -> None:
    after, _ = done(f"add a dog that is {words} the cat", scene(("cat", [0.1, 0.6, 0.3, 0.3])))
    assert low < (after["dog #1"].box.area / after["cat #1"].box.area) ** 0.5 < high


def test_their_places_are_those_of_both() -> None:
    after, _ = done("swap their places", ROW)
    assert after["cat #1"].box.center[0] > after["chair #1"].box.center[0]


def test_that_another_is_as_small_is_said() -> None:
    cups = scene(("cup", [0.1, 0.5, 0.2, 0.2]), ("cup", [0.5, 0.5, 0.21, 0.2]), ("cup", [0.7, 0.1, 0.1, 0.1]))
    after, notes = done("remove the largest cup", cups)
    assert after.ids == ("cup #1", "cup #3")
    assert notes == ["taking 'cup #2' for the largest: 'cup #1' is about as large"]
    assert done("remove the smallest cup", cups)[1] == []


@pytest.mark.parametrize("text", ["I want the cat on the right of the chair", "move the cat to the right of the chair"])
def test_a_wish_for_a_place_is_one(text: str) -> None:
    after, _ = done(text, scene(("cat", [0.05, 0.6, 0.2, 0.2]), ("chair", [0.4, 0.55, 0.2, 0.3])))
    assert holds("right of", after["cat #1"].box, after["chair #1"].box)


def test_a_colour_may_be_that_of_another() -> None:
    after, _ = done(
        "colour the cat like the red cup", scene(("cat", [0.1, 0.6, 0.2, 0.2]), ("red cup", [0.5, 0.6, 0.2, 0.2]))
    )
    assert after["cat #1"].attributes == ("red",)


def test_a_question_that_asks_for_something_back_is_a_wish() -> None:
    dog = scene(("dog", [0.1, 0.1, 0.2, 0.2])).objects
    (added,) = parse_instruction("can you bring the dog back?", ROW, Memory(removed=dog, seen_in=("a1",)))
    assert isinstance(added, Add)
    assert added.source is not None
    assert added.source.picture == "a1"


def test_it_is_the_only_thing_there_is() -> None:
    after, _ = done("make it red", scene(("white backpack", [0.4, 0.4, 0.3, 0.3])))
    assert after.objects[0].attributes == ("red",)
