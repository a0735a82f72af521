"""What "left of", "in the top left corner", "bigger than", "in a row" mean for boxes.

Directions of the picture: x grows to the right, y grows downwards, all in [0, 1]. The definitions are as strict
as an eye: what only a ruler would call left is not left. The same ones, with a wider margin, are what the
solver aims at (`tools.scene.placing`).
"""

from __future__ import annotations

import math
from itertools import combinations, pairwise
from typing import TYPE_CHECKING, NamedTuple

from tools.scene.box import ROUNDING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tools.scene.box import Box
    from tools.scene.spec import Predicate, Size

SHARED = 0.25  # "left of": share of the narrower one's width that both may cover
LEAN = 1.0  # "left of": the way to the left is at least this much of the way up or down; less is mainly above
STEEP = 2.0  # "above": the same where neither one is over any part of the other
NEAR = 0.15  # "next to", "near": space between the boxes at most, or ...
REACH = 0.4  # ... this share of the longest side of the two, where they are large
LEVEL = 0.25  # "next to": share of the lower one's height that both cover
COVERED = 0.5  # "next to", "near": share of the smaller one that may be hidden
CONTACT = 0.05  # "on top of": the widest gap between the two
SUNK = 0.5  # "on top of": share of the lower one's height that the upper one may reach down
CARRIED = 0.6  # "on top of": share of the narrower one's width that both cover
WITHIN = (0.75, 0.5)  # "inside": shares of the inner one's width and height that the outer one covers
ASIDE = 0.15  # "between": how far the centre may be from the line through the two others' centres
BIGGER = 1.2  # sizes (the side of a square of the same area) that differ by this factor differ to the eye
ALIKE = 1.15  # sizes that differ by less are the same
LIMITS: dict[Size, tuple[float, float]] = {
    "tiny": (0.2, 0.22),
    "small": (0.28, 0.34),
    "large": (0.4, 0.36),
    "huge": (0.6, 0.5),
}
"""Longest side of a thing of that size, as a share of the picture: at most for the small ones, at least for the
large ones; first where the sentence names nothing to compare it with, then where it does."""
CORNERED = 0.2  # "in the top left corner": space between the box and each of the two borders at most
MOSTLY = 0.9  # "in the top half": share of the thing's height that lies there
IN_LINE = 0.1  # "in a row": centres differ by less than this in height, or by ...
IN_LINE_SHARE = 0.35  # ... this share of the smallest one's height


class Region(NamedTuple):
    """Where a centre may lie."""

    x0: float
    x1: float
    y0: float
    y1: float

    def holds(self, center: tuple[float, float]) -> bool:
        """Return whether the point lies in it, borders counted."""
        x, y = center
        return self.x0 <= x <= self.x1 and self.y0 <= y <= self.y1


_LOW, _HIGH = (0.0, 1 / 3), (2 / 3, 1.0)
_NEAR, _FAR = (0.0, 0.45), (0.55, 1.0)  # clearly on one side of the middle
_HALF, _OTHER_HALF = (0.0, 0.5), (0.5, 1.0)
_CENTRAL = (1 / 3, 2 / 3)
_ANY = (0.0, 1.0)

REGIONS: dict[str, Region] = {
    "on the left": Region(*_NEAR, *_ANY),
    "on the right": Region(*_FAR, *_ANY),
    "at the top": Region(*_ANY, *_NEAR),
    "at the bottom": Region(*_ANY, *_FAR),
    "in the middle": Region(*_CENTRAL, *_CENTRAL),
    "in the top left corner": Region(*_LOW, *_LOW),
    "in the top right corner": Region(*_HIGH, *_LOW),
    "in the bottom left corner": Region(*_LOW, *_HIGH),
    "in the bottom right corner": Region(*_HIGH, *_HIGH),
    "in the left half": Region(*_HALF, *_ANY),
    "in the right half": Region(*_OTHER_HALF, *_ANY),
    "in the top half": Region(*_ANY, *_HALF),
    "in the bottom half": Region(*_ANY, *_OTHER_HALF),
    "in the left third": Region(*_LOW, *_ANY),
    "in the right third": Region(*_HIGH, *_ANY),
    "in the top third": Region(*_ANY, *_LOW),
    "in the bottom third": Region(*_ANY, *_HIGH),
    "halfway across": Region(*_CENTRAL, *_ANY),
    "halfway down": Region(*_ANY, *_CENTRAL),
}
"""Where the centre of an object lies that is there: thirds, halves, the outer third both ways for a corner, the
central third for the middle; "on the left" is the left 45 per cent. A corner and a half ask for more (`holds`)."""

DIRECTIONS: dict[str, tuple[int, int]] = {
    "left of": (0, -1),
    "right of": (0, 1),
    "above": (1, -1),
    "below": (1, 1),
    "on the left": (0, -1),
    "on the right": (0, 1),
    "at the top": (1, -1),
    "at the bottom": (1, 1),
}
"""(axis, sign) of the predicates that go one way, from another object or from the picture's middle."""

