import pytest
from pydantic import ValidationError

from tools.scene.box import Box
from tools.scene.edit_goal import edit_requirements
from tools.scene.layout import Detection, Layout, PlacedObject
from tools.scene.lexicon import parse_phrase
from tools.scene.operations import Move, apply
from tools.scene.requirement import Requirement
from tools.scene.requirements import requirements
from tools.scene.results import Verdict
from tools.scene.spec import Predicate, Relation, SceneObject, SceneSpec
from tools.scene.verdict import verdict

# Nine places in the picture, row by row.
PLACES = [Box(x, y, 0.2, 0.2) for y in (0.05, 0.4, 0.75) for x in (0.05, 0.4, 0.75)]
Scene = dict[int, str]  # phrases by place


def seen(phrase: str, place: int, score: float = 0.9) -> Detection:
    query = parse_phrase(phrase)
    return Detection(name=query.name, attributes=query.attributes, box=PLACES[place], score=score)


def detections(scene: Scene) -> list[Detection]:
    return [seen(words, place) for place, phrase in scene.items() for words in {phrase, parse_phrase(phrase).name}]


def spec(
    *objects: str, relations: tuple[tuple[str, Predicate, str], ...] = (), absent: tuple[str, ...] = ()
) -> SceneSpec:
    """Objects as "2 red car"."""
    made = []
    for text in objects:
        query = parse_phrase(text)
        made.append(SceneObject(name=query.name, attributes=query.attributes, count=int(text.split()[0])))
    return SceneSpec(
        objects=tuple(made),
        relations=tuple(Relation(subject=a, predicate=p, object=b) for a, p, b in relations),
        absent=absent,
    )


CASES: dict[str, tuple[SceneSpec, Scene, list[str]]] = {
    "all there": (spec("2 red car", "1 dog"), {0: "red car", 1: "red car", 5: "dog"}, []),
    "one missing": (spec("2 car"), {0: "car"}, ["exactly two cars"]),
    "one too many": (spec("2 car"), {0: "car", 1: "car", 2: "car"}, ["exactly two cars"]),
    "all missing": (spec("1 car"), {}, ["exactly one car"]),
    "wrong colour": (spec("1 red car"), {0: "blue car"}, ["one red car"]),
    "colour unknown": (spec("1 red car"), {0: "car"}, ["one red car"]),
    "any colour will do": (spec("1 car"), {0: "blue car"}, []),
    "extra in another colour": (spec("1 red car"), {0: "red car", 1: "blue car"}, ["exactly one car"]),
    "extra of the right colour": (spec("1 red car"), {0: "red car", 1: "red car"}, ["exactly one car"]),
    "colours swapped": (
        spec("1 red car", "1 blue dog"),
        {0: "blue car", 1: "red dog"},
        ["one red car", "one blue dog"],
    ),
    "two colours of a class": (spec("1 red car", "1 blue car"), {0: "red car", 1: "blue car"}, []),
    "one colour twice": (spec("1 red car", "1 blue car"), {0: "red car", 1: "red car"}, ["one blue car"]),
    "other classes are free": (spec("1 car"), {0: "car", 1: "dog"}, []),
    "absent": (spec("1 car", absent=("dogs",)), {0: "car"}, []),
    "absent is there": (spec("1 car", absent=("dog",)), {0: "car", 1: "dog"}, ["no dog"]),
    "absent colour": (spec("1 blue car", absent=("red car",)), {0: "blue car"}, []),
    "absent colour is there": (spec(absent=("red car",)), {0: "red car"}, ["no red car"]),
    "left": (spec("1 cat", "1 dog", relations=(("cat", "left of", "dog"),)), {3: "cat", 5: "dog"}, []),
    "wrong side": (
        spec("1 cat", "1 dog", relations=(("cat", "left of", "dog"),)),
        {5: "cat", 3: "dog"},
        ["one cat left of dog"],
    ),
    "relation of something missing": (
        spec("1 cat", "1 dog", relations=(("cat", "above", "dog"),)),
        {0: "cat"},
        ["exactly one dog", "one cat above dog"],
    ),
    "both dogs left of both cats": (
        spec("2 dog", "2 cat", relations=(("dog", "left of", "cat"),)),
        {0: "dog", 3: "dog", 1: "cat", 5: "cat"},
        [],
    ),
    "one dog right of a cat": (
        spec("2 dog", "2 cat", relations=(("dog", "left of", "cat"),)),
        {0: "dog", 8: "dog", 1: "cat", 4: "cat"},
        ["two dogs left of cat"],
    ),
    "an extra dog leaves the relation": (
        spec("1 dog", "1 cat", relations=(("dog", "left of", "cat"),)),
        {0: "dog", 2: "dog", 1: "cat"},
        ["exactly one dog"],
    ),
    "each next to one": (
        spec("2 cup", "2 book", relations=(("cup", "next to", "book"),)),
        {0: "cup", 1: "book", 6: "cup", 7: "book"},
        [],
    ),
    "one next to none": (
        spec("2 cup", "1 book", relations=(("cup", "next to", "book"),)),
        {0: "cup", 1: "book", 8: "cup"},
        ["two cups next to book"],
    ),
    "a dog left of a dog": (spec("2 dog", relations=(("dog", "left of", "dog"),)), {0: "dog", 5: "dog"}, []),
    "colour left of the same class": (
        spec("1 red car", "1 blue car", relations=(("red car", "left of", "blue car"),)),
        {5: "red car", 3: "blue car"},
        ["one red car left of blue car"],
    ),
    "between": (
        spec("1 cup", "1 cat", "1 dog", relations=(("cup", "between", "cat and dog"),)),
        {3: "cat", 4: "cup", 5: "dog"},
        [],
    ),
    "not between": (
        spec("1 cup", "2 dog", relations=(("cup", "between", "two dogs"),)),
        {3: "cup", 4: "dog", 5: "dog"},
        ["one cup between dog and dog"],
    ),
    "both on the left": (spec("2 cup", relations=(("cup", "on the left", ""),)), {0: "cup", 3: "cup"}, []),
    "one on the right": (
        spec("2 cup", relations=(("cup", "on the left", ""),)),
        {0: "cup", 5: "cup"},
        ["two cups on the left"],
    ),
    "nothing demanded": (spec(), {0: "car"}, []),
}


