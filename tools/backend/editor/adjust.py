"""Wishes for the whole picture that need no model: its light, its colours, its frame, and what is behind one object.

Large pictures are worked on in strips, so that memory follows the strip and not the picture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageFilter

from tools.backend.editor.matting import cut_out
from tools.backend.oklab import from_oklab, to_oklab
from tools.scene.operations import crop_frame

if TYPE_CHECKING:
    from collections.abc import Callable

    from tools.backend.editor.masks import Floats, Mask, Pixels
    from tools.scene.box import Box
    from tools.scene.operations import Wish

STRIP = 256  # rows
LIGHT, TINT, CONTRAST, COLOUR = 0.09, 0.022, 0.25, 0.35  # what "brighter", "warmer", ... mean at amount 1, in OKLab
BLUR = 0.012  # of the longer side
SEEN = 0.0015  # mean change in OKLab that an eye notices


def recoloured(image: Image.Image, wish: Wish, amount: float) -> tuple[Image.Image, str]:
    """Return the picture in another light, and what speaks against that in words (empty: it can be seen)."""
    pixels = np.asarray(image)
    change = _change(wish, amount, pixels)
    result, moved = np.empty_like(pixels), 0.0
    for start in range(0, len(pixels), STRIP):
        lab = to_oklab(pixels[start : start + STRIP])
        new = change(lab)
        result[start : start + STRIP] = np.clip(from_oklab(new) + 0.5, 0, 255).astype(np.uint8)
        moved += float(np.abs(to_oklab(result[start : start + STRIP]) - lab).sum())
    share = moved / max(pixels.size, 1)
    return Image.fromarray(result), "" if share > SEEN else f"the picture can hardly be any {wish}"


def blurred(image: Image.Image, mask: Mask, amount: float) -> Image.Image:
    """Return the picture with everything but the mask out of focus."""
    pixels = np.asarray(image)
    cut = cut_out(pixels, mask)
    sheet = _out_of_focus(pixels, mask, BLUR * amount * max(image.size))
    window = cut.rows, cut.columns
    here = sheet[window].astype(np.float32)
    here += cut.alpha[..., None] * (cut.colours - here)
    sheet[window] = np.clip(here + 0.5, 0, 255).astype(np.uint8)
    return Image.fromarray(sheet)


def _out_of_focus(pixels: Pixels, mask: Mask, radius: float) -> Pixels:
    """Return a picture out of focus: nothing of the mask's colours runs into it, and what stands nearer stays sharp.

    What is seen below an object's foot stands before it, or on the ground at its feet.
    """
    soften = ImageFilter.GaussianBlur(radius)
    behind = Image.fromarray(np.where(mask[..., None], 0, pixels)).filter(soften)
    known = Image.fromarray(np.where(mask, 0, 255).astype(np.uint8)).filter(soften)
    result, weight = np.array(behind), np.asarray(known)
    foot = int(np.flatnonzero(mask.any(axis=1))[-1])
    for start in range(0, len(pixels), STRIP):
        rows = slice(start, start + STRIP)
        soft = result[rows] * (255 / np.maximum(weight[rows], 1))[..., None]
        near = np.clip((np.arange(start, start + len(soft)) - foot) / max(4 * radius, 1), 0, 1)[:, None, None]
        result[rows] = np.clip(soft + near * (pixels[rows] - soft) + 0.5, 0, 255).astype(np.uint8)
    return result


def cropped(image: Image.Image, box: Box) -> Image.Image:
    """Return the picture cut to an object with some surroundings."""
    return image.crop(crop_frame(box).to_px(image.size))


def alone(image: Image.Image, mask: Mask) -> Image.Image:
    """Return the object of a mask alone, everything else transparent (RGBA)."""
    cut = cut_out(np.asarray(image), mask)
    sheet = np.zeros((image.height, image.width, 4), dtype=np.uint8)
    layers = np.dstack([np.where(cut.alpha[..., None] > 0, cut.colours, 255), cut.alpha * 255])
    sheet[cut.rows, cut.columns] = np.clip(layers + 0.5, 0, 255).astype(np.uint8)
    return Image.fromarray(sheet, "RGBA")


def _change(wish: Wish, amount: float, pixels: Pixels) -> Callable[[Floats], Floats]:
    def light(by: float) -> Callable[[Floats], Floats]:
        # black and white stay where they are: only what is between has room
        return lambda lab: np.dstack([lab[..., 0] + by * 4 * lab[..., 0] * (1 - lab[..., 0]), lab[..., 1:]])

    def tint(a: float, b: float) -> Callable[[Floats], Floats]:
        return lambda lab: lab + np.array([0, a, b], dtype=np.float32) * np.sqrt(np.clip(lab[..., :1], 0, 1))

    def colour(by: float) -> Callable[[Floats], Floats]:
        return lambda lab: lab * np.array([1, by, by], dtype=np.float32)

    def contrast(by: float) -> Callable[[Floats], Floats]:
        middle = float(to_oklab(pixels[::16, ::16])[..., 0].mean())
        return lambda lab: np.dstack([middle + by * (lab[..., 0] - middle), lab[..., 1:] * by**0.5])

    changes: dict[str, Callable[[Floats], Floats]] = {
        "brighter": light(LIGHT * amount),
        "darker": light(-LIGHT * amount),
        "warmer": tint(0.4 * TINT * amount, TINT * amount),
        "cooler": tint(-0.3 * TINT * amount, -TINT * amount),
        "more saturated": colour(1 + COLOUR * amount),
        "less saturated": colour(max(1 - COLOUR * amount, 0.05)),
        "black and white": colour(0.0),
        "more contrast": contrast(1 + CONTRAST * amount),
        "less contrast": contrast(1 / (1 + CONTRAST * amount)),
    }
    return changes[wish]
