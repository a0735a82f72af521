"""Which colour words fit an object, judged from its pixels: "red", "dark red", "navy", "dark".

Each word is a region of the perceptual space OKLCh (Björn Ottosson, 2020: lightness, chroma, hue), wide enough
for shading and light; neighbours overlap, since people disagree there. What counts is how much of the object
lies in a word's region, beside how much lies in the regions of other words: the mean of red and white is no
colour of a cup that is red and white.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from tools.scene.lexicon import COLOURS, SHADES, attribute

if TYPE_CHECKING:
    from collections.abc import Sequence

SIDE = 96  # pixels; smaller than that, texture and noise are averaged and shading stays
LEAST = 0.12  # share of an object from which a colour is one of its own
PLAIN, VIVID = 0.35, 0.1  # a pixel counts for as much as its chroma in VIVIDs, and PLAIN: tyres and windows are neutral
COLOURLESS = 0.02  # chroma of OKLCh up to which a pixel is grey
CLOTHES = 0.3  # share of a dressed person from which one colour of several is surely seen
EVERYTHING = (0.0, 360.0)


@dataclass(frozen=True)
class Region:
    """Ranges of OKLCh; hue in degrees, from its first bound upwards, over 360 where need be."""

    hue: tuple[float, float] = EVERYTHING
    light: tuple[float, float] = (0.0, 1.01)
    chroma: tuple[float, float] = (0.0, 1.0)

    def holds(self, lch: np.ndarray) -> np.ndarray:
        """Return which of the colours ``[n, 3]`` lie inside."""
        light, chroma, hue = lch.T
        turned = (hue - self.hue[0]) % 360 <= self.hue[1] - self.hue[0]
        inside = (light >= self.light[0]) & (light <= self.light[1])
        result: np.ndarray = turned & inside & (chroma >= self.chroma[0]) & (chroma <= self.chroma[1])
        return result


REGIONS: dict[str, tuple[Region, ...]] = {
    "red": (
        Region((5, 36), (0.58, 0.74), (0.11, 1)),
        Region((5, 42), (0.4, 0.6), (0.1, 1)),
        Region((2, 43), (0.2, 0.42), (0.06, 1)),
        Region((355, 368), (0.3, 0.62), (0.13, 1)),
    ),
    "orange": (Region((35, 78), (0.56, 0.9), (0.105, 1)),),
    "yellow": (Region((82, 119), (0.62, 1.01), (0.085, 1)), Region((72, 90), (0.75, 1.01), (0.12, 1))),
    "green": (Region((108, 192), (0.55, 1.01), (0.04, 1)), Region((105, 192), (0.15, 0.55), (0.03, 1))),
    "blue": (
        Region((184, 290), (0.55, 1.01), (0.032, 1)),
        Region((184, 292), (0.35, 0.55), (0.042, 1)),
        Region((210, 295), (0.08, 0.35), (0.055, 1)),
    ),
    "purple": (
        Region((287, 353), (0.0, 0.6), (0.045, 1)),
        Region((287, 340), (0.6, 0.78), (0.04, 1)),
        Region((290, 330), (0.78, 0.96), (0.025, 1)),
    ),
    "pink": (
        Region((335, 395), (0.68, 0.97), (0.03, 1)),
        Region((335, 378), (0.55, 0.72), (0.08, 1)),
        Region((320, 336), (0.7, 0.95), (0.08, 1)),
    ),
    "brown": (
        Region((28, 100), (0.2, 0.62), (0.028, 0.148)),
        Region((0, 40), (0.2, 0.55), (0.028, 0.08)),
        Region((40, 95), (0.62, 0.78), (0.04, 0.1)),
    ),
    "black": (Region(light=(0, 0.36), chroma=(0, 0.045)), Region(light=(0, 0.22), chroma=(0, 0.08))),
    "white": (Region(light=(0.79, 1.01), chroma=(0, 0.04)),),
    "gray": (Region(light=(0.3, 0.85), chroma=(0, 0.036)),),
    # others that people say, by what they lie in
    "gold": (Region((70, 100), (0.6, 0.92), (0.08, 1)),),
    "silver": (Region(light=(0.6, 0.92), chroma=(0, 0.03)),),
    "beige": (Region((55, 110), (0.78, 0.97), (0.015, 0.08)),),
    "cream": (Region((60, 115), (0.88, 1.01), (0.01, 0.08)),),
    "tan": (Region((50, 95), (0.58, 0.85), (0.04, 0.12)),),
    "cyan": (Region((180, 225), (0.55, 1.01), (0.06, 1)),),
    "turquoise": (Region((165, 215), (0.5, 0.95), (0.05, 1)),),
    "teal": (Region((170, 225), (0.25, 0.65), (0.04, 1)),),
    "navy": (Region((240, 290), (0.08, 0.38), (0.03, 1)),),
    "violet": (Region((285, 335), (0.3, 0.85), (0.07, 1)),),
    "magenta": (Region((318, 368), (0.45, 0.8), (0.15, 1)),),
    "crimson": (Region((5, 32), (0.3, 0.6), (0.12, 1)),),
    "maroon": (Region((0, 40), (0.18, 0.45), (0.05, 1)),),
}
SPELLED = {"golden": "gold"}
# hue and rest of a word's middle: lightness and chroma at which it is neither dark nor light, neither pale nor bright
MIDDLE: dict[str, tuple[float, float]] = {
    "red": (0.54, 0.17),
    "orange": (0.7, 0.15),
    "yellow": (0.84, 0.14),
    "green": (0.58, 0.12),
    "blue": (0.54, 0.12),
    "purple": (0.5, 0.13),
    "pink": (0.75, 0.12),
    "brown": (0.42, 0.08),
    "black": (0.2, 0.0),
    "white": (0.9, 0.0),
    "gray": (0.6, 0.0),
}
FITTING = 0.5  # from which a person would say a word
CHANGED, PAINT = 30, 0.06  # sum of RGB differences that is paint, and the share of a box that paint covers at least
STEP = 0.05  # of lightness or chroma away from the middle, from which a shade is said
SKIN = Region((25, 78), (0.3, 0.93), (0.028, 0.125))


def oklch(rgb: np.ndarray) -> np.ndarray:
    """Turn sRGB 0..255 ``[..., 3]`` into lightness 0..1, chroma 0..0.33 and hue 0..360 of OKLab."""
    values = np.asarray(rgb, dtype=np.float64) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    cones = linear @ np.array(
        [
            [0.4122214708, 0.2119034982, 0.0883024619],
            [0.5363325363, 0.6806995451, 0.2817188376],
            [0.0514459929, 0.1073969566, 0.6299787005],
        ]
    )
    lab = np.cbrt(cones) @ np.array(
        [
            [0.2104542553, 1.9779984951, 0.0259040371],
            [0.7936177850, -2.4285922050, 0.7827717662],
            [-0.0040720468, 0.4505937099, -0.8086757660],
        ]
    )
    hue = np.degrees(np.arctan2(lab[..., 2], lab[..., 1])) % 360
    return np.stack([lab[..., 0], np.hypot(lab[..., 1], lab[..., 2]), hue], axis=-1)


def is_painted(before: Image.Image, after: Image.Image, words: Sequence[str]) -> bool:
    """Return whether what was changed between two cuttings of an object is a fair part of it, and looks as said."""
    was, now = (np.asarray(cutting.convert("RGB")) for cutting in (before, after))
    changed = np.abs(now.astype(np.int16) - was).sum(axis=-1) > CHANGED
    return bool(changed.mean() > PAINT) and all(map(is_known, words)) and Look(now, changed).fits(words) >= FITTING


def is_known(word: str) -> bool:
    """Return whether `fit` can judge the word: a colour, one with a shade ("dark red"), or "dark", "light", ..."""
    shade, _, colour = attribute(word).rpartition(" ")
    colour = SPELLED.get(colour, colour)
    return (colour in REGIONS and (not shade or shade in SHADES)) or (not shade and colour in SHADES)


class Look:
    """The colours of one object.

    Args:
        pixels: uint8 ``[height, width, 3]``.
        mask: bool ``[height, width]``, the object; its rim, which mixes with the background, does not count.
        dressed: it is a person, who may wear several colours: "the man in red" has blue trousers. Skin does not count.
    """

    def __init__(self, pixels: np.ndarray, mask: np.ndarray, *, dressed: bool = False) -> None:
        colours = oklch(_sample(pixels, mask))
        if dressed and (clothes := ~SKIN.holds(colours)).mean() > LEAST:
            colours = colours[clothes]
        self.lch, self.dressed, self.weight = colours, dressed, PLAIN + colours[:, 1] / VIVID
        self._in: dict[str, np.ndarray] = {
            word: np.logical_or.reduce([region.holds(colours) for region in regions])
            for word, regions in REGIONS.items()
        }

    def share(self, word: str) -> float:
        """Return how much of the object lies in the region of a plain colour word, in [0, 1]."""
        return float(self._in[word].mean()) if len(self.lch) else 0.0

    def fit(self, word: str) -> float:
        """Return how well the word fits, in [0, 1]: from about 0.5 on a person would say it.

        Raises:
            KeyError: the word is no colour word (see `is_known`).
        """
        shade, _, colour = attribute(word).rpartition(" ")
        colour = SPELLED.get(colour, colour)
        if not shade and colour in SHADES and colour not in REGIONS:
            return self._shade(colour, self.lch, (0.55, 0.1)) if len(self.lch) else 0.0
        mine = self._in[colour]
        share = self.share(colour)
        if share < LEAST:
            return 0.0
        if self.dressed:
            fit = min(share / CLOTHES, 1.0)
        else:
            weight = float(self.weight[mine].sum())
            rivals = (float(self.weight[self._in[other] & ~mine].sum()) for other in COLOURS if other != colour)
            fit = weight / (weight + max(rivals))
        return fit * (self._shade(shade, self.lch[mine], _middle(colour)) if shade else 1.0)

    def fits(self, words: Sequence[str]) -> float:
        """Return how well all of the words fit, in [0, 1]; black and white together mean without colour, too."""
        if not {"black", "white"} <= set(words):
            return min(self.fit(word) for word in words)
        rest = min((self.fit(word) for word in words if word not in {"black", "white"}), default=1.0)
        colourless = float((self.lch[:, 1] < COLOURLESS).mean()) if len(self.lch) else 0.0
        return min(rest, max(colourless, min(self.fit("black"), self.fit("white"))))

    def words(self, candidates: Sequence[str] = COLOURS) -> list[str]:
        """Return the candidates that fit, best first."""
        fits = {word: self.fit(word) for word in candidates}
        return sorted((word for word, value in fits.items() if value >= FITTING), key=lambda word: -fits[word])

    @staticmethod
    def _shade(shade: str, lch: np.ndarray, middle: tuple[float, float]) -> float:
        light, chroma = np.median(lch[:, 0]) - middle[0], np.median(lch[:, 1]) - middle[1]
        away = {
            "dark": -light,
            "deep": max(-light, chroma),
            "light": light,
            "pale": max(light, -chroma),
            "pastel": min(light, -chroma + 2 * STEP),
            "bright": max(chroma, light) if middle[1] else light,
            "neon": min(chroma, light + 2 * STEP),
        }[shade]
        return float(np.clip(0.5 + (away - STEP / 2) / (2 * STEP), 0, 1))


def _middle(colour: str) -> tuple[float, float]:
    if colour in MIDDLE:
        return MIDDLE[colour]
    region = REGIONS[colour][0]
    return (region.light[0] + min(region.light[1], 1)) / 2, (region.chroma[0] + min(region.chroma[1], 0.2)) / 2


def _sample(pixels: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return colours ``[n, 3]`` of the mask without its rim, from a copy of at most `SIDE` pixels."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return np.zeros((0, 3))
    window = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    inside = Image.fromarray(mask[window].astype(np.float32))
    cut = Image.fromarray(pixels[window])
    scale = min(1.0, SIDE / max(cut.size))
    size = (max(1, round(cut.width * scale)), max(1, round(cut.height * scale)))
    cover = np.asarray(inside.resize(size, Image.Resampling.BOX))
    small = np.asarray(cut.resize(size, Image.Resampling.BOX))
    padded = np.pad(cover, 1)
    core = np.minimum.reduce([padded[y : y + size[1], x : x + size[0]] for y in range(3) for x in range(3)])
    chosen = core > 0.99
    if chosen.sum() < 12:  # too thin to have anything but a rim
        chosen = cover >= min(0.5, cover.max())
    colours: np.ndarray = small[chosen].astype(np.float64)
    return colours
