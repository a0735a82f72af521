"""Draw icon-world scenes, with exact truth: boxes, masks, classes and colours.

A scene is described first (`sample_objects`, or by hand) and then drawn (`render`), so that
a fault can be planted by changing the description. Knows nothing of models or training.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from tools.scene.box import Box

if TYPE_CHECKING:
    from collections.abc import Sequence

CLASSES = ("backpack", "book", "bottle", "bowl", "car", "cat", "chair", "cup", "dog", "laptop")
COLORS: dict[str, tuple[int, int, int]] = {
    "red": (212, 36, 36),
    "orange": (245, 130, 24),
    "yellow": (250, 216, 48),
    "green": (46, 158, 66),
    "blue": (40, 92, 212),
    "purple": (128, 56, 176),
    "pink": (246, 142, 194),
    "brown": (122, 74, 40),
    "black": (30, 30, 34),
    "white": (248, 248, 248),
    "gray": (140, 140, 146),
}
# Upper band, lower band, height of the horizon: pale or dim, so that every object colour stands out.
BACKGROUNDS: dict[str, tuple[tuple[int, int, int], tuple[int, int, int], float]] = {
    "beach": ((186, 222, 240), (232, 214, 170), 0.5),
    "meadow": ((204, 228, 244), (164, 204, 140), 0.45),
    "garage": ((186, 186, 182), (112, 114, 118), 0.65),
    "desk": ((226, 220, 208), (190, 156, 116), 0.4),
    "night": ((44, 50, 92), (66, 74, 84), 0.6),
    "room": ((236, 226, 198), (172, 132, 110), 0.7),
    "snow": ((208, 220, 236), (238, 242, 248), 0.5),
    "street": ((200, 208, 214), (128, 130, 136), 0.55),
}
BACKGROUND_PHRASES = {
    "beach": "on a beach",
    "meadow": "in a meadow",
    "garage": "in a garage",
    "desk": "on a desk",
    "night": "at night",
    "room": "in a room",
    "snow": "in the snow",
    "street": "on a street",
}
SIDE = 128  # pixels of the default square picture
_RASTER = 192  # pixels of an icon's stored raster
_OVERLAP = 0.15  # largest share of the smaller of two boxes that both may cover


@dataclass(frozen=True)
class IconObject:
    """One object to draw: class, colour, the icon's name and its box (normalized)."""

    name: str
    color: str
    box: Box
    icon: str

    def __post_init__(self) -> None:
        if self.name not in CLASSES:
            raise ValueError(f"unknown class {self.name!r}: icon world has {', '.join(CLASSES)}")
        if self.color not in COLORS:
            raise ValueError(f"unknown colour {self.color!r}: icon world has {', '.join(COLORS)}")


@dataclass(frozen=True)
class Scene:
    """A drawn scene and its truth. ``ids[y, x]`` is 0 for background, else 1 + the visible object's index."""

    image: Image.Image
    objects: tuple[IconObject, ...]
    background: str
    ids: np.ndarray

    def mask(self, index: int) -> np.ndarray:
        """Return the visible pixels of one object, bool ``[height, width]``."""
        mask: np.ndarray = self.ids == index + 1
        return mask


def icons_of(name: str) -> tuple[str, ...]:
    """Return the names of the icons that draw a class."""
    return tuple(_contours()[name])


def draw_scene(seed: int, size_wh: tuple[int, int] = (SIDE, SIDE), counts: Sequence[float] | None = None) -> Scene:
    """Draw a random scene; the same seed gives the same picture.

    ``counts`` are the odds of 0, 1, 2, ... objects (default: 0 to 7).
    """
    rng = np.random.default_rng(seed)
    objects = sample_objects(rng, size_wh, counts)
    return render(objects, str(rng.choice(list(BACKGROUNDS))), size_wh, seed=int(rng.integers(2**31)))


def sample_objects(
    rng: np.random.Generator, size_wh: tuple[int, int] = (SIDE, SIDE), counts: Sequence[float] | None = None
) -> tuple[IconObject, ...]:
    """Choose objects and places at random; some overlap a little."""
    odds = np.array(counts if counts is not None else (1, 3, 4, 4, 3, 3, 2, 2), float)
    wanted = int(rng.choice(len(odds), p=odds / odds.sum()))
    # Often several of one class, so that counting is learned and tested.
    pool = rng.choice(CLASSES, size=max(1, int(rng.integers(1, 4)))) if rng.random() < 0.5 else CLASSES
    placed: list[IconObject] = []
    for _ in range(wanted):
        name = str(rng.choice(pool))
        color = str(rng.choice(list(COLORS)))
        item = place_object(rng, name, color, placed, size_wh)
        if item is not None:
            placed.append(item)
    return tuple(placed)


