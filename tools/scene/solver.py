"""The layout solver: the smallest change of a scene that fulfils every requirement.

Built on OR-Tools' CP-SAT over an integer grid. Which objects stay, change, go or come, and where they
stand, is decided together, because a relation may be cheaper to meet by another choice of objects.
Knows boxes and words only; what a requirement means is defined in `tools.scene.checking`, and everything
here is aimed at with a wider margin, so that a detector's jitter does not undo it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.scene.layout_model import MOST, LayoutModel
from tools.scene.merge import as_detections
from tools.scene.verdict import verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tools.scene.layout import Layout
    from tools.scene.requirement import Requirement


EFFORT = 0.15  # deterministic seconds; a good answer comes early, the proof that it is the best one late


class Unsatisfiable(ValueError):
    """No layout fulfils these ``requirements`` together."""

    def __init__(self, requirements: tuple[Requirement, ...]) -> None:
        self.requirements = requirements
        conflict = "; ".join(demand.text for demand in requirements)
        super().__init__(f"no layout fulfils these together: {conflict}. Drop or change one of them")


def solve(
    requirements: Iterable[Requirement],
    current: Layout,
    effort: float = EFFORT,
    shapes: Mapping[str, float] | None = None,
    seed: int | None = None,
) -> Layout:
    """Return the layout nearest to ``current`` that fulfils every requirement.

    A scene that already does is returned as it is. Objects of names that no requirement mentions stay
    where they are and are only kept clear of. New boxes have the usual size of their class in the picture,
    smaller where it is crowded; a class that is not there yet has its width over height from ``shapes``, or is
    square. ``effort`` bounds the search, in the solver's deterministic seconds (about three of a processor's): more
    of it finds nicer places. The same input gives the same layout, on every machine.

    With a ``seed`` a scene is staged rather than mended: new objects want places and a size that the seed
    chooses, on the ground rather than in the air, and those of one name are of one size.

    Raises:
        Unsatisfiable: with the smallest set found of requirements that exclude each other.
    """
    demands = tuple(requirements)
    if verdict(demands, as_detections(current)).agreed:
        return current
    crowd = tuple(demand for demand in demands if demand.kind == "count")
    if sum(demand.count for demand in crowd) > MOST:
        raise Unsatisfiable(crowd)
    for tight in (False, True):
        solved = LayoutModel(demands, current, tight, shapes, seed).solve(effort)
        if solved is not None:
            return solved
    raise Unsatisfiable(_conflict(demands, current))


def _conflict(demands: tuple[Requirement, ...], current: Layout) -> tuple[Requirement, ...]:
    """Drop requirements one by one as long as the rest stays impossible."""
    core = list(demands)
    for demand in demands:
        rest = [other for other in core if other is not demand]
        if LayoutModel(tuple(rest), current, tight=True).is_impossible():
            core = rest
    return tuple(core)
