"""The pictures of a report: each once, as small as the page needs, and what is drawn over them.

Knows nothing of rounds or pages.
"""

from __future__ import annotations

import base64
from colorsys import hls_to_rgb
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from tools.images import PictureError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tools.images import ImageStore

    Loader = Callable[[str], Image.Image | None]

BUDGET = 7 * 2**20  # bytes for all pictures of a page, before base64 adds a third
LARGEST = 256 * 2**10  # bytes of one picture, however few there are
SMALL_PNG = 24 * 2**10  # up to here a PNG goes in as it is
STEPS = ((2048, 90), (1024, 86), (768, 82), (640, 78), (512, 75), (384, 70), (256, 60))  # longer side, WebP quality
OVERLAY = 320  # longer side of what is drawn over a picture; it is scaled up
VISIBLE = 6  # of 255: smaller differences are what decoding does to untouched pixels
MASK = 140  # of 255: how much a mask hides of its object
CHANGED, SHADE, EDGE, CLEAR = (255, 0, 160, 115), (8, 10, 18, 150), (30, 220, 200, 255), (0, 0, 0, 0)


@dataclass(frozen=True)
class Picture:
    """A picture as the page holds it, once; width and height in pixels of the original."""

    id: str
    data: str
    width: int
    height: int


def loader(store: ImageStore) -> Loader:
    """Return what loads pictures by id (None for one that is gone), the last few without decoding them again."""

    @lru_cache(maxsize=4)
    def load(image_id: str) -> Image.Image | None:
        try:
            return store.load(image_id)
        except PictureError:
            return None  # the rest of the story is still worth telling

    return load


def embed(load: Loader, ids: Iterable[str | None]) -> dict[str, Picture]:
    """Return the pictures that can be read, by id; the page says of the others that they are gone."""
    wanted = [image_id for image_id in dict.fromkeys(ids) if image_id is not None]
    allowed, step = min(LARGEST, BUDGET // max(len(wanted), 1)), 0
    pictures: dict[str, Picture] = {}
    for image_id in wanted:
        if image := load(image_id):
            # What was too large for one picture is too large for the next one of the same run.
            data, step = _fitted(image, allowed, step)
            pictures[image_id] = Picture(image_id, data, image.width, image.height)
    return pictures


def changed_overlay(load: Loader, before: str, after: str) -> str:
    """Return a see-through picture that is tinted where two pictures differ; empty where it cannot be told."""
    old, new = load(before), load(after)
    if old is None or new is None or old.size != new.size:
        return ""
    # bytes, and no sign: a photograph's difference would else take half a gigabyte
    one, other = np.asarray(old), np.asarray(new)
    differing = (np.maximum(one, other) - np.minimum(one, other)).max(axis=2) > VISIBLE
    # The largest value of each cell survives the scaling: a single changed pixel must not get lost.
    mask = _scaled(Image.fromarray(differing.astype(np.uint8) * 255), Image.Resampling.BOX) > 0
    return _painted(mask, mask & False)


def region_overlay(load: Loader, region: str | None) -> str:
    """Return a see-through picture that shades what an edit was not free to change, with the edge drawn."""
    picture = None if region is None else load(region)
    if picture is None:
        return ""
    inside = _scaled(picture.convert("L"), Image.Resampling.NEAREST) > 127
    if inside.all() or not inside.any():
        return ""
    around = np.pad(inside, 1, mode="edge")
    core = around[:-2, 1:-1] & around[2:, 1:-1] & around[1:-1, :-2] & around[1:-1, 2:]
    return _painted(~inside, inside & ~core, SHADE)


def masks_overlay(load: Loader, masks: str | None, hues: Sequence[int]) -> str:
    """Return a see-through picture that fills every object's mask with its hue (degrees)."""
    picture = None if masks is None else load(masks)
    if picture is None:
        return ""
    image = Image.fromarray(_scaled(picture.convert("L"), Image.Resampling.NEAREST)).convert("P")
    colours = [CLEAR, *((*(round(255 * part) for part in hls_to_rgb(hue / 360, 0.5, 0.9)), MASK) for hue in hues)]
    image.putpalette([value for colour in colours for value in colour[:3]])
    return _data_uri(_encoded(image, "PNG", optimize=True, transparency=bytes(colour[3] for colour in colours)), "png")


def _fitted(image: Image.Image, allowed: int, step: int) -> tuple[str, int]:
    """Return the picture within ``allowed`` bytes where that can be, and the step of `STEPS` that it took."""
    if image.width * image.height <= 2**18:
        png = _encoded(image, "PNG", optimize=True)
        if len(png) <= min(SMALL_PNG, allowed):
            return _data_uri(png, "png"), step
    data = b""
    for at, (side, quality) in list(enumerate(STEPS))[step:]:
        step = at
        smaller = image.copy()
        smaller.thumbnail((side, side), reducing_gap=2.0)
        data = _encoded(smaller, "WEBP", quality=quality, method=2)
        if len(data) <= allowed:
            break
    return _data_uri(data, "webp"), step


def _scaled(image: Image.Image, how: Image.Resampling) -> np.ndarray:
    small = image.copy()
    small.thumbnail((OVERLAY, OVERLAY), how)
    return np.asarray(small)


def _painted(first: np.ndarray, second: np.ndarray, colour: tuple[int, int, int, int] = CHANGED) -> str:
    """Return a picture with ``colour`` at ``first`` and the edge's colour at ``second``."""
    image = Image.fromarray(first.astype(np.uint8) + 2 * (second & ~first).astype(np.uint8)).convert("P")
    palette = (CLEAR, colour, EDGE)
    image.putpalette([value for entry in palette for value in entry[:3]])
    return _data_uri(
        _encoded(image, "PNG", optimize=True, bits=2, transparency=bytes(entry[3] for entry in palette)), "png"
    )


def _encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _data_uri(data: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
