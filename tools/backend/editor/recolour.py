"""Giving an object another colour, its texture and shading kept: words become a change in OKLab.

Inside an object's mask lie other things as well (a bus's windows, a cup's coffee, the hands of someone in a red
coat): the object's own paint is the main cluster of colours, and what is far from it stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage
from scipy.cluster.vq import kmeans2

from tools.backend.coco_kinds import kinds_of
from tools.backend.oklab import from_oklab, to_oklab
from tools.scene.lexicon import SHADES, attribute

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tools.backend.editor.masks import Floats, Mask, Pixels

# lightness, chroma and hue in degrees at which people call a surface so
TARGETS: dict[str, tuple[float, float, float]] = {
    "red": (0.53, 0.19, 27),
    "orange": (0.70, 0.165, 55),
    "yellow": (0.86, 0.165, 97),
    "green": (0.56, 0.145, 145),
    "blue": (0.50, 0.165, 258),
    "purple": (0.46, 0.16, 305),
    "pink": (0.76, 0.125, 358),
    "brown": (0.42, 0.075, 55),
    "black": (0.20, 0.0, 0),
    "white": (0.92, 0.0, 0),
    "gray": (0.60, 0.0, 0),
    "gold": (0.76, 0.13, 85),
    "golden": (0.76, 0.13, 85),
    "silver": (0.78, 0.005, 250),
    "beige": (0.86, 0.045, 80),
    "cream": (0.94, 0.035, 90),
    "tan": (0.70, 0.08, 70),
    "cyan": (0.78, 0.12, 200),
    "turquoise": (0.75, 0.115, 190),
    "teal": (0.50, 0.09, 195),
    "navy": (0.28, 0.10, 265),
    "violet": (0.55, 0.17, 300),
    "magenta": (0.60, 0.24, 340),
    "crimson": (0.47, 0.18, 20),
    "maroon": (0.33, 0.11, 22),
}
_SHADE = {  # what a shade does to lightness and chroma of a colour: added, multiplied
    "dark": (-0.14, 0.9),
    "deep": (-0.08, 1.1),
    "light": (0.13, 0.8),
    "pale": (0.12, 0.55),
    "pastel": (0.16, 0.6),
    "bright": (0.06, 1.25),
    "neon": (0.08, 1.6),
}
_RELATIVE = {  # lightness added, chroma multiplied, for words that name no colour
    "darker": (-0.14, 1.0),
    "dark": (-0.18, 1.0),
    "lighter": (0.14, 1.0),
    "light": (0.18, 1.0),
    "brighter": (0.12, 1.1),
    "bright": (0.12, 1.2),
    "paler": (0.08, 0.6),
    "pale": (0.1, 0.5),
    "more saturated": (0.0, 1.5),
    "saturated": (0.0, 1.5),
    "vivid": (0.0, 1.6),
    "colourful": (0.0, 1.6),
    "colorful": (0.0, 1.6),
    "less saturated": (0.0, 0.5),
    "desaturated": (0.0, 0.35),
    "muted": (0.0, 0.5),
    "black and white": (0.0, 0.0),
    "monochrome": (0.0, 0.0),
}
WORDS = frozenset([*TARGETS, *_RELATIVE, *(f"{shade} {word}" for shade in SHADES for word in TARGETS)])
"""Every attribute that `recolour` can bring about."""
HOLDING = frozenset(["cup", "bowl", "wine glass", "vase", "bottle", "potted plant"])
"""Things whose colour is that of their outside: what is in them, or seen through them, is something else."""
CLUSTERS = 6
SAMPLE = 4000  # pixels that clusters are found in
FAR = (0.075, 0.15)  # distance from the paint at which a pixel still belongs to it, and does no more
SAME_HUE, SAME_SATURATION, SAME_LIGHT = 20.0, 1.8, 0.25  # degrees, factor, lightness within which it is one paint
RIM = 0.2  # of the greatest depth in the mask, over which a pixel speaks less for the paint
LEAST_BODY = 12  # pixels inside a drawing that show its colour
DETAIL = (0.1, 0.2)  # distance in OKLab from a drawing's colour at which a pixel begins to be a detail, and is one
CONTRAST = (0.18, 0.45)  # lightness by which details stand out, at least and at most
DARK, LIGHT = 0.35, 0.6  # lightness of a colour under which dark details are made light, from which light ones dark
SKIN_SPECK = 3  # pixels: half the width of the least patch of skin
FACE = 0.3  # of the largest patch of skin: how large a face is beside hands
LIT = (0.35, 0.6), (75, 50)  # percent of a surface that is darker than what names it, by its lightness
SPECK = 0.02  # share of the paint of what holds something, under which a patch apart from it is none
MIDDLE = 0.52  # lightness of a colour that drawings give dark lines from there on
OUTLINE = 3  # pixels from a drawing's edge that are its outline
DETAIL_CHROMA = 0.45  # share of the colour that its details have
EDGE = 0.08  # of the greatest depth: what comes so near to the outline is paint, not contents
OTHER, OTHER_HUE = 0.03, 12.0  # distance in a and b, and degrees, from which what is held is no paint
SHADING = 0.45  # a shadow on a surface changes its lightness most: how much lightness counts in that distance


@dataclass(frozen=True)
class Change:
    """What to do to colours: go to a target (lightness, chroma, hue), or shift lightness and scale chroma."""

    target: tuple[float, float, float] | None
    lighter: float = 0.0
    chroma: float = 1.0


def read_change(attributes: Sequence[str]) -> Change | None:
    """Return what the words ask for; None where none of them is about colour."""
    if {"black", "white"} <= set(attributes):  # "black and white" is without colour, not black, and not white
        attributes = ("black and white",)
    for word in (attribute(own) for own in attributes):
        shade, _, colour = word.rpartition(" ")
        if colour in TARGETS and (not shade or shade in _SHADE):
            light, chroma, hue = TARGETS[colour]
            added, scale = _SHADE.get(shade, (0.0, 1.0))
            return Change((float(np.clip(light + added, 0.1, 0.97)), chroma * scale, hue))
        if word in _RELATIVE:
            lighter, chroma = _RELATIVE[word]
            return Change(None, lighter, chroma)
    return None


def recolour(pixels: Pixels, mask: Mask, change: Change, name: str = "object") -> tuple[Floats, Floats]:
    """Return new colours, float32 ``[height, width, 3]`` in [0, 255], and how much of them each pixel takes, in [0, 1].

    ``pixels`` is uint8 ``[height, width, 3]``; weights are 0 outside ``mask`` and on what is not the object's paint.
    """
    window = _window(mask)
    colours, weights = pixels.astype(np.float32), np.zeros(mask.shape, dtype=np.float32)
    if window is not None:
        colours[window], weights[window] = _recoloured(pixels[window], mask[window], change, name)
    return colours, weights


def repaint(pixels: Pixels, mask: Mask, change: Change, *, as_drawn: bool = False) -> Floats:
    """Return a flat drawing of one colour in another, float32 ``[height, width, 3]`` in [0, 255].

    ``pixels`` is uint8 ``[height, width, 3]`` and shows nothing but the drawing inside ``mask``. Shading goes along;
    outlines and details stand out as much as before: dark on a light colour, and where they would vanish otherwise
    light on a dark one. ``as_drawn``: the outline too is dark on every light colour and light on every dark one.
    """
    lab = to_oklab(pixels)
    inner = ndimage.binary_erosion(mask, iterations=2)
    body = np.median(lab[inner if inner.sum() > LEAST_BODY else mask], axis=0)
    light, chroma = float(body[0]), float(np.hypot(body[1], body[2]))
    if change.target is None:
        aim, vivid = float(_shifted(np.array(light), change.lighter)), chroma * change.chroma
        angle = float(np.arctan2(body[2], body[1]))
    else:
        aim, vivid, angle = change.target[0], change.target[1], float(np.radians(change.target[2]))
    off = lab[..., 0] - light
    other = np.maximum(np.abs(off), np.linalg.norm(lab[..., 1:] - body[1:], axis=-1))
    detail = np.clip((other - DETAIL[0]) / (DETAIL[1] - DETAIL[0]), 0, 1)
    deep = ndimage.distance_transform_edt(mask) > OUTLINE
    lighter = np.full(mask.shape, aim < MIDDLE) if as_drawn else np.where(off > 0, aim < LIGHT, deep & (aim < DARK))
    contrast = np.clip(np.abs(off), *CONTRAST) * np.where(lighter, 1, -1)
    new_light = np.clip(aim + (1 - detail) * off + detail * contrast, 0.03, 0.98)
    new_chroma = vivid * (1 - detail * (1 - DETAIL_CHROMA)) * np.clip((1.02 - new_light) / 0.12, 0, 1)
    new = np.stack([new_light, new_chroma * np.cos(angle), new_chroma * np.sin(angle)], axis=-1)
    return from_oklab(new.astype(np.float32))


def _window(mask: Mask) -> tuple[slice, slice] | None:
    """Return the rows and columns of a mask with a little around it, so that the work follows the object."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    return slice(max(rows[0] - 6, 0), rows[-1] + 7), slice(max(columns[0] - 6, 0), columns[-1] + 7)


