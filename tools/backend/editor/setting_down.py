"""Setting a cut-out object down: size, light of the place, and the shadow that it throws.

Pixels in, pixels out; knows nothing of models.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from scipy import ndimage

from tools.backend.editor.masks import dilate
from tools.backend.oklab import from_oklab, to_oklab

if TYPE_CHECKING:
    from tools.backend.editor.masks import Floats, Mask, Pixels
    from tools.backend.editor.matting import Cut
    from tools.scene.box import Box

LIGHT, TINT = 0.35, 0.3  # share of the difference between two places' light and tint that an object takes on
MOST_LIGHT, MOST_TINT = 0.06, 0.02  # in OKLab: more would be another object
SHADE_LEAST = 0.35  # what a shadow leaves of the light at most dark


@dataclass(frozen=True)
class Layer:
    """Colours ``[height, width, 3]`` in [0, 255], alpha and shade ``[height, width]`` in [0, 1], of a whole view.

    What is under the layer is first multiplied by shade, then covered by colours where alpha says so.
    """

    colours: Floats
    alpha: Floats
    shade: Floats | None = None

    @property
    def core(self) -> Mask:
        """Return the pixels that show mostly the object."""
        return np.asarray(self.alpha > 0.5)


def set_down(cut: Cut, source: Box, source_wh: tuple[int, int], target: Box, size_wh: tuple[int, int]) -> Layer:
    """Place a cut-out so that box ``source`` of its picture comes to lie on box ``target`` of a view.

    Without a change of size the pixels are copied, shifted by whole pixels.
    """
    width, height = size_wh
    scale_x = target.w * width / (source.w * source_wh[0])
    scale_y = target.h * height / (source.h * source_wh[1])
    shape = cut.alpha.shape
    new_wh = (max(1, round(shape[1] * scale_x)), max(1, round(shape[0] * scale_y)))
    same = max(abs(new_wh[0] - shape[1]), abs(new_wh[1] - shape[0])) <= 1
    layers = np.dstack([cut.colours * cut.alpha[..., None], cut.alpha * 255])
    if same:
        new_wh = (shape[1], shape[0])
        scale_x = scale_y = 1.0
    else:  # colours weighed by alpha, so that nothing from outside bleeds into the rim
        layers = np.dstack([_resized(layers[..., channel], new_wh) for channel in range(4)])
    alpha = np.clip(layers[..., 3] / 255, 0, 1)
    colours = np.clip(layers[..., :3] / np.maximum(alpha, 1e-3)[..., None], 0, 255)
    x0 = round(target.x * width + (cut.columns.start - source.x * source_wh[0]) * scale_x)
    y0 = round(target.y * height + (cut.rows.start - source.y * source_wh[1]) * scale_y)
    sheet_colours = np.zeros((height, width, 3), dtype=np.float32)
    sheet_alpha = np.zeros((height, width), dtype=np.float32)
    left, top = max(-x0, 0), max(-y0, 0)
    right, bottom = min(new_wh[0], width - x0), min(new_wh[1], height - y0)
    if right > left and bottom > top:
        place = np.s_[y0 + top : y0 + bottom, x0 + left : x0 + right]
        sheet_colours[place], sheet_alpha[place] = colours[top:bottom, left:right], alpha[top:bottom, left:right]
    return Layer(sheet_colours, sheet_alpha)


def harmonised(layer: Layer, there: Floats | None, here: Floats | None) -> Layer:
    """Give a layer some of the light of its new place; both places are mean colours in OKLab, None where unknown."""
    if there is None or here is None:
        return layer
    shift = here - there
    shift = np.array(
        [
            np.clip(LIGHT * shift[0], -MOST_LIGHT, MOST_LIGHT),
            *np.clip(TINT * shift[1:], -MOST_TINT, MOST_TINT),
        ],
        dtype=np.float32,
    )
    if np.abs(shift).max() < 0.004:
        return layer
    shown = layer.alpha > 0
    colours = layer.colours.copy()
    colours[shown] = from_oklab(to_oklab(np.clip(colours[shown] + 0.5, 0, 255).astype(np.uint8)) + shift)
    return Layer(colours, layer.alpha, layer.shade)


def place_light(pixels: Pixels, mask: Mask, busy: Mask) -> Floats | None:
    """Return the mean colour around a mask in OKLab, objects left out; None where nothing free is near."""
    reach = max(6, round(0.25 * float(np.sqrt(max(mask.sum(), 1)))))
    ring = dilate(mask, reach) & ~dilate(mask, 2) & ~busy
    return to_oklab(pixels[ring]).mean(axis=0) if ring.sum() >= 30 else None


def shade_of(pixels: Pixels, ground: Pixels, shadow: Mask) -> Floats:
    """Return how much light a shadow leaves, in [0, 1], from the picture and the ground without it; 1 elsewhere."""
    with_it, without = (
        ndimage.gaussian_filter(image.astype(np.float32).mean(axis=-1), 2.0) for image in (pixels, ground)
    )
    ratio = np.clip((with_it + 1) / (without + 1), SHADE_LEAST, 1)
    soft = ndimage.gaussian_filter(shadow.astype(np.float32), 2.0)
    return np.asarray(1 - soft * (1 - ratio), dtype=np.float32)


def composed(base: Floats, layer: Layer, allowed: Floats | None = None) -> Floats:
    """Put a layer over ``base``, float32 ``[height, width, 3]``; ``allowed`` in [0, 1] hides it behind others."""
    alpha = layer.alpha if allowed is None else layer.alpha * allowed
    if layer.shade is not None:
        shade = layer.shade if allowed is None else 1 - allowed * (1 - layer.shade)
        base = base * shade[..., None]
    change = layer.colours - base
    change *= alpha[..., None]
    change += base
    return np.asarray(change, dtype=np.float32)


def _resized(values: Floats, size_wh: tuple[int, int]) -> Floats:
    picture = Image.fromarray(np.ascontiguousarray(values, dtype=np.float32))
    return np.asarray(picture.resize(size_wh, Image.Resampling.LANCZOS))
