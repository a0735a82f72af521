"""What edits demand is met by the edited scene, and by nothing less."""

import pytest

from tools.scene.box import Box
from tools.scene.edit_goal import as_seen, edit_requirements, wish_requirements
from tools.scene.layout import Layout, PlacedObject
from tools.scene.merge import as_detections
from tools.scene.operations import Add, Adjust, Move, Operation, Remove, Replace, Restyle, apply
from tools.scene.verdict import kept_unseen, verdict, with_kept, with_painted, without_strangers

# Nine places in the picture, row by row.
PLACES = [Box(x, y, 0.2, 0.2) for y in (0.05, 0.4, 0.75) for x in (0.05, 0.4, 0.75)]

CURRENT = Layout(
    objects=tuple(
        PlacedObject(id=one, name=one.split()[0], attributes=words, box=PLACES[place])
        for one, words, place in (("car #1", ("red",), 0), ("car #2", (), 4), ("dog #1", ("blue",), 8))
    )
)
NUDGED = Box(0.05, 0.05, 0.25, 0.25)
EDITS: dict[str, list[Operation]] = {
    "remove one of two": [Remove(id="car #1")],
    "remove the only one": [Remove(id="dog #1")],
    "move": [Move(id="car #1", box=PLACES[2])],
    "enlarge a little": [Move(id="car #1", box=NUDGED)],
    "restyle": [Restyle(id="car #1", attributes=("green",))],
    "replace": [Replace(id="car #1", name="bowl")],
    "add": [Add(name="cat", attributes=("black",), box=PLACES[6])],
    "add another": [Add(name="car", box=PLACES[6])],
    "swap": [Move(id="car #1", box=PLACES[8]), Move(id="dog #1", box=PLACES[0])],
    "another takes its place": [Remove(id="car #1"), Move(id="car #2", box=PLACES[0])],
    "three at once": [Remove(id="dog #1"), Restyle(id="car #2", attributes=("pink",)), Add(name="cup", box=PLACES[2])],
}


@pytest.mark.parametrize("operations", EDITS.values(), ids=EDITS)
def test_edits_agree_when_done_and_only_then(operations: list[Operation]) -> None:
    after = apply(CURRENT, operations)
    wanted = edit_requirements(CURRENT, after)
    assert verdict(wanted, as_detections(after)).agreed
    assert not verdict(wanted, as_detections(CURRENT)).agreed


@pytest.mark.parametrize(
    ("operations", "flaw"),
    [
        (EDITS["move"], [Add(name="car", box=PLACES[0])]),  # left behind
        (EDITS["add"], [Remove(id="dog #1")]),  # a bystander vanished
        (EDITS["add"], [Restyle(id="dog #1", attributes=("green",))]),  # a bystander changed colour
        (EDITS["add"], [Move(id="dog #1", box=PLACES[2])]),  # a bystander wandered
        (EDITS["add another"], [Add(name="car", box=PLACES[2])]),  # one more than asked
        (EDITS["restyle"], [Restyle(id="car #1", attributes=("yellow",))]),
        (EDITS["replace"], [Add(name="car", box=Box(0.07, 0.07, 0.1, 0.1))]),  # a rest of it
    ],
)
def test_a_flaw_is_noticed(operations: list[Operation], flaw: list[Operation]) -> None:
    after = apply(CURRENT, operations)
    assert not verdict(edit_requirements(CURRENT, after), as_detections(apply(after, flaw))).agreed


def test_an_object_whose_attributes_nobody_sees_is_still_kept() -> None:
    wanted = edit_requirements(CURRENT, CURRENT)
    plain = [one for one in as_detections(CURRENT) if not one.attributes]
    assert verdict(wanted, plain).agreed


def test_looks_that_a_detector_cannot_tell_stay_unchecked() -> None:
    wanted = edit_requirements(CURRENT, apply(CURRENT, [Restyle(id=CURRENT.ids[0], attributes=("dark green",))]))
    seen = as_seen(wanted, ("green", "red", "blue"))
    assert [one.query.attributes for one in seen if one.kind == "attribute"] == [()]
    assert [one.said for one in seen if one.kind == "unchecked"] == [f"dark green {CURRENT.objects[0].name}"]
    assert as_seen(wanted, None) == wanted


def test_smaller_on_the_spot_leaves_no_old_place_behind() -> None:
    small = Box(0.1, 0.1, 0.1, 0.1)
    after = apply(CURRENT, [Move(id="car #1", box=small)])
    wanted = edit_requirements(CURRENT, after)
    assert not [demand for demand in wanted if demand.kind == "absent"]
    assert verdict(wanted, as_detections(after)).agreed
    assert not verdict(wanted, as_detections(CURRENT)).agreed


def test_an_object_that_a_detector_loses_sight_of_still_counts() -> None:
    after = apply(CURRENT, [Restyle(id="car #1", attributes=("green",))])
    wanted = edit_requirements(CURRENT, after)
    seen = [one for one in as_detections(after) if one.box != PLACES[4]]
    strict = verdict(wanted, seen)
    assert not strict.agreed
    kept = with_kept(strict, lambda box: box == PLACES[4])
    assert kept.agreed
    assert kept_unseen(strict, kept) == ("car #2",)
    assert not with_kept(strict, lambda box: False).agreed


def test_what_is_painted_in_part_has_the_look_of_its_paint() -> None:
    wanted = edit_requirements(CURRENT, apply(CURRENT, [Restyle(id="car #1", attributes=("green",))]))
    strict = verdict(wanted, as_detections(CURRENT))
    assert not strict.agreed
    assert with_painted(strict, lambda demand: demand.id == "car #1").agreed
    assert not with_painted(strict, lambda demand: False).agreed


def test_what_stands_in_a_blurred_background_need_not_be_seen() -> None:
    red, dog = (
        PlacedObject(id="red cup #1", name="cup", box=Box(0.1, 0.1, 0.2, 0.2)),
        PlacedObject(id="dog #1", name="dog", box=Box(0.6, 0.6, 0.2, 0.2)),
    )
    scene = Layout(objects=(red, dog))
    operations = [
        Restyle(id=red.id, attributes=("blue",)),
        Adjust(wish="blur the background", id=red.id),
    ]
    demanded = wish_requirements(scene, operations, apply(scene, operations))
    assert {demand.query.name for demand in demanded} == {"cup"}
    darker = [operations[0], Adjust(wish="darker")]
    assert {demand.query.name for demand in wish_requirements(scene, darker, apply(scene, darker))} == {"cup"}
    assert "dog" in {demand.query.name for demand in wish_requirements(scene, operations[:1], scene)}


@pytest.mark.parametrize(
    ("operations", "stranger", "unchanged", "agreed"),
    [
        ("restyle", 6, (4, 6), True),  # overlooked before, and not touched
        ("enlarge a little", 6, (4, 6), True),
        ("add another", 2, (0, 2, 4), True),
        ("restyle", 6, (4,), False),  # the edit brought it
        ("add another", 2, (0, 4), False),
        ("remove one of two", 0, (0, 4), False),  # not done at all
    ],
)
def test_what_was_there_before_and_not_counted_is_not_one_too_many(
    operations: str, stranger: int, unchanged: tuple[int, ...], agreed: bool
) -> None:
    after = apply(CURRENT, EDITS[operations])
    wanted = edit_requirements(CURRENT, after)
    strict = verdict(wanted, as_detections(apply(after, [Add(name="car", box=PLACES[stranger])])))
    assert not strict.agreed
    places = [PLACES[number] for number in unchanged]
    assert without_strangers(strict, lambda box: box in places).agreed == agreed
