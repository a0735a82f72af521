"""Layout first: what a sentence demands, set out in boxes before anything is drawn (LMD, arXiv 2305.13655)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.scene.layout import Layout
from tools.scene.solver import Unsatisfiable, solve

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tools.context import Context
    from tools.scene.requirements import Requirement


<<<<<<< HEAD
def stage(demands: Iterable[Requirement], settings: Settings, seed: int, background: str = "") -> Layout | None:
    """Return a layout that meets every demand, another for each seed; None when there is none."""
    generator = settings.generator
    stretch = generator.height / generator.width if generator else 1
    shapes = {name: shape * stretch for name, shape in settings.shapes.items()}
=======
def draws_from_layouts(context: Context) -> bool:
    """Return whether pictures are to be set out first: it is wished for, and the generator takes boxes."""
    generator = context.settings.generator
    return generator is not None and generator.layout and context.backend.grounds


def stage(context: Context, demands: Iterable[Requirement], seed: int, background: str = "") -> Layout | None:
    """Return a layout that meets every demand, another for each seed; None where words alone are to do."""
    generator = context.settings.generator
    if generator is None or not draws_from_layouts(context):
        return None
    stretch = generator.height / generator.width
    shapes = {name: shape * stretch for name, shape in context.settings.shapes.items()}
>>>>>>> 6e32158 (Layouts where there may be no generator)
    try:
        return solve(demands, Layout(background=background), shapes=shapes, seed=seed)
    except Unsatisfiable:
        return None  # the loop says so, with the demands that exclude each other
