"""Things that are no things, for the loop's detector: what no eye would take for an object, beside whole ones.

A detector that has seen only whole objects takes half of one, two of them grown together, or a blob of the
right colour for the real thing. Here they are drawn in the same manner as objects and carry no label. What is
nearly whole stays an object, and what lies between the two counts neither way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageFilter

from iconworld.corrupt import smooth_field
from iconworld.data import Labeled
from iconworld.renderer import CLASSES, COLORS, IconObject, icon_raster, icons_of, paint, place_object, shape_layers

if TYPE_CHECKING:
    from collections.abc import Callable

    from iconworld.renderer import Scene

    Shape = tuple[np.ndarray, np.ndarray]
    """Silhouette and inner details, uint8 0 or 255 ``[side, side]``."""

MOST = 4  # flawed things in a scene
SIDE = 96  # pixels of a shape while it is made
CRUMB = 0.25  # share of flawed things that are as small as what an eraser leaves
HALF, NEARLY = 0.6, 0.85  # share of an object up to which it is none, and from which it is one


def add_flaws(scene: Scene, rng: np.random.Generator) -> Labeled:
    """Draw a few things that are none into the free places of a scene."""
    size_wh = scene.image.size
    canvas = np.asarray(scene.image, np.float32).copy()
    objects, doubtful = list(scene.objects), []
    taken = list(scene.objects)
    alike = [item for item in taken if rng.random() < 0.5]  # flaws in the colours and kinds that are there confuse most
    for _ in range(int(rng.integers(1, MOST + 1))):
        model = alike[int(rng.integers(len(alike)))] if alike else None
        name = model.name if model and rng.random() < 0.5 else str(rng.choice(CLASSES))
        color = model.color if model and rng.random() < 0.7 else str(rng.choice(list(COLORS)))
        item = place_object(rng, name, color, taken, size_wh)
        if item is None:
            break
        taken.append(item)
        whole = _draw(canvas, item, size_wh, rng)
        if whole >= NEARLY:
            objects.append(item)
        elif whole > HALF:
            doubtful.append(item.box)
    image = Image.fromarray(np.clip(canvas + 0.5, 0, 255).astype(np.uint8))
    return Labeled(image, tuple(objects), tuple(doubtful))


def _draw(canvas: np.ndarray, item: IconObject, size_wh: tuple[int, int], rng: np.random.Generator) -> float:
    """Draw a flawed thing in an object's place; return how much of the object it still is, in [0, 1]."""
    kinds: tuple[tuple[float, Callable[[IconObject, np.random.Generator], tuple[Shape, float]]], ...] = (
        (0.24, _whole), (0.14, _grown_together), (0.16, _piled), (0.20, _fused), (0.12, _blob), (0.07, _plain_box),
        (0.07, _warped),
    )  # fmt: skip
    make = kinds[int(rng.choice(len(kinds), p=[odds for odds, _ in kinds]))][1]
    shape, whole = make(item, rng)
    x0, y0, x1, y1 = item.box.to_px(size_wh)
    if whole < HALF and rng.random() < CRUMB:
        scale = rng.uniform(0.3, 0.6)
        x1, y1 = x0 + max(5, round((x1 - x0) * scale)), y0 + max(5, round((y1 - y0) * scale))
    layers = shape_layers(*shape, x1 - x0, y1 - y0)
    if make is _whole:  # only a part of it is drawn, or it is nearly transparent
        kept, whole = _part((y1 - y0, x1 - x0), layers[2], rng)
        layers = (layers[0] * kept, layers[1] * kept, layers[2] * kept)
    paint(canvas[y0:y1, x0:x1], layers, item.color, rng)
    if whole == 0 and rng.random() < 0.2:  # two colours have run together as well
        there = smooth_field(rng, (y1 - y0, x1 - x0)) > 0
        other = str(rng.choice(list(COLORS)))
        paint(canvas[y0:y1, x0:x1], (layers[0] * there, layers[1] * there, layers[2] * there), other, rng)
    return whole


