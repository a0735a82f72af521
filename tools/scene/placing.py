"""What the solver moves about, and what a relation demands of it: linear constraints over an integer grid.

The margins are wider than those of `tools.scene.relations`, so that what is placed by them stays true when
a detector's boxes jitter.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tools.scene.relations import (
    BIGGER,
    CORNERED,
    DIRECTIONS,
    LEAN,
    LIMITS,
    MOSTLY,
    PAIR_DIRECTIONS,
    REGIONS,
    STEEP,
    is_corner,
    is_half,
)

if TYPE_CHECKING:
    from ortools.sat.python import cp_model
    from ortools.sat.python.cp_model import IntVar

    from tools.scene.box import Box
    from tools.scene.layout import PlacedObject
    from tools.scene.spec import Predicate, Size

    Constraint = cp_model.BoundedLinearExpression | bool

GRID = 100  # steps along each side of the picture
FINE = 1000  # units of a size: the side of the picture
INWARDS = (11, 1)  # steps inside the border of a region; here and below the second is for when it is tight
CORNER = (GRID * CORNERED / 2, GRID * CORNERED - 3)  # steps between a thing in a corner and the borders
INSIDE = (0.1, 0.02)  # of a thing in a half of the picture, beside `MOSTLY`
ASIDE = (15, 4)  # steps between centres for "left of"
LEANING = (LEAN * 1.2, LEAN * 1.04)
OVER = (6, 3)  # steps of the width that "above" and "below" share
LEVEL = 4  # steps between the centres of things that are level
CLOSE = 8  # steps, at most, between things next to each other
RESTING = 3  # steps, at most, between a thing and what it stands on
ON_THE_LINE = 5  # steps from the point half-way for "between"
INNER = 2  # steps of size, by which a thing is smaller than what it is in
CLEARLY = (1.08, 1.02)  # by how much more than demanded sizes differ


@dataclass(eq=False)
class Slot:
    """An object that is there or may come: its variables, in grid steps; ``side`` and ``longest`` in `FINE` units."""

    name: str
    old: PlacedObject | None
    styles: list[tuple[str, ...]]
    pinned: Box | None = None
    fixed: bool = False  # never moves: pinned, or of a name that no requirement mentions
    present: IntVar = field(init=False)
    moved: IntVar = field(init=False)
    style: list[IntVar] = field(init=False)
    x: IntVar = field(init=False)
    y: IntVar = field(init=False)
    w: IntVar = field(init=False)
    h: IntVar = field(init=False)
    side: IntVar = field(init=False)
    longest: IntVar = field(init=False)

    @property
    def here(self) -> Box | None:
        """Where it is or is held, as far as that is known before."""
        return self.pinned or (self.old.box if self.old else None)

    def center2(self, axis: int) -> cp_model.LinearExpr:
        """Twice the centre's coordinate, which keeps it an integer."""
        return 2 * self.x + self.w if axis == 0 else 2 * self.y + self.h

    def start(self, axis: int) -> IntVar:
        """The left (axis 0) or upper edge."""
        return self.x if axis == 0 else self.y

    def end(self, axis: int) -> cp_model.LinearExpr:
        """The right (axis 0) or lower edge."""
        return self.x + self.w if axis == 0 else self.y + self.h

    def extent(self, axis: int) -> IntVar:
        """The width (axis 0) or height."""
        return self.w if axis == 0 else self.h


def fine(length: float) -> int:
    """Return a share of the picture in `FINE` units."""
    return round(FINE * length)


def placings(
    predicate: Predicate, tight: bool, subject: Slot, *others: Slot, factor: float = 1.0
) -> list[list[Constraint]]:
    """Return alternatives; each is a list of constraints that together make the relation clearly true."""
    if predicate in REGIONS:
        return [_region(predicate, tight, subject)]
    other = others[0]
    if predicate in PAIR_DIRECTIONS:
        apart = beyond(predicate, tight, subject, other)
        return [[*apart, *way] for way in mainly(predicate, tight, subject, other)]
    if predicate in {"next to", "near"}:
        return [
            [*_level(1 - axis, subject, other), space >= 0, space <= CLOSE]
            for axis in ((0, 1) if predicate == "near" else (0,))
            for space in (other.start(axis) - subject.end(axis), subject.start(axis) - other.end(axis))
        ]
    if predicate == "on top of":
        space = other.start(1) - subject.end(1)
        carried = subject.extent(0)  # its centre is a tenth of its width inside the other: `relations.CARRIED`
        over = [
            5 * subject.center2(0) >= 10 * other.start(0) + carried,
            5 * subject.center2(0) <= 10 * other.end(0) - carried,
        ]
        return [[space >= 0, space <= RESTING, *over]]
    if predicate == "inside":
        within = [subject.start(axis) >= other.start(axis) for axis in (0, 1)]
        within += [subject.end(axis) <= other.end(axis) for axis in (0, 1)]
        return [[*within, *larger(INNER, tight, other, subject)]]
    if predicate == "between":
        return [_between(axis, tight, subject, *pair) for axis in (0, 1) for pair in (others, others[::-1])]
    return [_compared(predicate, tight, subject, other, factor)]


