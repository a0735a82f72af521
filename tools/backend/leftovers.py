"""What an edit left behind, or a generator scattered: patches that belong to no object and not to the background.

Looks at pixels alone. A patch of background can be predicted from what lies around the region; a torn piece of an
object, a stray outline or a shapeless blob cannot.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image as PillowImage
from scipy import ndimage

from tools.backend.editor.ground import estimate_ground
from tools.scene.box import Box

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from PIL.Image import Image

SIDE = 1024  # pixels; a larger picture is looked at in a smaller copy
RIM = 0.025  # of the shorter side: so far around the region an outline that was missed is looked for
AROUND = 0.05  # of a box's longer side, and at least as wide as the rim: soft edges and shadows of an object
FOREIGN = 38.0  # RGB distance from everything that the surroundings would put there
ROUGH = 2.5  # ... or so many times the surroundings' own roughness, where that is more
LEAST = 0.0025  # share of the picture that a patch covers before an eye takes it for something
THIN = 0.008  # of the shorter side: what is thinner is a seam
REACH = 0.09  # of the longer side: so far around a filled hole its surroundings reach
SEEN = 0.3  # share of a row that has to be free of objects for its ground to be known
SMOOTH = 0.15  # share of the ground that may be unlike what is estimated of it
SURE = 0.5  # objectness from which a patch counts where a detector says how much it looks like a thing
LARGE = 4.0  # times `LEAST`, from which it counts whatever the detector says


def leftovers(
    image: Image,
    region: np.ndarray,
    objects: Sequence[Box],
    objectness: Callable[[Box], float] | None = None,
) -> tuple[Box, ...]:
    """Return the boxes of patches in an edited region that are neither object nor background, the largest first.

    Args:
        image: the picture after the edit, RGB.
        region: bool ``[height, width]``, where the edit was free to change.
        objects: boxes of the objects that are there; what they cover, with a margin, is theirs.
        objectness: how much a box looks like a thing, in [0, 1], where a detector can say so: small patches count
            only when it says so too.
    """
    scale = min(1.0, SIDE / max(region.shape))
    if scale < 1:  # everything is measured in shares of the picture
        size = (max(1, round(region.shape[1] * scale)), max(1, round(region.shape[0] * scale)))
        image = image.convert("RGB").resize(size, PillowImage.Resampling.BOX)
        region = np.asarray(PillowImage.fromarray(region).resize(size, PillowImage.Resampling.NEAREST))
    pixels = np.asarray(image.convert("RGB"), np.float32)
    height, width = region.shape
    rim = max(1, round(RIM * min(height, width)))
    wide = ndimage.binary_dilation(region, iterations=rim)
    taken = _covered(objects, (width, height), rim)
    free, known = wide & ~taken, ~wide & ~taken
    if not free.any() or not known.any():
        return ()
    limit = max(FOREIGN, ROUGH * _roughness(pixels, known))
    return tuple(
        box
        for area, box in _patches(free & (_strangeness(pixels, known) > limit), free)
        if objectness is None or area >= LARGE * LEAST or objectness(box) >= SURE
    )


def scattered(image: Image, objects: Sequence[Box]) -> tuple[Box, ...] | None:
    """Return the boxes of patches anywhere in a picture that are neither object nor ground, the largest first.

    None where the ground is not smooth, so that nobody can say what belongs to it (`tools.backend.editor.ground`).
    """
    scale = min(1.0, SIDE / max(image.size))
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    pixels = np.asarray(image.convert("RGB").resize(size, PillowImage.Resampling.BOX))
    taken = _covered(objects, size, max(1, round(RIM * min(size))))
    ground = estimate_ground(pixels, taken)
    if ground.misfit > SMOOTH:
        return None
    smooth = ndimage.uniform_filter(pixels.astype(np.float32), size=(3, 3, 1))
    rim = round(RIM * min(size))  # a horizon may lie a little higher or lower than what is seen of it tells
    levels = [np.roll(ground.pixels, shift, axis=0) for shift in (-rim, 0, rim)]
    unlike = np.min([np.linalg.norm(smooth - level, axis=-1) for level in levels], axis=0)
    told = (~taken).mean(axis=1, keepdims=True) >= SEEN
    strange = ~taken & told & (unlike > FOREIGN)
    return tuple(box for _, box in _patches(strange, ~taken))


def _patches(strange: np.ndarray, free: np.ndarray) -> list[tuple[float, Box]]:
    """Return the patches of strange pixels that an eye takes for something: their share of the picture, and box."""
    height, width = strange.shape
    strange = ndimage.binary_opening(strange, iterations=max(1, round(THIN * min(height, width))))
    strange = ndimage.binary_closing(strange, iterations=max(1, round(RIM * min(height, width)))) & free
    labels, number = ndimage.label(strange)
    found: list[tuple[float, Box]] = []
    for label, (rows, columns) in enumerate(ndimage.find_objects(labels, number), 1):
        area = float((labels[rows, columns] == label).sum()) / (height * width)
        if area >= LEAST:
            found.append((area, Box.from_px(columns.start, rows.start, columns.stop, rows.stop, (width, height))))
    return sorted(found, key=lambda pair: -pair[0])


def strange_share(pixels: np.ndarray, hole: np.ndarray) -> float:
    """Return the share of a filled hole, in [0, 1], that nothing around it would put there; seams do not count.

    ``pixels`` is uint8 ``[height, width, 3]``, ``hole`` bool ``[height, width]``.
    """
    rows, columns = np.flatnonzero(hole.any(axis=1)), np.flatnonzero(hole.any(axis=0))
    if not len(rows):
        return 0.0
    pad = max(8, round(REACH * max(hole.shape)))
    window = (
        slice(max(rows[0] - pad, 0), rows[-1] + 1 + pad),
        slice(max(columns[0] - pad, 0), columns[-1] + 1 + pad),
    )
    near, inside = pixels[window].astype(np.float32), hole[window]
    known = ~ndimage.binary_dilation(inside, iterations=3)
    if not known.any():
        return 0.0
    strange = inside & (_strangeness(near, known) > max(FOREIGN, ROUGH * _roughness(near, known)))
    return float(ndimage.binary_opening(strange, iterations=2).sum() / inside.sum())


def _covered(objects: Sequence[Box], size_wh: tuple[int, int], rim: int) -> np.ndarray:
    """Return what objects cover, with a margin."""
    width, height = size_wh
    covered = np.zeros((height, width), bool)
    for box in objects:
        margin = max(rim, round(AROUND * max(box.w * width, box.h * height)))
        x0, y0, x1, y1 = box.to_px(size_wh)
        covered[max(y0 - margin, 0) : y1 + margin, max(x0 - margin, 0) : x1 + margin] = True
    return covered


def _strangeness(pixels: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return how far each pixel is from the most alike of what its surroundings would put there.

    Those are the nearest known pixels to the left and right, above and below (bands, a horizon and gradients go
    on along one of them), the nearest of all, and the middle of the known ones in its row.
    """
    candidates = [_carried(pixels, known, axis, reverse) for axis in (0, 1) for reverse in (False, True)]
    nearest = ndimage.distance_transform_edt(~known, return_distances=False, return_indices=True)
    candidates.append(pixels[tuple(nearest)])
    middles = np.full_like(pixels, np.inf)
    for row in np.flatnonzero(known.any(axis=1)):
        middles[row] = np.median(pixels[row][known[row]], axis=0)
    candidates.append(middles)
    smooth = ndimage.uniform_filter(pixels, size=(3, 3, 1))
    distances: np.ndarray = np.min([np.linalg.norm(smooth - candidate, axis=-1) for candidate in candidates], axis=0)
    return distances


def _carried(pixels: np.ndarray, known: np.ndarray, axis: int, reverse: bool) -> np.ndarray:
    """Return for each pixel the last known one in a direction; infinite where there is none."""
    size = known.shape[axis]
    index = np.arange(size).reshape((-1, 1) if axis == 0 else (1, -1))
    if reverse:
        ahead = np.where(known, index, size)
        last = np.flip(np.minimum.accumulate(np.flip(ahead, axis), axis=axis), axis)
    else:
        last = np.maximum.accumulate(np.where(known, index, -1), axis=axis)
    missing = (last < 0) | (last >= size)
    carried = np.take_along_axis(pixels, np.clip(last, 0, size - 1)[..., None], axis=axis)
    return np.where(missing[..., None], np.inf, carried)


def _roughness(pixels: np.ndarray, known: np.ndarray) -> float:
    """Return the usual distance of a known pixel from the mean around it."""
    smooth = ndimage.uniform_filter(pixels, size=(9, 9, 1))
    return float(np.median(np.linalg.norm(pixels - smooth, axis=-1)[known]))
