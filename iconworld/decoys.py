"""Things that are no things, for the held-out detector: icons wiped, shuffled, melted into each other, and lumps.

Made with a drawing pen and blurred masks, where the loop's detector has lines and noise fields (`iconworld.flaws`),
so that a blind spot of the one is none of the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from iconworld.data import Labeled
from iconworld.renderer import CLASSES, COLORS, icon_raster, icons_of, paint, place_object, shape_layers

if TYPE_CHECKING:
    from iconworld.renderer import Scene

    Sketch = tuple[Image.Image, Image.Image, float]
    """Silhouette, inner details, and how much of a real object it still is."""

SIDE = 80  # pixels of a sketch
DECOYS = (1, 5)  # in a scene
NO_MORE, STILL = 0.62, 0.88  # share left of an object from which it is doubtful, and from which it counts


def add_decoys(scene: Scene, rng: np.random.Generator) -> Labeled:
    """Put decoys into the free places of a scene."""
    size_wh = scene.image.size
    canvas = np.asarray(scene.image, np.float32).copy()
    taken, objects, doubtful = list(scene.objects), list(scene.objects), []
    for _ in range(int(rng.integers(*DECOYS))):
        like = taken[0] if taken and rng.random() < 0.4 else None
        name, color = (like.name, like.color) if like else (str(rng.choice(CLASSES)), str(rng.choice(list(COLORS))))
        place = place_object(rng, name, color, taken, size_wh)
        if place is None:
            continue
        taken.append(place)
        sketch = (_wiped, _wiped, _shuffled, _melted, _melted, _lumps, _twins)[int(rng.integers(7))]
        body, details, left = sketch(place.icon, rng)
        x0, y0, x1, y1 = place.box.to_px(size_wh)
        layers = shape_layers(np.asarray(body), np.asarray(ImageChops.darker(details, body)), x1 - x0, y1 - y0)
        paint(canvas[y0:y1, x0:x1], layers, color, rng)
        if left >= STILL:
            objects.append(place)
        elif left >= NO_MORE:
            doubtful.append(place.box)
    return Labeled(Image.fromarray(np.uint8(np.clip(canvas + 0.5, 0, 255))), tuple(objects), tuple(doubtful))


def _wiped(icon: str, rng: np.random.Generator) -> Sketch:
    """Strokes of an eraser, or a slice cut out."""
    body, details = _sketch(icon)
    whole = _area(body)
    pen = ImageDraw.Draw(body)
    if rng.random() < 0.3:
        start = float(rng.uniform(0, 360))
        pen.pieslice((-SIDE, -SIDE, 2 * SIDE, 2 * SIDE), start, start + float(rng.uniform(40, 240)), fill=0)
    else:
        for _ in range(int(rng.integers(1, 5))):
            ends = [(float(x), float(y)) for x, y in rng.uniform(-0.1, 1.1, (3, 2)) * SIDE]
            pen.line(ends, fill=0, width=int(rng.uniform(0.06, 0.3) * SIDE), joint="curve")
    return body, details, _area(body) / whole


def _shuffled(icon: str, rng: np.random.Generator) -> Sketch:
    """Quarters in each other's places."""
    half, order = SIDE // 2, rng.permutation(4)
    while (order == np.arange(4)).any():
        order = rng.permutation(4)
    boxes = [(x, y, x + half, y + half) for y in (0, half) for x in (0, half)]
    layers = []
    for layer in _sketch(icon):
        mixed = Image.new("L", layer.size)
        for at, source in enumerate(order):
            mixed.paste(layer.crop(boxes[source]), boxes[at])
        layers.append(mixed)
    return layers[0], layers[1], 0.0


def _melted(icon: str, rng: np.random.Generator) -> Sketch:
    """What lies between two icons, as blurred masks are averaged."""
    body, details = _sketch(icon)
    other, _ = _sketch(str(rng.choice(icons_of(str(rng.choice(CLASSES))))))
    softly = ImageFilter.GaussianBlur(float(rng.uniform(4, 12)))
    between = Image.blend(body.filter(softly), other.filter(softly), float(rng.uniform(0.35, 0.65)))
    mixed = between.point([255 if value > 115 else 0 for value in range(256)])
    shared = max(
        _area(ImageChops.darker(piece, mixed)) / _area(ImageChops.lighter(piece, mixed)) for piece in (body, other)
    )
    return mixed, details if rng.random() < 0.6 else Image.new("L", body.size), 0.7 if shared > 0.72 else 0.0


def _lumps(_icon: str, rng: np.random.Generator) -> Sketch:
    """Discs and slabs on one heap."""
    body, details = (Image.new("L", (SIDE, SIDE)) for _ in range(2))
    pen, inner = ImageDraw.Draw(body), ImageDraw.Draw(details)
    for _ in range(int(rng.integers(1, 6))):
        x, y = rng.uniform(0, 0.5, 2) * SIDE
        w, h = rng.uniform(0.3, 0.6, 2) * SIDE
        corners = (float(x), float(y), float(min(x + w, SIDE - 1)), float(min(y + h, SIDE - 1)))
        (pen.ellipse if rng.random() < 0.5 else pen.rectangle)(corners, fill=255)
        if rng.random() < 0.3:
            inner.arc(corners, 0, float(rng.uniform(90, 360)), fill=255, width=4)
    return body.crop(body.getbbox()).resize((SIDE, SIDE)), details, 0.0


def _twins(icon: str, rng: np.random.Generator) -> Sketch:
    """The same thing twice in one outline."""
    small = int(SIDE * rng.uniform(0.62, 0.8))
    body, details = (Image.new("L", (SIDE, SIDE)) for _ in range(2))
    far = SIDE - small
    level = rng.uniform(0, far, 2) * 0.6
    there = [(0, int(level[0])), (far, int(level[1]))]
    if rng.random() < 0.5:
        there = [(y, x) for x, y in there]
    for spot in there:
        for sheet, layer in zip((body, details), _sketch(icon), strict=True):
            piece = layer.resize((small, small))
            sheet.paste(piece, spot, piece)
    return body.filter(ImageFilter.MaxFilter(5)), details, 0.0


def _sketch(icon: str) -> tuple[Image.Image, Image.Image]:
    body, details = (Image.fromarray(layer).convert("L").resize((SIDE, SIDE)) for layer in icon_raster(icon))
    return body, details


def _area(layer: Image.Image) -> int:
    return max(1, sum(layer.histogram()[128:]))
