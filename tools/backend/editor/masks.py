"""Mask geometry of the latent editor: whose pixel is whose, latent grids, soft seams, smooth fills.

Masks are bool arrays ``[height, width]`` in pixels or latent cells; nothing here knows a model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np
from PIL import Image
from scipy import ndimage

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping

    from numpy.typing import NDArray

    from tools.scene.box import Box

    Mask = NDArray[np.bool_]
    Floats = NDArray[np.float32]
    Pixels = NDArray[np.uint8]

    Key = TypeVar("Key", bound=Hashable)

BOX_MARGIN = 0.1  # share of its size by which a mask may leave its box; what is farther out is the segmenter's mistake
BOX_SHARE = 0.05  # a mask that fills less of its box found nothing


def box_mask(box: Box, size_wh: tuple[int, int]) -> Mask:
    """Return the mask of a box's pixels."""
    mask = np.zeros(size_wh[::-1], dtype=bool)
    x0, y0, x1, y1 = box.to_px(size_wh)
    mask[y0:y1, x0:x1] = True
    return mask


def trusted(mask: Mask, box: Box) -> Mask:
    """Return a segmenter's mask cut to the surroundings of its box, or the box where it found nothing in it."""
    height, width = mask.shape
    margin_x, margin_y = box.w * BOX_MARGIN + 2 / width, box.h * BOX_MARGIN + 2 / height
    near = type(box)(box.x - margin_x, box.y - margin_y, box.w + 2 * margin_x, box.h + 2 * margin_y).clipped()
    mask = mask & box_mask(near, (width, height))
    whole = box_mask(box, (width, height))
    return mask if mask.sum() >= BOX_SHARE * whole.sum() else whole


def owned(masks: Mapping[Key, Mask]) -> dict[Key, Mask]:
    """Make masks disjoint: a pixel that several claim goes to the smallest.

    Segmenters tend to give a large thing the pixels of a small one before it, seldom the reverse.
    """
    taken: Mask | None = None
    result = {}
    for key in sorted(masks, key=lambda index: int(masks[index].sum())):
        mask = masks[key]
        result[key] = mask if taken is None else mask & ~taken
        taken = mask if taken is None else mask | taken
    return {key: result[key] for key in masks}


def dilate(mask: Mask, radius: int) -> Mask:
    """Grow a mask by ``radius`` cells (round, not square)."""
    if radius <= 0 or not mask.any():
        return mask
    return np.asarray(ndimage.distance_transform_edt(~mask) <= radius + 0.25)  # 0.25: a rounder disc of radius 1


def union(start: Mask, masks: Iterable[Mask]) -> Mask:
    """Return what any of the masks holds."""
    result = start.copy()
    for mask in masks:
        result |= mask
    return result


def laid(pixels: Pixels, made: Pixels, weights: Floats) -> Pixels:
    """Return ``pixels`` with ``made`` over them, as far as ``weights`` in [0, 1] say."""
    mixed = pixels + weights.astype(np.float32)[..., None] * (made.astype(np.float32) - pixels)
    return np.asarray(np.clip(mixed + 0.5, 0, 255), dtype=np.uint8)


def resized(mask: Mask, size_wh: tuple[int, int]) -> Mask:
    """Return a mask at another size."""
    grey = Image.fromarray(mask.astype(np.uint8) * 255).resize(size_wh, Image.Resampling.BILINEAR)
    return np.asarray(grey) > 127


def cell_share(mask: Mask, factor: int) -> Floats:
    """Return the share of each latent cell (``factor`` pixels square) that the mask covers, in [0, 1]."""
    height, width = mask.shape
    cells = mask.reshape(height // factor, factor, width // factor, factor)
    return np.asarray(cells.mean(axis=(1, 3)), dtype=np.float32)


def cell_pixels(cells: Mask, factor: int) -> Mask:
    """Return the pixels of latent cells."""
    return cells.repeat(factor, axis=0).repeat(factor, axis=1)


def soft_edge(region: Mask, width: int) -> Floats:
    """Return weights in [0, 1] that rise from the rim of ``region`` to 1 within ``width`` pixels; 0 outside."""
    if region.all() or width <= 0:
        return region.astype(np.float32)
    distance = ndimage.distance_transform_edt(region)
    return np.asarray(np.clip(distance / (width + 1), 0, 1), dtype=np.float32)


def fill(values: Floats, known: Mask) -> Floats:
    """Fill the unknown pixels of ``values`` ``[height, width, channels]`` smoothly from the known ones.

    Averages down a pyramid until everything is known, then interpolates back up (pull-push;
    Gortler et al. 1996). Known pixels keep their value; all zero when nothing is known.
    """
    weight = known.astype(np.float32)[..., None]
    filled = _pull_push(values.astype(np.float32) * weight, weight)
    return np.asarray(np.where(known[..., None], values, filled), dtype=np.float32)


def _pull_push(summed: Floats, weight: Floats) -> Floats:
    height, width, _ = summed.shape
    if min(height, width) == 1 or bool((weight > 0).all()):
        total = summed.sum(axis=(0, 1)) / max(float(weight.sum()), 1e-6)
        return np.asarray(np.where(weight > 0, summed / np.maximum(weight, 1e-6), total), dtype=np.float32)
    pad = ((0, height % 2), (0, width % 2), (0, 0))
    halves = [np.pad(part, pad) for part in (summed, weight)]
    small, small_weight = (
        part.reshape(part.shape[0] // 2, 2, part.shape[1] // 2, 2, -1).sum(axis=(1, 3)) for part in halves
    )
    scale = np.maximum(small_weight, 1.0)  # a cell weighs at most one pixel, so far ones do not outweigh near ones
    coarse = _pull_push(small / scale, small_weight / scale)
    up = np.stack(
        [
            np.asarray(Image.fromarray(coarse[..., channel]).resize((width, height), Image.Resampling.BILINEAR))
            for channel in range(coarse.shape[-1])
        ],
        axis=-1,
    )
    kept = np.minimum(weight, 1.0)
    return np.asarray(summed / np.maximum(weight, 1e-6) * kept + up * (1 - kept), dtype=np.float32)
