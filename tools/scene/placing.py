"""What the solver moves about, and what a relation demands of it: linear constraints over an integer grid.

The margins are wider than those of `tools.scene.relations`, so that what is placed by them stays true when
a detector's boxes jitter.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tools.scene.relations import DIRECTIONS

if TYPE_CHECKING:
    from ortools.sat.python import cp_model
    from ortools.sat.python.cp_model import IntVar

    from tools.scene.box import Box
    from tools.scene.layout import PlacedObject
    from tools.scene.spec import Predicate

GRID = 100  # steps along each side of the picture
ASIDE = (15, 4)  # steps between centres for "left of" and from the picture's middle; the second when it is tight
CENTRAL = (12, 15)  # steps from the picture's middle for "in the middle"; the second when it is tight
CLOSE = 8  # steps, at most, between things next to each other
RESTING = 3  # steps, at most, between a thing and what it stands on


@dataclass
class Slot:
    """An object that is there or may come: its variables, in grid steps."""

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

    def center2(self, axis: int) -> cp_model.LinearExpr:
        """Twice the centre's coordinate, which keeps it an integer."""
        return 2 * self.x + self.w if axis == 0 else 2 * self.y + self.h

    def start(self, axis: int) -> IntVar:
        """The left (axis 0) or upper edge."""
        return self.x if axis == 0 else self.y

    def end(self, axis: int) -> cp_model.LinearExpr:
        """The right (axis 0) or lower edge."""
        return self.x + self.w if axis == 0 else self.y + self.h


def placings(
    predicate: Predicate, tight: bool, subject: Slot, *others: Slot
) -> list[list[cp_model.BoundedLinearExpression | bool]]:
    """Return alternatives; each is a list of constraints that together make the relation clearly true."""
    aside, central = ASIDE[tight], CENTRAL[tight]
    if predicate in DIRECTIONS:
        axis, sign = DIRECTIONS[predicate]
        origin = others[0].center2(axis) if others else GRID
        return [[sign * (subject.center2(axis) - origin) >= 2 * aside]]
    if predicate == "in the middle":
        inside = [subject.center2(axis) - GRID <= 2 * central for axis in (0, 1)]
        return [[*inside, *(subject.center2(axis) - GRID >= -2 * central for axis in (0, 1))]]
    other = others[0]
    if predicate == "next to":
        level = subject.center2(1) - other.center2(1)
        beside = [level <= 2 * CLOSE, level >= -2 * CLOSE]
        spaces = (other.start(0) - subject.end(0), subject.start(0) - other.end(0))
        return [[*beside, space >= 0, space <= CLOSE] for space in spaces]
    if predicate == "on top of":
        space = other.start(1) - subject.end(1)
        over = [subject.center2(0) >= 2 * other.start(0) + 1, subject.center2(0) <= 2 * other.end(0) - 1]
        return [[space >= 0, space <= RESTING, *over]]
    placings: list[list[cp_model.BoundedLinearExpression | bool]] = []
    for axis in (0, 1):
        for low, high in (others, others[::-1]):
            span = high.center2(axis) - low.center2(axis)
            skew = high.center2(1 - axis) - low.center2(1 - axis)
            off = subject.center2(1 - axis) - low.center2(1 - axis)
            placings.append(
                [
                    subject.center2(axis) - low.center2(axis) >= 2 * CLOSE,
                    high.center2(axis) - subject.center2(axis) >= 2 * CLOSE,
                    span >= skew + 4,
                    span >= 4 - skew,
                    off <= 2 * ASIDE[0],
                    off >= -2 * ASIDE[0],
                ]
            )
    return placings
