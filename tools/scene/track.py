"""From detections to the current layout: one object per thing, under the id it had before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linear_sum_assignment

from tools.scene.layout import Layout, PlacedObject

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tools.scene.merge import Thing


def track(previous: Layout | None, found: Sequence[Thing], background: str = "") -> Layout:
    """Return what the picture holds, objects keeping the ids they had in ``previous``.

    ``previous`` is the layout that the last operations aimed at (`tools.scene.operations.apply`), so an
    object that was moved, restyled or replaced is found under its id. Objects are identified by an optimal
    assignment over things of the same name, by overlap, then distance, then attributes; one that is not
    found again disappears. Attributes come from the things alone: what an edit was meant to give is no
    evidence. Known objects keep their drawing order, new ones come last, larger ones behind smaller ones. New ids are
    numbered from left to right and never reuse one of ``previous``.
    """
    known = previous.objects if previous else ()
    kept = _assign(known, found)
    objects = [
        placed.model_copy(update={"box": kept[placed.id].box, "attributes": kept[placed.id].attributes})
        for placed in known
        if placed.id in kept
    ]
    old = {id(thing) for thing in kept.values()}
    arrived = sorted((thing for thing in found if id(thing) not in old), key=lambda thing: thing.box.center)
    used = set(previous.ids if previous else ())
    new: list[PlacedObject] = []
    for thing in arrived:
        number = next(n for n in range(1, len(used) + 2) if f"{thing.name} #{n}" not in used)
        used.add(f"{thing.name} #{number}")
        new.append(
            PlacedObject(id=f"{thing.name} #{number}", name=thing.name, attributes=thing.attributes, box=thing.box)
        )
    new.sort(key=lambda placed: -placed.box.area)
    return Layout(
        objects=(*objects, *new)[:100],  # as many as a layout may hold
        background=background or (previous.background if previous else ""),
    )


def _assign(known: Sequence[PlacedObject], found: Sequence[Thing]) -> dict[str, Thing]:
    """Return the thing behind each known id; those not seen again are left out."""
    if not known or not found:
        return {}
    cost = np.full((len(known), len(found)), 1e3)
    for row, placed in enumerate(known):
        for column, thing in enumerate(found):
            if placed.name == thing.name:
                cost[row, column] = _distance(placed, thing)
    rows, columns = linear_sum_assignment(cost)
    return {known[row].id: found[column] for row, column in zip(rows, columns, strict=True) if cost[row, column] < 1e3}


def _distance(placed: PlacedObject, thing: Thing) -> float:
    (x0, y0), (x1, y1) = placed.box.center, thing.box.center
    unlike = 0.3 if thing.contradicts(placed.query) else 0.0
    return 1 - placed.box.iou(thing.box) + abs(x0 - x1) + abs(y0 - y1) + unlike
