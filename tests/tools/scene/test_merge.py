import pytest

from tools.scene.box import Box
from tools.scene.edit_goal import layout_requirements
from tools.scene.layout import Detection, Layout, PlacedObject
from tools.scene.lexicon import parse_phrase
from tools.scene.merge import as_detections, restyled, things
from tools.scene.requirements import requirements
from tools.scene.solver import solve
from tools.scene.spec import Query, SceneObject, SceneSpec
from tools.scene.verdict import verdict

HERE, THERE, ABOUT_HERE = Box(0.1, 0.1, 0.3, 0.3), Box(0.6, 0.6, 0.3, 0.3), Box(0.11, 0.09, 0.3, 0.32)


def seen(phrase: str, score: float, box: Box = HERE) -> Detection:
    query = parse_phrase(phrase)
    return Detection(name=query.name, attributes=query.attributes, box=box, score=score)


@pytest.mark.parametrize(
    ("detections", "expected"),
    [
        ([seen("car", 0.9), seen("red car", 0.6, ABOUT_HERE)], ["red car"]),
        ([seen("car", 0.9), seen("red car", 0.4), seen("orange car", 0.7)], ["orange car"]),
        ([seen("car", 0.9), seen("red car", 0.7), seen("wooden car", 0.5)], ["red wooden car"]),
        ([seen("car", 0.9), seen("car", 0.5, Box(0.1, 0.1, 0.3, 0.16))], ["car"]),
        ([seen("car", 0.9), seen("car", 0.5, Box(0.12, 0.12, 0.2, 0.2))], ["car"]),
        ([seen("car", 0.9), seen("car", 0.5, Box(0.12, 0.12, 0.05, 0.05))], ["car", "car"]),
        ([seen("car", 0.9), seen("car", 0.8, THERE)], ["car", "car"]),
        ([seen("red car", 0.6)], ["red car"]),
        ([seen("dog", 0.9), seen("cat", 0.4, ABOUT_HERE)], ["dog"]),
        ([seen("dog", 0.9), seen("cat", 0.8, ABOUT_HERE)], ["dog", "cat"]),
        ([seen("dog", 0.9), seen("red cat", 0.8, ABOUT_HERE)], ["dog"]),
        ([seen("person", 0.9), seen("hat", 0.4, Box(0.2, 0.1, 0.1, 0.1))], ["person", "hat"]),
        ([seen("cat", 0.9), seen("black cat", 0.6), seen("black white cat", 0.5)], ["black white cat"]),
        ([seen("car", 0.9), seen("dark red car", 0.6), seen("red car", 0.5)], ["dark red red car"]),
        ([], []),
    ],
    ids=[
        "attribute joins the plain box", "the better colour wins", "a material and a colour agree", "two boxes on one",
        "a part", "a small one inside", "two places", "attribute alone", "weak other name", "two strong names",
        "attribute of another name", "worn things", "two colours together", "a shade and its colour", "nothing",
    ],
)  # fmt: skip
def test_detections_become_things(detections: list[Detection], expected: list[str]) -> None:
    assert sorted(thing.detection.phrase for thing in things(detections)) == sorted(expected)


def test_the_order_of_detections_does_not_matter() -> None:
    given = [seen("car", 0.9), seen("red car", 0.4), seen("orange car", 0.7), seen("car", 0.8, THERE)]
    assert things(given) == things(given[::-1])


def test_a_wanted_attribute_wins_a_near_tie_only() -> None:
    red = Query(name="car", attributes=("red",))
    near, clear = [seen("red car", 0.60), seen("orange car", 0.62)], [seen("red car", 0.5), seen("orange car", 0.62)]
    assert things(near, [red])[0].fits(red)
    assert not things(near)[0].fits(red)
    assert not things(clear, [red])[0].fits(red)


def test_a_rival_alone_is_no_evidence() -> None:
    assert things([seen("purple car", 0.5)], [Query(name="car", attributes=("red",))]) == ()


def test_grey_is_gray() -> None:
    given = Detection(name="car", attributes=("grey",), box=HERE, score=0.5)
    assert things([given])[0].fits(Query(name="car", attributes=("gray",)))


def test_restyling_replaces_what_the_wish_excludes() -> None:
    assert restyled(("striped", "red"), ("blue",)) == ("striped", "blue")
    assert restyled((), ("blue",)) == ("blue",)
    assert restyled(("red", "wooden"), ("red",)) == ("wooden", "red")


BANANAS = [Box(0.1 + 0.09 * number, 0.4, 0.22, 0.3) for number in range(6)]


@pytest.mark.parametrize("attributes", [(), ("yellow",)])
def test_a_recorded_layout_passes_on_what_a_perfect_detector_says_of_it(attributes: tuple[str, ...]) -> None:
    placed = [PlacedObject(id=f"banana #{n}", name="banana", attributes=attributes, box=box)
              for n, box in enumerate(BANANAS, 1)]  # fmt: skip
    layout = Layout(objects=tuple(placed))
    wanted = SceneSpec(objects=(SceneObject(name="banana", attributes=attributes, count=6),))
    demands = (*requirements(wanted), *layout_requirements(layout))
    assert verdict(demands, as_detections(layout)).agreed
    one_less = layout.model_copy(update={"objects": layout.objects[1:]})
    assert not verdict(demands, as_detections(one_less)).agreed
    assert solve(demands, layout) is layout


def test_overlapping_objects_of_a_name_keep_their_own_colours() -> None:
    given = [seen(words, 0.9, box) for words, box in (("red car", HERE), ("car", HERE))]
    given += [seen(words, 0.9, Box(0.16, 0.1, 0.3, 0.3)) for words in ("blue car", "car")]
    assert sorted(thing.detection.phrase for thing in things(given)) == ["blue car", "red car"]
