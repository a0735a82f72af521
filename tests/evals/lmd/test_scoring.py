"""The benchmark's rules on hand-made detections."""

from __future__ import annotations

import pytest

from evals.lmd.prompts import LmdPrompt, lmd_prompts
from evals.lmd.scoring import count, is_right, queries, suppress
from tools.scene.box import Box
from tools.scene.layout import Detection
from tools.scene.lexicon import parse_phrase

PROMPTS = lmd_prompts()
LEFT, RIGHT, HIGH, LOW = [0.1, 0.4, 0.2, 0.2], [0.7, 0.4, 0.2, 0.2], [0.4, 0.1, 0.2, 0.2], [0.4, 0.7, 0.2, 0.2]


def found(*seen: tuple[str, list[float]] | tuple[str, list[float], float]) -> list[Detection]:
    made = []
    for phrase, box, *score in seen:
        query = parse_phrase(phrase)
        made.append(Detection(name=query.name, attributes=query.attributes, box=Box(*box), score=[*score, 0.9][0]))
    return made


def prompt(ending: str) -> LmdPrompt:
    return next(one for one in PROMPTS if one.text.endswith(ending))


def sided(side: str) -> tuple[LmdPrompt, str, str]:
    one = next(one for one in PROMPTS if one.task == "spatial" and one.truth.relations[0].predicate.endswith(side))
    return one, *(it.name for it in one.truth.objects)  # type: ignore[return-value]  # a spatial prompt has two


def test_what_is_asked() -> None:
    assert [one.phrase for one in queries(prompt("without cats"))] == ["cat"]
    assert [one.phrase for one in queries(prompt("with three cats"))] == ["cat"]
    two = next(one for one in PROMPTS if one.task == "attribution")
    assert [one.phrase for one in queries(two)] == [one.phrase for one in two.truth.objects]


@pytest.mark.parametrize(
    ("ending", "seen", "right"),
    [
        ("without cats", [], True),
        ("without cats", [("cat", LEFT)], False),
        ("without cats", [("dog", LEFT)], True),
        ("with one cat", [("cat", LEFT)], True),
        ("with one cat", [], False),
        ("with two cats", [("cat", LEFT), ("cat", RIGHT)], True),
        ("with two cats", [("cat", LEFT), ("cat", RIGHT), ("cat", HIGH)], False),
        ("with two cats", [("cat", LEFT), ("dog", RIGHT)], False),
        ("with two cats", [("cat", LEFT), ("cat", [0.11, 0.4, 0.2, 0.2])], False),  # one cat, seen twice
    ],
)
def test_counts_must_be_equal(ending: str, seen: list[tuple[str, list[float]]], right: bool) -> None:
    assert is_right(prompt(ending), found(*seen)) is right


def test_attribution_needs_one_of_each_and_no_more() -> None:
    one = next(one for one in PROMPTS if one.task == "attribution")
    first, second = (it.phrase for it in one.truth.objects)
    assert is_right(one, found((first, LEFT), (second, RIGHT)))
    assert is_right(one, found((first, LEFT), (first, HIGH), (second, RIGHT)))
    assert not is_right(one, found((first, LEFT), (first, HIGH)))
    assert not is_right(one, found((first.split()[-1], LEFT), (second, RIGHT)))


@pytest.mark.parametrize(
    ("side", "good", "bad"),
    [("left", LEFT, RIGHT), ("right", RIGHT, LEFT), ("top", HIGH, LOW), ("bottom", LOW, HIGH)],
)
def test_spatial_compares_the_two_best_centres(side: str, good: list[float], bad: list[float]) -> None:
    one, first, second = sided(side)
    assert is_right(one, found((first, good), (second, bad)))
    assert not is_right(one, found((first, bad), (second, good)))
    assert not is_right(one, found((first, good)))
    assert not is_right(one, found((first, good), (second, good)))
    # a second, less certain one does not count
    assert is_right(one, found((first, good), (first, bad, 0.5), (second, [0.42, 0.42, 0.2, 0.2])))


def test_a_hair_is_enough_to_be_left() -> None:
    one, first, second = sided("left")
    assert is_right(one, found((first, [0.4, 0.1, 0.2, 0.2]), (second, [0.401, 0.7, 0.2, 0.2])))


def test_suppression_keeps_the_best_of_each_phrase() -> None:
    boxes = found(("cat", LEFT, 0.5), ("cat", [0.12, 0.4, 0.2, 0.2], 0.8), ("dog", LEFT, 0.3), ("cat", RIGHT, 0.4))
    kept = suppress(boxes)
    assert [(one.name, one.score) for one in kept] == [("cat", 0.8), ("cat", 0.4), ("dog", 0.3)]
    assert count(boxes) == {"cat": 2, "dog": 1}


@pytest.mark.parametrize(("shift", "number"), [(0.14, 1), (0.16, 2)])
def test_boxes_that_share_more_than_the_limit_are_one(shift: float, number: int) -> None:
    # two squares of 0.2, moved by s: IoU = (0.2 - s) / (0.2 + s), 0.15 at s = 0.148
    assert count(found(("cat", [0.1, 0.1, 0.2, 0.2]), ("cat", [0.1 + shift, 0.1, 0.2, 0.2])))["cat"] == number
