import pytest

from tools.scene.box import Box
from tools.scene.difference import completed, difference
from tools.scene.layout import Layout, PlacedObject
from tools.scene.operations import apply

A, B, C = [0.1, 0.4, 0.2, 0.2], [0.7, 0.4, 0.2, 0.2], [0.4, 0.05, 0.2, 0.2]
NEAR_A, LARGER_A = [0.105, 0.4, 0.2, 0.2], [0.05, 0.35, 0.3, 0.3]
Objects = list[tuple[str, str, list[float]]]


def layout(objects: Objects) -> Layout:
    """Objects as (id, phrase, box)."""
    made = [
        {"id": one, "name": phrase.split()[-1], "attributes": phrase.split()[:-1], "box": box}
        for one, phrase, box in objects
    ]
    return Layout.model_validate({"objects": made})


@pytest.mark.parametrize(
    ("current", "target", "expected"),
    [
        ([("car #1", "car", A)], [("car #1", "car", NEAR_A)], []),
        ([("car #1", "red car", A)], [("car #1", "car", A)], []),
        ([("car #1", "car", A), ("car #2", "car", B)], [("car #1", "car", B), ("car #2", "car", A)], []),
        ([("car #1", "red car", A), ("dog #1", "dog", B)], [("red car #4", "red car", A), ("dog #9", "dog", B)], []),
        ([("car #1", "car", A)], [("car #1", "car", B)], ["move car #1"]),
        ([("car #1", "car", A)], [("car #5", "car", B)], ["move car #1"]),
        ([("car #1", "car", A)], [("car #1", "car", LARGER_A)], ["move car #1"]),
        ([("car #1", "red car", A)], [("car #1", "blue car", A)], ["restyle car #1"]),
        ([("car #1", "car", A)], [("car #1", "blue car", NEAR_A)], ["restyle car #1"]),
        ([("car #1", "red car", A)], [("car #1", "blue car", B)], ["restyle car #1", "move car #1"]),
        ([("car #1", "red car", A)], [("car #3", "blue car", B)], ["add car", "remove car #1"]),
        ([("car #1", "car", A)], [("bowl #1", "bowl", A)], ["replace car #1"]),
        ([("car #1", "car", A)], [("bowl #1", "bowl", B)], ["add bowl", "remove car #1"]),
        (
            [("cup #1", "red cup", A), ("cup #2", "blue cup", B)],
            [("cup #1", "red cup", B), ("cup #2", "blue cup", A)],
            ["move cup #1", "move cup #2"],
        ),
        (
            [("cup #1", "cup", A), ("bowl #1", "bowl", B)],
            [("cup #1", "cup", B), ("bowl #1", "bowl", A)],
            ["move cup #1", "move bowl #1"],
        ),
        ([("car #1", "car", A), ("car #2", "car", B)], [("car #1", "car", B)], ["remove car #1"]),
        ([], [("car #1", "grey car", A)], ["add car"]),
        ([("car #1", "gray car", A)], [("car #1", "grey car", A)], []),
        ([("car #1", "car", A)], [], ["remove car #1"]),
        ([], [], []),
    ],
    ids=[
        "jitter", "no attributes demanded", "identical ones renumbered", "other ids", "move", "move, renumbered",
        "resize", "restyle", "restyle with jitter", "restyle and move", "restyled far away is another one", "replace",
        "other name elsewhere", "swap of one class", "swap of two classes", "the one that stays is kept",
        "add", "grey is gray", "remove", "empty",
    ],
)  # fmt: skip
def test_operations(current: Objects, target: Objects, expected: list[str]) -> None:
    made = difference(layout(current), layout(target))
    assert [f"{one.op} {getattr(one, 'id', None) or one.name}" for one in made] == expected
    after = apply(layout(current), made)
    assert difference(after, layout(target)) == ()


def test_an_added_object_gets_no_id_that_was_just_set_free() -> None:
    current, target = layout([("car #1", "red car", A)]), layout([("car #3", "blue car", B)])
    assert apply(current, difference(current, target)).ids == ("car #2",)


def test_a_target_is_completed_by_what_its_source_did_not_know_of() -> None:
    current = Layout(
        objects=(
            PlacedObject(id="car #1", name="car", box=Box(0.1, 0.1, 0.2, 0.2)),
            PlacedObject(id="cup #1", name="cup", box=Box(0.5, 0.5, 0.2, 0.2)),
        )
    )
    target = Layout(objects=(PlacedObject(id="cup #1", name="dog", box=Box(0.7, 0.1, 0.2, 0.2)),))
    whole = completed(target, current, {"car", "dog"})
    assert [(placed.id, placed.name) for placed in whole.objects] == [("cup #1", "dog"), ("cup #2", "cup")]
    assert completed(target, current, {"car", "dog", "cup"}) == target