def _part(shape: tuple[int, int], rim: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """Return what is drawn of an object, alpha ``[height, width]``, and the share of it."""
    if rng.random() < 0.15:
        ghost = float(rng.uniform(0.05, 0.5))
        return np.full(shape, ghost, np.float32), 0.7 if ghost > 0.2 else 0.0
    height, width = shape
    rows, columns = np.mgrid[:height, :width]
    angle = rng.uniform(0, 2 * np.pi)
    slope = np.cos(angle) * (columns / width - 0.5) + np.sin(angle) * (rows / height - 0.5)
    field = slope + rng.uniform(0, 0.35) * smooth_field(rng, shape)
    inside = rim > 0.5
    share = float(rng.uniform(0.15, 0.95))
    edge = np.quantile(field[inside], 1 - share) if inside.any() else 0.0
    soft = rng.uniform(0.01, 0.06)
    return np.clip((field - edge) / soft + 0.5, 0, 1).astype(np.float32), share


def _whole(item: IconObject, rng: np.random.Generator) -> tuple[Shape, float]:
    return _icon(item.icon), 1.0


def _grown_together(item: IconObject, rng: np.random.Generator) -> tuple[Shape, float]:
    """Two or three of a kind, so near that they have one outline."""
    silhouette, details = (np.zeros((SIDE, SIDE), np.uint8) for _ in range(2))
    shape = _icon(item.icon, round(SIDE * rng.uniform(0.5, 0.75)))
    side = len(shape[0])
    step = rng.uniform(0.25, 0.6) * side
    angle = rng.uniform(0, 2 * np.pi)
    for number in range(int(rng.integers(2, 4))):
        x = int(np.clip((SIDE - side) / 2 + (number - 0.5) * step * np.cos(angle), 0, SIDE - side))
        y = int(np.clip((SIDE - side) / 2 + (number - 0.5) * step * np.sin(angle), 0, SIDE - side))
        part = np.s_[y : y + side, x : x + side]
        details[part] = np.where(shape[0] > 0, shape[1], details[part])
        silhouette[part] = np.maximum(silhouette[part], shape[0])
    return (silhouette, details), 0.0


def _piled(item: IconObject, rng: np.random.Generator) -> tuple[Shape, float]:
    """Different things in one outline, one half over or beside the other."""
    silhouette, details = (np.zeros((SIDE, SIDE), np.uint8) for _ in range(2))
    side = round(SIDE * rng.uniform(0.55, 0.75))
    across = int(rng.integers(2))
    for number, name in enumerate((item.name, str(rng.choice(CLASSES)))):
        layers = _icon(str(rng.choice(icons_of(name))), side)
        spot = [0, 0]
        spot[across], spot[1 - across] = number * (SIDE - side), int(rng.integers(SIDE - side + 1))
        part = np.s_[spot[0] : spot[0] + side, spot[1] : spot[1] + side]
        details[part] = np.where(layers[0] > 0, layers[1], details[part])
        silhouette[part] = np.maximum(silhouette[part], layers[0])
    return (silhouette, details), 0.0


def _fused(item: IconObject, rng: np.random.Generator) -> tuple[Shape, float]:
    """One icon on this side of a line, another, or the same turned over, on that side."""
    names = [item.name] if rng.random() < 0.4 else list(CLASSES)
    icon = str(rng.choice(icons_of(str(rng.choice(names)))))
    first, second = _icon(item.icon), _icon(icon)
    if icon == item.icon:
        turned = rng.choice(("flip", "turn", "slide"))
        second = tuple(  # type: ignore[assignment]
            layer[::-1] if turned == "flip" else np.rot90(layer) if turned == "turn" else np.roll(layer, SIDE // 3, 0)
            for layer in second
        )
    rows, columns = np.mgrid[:SIDE, :SIDE] / SIDE - 0.5
    angle = rng.uniform(0, 2 * np.pi)
    wavy = np.cos(angle) * columns + np.sin(angle) * rows + 0.06 * smooth_field(rng, (SIDE, SIDE))
    here = wavy > rng.uniform(-0.12, 0.12)
    silhouette, details = (np.where(here, *pair) for pair in zip(first, second, strict=True))
    same = _likeness(first[0], silhouette) * (0.8 + 0.2 * float((first[1] == details).mean()))
    return (silhouette, details), 0.7 if same > 0.75 else 0.0


def _blob(item: IconObject, rng: np.random.Generator) -> tuple[Shape, float]:
    """A smooth lump; sometimes what an icon becomes when its outline is lost."""
    details = _icon(str(rng.choice(icons_of(str(rng.choice(CLASSES))))))[1]
    if rng.random() < 0.5:
        icon = _icon(item.icon)[0]
        soft = Image.fromarray(np.pad(icon, SIDE // 4)).filter(ImageFilter.GaussianBlur(rng.uniform(0.1, 0.22) * SIDE))
        blurred = np.asarray(soft)[SIDE // 4 : -SIDE // 4, SIDE // 4 : -SIDE // 4]
        silhouette = np.where(blurred > rng.uniform(80, 130), 255, 0).astype(np.uint8)
        whole = 0.7 if _likeness(icon, silhouette) > 0.84 else 0.0
    else:
        rows, columns = np.mgrid[:SIDE, :SIDE] / SIDE * 2 - 1
        lump = rows**2 / rng.uniform(0.5, 1) + columns**2 / rng.uniform(0.5, 1) + 0.3 * smooth_field(rng, (SIDE, SIDE))
        silhouette, whole = np.where(lump < 0.8, 255, 0).astype(np.uint8), 0.0
    kept = silhouette if rng.random() < 0.5 else np.zeros_like(silhouette)
    return (silhouette, np.minimum(details, kept)), whole


def _plain_box(item: IconObject, rng: np.random.Generator) -> tuple[Shape, float]:
    """A rectangle, full or a frame, sometimes with a corner missing."""
    silhouette, details = (np.zeros((SIDE, SIDE), np.uint8) for _ in range(2))
    x, y = (int(value) for value in rng.integers(0, SIDE // 4, 2))
    silhouette[y : SIDE - y, x : SIDE - x] = 255
    if rng.random() < 0.4:
        line = int(rng.integers(SIDE // 12, SIDE // 5))
        silhouette[y + line : SIDE - y - line, x + line : SIDE - x - line] = 0
    elif rng.random() < 0.4:
        silhouette[: SIDE // 2, : int(rng.integers(SIDE // 4, SIDE // 2))] = 0
    if rng.random() < 0.3:
        at = int(rng.integers(SIDE // 3, 2 * SIDE // 3))
        details[y : SIDE - y, at : at + SIDE // 12] = silhouette[y : SIDE - y, at : at + SIDE // 12]
    return (silhouette, details), 0.0


def _warped(item: IconObject, rng: np.random.Generator) -> tuple[Shape, float]:
    """An icon pulled out of shape: a little and it is still one, far and it is none."""
    icon = _icon(item.icon)
    strength = float(rng.choice((rng.uniform(0.01, 0.03), rng.uniform(0.07, 0.16))))
    rows, columns = (
        np.clip(axis + strength * SIDE * smooth_field(rng, (SIDE, SIDE)), 0, SIDE - 1).astype(int)
        for axis in np.mgrid[:SIDE, :SIDE]
    )
    warped = (icon[0][rows, columns], icon[1][rows, columns])
    like = _likeness(icon[0], warped[0])
    return warped, 1.0 if like > 0.88 else 0.7 if like > 0.72 else 0.0


def _icon(name: str, side: int = SIDE) -> Shape:
    silhouette, details = (
        np.where(np.asarray(Image.fromarray(layer).resize((side, side), Image.Resampling.BOX)) > 127, 255, 0)
        for layer in icon_raster(name)
    )
    return silhouette.astype(np.uint8), details.astype(np.uint8)


def _likeness(first: np.ndarray, second: np.ndarray) -> float:
    """Return the IoU of two silhouettes."""
    return float(((first > 0) & (second > 0)).sum() / max(1, ((first > 0) | (second > 0)).sum()))