PAIR_DIRECTIONS = frozenset({"left of", "right of", "above", "below"})


def holds(predicate: Predicate, subject: Box, *objects: Box) -> bool:
    """Return whether ``subject predicate objects`` is true, for one subject.

    - on the left, in the middle, in the top third, ...: the centre lies in the region (`REGIONS`).
    - in the top left corner: the centre does, and the box is near both borders (`CORNERED`).
    - in the top half: the centre does, and most of the box (`MOSTLY`).
    - left of, right of, above, below: the one is beyond the other (`is_beyond`), and mainly so (`is_mainly`).
    - next to: side by side. Little space between them (`NEAR`, `REACH`), about level (`LEVEL`), and neither
      hides the other or stands above it (`COVERED`).
    - near: the same in any direction, level or not.
    - on top of: it stands on the object. Its centre is over it and most of it is carried (`CARRIED`), its top is
      higher than the object's top, its foot no more than `CONTACT` above that and no deeper than `SUNK`.
    - inside: the object covers most of it (`WITHIN`; what is in a vase may stand out at the top), its foot is no
      lower than the object's, and it is the smaller one by `BIGGER`.
    - between (two objects): the centre is on the line through their centres (`ASIDE`), inside it, and it is beyond
      each of them towards the other, along the axis on which they are further apart.
    """
    if predicate in REGIONS:
        return REGIONS[predicate].holds(subject.center) and _keeps_to(predicate, subject)
    if predicate in PAIR_DIRECTIONS:
        return is_beyond(predicate, subject, objects[0]) and is_mainly(predicate, subject, objects[0])
    if predicate == "near":
        return _is_near(subject, objects[0])
    if predicate == "next to":
        other = objects[0]
        return (
            _is_near(subject, other) and _shared(1, subject, other) >= LEVEL and _shared(0, subject, other) <= COVERED
        )
    if predicate == "on top of":
        return _on_top(subject, objects[0])
    if predicate == "inside":
        return _inside(subject, objects[0])
    if predicate == "between":
        return _between(subject, *objects)
    raise ValueError(f"{predicate!r} is not about one subject: use hold_together or compares")


def is_corner(predicate: str) -> bool:
    """Return whether the region is a corner."""
    return predicate.endswith("corner")


def is_half(predicate: str) -> bool:
    """Return whether the region is a half of the picture."""
    return predicate.endswith("half")


def _keeps_to(predicate: Predicate, subject: Box) -> bool:
    """Return whether a box whose centre lies in a region also does as a whole what a corner or a half asks for."""
    x0, x1, y0, y1 = REGIONS[predicate]
    for low, high, start, length in ((x0, x1, subject.x, subject.w), (y0, y1, subject.y, subject.h)):
        if low == 0 and high == 1:
            continue
        space = start if low == 0 else 1 - start - length
        inside = (high - start if low == 0 else start + length - low) / length
        if is_corner(predicate) and space > CORNERED + ROUNDING:
            return False
        if is_half(predicate) and inside < MOSTLY - ROUNDING:
            return False
    return True


def is_beyond(predicate: Predicate, subject: Box, other: Box) -> bool:
    """Return whether the boxes are apart in the direction: at most `SHARED` of the narrower one lies side by side."""
    axis, sign = DIRECTIONS[predicate]
    ahead = sign * (subject.center[axis] - other.center[axis]) > 0
    return ahead and _shared(axis, subject, other) <= SHARED + ROUNDING


def is_mainly(predicate: Predicate, subject: Box, other: Box) -> bool:
    """Return whether the direction between the centres is the main one (`LEAN`): not left of, if mainly above.

    Things fall: what is above another is over it, or far more above than beside (`STEEP`).
    """
    axis, sign = DIRECTIONS[predicate]
    way = [subject.center[dimension] - other.center[dimension] for dimension in (0, 1)]
    lean = STEEP if axis == 1 and _shared(0, subject, other) <= 0 else LEAN
    return sign * way[axis] >= lean * abs(way[1 - axis]) - ROUNDING


def gap(first: Box, second: Box) -> float:
    """Return the shortest distance between two boxes; 0 when they touch or overlap."""
    ax0, ay0, ax1, ay1 = first.box_xyxy
    bx0, by0, bx1, by1 = second.box_xyxy
    dx, dy = max(bx0 - ax1, ax0 - bx1, 0.0), max(by0 - ay1, ay0 - by1, 0.0)
    return float((dx * dx + dy * dy) ** 0.5)


def side(box: Box) -> float:
    """Return the size of a thing as an eye compares it: the side of a square of the same area."""
    return math.sqrt(box.area)


