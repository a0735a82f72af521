import pytest

from tools.scene.box import Box
from tools.scene.relations import compares, gap, has_size, hold_together, holds
from tools.scene.spec import Predicate, Size

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


def at(x: float, y: float, w: float = 0.2, h: float = 0.2) -> Box:
    """A box around a centre."""
    return Box(x - w / 2, y - h / 2, w, h)


@pytest.mark.parametrize(
    ("predicate", "there", "elsewhere"),
    [
        ("on the left", (0.45, 0.9), (0.46, 0.9)),
        ("on the right", (0.55, 0.1), (0.54, 0.1)),
        ("at the top", (0.9, 0.45), (0.9, 0.46)),
        ("at the bottom", (0.1, 0.55), (0.1, 0.54)),
        ("in the middle", (0.34, 0.66), (0.33, 0.5)),
        ("in the top left corner", (0.3, 0.3), (0.3, 0.31)),
        ("in the top right corner", (0.7, 0.3), (0.69, 0.3)),
        ("in the bottom left corner", (0.3, 0.7), (0.31, 0.7)),
        ("in the bottom right corner", (0.7, 0.7), (0.7, 0.69)),
        ("in the left half", (0.42, 0.2), (0.43, 0.2)),
        ("in the right half", (0.58, 0.2), (0.57, 0.2)),
        ("in the top half", (0.2, 0.42), (0.2, 0.43)),
        ("in the bottom half", (0.2, 0.58), (0.2, 0.57)),
        ("in the left third", (0.33, 0.8), (0.34, 0.8)),
        ("in the right third", (0.67, 0.8), (0.66, 0.8)),
        ("in the top third", (0.8, 0.33), (0.8, 0.34)),
        ("in the bottom third", (0.8, 0.67), (0.8, 0.66)),
        ("halfway across", (0.34, 0.1), (0.33, 0.1)),
        ("halfway down", (0.1, 0.66), (0.1, 0.67)),
    ],
)
def test_a_region_is_where_the_centre_lies(
    predicate: Predicate, there: tuple[float, float], elsewhere: tuple[float, float]
) -> None:
    assert holds(predicate, at(*there))
    assert not holds(predicate, at(*elsewhere))


@pytest.mark.parametrize(
    ("predicate", "boxes", "true"),
    [
        ("left of", (at(0.35, 0.5), at(0.5, 0.5)), True),  # a quarter of each side by side
        ("left of", (at(0.36, 0.5), at(0.5, 0.5)), False),
        ("left of", (at(0.35, 0.5, 0.2), at(0.5, 0.5, 0.6)), False),  # in front of a wide one
        ("left of", (at(0.3, 0.3), at(0.5, 0.5)), True),  # as much to the left as up
        ("left of", (at(0.3, 0.29), at(0.5, 0.5)), False),  # mainly above
        ("above", (at(0.31, 0.2), at(0.5, 0.5)), True),
        ("above", (at(0.3, 0.2), at(0.5, 0.5)), False),  # over no part of it
        ("above", (at(0.3, 0.1), at(0.5, 0.5)), True),  # far above, though
        ("below", (at(0.5, 0.65), at(0.5, 0.5)), True),
        ("below", (at(0.5, 0.64), at(0.5, 0.5)), False),
        ("next to", (at(0.2, 0.5), at(0.55, 0.5)), True),  # 0.15 between them
        ("next to", (at(0.2, 0.5), at(0.56, 0.5)), False),
        ("next to", (at(0.2, 0.5, 0.4), at(0.66, 0.5, 0.2)), True),  # large things may be further apart
        ("next to", (at(0.2, 0.5), at(0.45, 0.65)), True),  # a quarter of the height is level
        ("next to", (at(0.2, 0.5), at(0.45, 0.66)), False),
        ("next to", (at(0.5, 0.35), at(0.5, 0.5)), False),  # one stands above the other
        ("near", (at(0.5, 0.15), at(0.5, 0.5)), True),
        ("near", (at(0.5, 0.14), at(0.5, 0.5)), False),
        ("near", (at(0.5, 0.5, 0.1, 0.1), at(0.5, 0.5, 0.4, 0.4)), False),  # inside of it
        ("on top of", (at(0.5, 0.25), at(0.5, 0.5)), True),  # 0.05 of air
        ("on top of", (at(0.5, 0.24), at(0.5, 0.5)), False),
        ("on top of", (at(0.5, 0.4), at(0.5, 0.5)), True),  # sunk in by half
        ("on top of", (at(0.5, 0.41), at(0.5, 0.5)), False),
        ("on top of", (at(0.42, 0.3), at(0.5, 0.5)), True),  # two fifths of it over the edge
        ("on top of", (at(0.41, 0.3), at(0.5, 0.5)), False),
        ("on top of", (at(0.5, 0.3, 0.5), at(0.5, 0.5)), True),  # wider than what carries it
        ("on top of", (at(0.65, 0.3, 0.5), at(0.5, 0.5)), False),  # ... which its centre is not over
        ("on top of", (at(0.5, 0.45, 0.2, 0.3), at(0.5, 0.5, 0.4, 0.3)), False),  # within it
        ("inside", (at(0.5, 0.5, 0.2), at(0.5, 0.5, 0.4, 0.4)), True),
        ("inside", (at(0.35, 0.5, 0.2), at(0.5, 0.5, 0.4, 0.4)), True),  # three quarters of its width
        ("inside", (at(0.34, 0.5, 0.2), at(0.5, 0.5, 0.4, 0.4)), False),
        ("inside", (at(0.5, 0.3), at(0.5, 0.5, 0.4, 0.4)), True),  # half of it stands out at the top
        ("inside", (at(0.5, 0.29), at(0.5, 0.5, 0.4, 0.4)), False),
        ("inside", (at(0.5, 0.61), at(0.5, 0.5, 0.4, 0.4)), False),  # out at the bottom
        ("inside", (at(0.5, 0.5, 0.35, 0.35), at(0.5, 0.5, 0.4, 0.4)), False),  # hardly smaller
        ("between", (at(0.5, 0.65), at(0.2, 0.5), at(0.8, 0.5)), True),
        ("between", (at(0.5, 0.66), at(0.2, 0.5), at(0.8, 0.5)), False),
        ("between", (at(0.5, 0.5), at(0.2, 0.2), at(0.8, 0.8)), True),  # on a slanting line
        ("between", (at(0.7, 0.3), at(0.2, 0.2), at(0.8, 0.8)), False),
        ("between", (at(0.3, 0.5), at(0.2, 0.5), at(0.8, 0.5)), True),
        ("between", (at(0.29, 0.5), at(0.2, 0.5), at(0.8, 0.5)), False),  # hardly beside the first
    ],
)
def test_relations_at_their_borders(predicate: Predicate, boxes: tuple[Box, ...], true: bool) -> None:
    assert holds(predicate, *boxes) is true


