import pytest
from pydantic import ValidationError

from tools.scene.box import Box
from tools.scene.edit_goal import edit_requirements
from tools.scene.layout import Layout
from tools.scene.requirement import PICTURE_KINDS, Requirement
from tools.scene.requirements import queries, requirements
from tools.scene.spec import Query, Relation, SceneObject, SceneSpec

LEFT, RIGHT, TOP = [0.1, 0.4, 0.2, 0.2], [0.7, 0.4, 0.2, 0.2], [0.4, 0.05, 0.2, 0.2]


def texts(made: tuple[Requirement, ...]) -> list[str]:
    return [one.text for one in made]


def layout(*objects: tuple[str, str, list[float]]) -> Layout:
    """Objects as (id, attributes, box); the name is in the id."""
    return Layout.model_validate(
        {
            "objects": [
                {"id": one, "name": one.partition(" #")[0], "attributes": words.split(), "box": box}
                for one, words, box in objects
            ]
        }
    )


def test_counts_of_a_class_are_summed() -> None:
    spec = SceneSpec(
        objects=(
            SceneObject(name="car", attributes=("red",)),
            SceneObject(name="car", attributes=("blue",), count=2),
            SceneObject(name="dog", count=3),
        ),
        absent=("cats",),
    )
    assert texts(requirements(spec)) == [
        "exactly three cars",
        "exactly three dogs",
        "one red car",
        "two blue cars",
        "no cat",
    ]


def test_more_special_objects_count_for_less_special_ones() -> None:
    spec = SceneSpec(
        objects=(SceneObject(name="car", attributes=("red",)), SceneObject(name="car", attributes=("red", "wooden")))
    )
    assert texts(requirements(spec)) == ["exactly two cars", "two red cars", "one red wooden car"]


def test_a_models_spelling_is_mended() -> None:
    spec = SceneSpec(objects=(SceneObject(name="grey cars", count=2),))
    assert texts(requirements(spec)) == ["exactly two cars", "two gray cars"]


@pytest.mark.parametrize(
    ("relation", "text"),
    [
        (Relation(subject="car", predicate="left of", object="dog"), "one red car left of dog"),
        (Relation(subject="the red car", predicate="on the left"), "one red car on the left"),
        (Relation(subject="dogs", predicate="above", object="red car"), "two dogs above red car"),
        (
            Relation(subject="red car", predicate="between", object="dog and black and white cat"),
            "one red car between dog and black white cat",
        ),
        (Relation(subject="red car", predicate="between", object="two dogs"), "one red car between dog and dog"),
    ],
)
def test_relations_name_the_demanded_objects(relation: Relation, text: str) -> None:
    objects = (
        SceneObject(name="car", attributes=("red",)),
        SceneObject(name="dog", count=2),
        SceneObject(name="cat", attributes=("black", "white")),
    )
    assert requirements(SceneSpec(objects=objects, relations=(relation,)))[-1].text == text


def test_a_relation_without_its_object_is_refused() -> None:
    spec = SceneSpec(objects=(SceneObject(name="car"),), relations=(Relation(subject="car", predicate="above"),))
    with pytest.raises(ValueError, match="needs an object"):
        requirements(spec)


def test_a_requirement_that_says_too_little_is_refused() -> None:
    with pytest.raises(ValidationError, match="needs a box"):
        Requirement(kind="placed", query=Query(name="car"))
    with pytest.raises(ValidationError, match="takes 1 objects, not 0"):
        Requirement(kind="relation", query=Query(name="car"), predicate="left of")


def test_the_detector_is_asked_for_rival_colours() -> None:
    phrases = [query.phrase for query in queries(requirements(SceneSpec(objects=(SceneObject(name="red car"),))))]
    assert phrases[:2] == ["car", "red car"]
    assert len(phrases) == 12
    assert "orange car" in phrases


def test_plain_names_need_no_rivals() -> None:
    spec = SceneSpec(objects=(SceneObject(name="dog"),), absent=("cat",))
    assert [query.phrase for query in queries(requirements(spec))] == ["dog", "cat"]


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ([("car #1", "red", LEFT), ("dog #1", "", RIGHT)], ["kept", "kept"]),
        ([("car #1", "red", LEFT)], ["kept", "absent", "absent"]),
        ([("car #1", "red", LEFT), ("dog #1", "", RIGHT), ("cat #1", "", TOP)], ["kept", "kept", "placed"]),
        ([("car #1", "red", LEFT), ("dog #1", "", RIGHT), ("car #2", "", TOP)], ["kept", "kept", "placed", "count"]),
        ([("car #1", "red", TOP), ("dog #1", "", RIGHT)], ["placed", "absent", "kept", "count"]),
        ([("car #1", "blue", LEFT), ("dog #1", "", RIGHT)], ["attribute", "kept", "count"]),
        ([("bowl #1", "", LEFT), ("dog #1", "", RIGHT)], ["placed", "absent", "kept", "absent"]),
    ],
    ids=["nothing", "remove", "add", "add another", "move", "restyle", "replace"],
)
def test_edits(target: list[tuple[str, str, list[float]]], expected: list[str]) -> None:
    current = layout(("car #1", "red", LEFT), ("dog #1", "", RIGHT))
    assert [one.kind for one in edit_requirements(current, layout(*target))] == expected


def test_a_moved_object_keeps_its_attributes_and_id() -> None:
    current, target = layout(("car #1", "red", LEFT)), layout(("car #7", "", RIGHT))
    placed = edit_requirements(current, target)[0]
    assert (placed.query.phrase, placed.id, placed.was) == ("red car", "car #1", Box(*LEFT).checked())


@pytest.mark.parametrize(
    ("background", "unchecked"),
    [
        ("at night", ["at night"]),
        ("a beach", ["a beach"]),
        ("an oil painting", ["an oil painting"]),
        ("a realistic photo of a scene", []),
        ("", []),
    ],
)
def test_no_detector_sees_a_setting(background: str, unchecked: list[str]) -> None:
    spec = SceneSpec(objects=(SceneObject(name="dog"),), background=background)
    assert [one.said for one in requirements(spec) if one.kind == "unchecked"] == unchecked


def test_a_setting_that_can_be_told_is_demanded_and_the_rest_of_it_said() -> None:
    known = {"beach": ("beach", "sand"), "night": ("night",)}
    spec = SceneSpec(objects=(SceneObject(name="dog"),), background="a sunny beach")
    around = [(one.kind, one.said) for one in requirements(spec, settings=known) if one.kind in PICTURE_KINDS]
    assert around == [("setting", "beach"), ("unchecked", "a sunny beach")]


def test_one_of_a_group_stands_for_all_of_its_name() -> None:
    cups = tuple(SceneObject(name="cup", attributes=(colour,)) for colour in ("red", "blue"))
    same = Relation(subject="red cup", predicate="of the same size")
    demand = requirements(SceneSpec(objects=cups, relations=(same,)))[-1]
    assert demand.text == "one red cup and one blue cup of the same size"


def test_every_one_of_a_number_is_no_other_one() -> None:
    blue = SceneObject(name="cup", attributes=("blue",), bound="at least", every=True)
    demands = requirements(SceneSpec(objects=(blue, SceneObject(name="cup", count=3, bound="exactly"))))
    assert {(one.kind, one.count, one.bound) for one in demands if one.kind != "every"} == {("count", 3, "exactly")}
    assert [one.query.attributes for one in demands if one.kind == "every"] == [("blue",)]