def beyond(predicate: Predicate, tight: bool, subject: Slot, other: Slot) -> list[Constraint]:
    """Return what puts one box on a side of another; when it is tight they may lie a little side by side."""
    axis, sign = DIRECTIONS[predicate]
    first, second = (subject, other) if sign < 0 else (other, subject)
    way = second.center2(axis) - first.center2(axis)
    shared = first.end(axis) - second.start(axis)
    apart = [5 * shared <= first.extent(axis), 5 * shared <= second.extent(axis)] if tight else [shared <= 0]
    return [way >= 2 * ASIDE[tight], *apart]


def mainly(predicate: Predicate, tight: bool, subject: Slot, other: Slot) -> list[list[Constraint]]:
    """Return alternatives of what makes a direction the main one."""
    axis, sign = DIRECTIONS[predicate]
    way = sign * (subject.center2(axis) - other.center2(axis))
    off = subject.center2(1 - axis) - other.center2(1 - axis)

    def leaning(factor: float) -> list[Constraint]:
        lean = round(FINE * factor * LEANING[tight])
        return [FINE * way >= lean * off, FINE * way >= -lean * off]

    if axis == 0:
        return [leaning(1)]
    over = [first.end(0) - second.start(0) >= OVER[tight] for first, second in ((subject, other), (other, subject))]
    return [[*leaning(1), *over], leaning(STEEP / LEAN)]


def in_line(axis: int, tight: bool, first: Slot, second: Slot) -> list[list[Constraint]]:
    """Return the two orders of two members of a row (axis 0) or a column (axis 1)."""
    orders: tuple[Predicate, ...] = ("left of", "right of") if axis == 0 else ("above", "below")
    return [[*beyond(order, tight, first, second), *_level(1 - axis, first, second)] for order in orders]


def sized(size: Size, tight: bool, subject: Slot, *, alone: bool) -> list[Constraint]:
    """Return what makes a thing clearly tiny, small, large or huge in the picture."""
    limit = LIMITS[size][0 if alone else 1]
    if size in {"tiny", "small"}:
        return [subject.longest <= fine(limit / CLEARLY[tight])]
    return [subject.longest >= fine(limit * CLEARLY[tight])]


def larger(steps: int, tight: bool, larger_one: Slot, smaller_one: Slot) -> list[Constraint]:
    """Return what makes a thing clearly larger than another, by `BIGGER` for every step."""
    ratio = round(FINE * BIGGER**steps * CLEARLY[tight])
    return [FINE * larger_one.side >= ratio * smaller_one.side]


def _region(predicate: Predicate, tight: bool, subject: Slot) -> list[Constraint]:
    x0, x1, y0, y1 = REGIONS[predicate]
    result: list[Constraint] = []
    for axis, low, high in ((0, x0, x1), (1, y0, y1)):
        if low > 0:
            result.append(subject.center2(axis) >= math.ceil(2 * (GRID * low + INWARDS[tight])))
        if high < 1:
            result.append(subject.center2(axis) <= math.floor(2 * (GRID * high - INWARDS[tight])))
        if low == 0 and high == 1:
            continue
        space = subject.start(axis) if low == 0 else GRID - subject.end(axis)
        if is_corner(predicate):
            result.append(space <= round(CORNER[tight]))
        if is_half(predicate):
            inside = round(GRID * high) - subject.start(axis) if low == 0 else subject.end(axis) - round(GRID * low)
            result.append(FINE * inside >= round(FINE * (MOSTLY + INSIDE[tight])) * subject.extent(axis))
    return result


def _level(axis: int, first: Slot, second: Slot) -> list[Constraint]:
    off = first.center2(axis) - second.center2(axis)
    return [off <= 2 * LEVEL, off >= -2 * LEVEL]


def _between(axis: int, tight: bool, subject: Slot, low: Slot, high: Slot) -> list[Constraint]:
    """Return what puts a thing half-way between two others that are further apart along the axis than across."""
    span = high.center2(axis) - low.center2(axis)
    skew = high.center2(1 - axis) - low.center2(1 - axis)
    along, across = (2 * subject.center2(a) - low.center2(a) - high.center2(a) for a in (axis, 1 - axis))
    order: tuple[Predicate, Predicate] = ("left of", "right of") if axis == 0 else ("above", "below")
    return [
        *beyond(order[1], tight, subject, low),
        *beyond(order[0], tight, subject, high),
        span >= skew + 4,
        span >= 4 - skew,
        *(sign * off <= 4 * ON_THE_LINE for off in (along, across) for sign in (1, -1)),
    ]


def _compared(predicate: Predicate, tight: bool, subject: Slot, other: Slot, factor: float) -> list[Constraint]:
    if predicate == "bigger than":
        return larger(1, tight, subject, other)
    if predicate == "smaller than":
        return larger(1, tight, other, subject)
    # people mean lengths, or areas: the ratio aimed at lies between the two
    low, high = round(FINE * factor**0.75 / 1.06), round(FINE * factor**0.75 * 1.06)
    return [FINE * subject.side <= high * other.side, FINE * subject.side >= low * other.side]
