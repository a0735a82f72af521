"""What "left of", "next to", "in the middle" mean for boxes.

Centres are compared. Picture directions: x grows to the right, y grows downwards, all in [0, 1].
The same definitions, with a wider margin, are what the solver aims at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.scene.box import ROUNDING

if TYPE_CHECKING:
    from tools.scene.box import Box
    from tools.scene.spec import Predicate

MARGIN = 0.02  # centres closer than this are neither left nor right, neither above nor below
MIDDLE = 1 / 6  # "in the middle": the centre lies in the central third, both ways
NEAR = 0.15  # "next to": boxes at most this far apart, or half of the larger box's longer side
CONTACT = 0.08  # "on top of": the largest gap between the two
ASIDE = 0.25  # "between": how far from the strip spanned by the two centres

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
"""(axis, sign) of the predicates that compare one coordinate with another object or with the picture's middle."""

PAIR_DIRECTIONS = frozenset({"left of", "right of", "above", "below"})


def holds(predicate: Predicate, subject: Box, *objects: Box) -> bool:
    """Return whether ``subject predicate objects`` is true.

    - left of, right of, above, below: the centre lies at least `MARGIN` further that way.
    - on the left, ..., at the bottom: the same against the middle of the picture.
    - in the middle: the centre lies in the central third of the picture, both ways.
    - next to: the space between the boxes is at most `NEAR`, or half of the longest side of the two.
    - on top of: higher than the object, over it (the centre lies within the object's width, or half of
      the narrower one overlaps), and touching it: no more than `CONTACT` between them.
    - between (two objects): along the axis on which they are further apart the centre lies between
      theirs; along the other one no more than `ASIDE` outside.
    """
    if predicate == "in the middle":
        return all(abs(value - 0.5) <= MIDDLE for value in subject.center)
    if predicate in DIRECTIONS:
        axis, sign = DIRECTIONS[predicate]
        other = objects[0].center[axis] if objects else 0.5
        return sign * (subject.center[axis] - other) >= MARGIN
    if predicate == "next to":
        reach = max(NEAR, max(*subject[2:], *objects[0][2:]) / 2)
        return gap(subject, objects[0]) <= reach + ROUNDING
    if predicate == "on top of":
        return _on_top(subject, objects[0])
    return _between(subject, *objects)


def gap(first: Box, second: Box) -> float:
    """Return the shortest distance between two boxes; 0 when they touch or overlap."""
    ax0, ay0, ax1, ay1 = first.box_xyxy
    bx0, by0, bx1, by1 = second.box_xyxy
    dx, dy = max(bx0 - ax1, ax0 - bx1, 0.0), max(by0 - ay1, ay0 - by1, 0.0)
    return float((dx * dx + dy * dy) ** 0.5)


def _on_top(subject: Box, below: Box) -> bool:
    overlap = min(subject.x + subject.w, below.x + below.w) - max(subject.x, below.x)
    over = below.x <= subject.center[0] <= below.x + below.w or overlap >= min(subject.w, below.w) / 2
    touching = below.y - (subject.y + subject.h) <= CONTACT
    return over and touching and below.center[1] - subject.center[1] >= MARGIN


def _between(subject: Box, first: Box, second: Box) -> bool:
    spans = [sorted((first.center[axis], second.center[axis])) for axis in (0, 1)]
    along = 0 if spans[0][1] - spans[0][0] >= spans[1][1] - spans[1][0] else 1
    (low, high), (near, far) = spans[along], spans[1 - along]
    inside = low + MARGIN <= subject.center[along] <= high - MARGIN
    return inside and near - ASIDE <= subject.center[1 - along] <= far + ASIDE