def _recoloured(pixels: Pixels, mask: Mask, change: Change, name: str) -> tuple[Floats, Floats]:
    lab = to_oklab(pixels)
    kinds = kinds_of(name) or {name}
    holds = bool(kinds & HOLDING)
    painted = change.target is not None or holds
    weight = paint_weight(lab, mask, skin_stays="person" in kinds) if painted else mask.astype(np.float32)
    weight = _without_specks(weight) if holds else weight
    weight = np.minimum(ndimage.gaussian_filter(weight, 0.8), ndimage.gaussian_filter(mask.astype(np.float32), 0.7))
    weight[ndimage.distance_transform_edt(~mask) > 1.5] = 0
    strong = weight > 0.5
    light, chroma = lab[..., 0], np.hypot(lab[..., 1], lab[..., 2])
    if change.target is None:
        new = lab * np.array([1, change.chroma, change.chroma], dtype=np.float32)
        new[..., 0] = _shifted(light, change.lighter)
        return from_oklab(new), weight.astype(np.float32)
    aim, vivid, hue = change.target
    # what a dark surface is called by is what lies in the light; its shadows are black in any colour
    lit = float(np.interp(aim, *LIT))
    middle = float(np.percentile(light[strong], lit)) if strong.any() else float(light.mean())
    spread = light - middle
    # near black and white there is less room for shading: it is pressed together instead of clipped
    room = np.where(spread < 0, aim / max(middle, 0.05), (1 - aim) / max(1 - middle, 0.05))
    new_light = np.clip(aim + spread * np.clip(room, 0.35, 1.1), 0, 1)
    typical = float(np.median(chroma[strong])) if strong.any() else 0.0
    own = np.clip(chroma / typical, 0.4, 1.3) if typical > 0.04 else np.ones_like(chroma)
    # surfaces lose colour towards black and in highlights
    fade = np.clip(new_light / 0.25, 0, 1) * np.clip((1.02 - new_light) / 0.12, 0, 1)
    new_chroma = vivid * own * fade
    angle = np.radians(hue)
    new = np.stack([new_light, new_chroma * np.cos(angle), new_chroma * np.sin(angle)], axis=-1).astype(np.float32)
    return from_oklab(new), weight.astype(np.float32)


