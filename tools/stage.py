"""Layout first: what a sentence demands, set out in boxes before anything is drawn (LMD, arXiv 2305.13655)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.scene.layout import Layout
from tools.scene.solver import Unsatisfiable, solve

if TYPE_CHECKING:
    from collections.abc import Iterable

    from configs.settings import Settings
    from tools.scene.requirements import Requirement


def stage(demands: Iterable[Requirement], settings: Settings, seed: int, background: str = "") -> Layout | None:
    """Return a layout that meets every demand, another for each seed; None when there is none."""
    generator = settings.generator
    stretch = generator.height / generator.width if generator else 1
    shapes = {name: shape * stretch for name, shape in settings.shapes.items()}
    try:
        return solve(demands, Layout(background=background), shapes=shapes, seed=seed)
    except Unsatisfiable:
        return None  # the loop says so, with the demands that exclude each other
