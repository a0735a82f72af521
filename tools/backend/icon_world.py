"""Whether a picture is of the icon world: flat icons on two flat bands, as the embedded models draw and know them.

Two looks, the cheap one first. Rows of such a picture hardly change from pixel to pixel, and neighbouring rows
hardly differ; few photographs are like that (skies, scans, silhouettes). On those that are, the embedded detector
sees none of its icons, or none clearly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from configs.settings import load_settings
from tools.scene.spec import Query

if TYPE_CHECKING:
    from collections.abc import Callable

    from PIL.Image import Image as Picture

PRESET = "iconworld"
SIDE, SEEN_SIDE = 128, 256  # pixels: of the copy that is measured, of the one that the detector is shown
ROW, STEP = 14, 5  # of 255: what differs less from its row's median, or its neighbour, is the same colour
# shares that every scene of a renderer or generator passes, JPEG copies included (worst of 340: 0.35, 0.61, 0.55, 0.65)
LEAST = {"of the row's colour": 0.3, "like its left": 0.58, "like its upper": 0.5, "rows like the one above": 0.6}
EMPTY = {"of the row's colour": 0.97, "like its left": 0.96, "like its upper": 0.9, "rows like the one above": 0.9}
FEW = 64  # colours of a flat drawing; no photograph has so few
DRAWN = 0.8  # share of pixels like their left, from which a picture is drawn or generated, not a poor copy of one
CLEAR, CLEARER = 0.85, 0.95  # score of an icon that is one, in a picture that is drawn and in one that may be a copy


def is_icon_world(picture: Picture, best_icon: Callable[[Picture], float] | None = None) -> bool:
    """Return whether the embedded models are meant for the picture.

    ``best_icon`` gives the score of the clearest icon in a picture; the embedded detector's by default, which is
    loaded only for a flat picture. One that is flat all over, without any object, is of the icon world as well.
    """
    shares = flatness(picture)
    if all(shares[name] >= least for name, least in EMPTY.items()):
        return True
    if _is_gray(picture):
        return False
    if picture.convert("RGB").getcolors(FEW) is not None:
        return True
    if any(shares[name] < least for name, least in LEAST.items()):
        return False
    shown = picture.convert("RGB")
    shown.thumbnail((SEEN_SIDE, SEEN_SIDE))
    return (best_icon or _best_icon)(shown) >= (CLEAR if shares["like its left"] >= DRAWN else CLEARER)


def flatness(picture: Picture) -> dict[str, float]:
    """Return which shares of a small copy are of their row's colour, and like their neighbours, each in [0, 1]."""
    small = picture.convert("RGB")
    scale = SIDE / max(small.size)
    if scale < 1:
        size = (max(2, round(small.width * scale)), max(2, round(small.height * scale)))
        small = small.resize(size, Image.Resampling.BOX)
    pixels = np.asarray(small).astype(np.int16)
    medians = np.median(pixels, axis=1, keepdims=True)

    def share(differences: np.ndarray, limit: int) -> float:
        return float((np.abs(differences).max(axis=-1) <= limit).mean()) if differences.size else 1.0

    return {
        "of the row's colour": share(pixels - medians, ROW),
        "like its left": share(np.diff(pixels, axis=1), STEP),
        "like its upper": share(np.diff(pixels, axis=0), STEP),
        "rows like the one above": share(np.diff(medians, axis=0), STEP),
    }


def _is_gray(picture: Picture) -> bool:
    """Return whether there is no colour at all: the icon world has some everywhere."""
    return bool(picture.convert("RGB").convert("HSV").getchannel("S").getextrema() == (0, 0))


def _best_icon(picture: Picture) -> float:
    from tools.backend.local import LocalBackend

    settings = load_settings(PRESET, environment={})
    asked = [Query(name=name) for name in settings.detector.vocabulary]
    found = LocalBackend(settings).detect(picture, asked, threshold=0.05).detections
    return max((detection.score for detection in found), default=0.0)
