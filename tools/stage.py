"""Layout first: what a sentence demands, set out in boxes before anything is drawn (LMD, arXiv 2305.13655)."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from tools.scene.layout import Layout
from tools.scene.merge import as_detections
from tools.scene.solver import Unsatisfiable, solve
from tools.scene.verdict import verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tools.context import Context
    from tools.scene.requirement import Requirement


SEEDS = 4  # tried before it is believed that there is no layout


def stage(context: Context, demands: Iterable[Requirement], seed: int, background: str = "") -> Layout | None:
    """Return a layout that meets every demand, another for each seed; None where words alone are to do."""
    generator = context.settings.generator
    if generator is None or not context.backend.capabilities.grounds:
        return None
    stretch = generator.height / generator.width
    shapes = {name: shape * stretch for name, shape in context.settings.shapes.items()}
    demands = tuple(demands)
    demands += tuple(  # "at most two chairs" is met by none, but it is a picture of chairs that is wanted
        demand.model_copy(update={"count": 1, "bound": "at least"})
        for demand in demands
        if demand.kind == "count" and demand.bound == "at most"
    )
    for wishes in range(seed, seed + SEEDS):  # the places and sizes that a seed wishes for may be what does not fit
        try:
            layout = solve(demands, Layout(background=background), shapes=shapes, seed=wishes)
        except Unsatisfiable:
            continue
        return _painted(
            _told_apart(layout, demands), demands, context.settings.detector.attributes, random.Random(seed)
        )
    return None  # the loop says so, with the demands that exclude each other


def _told_apart(layout: Layout, demands: Sequence[Requirement]) -> Layout:
    """Take away looks that nothing demands: of "three books, the first one green" only the first one is green."""
    for number, placed in enumerate(layout.objects):
        plain = placed.model_copy(update={"attributes": ()})
        objects = (*layout.objects[:number], plain, *layout.objects[number + 1 :])
        other = layout.model_copy(update={"objects": objects})
        if placed.attributes and verdict(demands, as_detections(other)).agreed:
            layout = other
    return layout


def _painted(layout: Layout, demands: Iterable[Requirement], looks: Sequence[str], dice: random.Random) -> Layout:
    """Give what has no looks one of those that the preset knows: with none, a small model mixes several.

    What a demand names for things of that name is no choice, whether it is wanted of others or unwanted.
    """
    queries = [query for demand in demands for query in (demand.query, *demand.objects)]
    objects = []
    for placed in layout.objects:
        named = {word for query in queries if query.name == placed.name for word in (*query.attributes, *query.lacks)}
        free = [word for word in looks if word not in named]
        chosen = placed.attributes or ((dice.choice(free),) if free else ())
        objects.append(placed.model_copy(update={"attributes": chosen}))
    return layout.model_copy(update={"objects": tuple(objects)})