def place_object(
    rng: np.random.Generator,
    name: str,
    color: str,
    others: Sequence[IconObject],
    size_wh: tuple[int, int] = (SIDE, SIDE),
    tries: int = 40,
) -> IconObject | None:
    """Find a random place that hardly overlaps the others; None when there is none."""
    width, height = size_wh
    for attempt in range(tries):
        icon = str(rng.choice(icons_of(name)))
        crowd = 0.5 if len(others) < 3 else 0.38
        side = rng.uniform(0.17, crowd if attempt < tries // 2 else 0.25) * min(width, height)
        aspect = float(np.clip(icon_aspect(icon), 0.5, 2.0) * np.exp(rng.normal(0, 0.12)))
        w, h = side * min(1.0, aspect) / width, side * min(1.0, 1 / aspect) / height
        x, y = rng.uniform(0.01, 0.99 - w), rng.uniform(0.01, 0.99 - h)
        box = Box(float(x), float(y), float(w), float(h))
        if all(box.intersection(other.box) <= _OVERLAP * min(box.area, other.box.area) for other in others):
            return IconObject(name, color, box, icon)
    return None


def render(
    objects: Sequence[IconObject], background: str, size_wh: tuple[int, int] = (SIDE, SIDE), seed: int = 0
) -> Scene:
    """Draw ``objects``, first one at the back; ``seed`` varies shades only.

    Raises:
        ValueError: unknown background.
    """
    if background not in BACKGROUNDS:
        raise ValueError(f"unknown background {background!r}: icon world has {', '.join(BACKGROUNDS)}")
    rng = np.random.default_rng(seed)
    canvas = _background(background, size_wh, rng)
    ids = np.zeros(canvas.shape[:2], np.uint8)
    for index, item in enumerate(objects):
        x0, y0, x1, y1 = item.box.to_px(size_wh)
        layers = _layers(item.icon, x1 - x0, y1 - y0)
        paint(canvas[y0:y1, x0:x1], layers, item.color, rng)
        ids[y0:y1, x0:x1][layers[2] > 0.5] = index + 1
    image = Image.fromarray(np.clip(canvas + 0.5, 0, 255).astype(np.uint8))
    return Scene(image, tuple(objects), background, ids)


def paint(
    patch: np.ndarray, layers: tuple[np.ndarray, np.ndarray, np.ndarray], color_name: str, rng: np.random.Generator
) -> None:
    """Lay body, details and rim (`shape_layers`) over a part of a canvas, float32 ``[height, width, 3]``, in place."""
    body, detail, rim = layers
    color = np.clip(np.array(COLORS[color_name], np.float32) + rng.uniform(-7, 7, 3), 0, 255)
    light = np.linspace(1.08, 0.88, len(patch), dtype=np.float32)[:, None, None]
    fill = np.clip(color * light + (14 * (light - 0.98)), 0, 255)
    dark = color_name in ("black", "brown", "purple", "blue")
    line = color * 0.35 + (150 if dark else 0)  # light lines on dark objects, dark lines on light ones
    inner = color * 0.45 + (110 if dark else 20)
    for alpha, ink in ((rim, line), (body, fill), (detail, inner)):
        patch += alpha[..., None] * (ink - patch)


def icon_aspect(icon: str) -> float:
    """Return width over height of an icon's own shape."""
    silhouette, _ = icon_raster(icon)
    return float(silhouette.shape[1] / silhouette.shape[0])


def _background(name: str, size_wh: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    width, height = size_wh
    upper, lower, horizon = BACKGROUNDS[name]
    line = round(height * (horizon + rng.uniform(-0.06, 0.06)))
    tint = rng.uniform(-5, 5, 3)
    rows = np.empty((height, 3), np.float32)
    rows[:line] = np.array(upper) + tint + np.linspace(-6, 8, max(line, 1))[:line, None]
    rows[line:] = np.array(lower) + tint + np.linspace(-8, 6, max(height - line, 1))[:, None]
    canvas = np.repeat(rows[:, None], width, axis=1)
    if name == "night":
        for _ in range(8):
            x, y = int(rng.integers(0, width - 1)), int(rng.integers(0, max(line - 2, 1)))
            canvas[y : y + 2, x : x + 2] = (210, 210, 190)
    return canvas


@cache
def _contours() -> dict[str, dict[str, list[list[list[float]]]]]:
    text = (resources.files("iconworld") / "icons.json").read_text(encoding="utf-8")
    icons: dict[str, dict[str, list[list[list[float]]]]] = json.loads(text)["icons"]
    return icons


@cache
def icon_raster(icon: str) -> tuple[np.ndarray, np.ndarray]:
    """Return (filled silhouette, inner details) of an icon, uint8, cropped to the icon's own bounds."""
    contours = next(shapes[icon] for shapes in _contours().values() if icon in shapes)
    scale = _RASTER / 24
    odd = Image.new("1", (_RASTER, _RASTER))
    filled = Image.new("1", (_RASTER, _RASTER))
    for contour in contours:
        points = [(x * scale, y * scale) for x, y in contour]
        outline = Image.new("1", (_RASTER, _RASTER))
        ImageDraw.Draw(outline).polygon(points, fill=1)
        odd = ImageChops.logical_xor(odd, outline)
        filled = ImageChops.logical_or(filled, outline)
    # Close the gaps between an icon's parts, so that it is one thing with a simple outline.
    closed = filled.convert("L").filter(ImageFilter.MaxFilter(13)).filter(ImageFilter.MinFilter(13))
    bounds = filled.getbbox()
    silhouette = np.asarray(closed.crop(bounds))
    details = np.where(np.asarray(odd.convert("L").crop(bounds)) > 0, 0, silhouette).astype(np.uint8)
    return silhouette, details


@lru_cache(maxsize=8192)
def _layers(icon: str, width: int, height: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return shape_layers(*icon_raster(icon), width, height)


def shape_layers(
    silhouette: np.ndarray, details: np.ndarray, width: int, height: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return alpha of body, details and rim for one drawn size, float32 in [0, 1] ``[height, width]``."""
    line = 1 if min(width, height) < 36 else 2  # pixels of outline; the rim ends exactly at the box
    inside = (max(1, width - 2 * line), max(1, height - 2 * line))
    alphas = []
    for layer in (silhouette, details):
        sheet = Image.new("L", (width, height))
        sheet.paste(Image.fromarray(layer).resize(inside, Image.Resampling.BOX), (line, line))
        alphas.append(sheet)
    rim = alphas[0].filter(ImageFilter.MaxFilter(2 * line + 1))
    body, detail, rim_array = (np.asarray(alpha, np.float32) / 255 for alpha in (*alphas, rim))
    return body, detail, rim_array
