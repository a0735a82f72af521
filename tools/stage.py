"""Layout first: what a sentence demands, set out in boxes before anything is drawn (LMD, arXiv 2305.13655)."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from tools.scene.layout import Layout
from tools.scene.lexicon import SURFACES
from tools.scene.merge import as_detections
from tools.scene.requirement import Requirement
from tools.scene.solver import Unsatisfiable, solve
from tools.scene.verdict import verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tools.context import Context
    from tools.scene.layout import PlacedObject

SEEDS = 4  # tried before it is believed that there is no layout
TINTS = {
    "wooden": "brown",
    "leather": "brown",
    "cardboard": "brown",
    "chocolate": "brown",
    "bamboo": "brown",
    "golden": "yellow",
    "brass": "yellow",
    "silver": "gray",
    "metal": "gray",
    "metallic": "gray",
    "steel": "gray",
    "iron": "gray",
    "stone": "gray",
    "concrete": "gray",
    "snowy": "white",
    "paper": "white",
    "porcelain": "white",
}
"""The colour that a material has to the eye."""


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
    standing = _standing(demands, background)
    tries = [(standing, seed)] * bool(standing)
    tries += [((), wishes) for wishes in range(seed, seed + SEEDS)]  # what a seed wishes for may be what does not fit
    for more, wishes in tries:
        try:
            layout = solve((*demands, *more), Layout(background=background), shapes=shapes, seed=wishes)
        except Unsatisfiable:
            continue
        return _painted(
            _told_apart(layout, demands), demands, context.settings.detector.attributes, random.Random(seed)
        )
    return None  # the loop says so, with the demands that exclude each other


def _standing(demands: Sequence[Requirement], background: str) -> tuple[Requirement, ...]:
    """Return that all things stand low, where a surface is the setting: four books on a desk hang on no wall."""
    if not SURFACES & set(background.split()):
        return ()
    counts = [demand for demand in demands if demand.kind == "count"]
    return tuple(
        Requirement(kind="relation", query=demand.query, predicate="at the bottom", count=demand.count)
        for demand in counts
    )


def _told_apart(layout: Layout, demands: Sequence[Requirement]) -> Layout:
    """Take away looks that nothing demands: of "three books, the first one green" only the first one is green."""
    for number, placed in enumerate(layout.objects):
        plain = placed.model_copy(update={"attributes": ()})
        objects = (*layout.objects[:number], plain, *layout.objects[number + 1 :])
        other = layout.model_copy(update={"objects": objects})
        if placed.attributes and verdict(demands, as_detections(other)).agreed:
            layout = other
    return layout


def _painted(layout: Layout, demands: Sequence[Requirement], looks: Sequence[str], dice: random.Random) -> Layout:
    """Give what has no looks one of those that the preset knows: with none, a small model mixes several.

    What a demand names for things of that name is no choice, whether it is wanted of others or unwanted.
    """
    queries = [query for demand in demands for query in (demand.query, *demand.objects)]
    objects: list[PlacedObject] = []
    for placed in layout.objects:
        named = {word for query in queries if query.name == placed.name for word in (*query.attributes, *query.lacks)}
        free = [word for word in looks if word not in named]
        tints = [tint for tint in _tints(placed.name, demands) if tint in free]
        alike = sum(other.name == placed.name and not other.attributes for other in layout.objects[: len(objects)])
        usual = tints[alike % len(tints)] if tints else dice.choice(free) if free else ""
        chosen = placed.attributes or ((usual,) if usual else ())
        objects.append(placed.model_copy(update={"attributes": chosen}))
    return layout.model_copy(update={"objects": tuple(objects)})


def _tints(name: str, demands: Iterable[Requirement]) -> list[str]:
    """Return the colours of what things of a name are said to be made of, where no detector checks that."""
    said = [demand.said.split() for demand in demands if demand.kind == "unchecked"]
    return [TINTS[word] for words in said if " ".join(words).endswith(f" {name}") for word in words if word in TINTS]