@pytest.mark.parametrize(("wanted", "scene", "failing"), CASES.values(), ids=CASES)
def test_sentences(wanted: SceneSpec, scene: Scene, failing: list[str]) -> None:
    result = verdict(requirements(wanted), detections(scene))
    assert [one.requirement.text for one in result.failures] == failing
    assert result.agreed == (not failing)
    assert result.satisfied == result.total - len(failing)


def here(phrase: str, x: float, y: float, w: float = 0.2, h: float = 0.2) -> list[Detection]:
    """What a detector says of an object around a centre."""
    query = parse_phrase(phrase)
    box = Box(x - w / 2, y - h / 2, w, h)
    looks = dict.fromkeys(((), query.attributes))
    return [Detection(name=query.name, attributes=words, box=box, score=0.9) for words in looks]


def thing(name: str, *attributes: str, **more: object) -> SceneObject:
    return SceneObject.model_validate({"name": name, "attributes": attributes, **more})


def sized(name: str, side: float, x: float = 0.5, y: float = 0.5) -> list[Detection]:
    return here(name, x, y, side, side)


TWO_DOGS = [*here("brown dog", 0.2, 0.5), *here("black dog", 0.7, 0.5)]
FIVE_APPLES = [*(one for x in (0.1, 0.9) for one in here("green apple", x, 0.2)),
               *(one for x in (0.1, 0.5, 0.9) for one in here("red apple", x, 0.7))]  # fmt: skip
