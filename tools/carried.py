"""Whether an object was carried over: the pixels that showed it in one picture show it in another, moved or scaled.

A detector may waver about a thing in another place; the same pixels are the same thing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import ImageFilter
from PIL.Image import Resampling

from tools.images import changed_share

if TYPE_CHECKING:
    from PIL.Image import Image

    from tools.scene.box import Box

KEPT = 0.98  # IoU from which a box is where it was
CHANGED = 0.1  # share of a kept object's box that an edit beside it may change
LIKE = 56.0  # RGB distance under which two pixels, a little blurred, show the same, scaled or not
TELLING = 0.15  # share of a box that has to look unlike what was there before, to say anything
SHOWN = 0.8  # share of those pixels that have to show the object


def is_carried(before: Image, after: Image, old: Box, new: Box) -> bool:
    """Return whether what ``before`` shows in the box ``old`` is what ``after`` shows in ``new``.

    Only pixels speak that differ from what ``before`` showed in ``new``: ground that looks alike proves nothing.
    """
    if before.size != after.size:
        return False
    if old.iou(new) >= KEPT:
        return changed_share(*(picture.crop(old.to_px(picture.size)) for picture in (before, after))) <= CHANGED
    there = new.to_px(after.size)
    size = there[2] - there[0], there[3] - there[1]
    if min(size) < 1 or min(old.w, old.h) <= 0:
        return False
    model = before.convert("RGB").crop(old.to_px(before.size)).resize(size, Resampling.BILINEAR)
    shown, was = (picture.convert("RGB").crop(there) for picture in (after, before))
    telling = _distance(model, was) > LIKE
    return bool(telling.mean() >= TELLING and (_distance(model, shown) < LIKE)[telling].mean() >= SHOWN)


def _distance(first: Image, second: Image) -> np.ndarray:
    soft = (np.asarray(picture.filter(ImageFilter.GaussianBlur(1)), np.float32) for picture in (first, second))
    return np.asarray(np.linalg.norm(next(soft) - next(soft), axis=-1))
