"""Cutting out softly: an alpha a few pixels wide along a mask's rim, and colours without the old background in them.

In a narrow band around the rim each pixel is read as a mix of the colours to both sides (the matting equation,
I = alpha F + (1 - alpha) B); where the two look alike the mask's own rim decides. Knows nothing of models.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from tools.backend.editor.masks import fill

if TYPE_CHECKING:
    from tools.backend.editor.masks import Floats, Mask, Pixels

BAND = 0.012  # of the object's longer side, to each side of the rim
LEAST_BAND, MOST_BAND = 1.5, 6.0  # pixels
RAMP = 1.2  # pixels over which the rim fades where colours say nothing
APART = (20.0, 70.0)  # distance of the two sides' colours (of 255) from which they say something, and everything


@dataclass(frozen=True)
class Cut:
    """An object out of a picture.

    rows, columns: where it lies; colours: float32 ``[h, w, 3]`` in [0, 255]; alpha: float32 ``[h, w]`` in [0, 1].
    """

    rows: slice
    columns: slice
    colours: Floats
    alpha: Floats


def cut_out(pixels: Pixels, mask: Mask) -> Cut:
    """Cut the pixels of a mask out of a picture, uint8 ``[height, width, 3]``.

    Raises:
        ValueError: the mask is empty.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        raise ValueError("an empty mask cuts nothing out")
    band = float(np.clip(BAND * max(len(rows), len(columns)), LEAST_BAND, MOST_BAND))
    pad = int(np.ceil(2 * band)) + 2
    window = (
        slice(max(rows[0] - pad, 0), min(rows[-1] + 1 + pad, mask.shape[0])),
        slice(max(columns[0] - pad, 0), min(columns[-1] + 1 + pad, mask.shape[1])),
    )
    inside, picture = mask[window], pixels[window].astype(np.float32)
    depth = _signed_distance(inside)
    front, back = depth > band, depth < -band
    if not front.any():  # thinner than the band: its middle line has to do
        front = depth >= 0.7 * depth.max()
    near, far = fill(picture, front), fill(picture, back) if back.any() else np.zeros_like(picture)
    apart = near - far
    length = np.linalg.norm(apart, axis=-1)
    mixed = np.clip(((picture - far) * apart).sum(axis=-1) / np.maximum(length, 1.0) ** 2, 0, 1)
    trust = np.clip((length - APART[0]) / (APART[1] - APART[0]), 0, 1) * (np.abs(depth) <= band)
    ramp = np.clip(0.5 + depth / RAMP, 0, 1)
    alpha = trust * mixed + (1 - trust) * ramp
    # one pixel of the background that looks like the object, away from its rim, is no part of it
    alpha = np.clip(np.minimum(alpha, 1.2 + depth / band), 0, 1) * (depth > -band)
    alpha = np.where(front, 1.0, ndimage.gaussian_filter(alpha, 0.5) * (depth > -band - 1)).astype(np.float32)
    clean = (picture - (1 - alpha[..., None]) * far) / np.maximum(alpha[..., None], 0.1)
    weight = (alpha**2)[..., None]
    colours = np.clip(weight * clean + (1 - weight) * near, 0, 255).astype(np.float32)
    return Cut(*window, np.where(front[..., None], picture, colours), alpha)


def _signed_distance(mask: Mask) -> Floats:
    """Return how deep inside the mask each pixel lies, in pixels; negative outside."""
    inside, outside = (ndimage.distance_transform_edt(side) for side in (mask, ~mask))
    return np.asarray(np.where(mask, inside - 0.5, 0.5 - outside), dtype=np.float32)