CUPS = [*sized("cup", 0.4, 0.3), *sized("cup", 0.2, 0.8)]
DEMANDS: dict[str, tuple[tuple[SceneObject, ...], tuple[tuple[object, ...], ...], list[Detection], list[str]]] = {
    "at least": ((thing("dog", bound="at least"),), (), TWO_DOGS, []),
    "not at least": ((thing("dog", count=3, bound="at least"),), (), TWO_DOGS, ["at least three dogs"]),
    "at most": ((thing("dog", count=2, bound="at most"),), (), TWO_DOGS, []),
    "more than at most": ((thing("dog", count=1, bound="at most"),), (), TWO_DOGS, ["at most one dog"]),
    "at most so many of a colour": (
        (thing("apple", "red", count=2, bound="at most"), thing("apple", "green", count=2, bound="at least")),
        (),
        FIVE_APPLES,
        ["at most two red apples"],
    ),
    "an article": ((thing("dog", bound="a"),), (), TWO_DOGS, ["exactly one dog"]),
    "lacking": ((thing("dog", lacks=("brown",)),), (), here("black dog", 0.5, 0.5), []),
    "lacking, of unknown colour": ((thing("dog", lacks=("brown",)),), (), here("dog", 0.5, 0.5), []),
    "not lacking": ((thing("dog", lacks=("brown",)),), (), here("brown dog", 0.5, 0.5), ["one not brown dog"]),
    "a shade is not lacking": (
        (thing("dog", lacks=("brown",)),),
        (),
        here("dark brown dog", 0.5, 0.5),
        ["one not brown dog"],
    ),
    "every": ((thing("dog", "brown", every=True, bound="at least"),), (), TWO_DOGS, ["all dogs brown"]),
    "two of which": (
        (thing("apple", "green", count=2), thing("apple", lacks=("green",), count=3)),
        (),
        FIVE_APPLES,
        [],
    ),
    "three of which": (
        (thing("apple", "green", count=3), thing("apple", lacks=("green",), count=2)),
        (),
        FIVE_APPLES,
        ["three green apples"],
    ),
    "large in the picture": ((thing("cup", size="large"),), (), sized("cup", 0.4), []),
    "not large in the picture": (
        (thing("cup", size="large"),),
        (),
        sized("cup", 0.3),
        ["one large cup in the picture"],
    ),
    "large beside": ((thing("cup", size="large"), thing("dog")), (), [*sized("cup", 0.36), *sized("dog", 0.2)], []),
    "not large beside": (
        (thing("cup", "large"), thing("dog")),
        (),
        [*sized("cup", 0.36), *sized("dog", 0.34)],
        ["one large cup beside the dog"],
    ),
    "a large and a small one": ((thing("cup", size="large"), thing("cup", size="small")), (), CUPS, []),
    "two alike": (
        (thing("cup", size="large"), thing("cup", size="small")),
        (),
        [*sized("cup", 0.3, 0.3), *sized("cup", 0.28, 0.8)],
        ["one large cup beside the small cup", "one small cup beside the large cup"],
    ),
    "the small one is on the right": (
        (thing("cup", size="large"), thing("cup", size="small")),
        (("small cup", "on the right"), ("small cup", "right of", "large cup")),
        CUPS,
        [],
    ),
    "the large one is not": (
        (thing("cup", size="large"), thing("cup", size="small")),
        (("large cup", "on the right"),),
        CUPS,
        ["one large cup on the right"],
    ),
    "bigger": (
        (thing("cup"), thing("dog")),
        (("cup", "bigger than", "dog"), ("dog", "as big as", "cup", 0.5)),
        [*sized("cup", 0.3, 0.2), *sized("dog", 0.2, 0.8)],
        [],
    ),
    "not bigger": (
        (thing("cup"), thing("dog")),
        (("dog", "bigger than", "cup"), ("cup", "as big as", "dog")),
        [*sized("cup", 0.3, 0.2), *sized("dog", 0.2, 0.8)],
        ["one dog bigger than cup", "one cup as big as dog"],
    ),
    "one on each side": (
        (thing("cup", count=2), thing("chair")),
        (("cup", "left of", "chair", 1), ("cup", "right of", "chair", 1)),
        [*here("cup", 0.15, 0.5), *here("cup", 0.85, 0.5), *here("chair", 0.5, 0.5)],
        [],
    ),
    "both on one side": (
        (thing("cup", count=2), thing("chair")),
        (("cup", "left of", "chair", 1), ("cup", "right of", "chair", 1)),
        [*here("cup", 0.15, 0.3), *here("cup", 0.15, 0.7), *here("chair", 0.5, 0.5)],
        ["one cup right of chair"],
    ),
    "in a row": (
        (thing("apple", "green", count=2), thing("apple", "red", count=3)),
        (("red apple", "in a row"), ("green apple and red apple", "in a row")),
        FIVE_APPLES,
        ["two green apples and three red apples in a row"],
    ),
    "more than": (
        (thing("apple", bound="at least"), thing("dog", bound="at least")),
        (("apple", "more than", "dog"), ("dog", "no more than", "apple"), ("dog", "as many as", "apple")),
        [*FIVE_APPLES, *TWO_DOGS],
        ["as many as apples: dogs"],
    ),
    "a group to the left": (
        (thing("dog", count=2), thing("cat", count=2)),
        (("dog", "left of", "cat"),),
        [*here("dog", 0.15, 0.2), *here("dog", 0.15, 0.8), *here("cat", 0.6, 0.3), *here("cat", 0.8, 0.8)],
        [],
    ),
}