@pytest.mark.parametrize(
    ("predicate", "ratio", "factor", "true"),
    [
        ("bigger than", 1.2, 1, True),
        ("bigger than", 1.19, 1, False),
        ("smaller than", 1 / 1.2, 1, True),
        ("smaller than", 0.85, 1, False),
        ("as big as", 1.15, 1, True),
        ("as big as", 1.17, 1, False),
        ("as big as", 0.87, 1, True),
        ("as big as", 0.85, 1, False),
        ("as big as", 1.25, 2, True),  # twice the area
        ("as big as", 2.3, 2, True),  # twice the length
        ("as big as", 1.2, 2, False),
        ("as big as", 2.4, 2, False),
        ("as big as", 0.5, 0.5, True),
        ("as big as", 0.9, 0.5, False),
    ],
)
def test_sizes_are_compared(predicate: Predicate, ratio: float, factor: float, true: bool) -> None:
    assert compares(predicate, at(0.5, 0.5, 0.2 * ratio, 0.2 * ratio), at(0.5, 0.5), factor) is true
    assert compares(predicate, at(0.5, 0.5, 0.1 * ratio, 0.4 * ratio), at(0.5, 0.5), factor) is true  # areas count


@pytest.mark.parametrize(
    ("size", "alone", "is_it", "is_it_not"),
    [
        ("tiny", True, 0.2, 0.21),
        ("small", True, 0.28, 0.29),
        ("large", True, 0.4, 0.39),
        ("huge", True, 0.6, 0.59),
        ("tiny", False, 0.22, 0.23),
        ("small", False, 0.34, 0.35),
        ("large", False, 0.36, 0.35),
        ("huge", False, 0.5, 0.49),
    ],
)
def test_sizes_in_the_picture(size: Size, alone: bool, is_it: float, is_it_not: float) -> None:
    assert has_size(size, at(0.5, 0.5, is_it, 0.15), alone=alone)  # the longer side counts
    assert not has_size(size, at(0.5, 0.5, 0.15, is_it_not), alone=alone)


ROW = (at(0.2, 0.5), at(0.5, 0.55), at(0.8, 0.6))
PILE = (at(0.5, 0.3), at(0.55, 0.5), at(0.5, 0.7))


@pytest.mark.parametrize(
    ("predicate", "boxes", "true"),
    [
        ("in a row", ROW, True),
        ("in a row", (*ROW[:2], at(0.8, 0.61)), False),  # rises too much
        ("in a row", (*ROW, at(0.66, 0.55)), False),  # two in one place
        ("in a row", ROW[:1], False),
        ("in a row", PILE, False),
        ("in a column", PILE, True),
        ("in a column", ROW, False),
        ("stacked", PILE, True),
        ("stacked", PILE[::-1], True),
        ("stacked", (at(0.5, 0.2), *PILE[1:]), False),  # the uppermost floats
        ("of the same size", (*ROW, at(0.5, 0.2, 0.22, 0.22)), True),
        ("of the same size", (*ROW, at(0.5, 0.2, 0.24, 0.24)), False),
    ],
)
def test_groups(predicate: Predicate, boxes: tuple[Box, ...], true: bool) -> None:
    assert hold_together(predicate, boxes) is true