def compares(predicate: Predicate, subject: Box, other: Box, factor: float = 1.0) -> bool:
    """Return whether a comparison of sizes is true.

    - bigger than, smaller than: by `BIGGER` at least.
    - as big as: the same to `ALIKE`. With a ``factor`` ("twice as big": 2) people mean lengths or areas, so the
      ratio of sides lies between the factor's root and the factor itself, to `ALIKE`.
    """
    ratio = side(subject) / side(other)
    if predicate == "bigger than":
        return ratio >= BIGGER - ROUNDING
    if predicate == "smaller than":
        return ratio <= 1 / BIGGER + ROUNDING
    low, high = sorted((factor, math.sqrt(factor)))
    return low / ALIKE - ROUNDING <= ratio <= high * ALIKE + ROUNDING


def has_size(size: Size, box: Box, *, alone: bool) -> bool:
    """Return whether a thing is tiny, small, large or huge in the picture (`LIMITS`)."""
    limit, longest = LIMITS[size][0 if alone else 1], max(box.w, box.h)
    return longest <= limit + ROUNDING if size in {"tiny", "small"} else longest >= limit - ROUNDING


def hold_together(predicate: Predicate, boxes: Sequence[Box]) -> bool:
    """Return whether two or more boxes are in a row, in a column, stacked, or of the same size.

    - in a row: the centres are about level (`IN_LINE`, `IN_LINE_SHARE`), and side by side no two share more than
      `SHARED`. in a column: the same, one below the other.
    - stacked: from the top down, each is on top of the next.
    - of the same size: every two are, to `ALIKE`.
    """
    if len(boxes) < 2:
        return False
    if predicate == "stacked":
        pile = sorted(boxes, key=lambda box: box.y + box.h)
        return all(_on_top(upper, lower) for upper, lower in pairwise(pile))
    if predicate == "of the same size":
        return all(compares("as big as", one, other) for one, other in combinations(boxes, 2))
    axis = 0 if predicate == "in a row" else 1
    return all(are_in_line(axis, one, other) for one, other in combinations(boxes, 2))


def are_in_line(axis: int, first: Box, second: Box) -> bool:
    """Return whether two members of a row (axis 0) or column (axis 1) stand as they should."""
    off = abs(first.center[1 - axis] - second.center[1 - axis])
    thin = min(first[3 - axis], second[3 - axis])
    return off <= max(IN_LINE, IN_LINE_SHARE * thin) + ROUNDING and _shared(axis, first, second) <= SHARED + ROUNDING


def _shared(axis: int, first: Box, second: Box) -> float:
    """Return the part of the shorter one's extent along an axis that both cover; below 0 when they are apart."""
    low, high = max(first[axis], second[axis]), min(first[axis] + first[2 + axis], second[axis] + second[2 + axis])
    return (high - low) / min(first[2 + axis], second[2 + axis])


def _is_near(subject: Box, other: Box) -> bool:
    reach = max(NEAR, REACH * max(*subject[2:], *other[2:]))
    hidden = subject.intersection(other) / min(subject.area, other.area)
    return gap(subject, other) <= reach + ROUNDING and hidden <= COVERED


def _on_top(subject: Box, below: Box) -> bool:
    foot = subject.y + subject.h
    over = below.x <= subject.center[0] <= below.x + below.w and _shared(0, subject, below) >= CARRIED - ROUNDING
    touching = below.y - CONTACT - ROUNDING <= foot <= below.y + SUNK * below.h + ROUNDING
    return over and touching and subject.y < below.y


def _inside(subject: Box, outer: Box) -> bool:
    covered = all(_part(axis, subject, outer) >= share for axis, share in enumerate(WITHIN))
    resting = subject.y + subject.h <= outer.y + outer.h + ROUNDING
    return covered and resting and compares("smaller than", subject, outer)


def _part(axis: int, subject: Box, outer: Box) -> float:
    """Return the share of the subject's extent along an axis that the other covers."""
    low, high = max(subject[axis], outer[axis]), min(subject[axis] + subject[2 + axis], outer[axis] + outer[2 + axis])
    return (high - low) / subject[2 + axis] + ROUNDING


def _between(subject: Box, first: Box, second: Box) -> bool:
    (x0, y0), (x1, y1), (x, y) = first.center, second.center, subject.center
    dx, dy = x1 - x0, y1 - y0
    length = math.hypot(dx, dy)
    if length == 0:
        return False
    along = ((x - x0) * dx + (y - y0) * dy) / length
    aside = abs((x - x0) * dy - (y - y0) * dx) / length
    axis = 0 if abs(dx) >= abs(dy) else 1
    apart = all(_shared(axis, subject, other) <= COVERED + ROUNDING for other in (first, second))
    low, high = sorted((first.center[axis], second.center[axis]))
    inside = 0 < along < length and low < subject.center[axis] < high
    return inside and apart and aside <= ASIDE + ROUNDING