@pytest.mark.parametrize(("objects", "relations", "there", "failing"), DEMANDS.values(), ids=DEMANDS)
def test_demands(
    objects: tuple[SceneObject, ...],
    relations: tuple[tuple[object, ...], ...],
    there: list[Detection],
    failing: list[str],
) -> None:
    made = []
    for subject, predicate, *rest in relations:
        numbers = {("factor" if predicate == "as big as" else "count"): one for one in rest if not isinstance(one, str)}
        other = next((one for one in rest if isinstance(one, str)), "")
        made.append(Relation.model_validate({"subject": subject, "predicate": predicate, "object": other, **numbers}))
    result = verdict(requirements(SceneSpec(objects=objects, relations=tuple(made))), there)
    assert [one.requirement.text for one in result.failures] == failing


def test_an_article_is_what_the_settings_say() -> None:
    wanted = SceneSpec(objects=(SceneObject(name="dog", bound="a"),))
    assert verdict(requirements(wanted, article="at least"), TWO_DOGS).agreed
    assert not verdict(requirements(wanted), TWO_DOGS).agreed


def test_what_nothing_can_check_is_neither_met_nor_wrong() -> None:
    wanted = spec("1 car").model_copy(update={"unchecked": ("with its lights on",)})
    result = verdict(requirements(wanted), detections({0: "car"}))
    assert (result.agreed, result.satisfied, result.total) == (True, 1, 1)
    assert [one.requirement.said for one in result.unchecked] == ["with its lights on"]
    assert "?    not checked: 'with its lights on'" in result.text
    assert Verdict.model_validate_json(result.model_dump_json()) == result


def test_attributes_that_the_detector_cannot_tell_are_not_checked() -> None:
    wanted = SceneSpec(
        objects=(SceneObject(name="dog", attributes=("brown", "sleepy"), lacks=("wet",)), SceneObject(name="cup")),
        relations=(Relation(subject="sleepy brown dog", predicate="left of", object="cup"),),
        absent=("angry cat",),
    )
    demands = requirements(wanted, sees={"brown", "black"})
    assert [one.text for one in demands] == [
        "exactly one dog",
        "exactly one cup",
        "one brown dog",
        "one brown dog left of cup",
        "'sleepy dog'",
        "'dog that is not wet'",
        "'no angry cat'",
    ]


def test_leftovers_of_an_edit_are_found_and_known_by_their_name() -> None:
    demands = (*requirements(spec("1 car")), Requirement(kind="clean"))
    seen_here = detections({0: "car"})
    rest = Detection(name="leftover", box=PLACES[5], score=1.0)
    assert verdict(demands, seen_here).agreed
    assert [one.requirement.text for one in verdict(demands, [*seen_here, rest]).failures] == ["nothing else there"]


