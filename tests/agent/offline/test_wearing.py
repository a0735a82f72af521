from __future__ import annotations

import pytest

from agent.offline.instructions import parse_instruction
from tests.world import scene
from tools.scene.errors import CannotParse
from tools.scene.layout import Layout, PlacedObject
from tools.scene.operations import Move, Remove
from tools.scene.worn import with_worn, worn_by

STREET = scene(
    ("black man", [0.05, 0.1, 0.25, 0.85]),
    ("blue man", [0.4, 0.1, 0.25, 0.85]),
    ("woman", [0.7, 0.2, 0.25, 0.75]),
    ("red tie", [0.15, 0.3, 0.05, 0.25]),
    ("green tie", [0.5, 0.3, 0.05, 0.25]),
    ("handbag", [0.8, 0.55, 0.1, 0.15]),
)

WHO = {
    "remove the man in the red tie": "man #1",
    "remove the man wearing the green tie": "man #2",
    "remove the man in blue": "man #2",
    "remove the man in the blue suit": "man #2",
    "remove the man with the red tie": "man #1",
    "remove the woman with the handbag": "woman #1",
    "take the man in the black coat away": "man #1",
    "make the man in the red tie smaller": "man #1",
    "move the man in the red tie to the left": "man #1",
    "remove the man on the left": "man #1",
    "make the woman's handbag red": "handbag #1",
}


@pytest.mark.parametrize("said", WHO)
def test_people_are_told_by_what_they_wear(said: str) -> None:
    if said == "remove the woman with the handbag":
        with pytest.raises(CannotParse):  # there is one woman: "with" is no selector there
            parse_instruction(said, STREET)
        return
    (operation,) = parse_instruction(said, STREET)
    assert getattr(operation, "id", "") == WHO[said]


def test_whose_colour_was_seen_wrongly_is_found_where_nobody_else_can_be_meant() -> None:
    one = scene(
        ("black man", [0.05, 0.1, 0.25, 0.85]), ("man", [0.4, 0.1, 0.25, 0.85]), ("tie", [0.15, 0.3, 0.05, 0.2])
    )
    (operation,) = parse_instruction("remove the man in the red tie", one)
    assert getattr(operation, "id", "") == "man #1"


def test_nobody_wears_it() -> None:
    with pytest.raises(CannotParse, match="yellow tie"):
        parse_instruction("remove the man in the yellow tie", STREET)


def test_what_is_worn_goes_with_its_wearer() -> None:
    assert worn_by(STREET) == {"tie #1": "man #1", "tie #2": "man #2", "handbag #1": "woman #1"}
    gone = with_worn(STREET, (Remove(id="man #1"),))
    assert gone == (Remove(id="man #1"), Remove(id="tie #1"))
    moved = with_worn(STREET, (Move(id="woman #1", box=[0.6, 0.2, 0.25, 0.75]),))  # type: ignore[arg-type]
    assert isinstance(moved[1], Move)
    assert moved[1].id == "handbag #1"
    assert moved[1].box.x == pytest.approx(0.7)
    assert with_worn(STREET, (Remove(id="man #1"),), spoken=("tie",)) == (Remove(id="man #1"),)
    assert with_worn(STREET, (Remove(id="man #1"), Remove(id="tie #1"))) == (Remove(id="man #1"), Remove(id="tie #1"))


def test_a_tie_on_the_floor_and_a_bag_before_everyone_are_nobodys() -> None:
    box = STREET["man #1"].box
    tie = PlacedObject(id="tie #1", name="tie", box=box)
    assert worn_by(Layout(objects=(STREET["man #1"], tie))) == {}


def test_the_dog_is_the_one_that_anybody_sees() -> None:
    far = scene(("dog", [0.1, 0.1, 0.6, 0.8]), ("dog", [0.8, 0.1, 0.1, 0.1]))
    (operation,) = parse_instruction("remove the dog", far)
    assert getattr(operation, "id", "") == "dog #1"


@pytest.mark.parametrize(
    ("said", "id_"),
    [("make the red tie blue and remove him", "man #1"), ("make the red tie blue, remove it", "tie #1")],
)
def test_he_is_who_wears_what_was_spoken_of(said: str, id_: str) -> None:
    operations = parse_instruction(said, STREET)
    assert id_ in {one.id for one in operations if isinstance(one, Remove)}
