"""The helper picture of an edit: erased objects painted over, moved ones cut out, scaled and set down.

One canvas carries every pixel-exact change at once, so that one inversion serves all of them.
Pixels in, pixels out; knows nothing of models.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from tools.backend.editor.masks import dilate, fill

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tools.backend.editor.masks import Floats, Mask, Pixels
    from tools.backend.editor.plan import NetEdit
    from tools.scene.box import Box

FRINGE = 2  # pixels around an object that its antialiasing, shadow line or a tight mask may have coloured


@dataclass(frozen=True)
class Canvas:
    """The picture with erased objects gone and moved ones at their new place.

    pixels: uint8 ``[height, width, 3]``; erased: where background was made up; cores: by id, the pixels
    of moved and restyled objects; alphas: by id, the soft edge in [0, 1] of the moved ones.
    """

    pixels: Pixels
    erased: Mask
    cores: dict[str, Mask]
    alphas: dict[str, Floats]


def make_canvas(pixels: Pixels, plan: NetEdit, masks: Mapping[str, Mask]) -> Canvas:
    """Do the part of an edit that pixels alone can do.

    ``masks`` holds, by id in the current layout, disjoint masks of erased, restyled, moved and nearby
    untouched objects. What other objects show stays: only pixels of erased ones are painted over.
    """
    everything = np.zeros(pixels.shape[:2], dtype=bool)
    erased = everything.copy()
    for placed in plan.erased:
        erased |= masks[placed.id]
    staying = everything.copy()
    gone = {placed.id for placed in plan.erased}
    for object_id, mask in masks.items():
        everything |= mask
        if object_id not in gone:
            staying |= mask
    erased = dilate(erased, FRINGE) & ~staying
    background = ~dilate(everything, FRINGE)
    known = background if background.any() else ~erased
    result = np.where(erased[..., None], fill(pixels.astype(np.float32), known), pixels).astype(np.float32)

    order = {object_id: place for place, object_id in enumerate(plan.target.ids)}
    cores, alphas = {}, {}
    for touched in plan.touched:
        if touched.source is None:
            continue
        mask = masks[touched.source.id]
        if not touched.moved:
            cores[touched.placed.id] = mask
            continue
        layer, alpha = relocate(pixels, mask, touched.source.box, touched.placed.box)
        for other in plan.untouched:
            if order[other.id] > order[touched.placed.id] and other.id in masks:
                alpha = np.where(masks[other.id], 0, alpha).astype(np.float32)
        result += alpha[..., None] * (layer - result)
        cores[touched.placed.id], alphas[touched.placed.id] = alpha > 0.1, alpha
    return Canvas(np.clip(result + 0.5, 0, 255).astype(np.uint8), erased, cores, alphas)


def relocate(pixels: Pixels, mask: Mask, source: Box, target: Box) -> tuple[Floats, Floats]:
    """Cut out ``mask`` and set it down so that box ``source`` comes to lie on box ``target``.

    Returns colours ``[height, width, 3]`` in [0, 255] and alpha ``[height, width]`` in [0, 1]. Without
    a change of size the pixels are copied unchanged, shifted by whole pixels.
    """
    height, width = mask.shape
    colours = np.zeros((height, width, 3), dtype=np.float32)
    alpha = np.zeros((height, width), dtype=np.float32)
    if not mask.any():
        return colours, alpha
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    y0, y1, x0, x1 = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    new_x, new_w = _span(x0, x1, source.x * width, source.w * width, target.x * width, target.w * width)
    new_y, new_h = _span(y0, y1, source.y * height, source.h * height, target.y * height, target.h * height)
    cut = np.dstack([pixels, mask.astype(np.uint8) * 255])[y0:y1, x0:x1]
    piece = Image.fromarray(cut)
    if piece.size != (new_w, new_h):
        # Pillow weighs colours by alpha when it scales, so no old background bleeds into the rim.
        piece = piece.resize((new_w, new_h), Image.Resampling.LANCZOS)
    sheet = Image.new("RGBA", (width, height))
    sheet.paste(piece, (new_x, new_y))
    values = np.asarray(sheet, dtype=np.float32)
    return values[..., :3], values[..., 3] / np.float32(255)


def _span(start: int, stop: int, source: float, source_length: float, target: float, length: float) -> tuple[int, int]:
    """Map pixels ``[start, stop)`` by the move of one side of a box; return the new start and the new length."""
    scale = length / source_length
    if abs(length - source_length) < 1:  # less than a pixel is rounding, and scaling by it would blur
        return start + round(target - source), stop - start
    first = target + (start - source) * scale
    return round(first), max(1, round(first + (stop - start) * scale) - round(first))