def paint_weight(lab: Floats, mask: Mask, *, skin_stays: bool = False) -> Floats:
    """Return how much each pixel of the mask is of the object's own paint, in [0, 1].

    The paint is the cluster of colours that covers most of it, coloured ones before neutral ones, together with
    clusters that look like the same surface in other light.
    """
    inside = np.argwhere(mask)
    if not len(inside):
        return np.zeros(mask.shape, dtype=np.float32)
    chosen = inside[np.linspace(0, len(inside) - 1, min(SAMPLE, len(inside))).astype(int)]
    colours = lab[chosen[:, 0], chosen[:, 1]]
    usable = ~_is_skin(colours) if skin_stays else np.ones(len(colours), dtype=bool)
    if usable.mean() < 0.1:
        usable[:] = True
    space = np.array([SHADING, 1, 1], dtype=np.float32)
    points = (colours[usable] * space).astype(np.float64)
    distinct = len(np.unique(points.round(3), axis=0))  # a flat surface has fewer colours than clusters
    centers, labels = kmeans2(points, min(CLUSTERS, distinct), minit="++", seed=np.random.default_rng(0), iter=20)
    # what an object is made of shows along its outline; what it holds, or what is seen through it, does not
    depth = ndimage.distance_transform_edt(mask)[chosen[:, 0], chosen[:, 1]][usable]
    near_rim = np.exp(-depth / (RIM * max(float(depth.max()), 1.0)))
    shares = np.bincount(labels, weights=near_rim, minlength=len(centers)) / near_rim.sum()
    vividness = np.hypot(centers[:, 1], centers[:, 2])
    main = int(np.argmax(shares * (0.02 + np.minimum(vividness, 0.2))))
    paint = [center for center, share in zip(centers, shares, strict=True) if share and _same(centers[main], center)]
    distances = np.min([np.linalg.norm(lab * space - center, axis=-1) for center in paint], axis=0)
    weight = np.clip((FAR[1] - distances) / (FAR[1] - FAR[0]), 0, 1) * mask
    # light on orange cloth has the colour of skin, but in specks
    skin = ndimage.binary_opening(_is_skin(lab) & mask, iterations=SKIN_SPECK) if skin_stays else np.zeros_like(mask)
    weight *= ~skin
    # specks within the paint belong to it, specks of paint elsewhere do not
    weight = np.asarray(ndimage.median_filter(weight.astype(np.float32), 5), dtype=np.float32)
    weight = _without_hair(weight, skin) if skin_stays else weight
    return _without_contents(weight, lab, ndimage.distance_transform_edt(mask))


