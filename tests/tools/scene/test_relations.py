import pytest

from tools.scene.box import Box
from tools.scene.relations import gap, holds
from tools.scene.spec import Predicate

LEFT, RIGHT, HIGH, LOW = (
    Box(0.1, 0.4, 0.2, 0.2),
    Box(0.7, 0.4, 0.2, 0.2),
    Box(0.4, 0.1, 0.2, 0.2),
    Box(0.4, 0.7, 0.2, 0.2),
)
CENTRE = Box(0.4, 0.4, 0.2, 0.2)


@pytest.mark.parametrize(
    ("predicate", "boxes", "true"),
    [
        ("left of", (LEFT, RIGHT), True),
        ("left of", (RIGHT, LEFT), False),
        ("left of", (HIGH, LOW), False),
        ("left of", (Box(0.39, 0.1, 0.2, 0.2), LOW), False),  # closer than the margin
        ("right of", (RIGHT, LEFT), True),
        ("above", (HIGH, LOW), True),
        ("above", (LEFT, RIGHT), False),
        ("below", (LOW, HIGH), True),
        ("on the left", (LEFT,), True),
        ("on the left", (CENTRE,), False),
        ("on the right", (RIGHT,), True),
        ("at the top", (HIGH,), True),
        ("at the bottom", (LOW,), True),
        ("at the bottom", (HIGH,), False),
        ("in the middle", (CENTRE,), True),
        ("in the middle", (LEFT,), False),
        ("in the middle", (LOW,), False),
        ("next to", (Box(0.31, 0.4, 0.2, 0.2), LEFT), True),
        ("next to", (CENTRE, LEFT), True),
        ("next to", (RIGHT, LEFT), False),
        ("on top of", (Box(0.45, 0.52, 0.1, 0.18), LOW), True),  # stands on it
        ("on top of", (Box(0.45, 0.6, 0.1, 0.18), LOW), True),  # overlaps, as on a table
        ("on top of", (HIGH, LOW), False),  # floats above it
        ("on top of", (Box(0.05, 0.52, 0.1, 0.18), LOW), False),  # beside it
        ("on top of", (LOW, Box(0.45, 0.52, 0.1, 0.18)), False),
        ("between", (CENTRE, LEFT, RIGHT), True),
        ("between", (CENTRE, RIGHT, LEFT), True),
        ("between", (CENTRE, HIGH, LOW), True),
        ("between", (LEFT, CENTRE, RIGHT), False),
        ("between", (Box(0.4, 0.8, 0.2, 0.2), LEFT, RIGHT), False),  # too far aside
    ],
)
def test_relations(predicate: Predicate, boxes: tuple[Box, ...], true: bool) -> None:
    assert holds(predicate, *boxes) is true


def test_the_gap_is_the_shortest_distance() -> None:
    assert gap(LEFT, RIGHT) == pytest.approx(0.4)
    assert gap(CENTRE, Box(0.5, 0.5, 0.3, 0.3)) == 0
    assert gap(Box(0, 0, 0.1, 0.1), Box(0.4, 0.5, 0.1, 0.1)) == pytest.approx(0.5)