def test_the_better_colour_decides() -> None:
    wanted = requirements(spec("1 red car"))
    given = [seen("car", 0, 0.9), seen("red car", 0, 0.4), seen("orange car", 0, 0.7)]
    assert not verdict(wanted, given).agreed
    assert verdict(wanted, given[:2]).agreed


def test_two_boxes_on_one_object_count_once() -> None:
    jittered = Detection(name="car", box=Box(0.06, 0.05, 0.2, 0.22), score=0.6)
    assert verdict(requirements(spec("1 car")), [seen("car", 0), jittered]).agreed


def test_a_result_tells_what_was_expected_and_found_with_its_evidence() -> None:
    result = verdict(requirements(spec("2 red car")), detections({0: "red car", 1: "blue car"})).failures[0]
    assert result.reason == "expected two red cars, found one red car and one blue car"
    assert {(one.phrase, one.box) for one in result.evidence} == {
        ("red car", PLACES[0].checked()),
        ("blue car", PLACES[1].checked()),
    }
    assert all(one.score == 0.9 for one in result.evidence)


def test_a_verdict_survives_json() -> None:
    result = verdict(
        requirements(spec("2 red car", "1 dog", relations=(("dog", "above", "red car"),))), detections({0: "dog"})
    )
    assert Verdict.model_validate_json(result.model_dump_json()) == result
    assert Verdict.model_validate(result.model_dump(mode="json")) == result


def test_a_verdict_cannot_claim_what_its_results_deny() -> None:
    dumped = verdict(requirements(spec("1 car")), []).model_dump(mode="json") | {"agreed": True}
    with pytest.raises(ValidationError, match="0 of 1 requirements"):
        Verdict.model_validate(dumped)


@pytest.mark.parametrize(
    ("wanted", "sure", "doubtful", "told"),
    [
        (spec("2 car"), [seen("car", 0), seen("car", 1)], [], None),
        (spec("2 car"), [seen("car", 0), seen("car", 1)], [seen("dog", 2)], None),
        (spec("2 car"), [seen("car", 0)], [seen("car", 1)], "found one car, not counting doubtful ones"),
        (spec("1 car"), [seen("car", 0)], [seen("car", 1, 0.4)], "found two cars, counting doubtful ones"),
        (spec(absent=("cats",)), [], [seen("cat", 4, 0.4)], "cat at (0.50, 0.50), counting doubtful ones"),
        (spec("1 red car"), [seen("car", 0)], [seen("red car", 0)], "found one car, not counting doubtful ones"),
        # a rival of the colour that is far weaker decides nothing
        (spec("1 red car"), [seen("car", 0), seen("red car", 0)], [seen("blue car", 0, 0.4)], None),
    ],
)
def test_what_a_sentence_asks_for_must_be_so_with_and_without_doubtful_ones(wanted, sure, doubtful, told) -> None:
    above = [one for one in doubtful if one.score >= 0.5]
    outcome = verdict(requirements(wanted), [*sure, *above], doubtful)
    assert outcome.agreed == (told is None)
    if told:
        assert outcome.failures[-1].reason.endswith(told)


def test_doubt_changes_nothing_where_requirements_name_places() -> None:
    before = Layout(objects=(PlacedObject(id="car #1", name="car", box=PLACES[0]),))
    demands = edit_requirements(before, apply(before, [Move(id="car #1", box=PLACES[8])]))
    faint = [seen("car", 8)]
    assert verdict(demands, faint).agreed
    assert verdict(demands, faint, faint) == verdict(demands, faint)


@pytest.mark.parametrize(("last", "agreed"), [(Box(0.7, 0.4, 0.2, 0.2), True), (Box(0.4, 0.65, 0.2, 0.2), False)])
def test_next_to_each_other_are_all_of_them(last: Box, agreed: bool) -> None:
    demands = requirements(spec("3 cup", relations=(("cup", "next to", "cup"),)))
    boxes = [Box(0.1, 0.4, 0.2, 0.2), Box(0.4, 0.4, 0.2, 0.2), last]
    assert verdict(demands, [Detection(name="cup", box=box, score=0.9) for box in boxes]).agreed is agreed
