"""When each latent cell of a composition is let go: the whole of an edit as one array of numbers.

Level ``i`` is the noise level that denoising step ``i`` of ``steps`` starts from; level ``steps`` is clean.
A cell is held to known latents up to its release level and denoised freely from there. Cells that are
never released have level ``steps + 1``. Everything in latent cells; knows nothing of models.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tools.backend.editor.masks import cell_pixels, cell_share, dilate, soft_edge

if TYPE_CHECKING:
    from collections.abc import Mapping

    from configs.settings import EditorSettings
    from tools.backend.editor.canvas import Canvas
    from tools.backend.editor.masks import Floats, Mask
    from tools.backend.editor.plan import NetEdit

Levels = NDArray[np.int64]


@dataclass(frozen=True)
class Schedule:
    """What is held until when, and what may change.

    release: int ``[h, w]``, see the module; erased, restyled: bool ``[h, w]``; cores: by id, bool
    ``[h, w]``, the visible cells of made objects. In pixels of the canvas: region, bool, what may change;
    opaque: bool, the part of it where the old picture must not shine through; visible: by id, the pixels
    of touched objects that nothing in front covers.
    """

    release: Levels
    erased: Mask
    restyled: Mask
    cores: dict[str, Mask]
    region: Mask
    opaque: Mask
    visible: dict[str, Mask]

    @property
    def first(self) -> int:
        """The level at which the first cell is released; everything before it needs no computing."""
        return int(self.release.min())


def held_steps(settings: EditorSettings) -> int:
    """Return the level up to which pasted latents are held (SLD's frozen steps)."""
    return round(settings.frozen_step_ratio * settings.steps)


def make_schedule(
    plan: NetEdit, canvas: Canvas, masks: Mapping[str, Mask], made: Mapping[str, Mask], settings: EditorSettings,
    factor: int,
) -> Schedule:  # fmt: skip
    """Decide for every latent cell when it is released.

    ``masks`` are of the current objects, ``made`` of the generated ones, both in pixels of the padded
    canvas, whose sides are multiples of ``factor``. Made and moved objects cover what is behind them;
    beyond that, cells of untouched objects are never released.
    """
    steps, held = settings.steps, held_steps(settings)
    untouched = np.zeros_like(canvas.erased)
    for placed in plan.untouched:
        untouched |= masks.get(placed.id, np.zeros_like(untouched))
    visible = _visible(plan, canvas, masks, made)

    protected = cell_share(untouched, factor) > 0.5
    release = np.full(protected.shape, steps + 1, dtype=np.int64)

    def let_go(cells: Mask, level: int) -> None:
        release[cells & ~protected] = np.minimum(release[cells & ~protected], level)

    erased = (cell_share(dilate(canvas.erased, settings.dilation), factor) > 0) & ~protected
    let_go(erased, steps - round(settings.erase_strength * steps))
    restyle_level = steps - round(settings.restyle_strength * steps)
    restyled = np.zeros_like(protected)
    cores = {}
    for touched in plan.touched:
        pixels = visible[touched.placed.id]
        cells = cell_share(pixels, factor)
        let_go(cell_share(dilate(pixels, settings.dilation), factor) > 0, held)
        if touched.source is None:
            cores[touched.placed.id] = cells > 0.5
            release[cells > 0.5] = held
        elif touched.restyled and settings.restyler is None:
            rim = dilate(cells > 0, 1) & ~protected
            let_go(rim, restyle_level)
            restyled |= rim
        elif touched.restyled:
            release[cells > 0.5] = held
        else:
            release[cells > 0.5] = steps + 1  # its own pixels are put back at the end
    opaque = canvas.erased.copy()
    for pixels in visible.values():
        opaque |= pixels
    region = (cell_pixels(release <= steps, factor) & ~untouched) | opaque
    return Schedule(release, erased, restyled, cores, region, opaque, visible)


def _visible(plan: NetEdit, canvas: Canvas, masks: Mapping[str, Mask], made: Mapping[str, Mask]) -> dict[str, Mask]:
    """Return what of each touched object is not covered by one in front of it."""
    touched = {
        change.placed.id: made.get(change.placed.id, canvas.cores.get(change.placed.id)) for change in plan.touched
    }
    covered = np.zeros_like(canvas.erased)
    visible = {}
    for placed in reversed(plan.target.objects):
        mask = touched.get(placed.id, masks.get(placed.id))
        if mask is None:
            continue  # untouched and far away
        if placed.id in touched:
            visible[placed.id] = mask & ~covered
        covered = covered | mask
    return visible


def blend_weights(schedule: Schedule, feather: int) -> Floats:
    """Return how much of the new picture each pixel takes, in [0, 1]; 0 outside the region."""
    weights = soft_edge(schedule.region, feather)
    weights[schedule.opaque] = 1
    return weights