def _without_contents(weight: Floats, lab: Floats, depth: Floats) -> Floats:
    """Return weights without what an object holds: apart from its paint, away from its outline, and of another hue."""
    labels, number = ndimage.label(weight > 0.3)
    if number < 2:
        return weight
    parts = range(1, number + 1)
    outer = [part for part, near in zip(parts, ndimage.minimum(depth, labels, parts), strict=True)
             if near <= EDGE * depth.max()]  # fmt: skip
    if not outer:
        return weight
    paint = lab[np.isin(labels, outer)].mean(axis=0)
    held = [part for part in parts if part not in outer and _turned(lab[labels == part].mean(axis=0), paint)]
    inside = ndimage.binary_dilation(np.isin(labels, held), iterations=8) & ~np.isin(labels, outer)
    return np.where(inside, 0, weight).astype(np.float32)


def _without_hair(weight: Floats, skin: Mask) -> Floats:
    """Return weights without patches apart from the largest whose middle is higher than that of the highest face.

    A face is a patch of skin of some size; a collar or a scarf lies under it.
    """
    patches, number = ndimage.label(skin)
    areas = ndimage.sum_labels(skin, patches, range(1, number + 1))
    faces = 1 + np.flatnonzero(areas > FACE * areas.max()) if number else np.zeros(0, dtype=int)
    if not len(faces):
        return weight
    tops = [np.flatnonzero((patches == face).any(axis=1)) for face in faces]
    rows = min(tops, key=lambda found: found[0])
    middle = (rows[0] + rows[-1]) / 2
    labels, count = ndimage.label(weight > 0)
    sizes = ndimage.sum_labels(weight, labels, range(1, count + 1))
    centres = ndimage.center_of_mass(weight, labels, range(1, count + 1))
    hair = [part + 1 for part in range(count) if centres[part][0] < middle and sizes[part] < sizes.max()]
    return np.where(np.isin(labels, hair), 0, weight).astype(np.float32)


def _without_specks(weight: Floats) -> Floats:
    """Return weights without patches that lie apart and are too small to be a part of a smooth surface."""
    labels, number = ndimage.label(weight > 0)
    areas = ndimage.sum_labels(weight, labels, range(1, number + 1))
    small = 1 + np.flatnonzero(areas < SPECK * weight.sum())
    return np.where(np.isin(labels, small), 0, weight).astype(np.float32)


def _turned(colour: Floats, paint: Floats) -> bool:
    """Return whether a colour is of another hue, or another strength, than a paint in other light would be."""
    angle = np.degrees(np.arctan2(colour[2], colour[1]) - np.arctan2(paint[2], paint[1]))
    return bool(np.linalg.norm(colour[1:] - paint[1:]) > OTHER and abs((angle + 180) % 360 - 180) > OTHER_HUE)


def _same(main: Floats, other: Floats) -> bool:
    """Return whether two cluster centres may be one surface in different light.

    Light scales a surface's colour: hue stays, and chroma goes with lightness.
    """
    main_chroma, other_chroma = (float(np.hypot(colour[1], colour[2])) for colour in (main, other))
    if np.linalg.norm(main - other) < 0.04:
        return True
    if min(main_chroma, other_chroma) > 0.03:
        angle = np.degrees(np.arctan2(main[2], main[1]) - np.arctan2(other[2], other[1]))
        ratio = (main_chroma / max(main[0], 0.02)) / (other_chroma / max(other[0], 0.02))
        return bool(abs((angle + 180) % 360 - 180) < SAME_HUE) and 1 / SAME_SATURATION < ratio < SAME_SATURATION
    return main_chroma < 0.03 and other_chroma < 0.03 and bool(abs(main[0] - other[0]) < SAME_LIGHT * SHADING)


def _is_skin(lab: Floats) -> Mask:
    hue = np.degrees(np.arctan2(lab[..., 2], lab[..., 1])) % 360
    chroma = np.hypot(lab[..., 1], lab[..., 2])
    light = lab[..., 0]
    return np.asarray((hue > 25) & (hue < 78) & (chroma > 0.03) & (chroma < 0.125) & (light > 0.3) & (light < 0.93))


def _shifted(light: Floats, by: float) -> Floats:
    """Move lightness without clipping: black and white stay, the middle moves most."""
    if by >= 0:
        return np.asarray(light + by * (1 - light) / 0.5 * np.minimum(light / 0.5, 1), dtype=np.float32)
    return np.asarray(light * (1 + by / 0.6), dtype=np.float32)
