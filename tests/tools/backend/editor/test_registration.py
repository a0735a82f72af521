from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from tools.backend.editor.masks import box_mask
from tools.backend.editor.registration import find_placement, registered
from tools.scene.box import Box

CHANGED = Box(0.3, 0.35, 0.3, 0.3)


def scenery(size_wh: tuple[int, int] = (320, 240), seed: int = 0) -> np.ndarray:
    """Return soft blobs and edges, as photographs have them."""
    noise = np.random.default_rng(seed).normal(size=(*size_wh[::-1], 3))
    soft = sum(ndimage.gaussian_filter(noise, (sigma, sigma, 0)) * sigma for sigma in (2, 6, 20))
    pixels = 128 + 60 * soft / np.abs(soft).max()
    pixels[size_wh[1] // 2 :, :, 0] += 40
    return np.clip(pixels, 0, 255).astype(np.uint8)


def moved(
    pixels: np.ndarray, zoom_wh: tuple[float, float], shift: tuple[float, float], box: Box | None = CHANGED
) -> np.ndarray:
    """Return the picture zoomed and shifted, its rim going on beyond the frame, darker, noisier, changed in a box."""
    pad = 60
    wide = Image.fromarray(np.pad(pixels, ((pad, pad), (pad, pad), (0, 0)), mode="reflect"))
    (zoom_x, zoom_y), (x, y) = zoom_wh, shift
    back = (1 / zoom_x, 0, pad - x / zoom_x, 0, 1 / zoom_y, pad - y / zoom_y)
    size = (pixels.shape[1], pixels.shape[0])
    made = np.asarray(wide.transform(size, Image.Transform.AFFINE, back, Image.Resampling.BICUBIC), dtype=float)
    made = made * 0.9 + 10 + np.random.default_rng(1).normal(0, 2, made.shape)
    if box is not None:
        made[box_mask(box, size)] = (250, 20, 90)
    return np.clip(made, 0, 255).astype(np.uint8)


def same(pixels: np.ndarray) -> np.ndarray:
    box = Box(CHANGED.x - 0.05, CHANGED.y - 0.05, CHANGED.w + 0.1, CHANGED.h + 0.1)
    return ~box_mask(box, (pixels.shape[1], pixels.shape[0]))


@pytest.mark.parametrize(
    ("zoom_wh", "shift"),
    [
        ((1.0, 1.0), (5.0, -3.0)),
        ((1.0, 1.0), (0.6, 0.6)),
        ((1.03, 1.03), (-5.0, -4.0)),
        ((0.96, 0.96), (6.0, 5.0)),
        ((1.02, 0.99), (0.0, 4.0)),
        ((1.08, 1.08), (-14.0, -10.0)),
    ],
)
@pytest.mark.parametrize("size_wh", [(320, 240), (180, 260)])
def test_a_planted_shift_and_zoom_is_found_and_taken_back(
    zoom_wh: tuple[float, float], shift: tuple[float, float], size_wh: tuple[int, int]
) -> None:
    pixels = scenery(size_wh)
    made = moved(pixels, zoom_wh, shift)
    back, known, found = registered(made, pixels, same(pixels))
    assert found.zoom_wh == pytest.approx(zoom_wh, abs=0.004)
    assert found.shift == pytest.approx(shift, abs=0.6)
    inside = known & same(pixels)
    corrected = np.abs(back.astype(float) - (pixels * 0.9 + 10))[inside].mean()
    assert corrected < 0.5 * np.abs(made.astype(float) - (pixels * 0.9 + 10))[inside].mean() + 2
    assert known.mean() > 0.7


@pytest.mark.parametrize(
    "made",
    [
        moved(scenery(), (1, 1), (0, 0)),
        moved(scenery(), (1, 1), (0.1, 0.1)),
        scenery(seed=5),
        np.full((240, 320, 3), 90, np.uint8),
        moved(scenery(), (1.3, 1.3), (-40, -40)),
    ],
    ids=["in place", "a tenth of a pixel", "another picture", "flat", "beyond belief"],
)
def test_nothing_is_done_where_nothing_certain_is_found(made: np.ndarray) -> None:
    pixels = scenery()
    back, known, _ = registered(made, pixels, same(pixels))
    assert (back == made).all()
    assert known.all()


def test_what_changes_everywhere_tells_nothing() -> None:
    pixels = scenery()
    nowhere = np.zeros(pixels.shape[:2], dtype=bool)
    assert find_placement(moved(pixels, (1, 1), (5, 5)), pixels, nowhere).shift == (0, 0)
