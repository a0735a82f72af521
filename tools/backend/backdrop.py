"""The settings that a preset's pictures have: painted plain, to begin a picture from, and told from a picture's pixels.

A backdrop is two bands of about one colour each. Knows nothing of models.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image as PillowImage

from tools.scene.setting import read_setting

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from PIL.Image import Image

    from configs.settings import BackdropSettings
    from tools.scene.box import Box

SIDE = 96  # pixels of the longer side of the copy that is looked at
LEAST = 0.15  # share of a row that no object covers, from which it tells its colour
BAND = 3  # rows of a copy in which a colour has to be seen above and below the horizon
UNLIKE = 60.0  # RGB distance, mean over rows, from which a picture's ground is that of no backdrop
HORIZON = 0.2  # of the height: a horizon may lie so much higher or lower than usual


def named_backdrop(background: str, backdrops: Mapping[str, BackdropSettings]) -> BackdropSettings | None:
    """Return the one backdrop that a text names."""
    named, _ = read_setting(background, {name: (name, *one.words) for name, one in backdrops.items()})
    return backdrops[named] if named else None


def painted(backdrop: BackdropSettings, size_wh: tuple[int, int]) -> Image:
    """Return the backdrop without anything in it."""
    width, height = size_wh
    line = round(height * backdrop.horizon)
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[:line], pixels[line:] = backdrop.above, backdrop.below
    return PillowImage.fromarray(pixels)


def told(image: Image, objects: Sequence[Box], backdrops: Mapping[str, BackdropSettings]) -> str | None:
    """Return the name of the backdrop that the ground around the ``objects`` is most like; None where it is like none.

    Each row has the median colour of what no object's box covers in it; rows that are covered say nothing. A
    backdrop's distance is the mean RGB distance of the rows at its best horizon, not far from its own.
    """
    scale = SIDE / max(image.size)
    size = (max(8, round(image.width * scale)), max(8, round(image.height * scale)))
    pixels = np.asarray(image.convert("RGB").resize(size, PillowImage.Resampling.BOX), np.float32)
    free = np.ones(pixels.shape[:2], bool)
    for box in objects:
        x0, y0, x1, y1 = box.to_px(size)
        free[max(y0 - 1, 0) : y1 + 1, max(x0 - 1, 0) : x1 + 1] = False
    rows = np.flatnonzero(free.mean(axis=1) >= LEAST)
    if not len(rows):
        return None
    seen = np.stack([np.median(pixels[row][free[row]], axis=0) for row in rows])
    misfits = {name: _misfit(seen, rows, size[1], backdrop) for name, backdrop in backdrops.items()}
    name = min(misfits, key=misfits.__getitem__, default=None)
    return name if name is not None and misfits[name] < UNLIKE else None


def _misfit(seen: np.ndarray, rows: np.ndarray, height: int, backdrop: BackdropSettings) -> float:
    """Return how far rows of some colours are from a backdrop's, at the horizon that fits best."""
    above, below = (np.linalg.norm(seen - np.array(colour), axis=-1) for colour in (backdrop.above, backdrop.below))
    low, high = (round(height * (backdrop.horizon + shift)) for shift in (-HORIZON, HORIZON))
    return min(
        float(np.concatenate([above[rows < line], below[rows >= line]]).mean())
        for line in range(max(low, BAND), min(high, height - BAND) + 1)
    )
