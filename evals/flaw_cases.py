"""Icon-world pictures that look right to a careless eye and are wrong: one flaw planted in each.

Every case has a twin without the flaw. The shapes that are no things are drawn here in a way of their own, which
no training knows. Knows no models.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from iconworld.captions import a, counted
from iconworld.renderer import (
    BACKGROUNDS,
    CLASSES,
    COLORS,
    SIDE,
    IconObject,
    icon_raster,
    icons_of,
    paint,
    place_object,
    render,
    shape_layers,
)
from tools.scene.box import Box
from tools.scene.relations import compares, holds
from tools.scene.spec import Relation, SceneObject, SceneSpec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tools.scene.spec import Predicate

FLAWS = ("side", "corner", "size", "merged", "half", "blob", "leftover")
_FIRST = (1 << 30) + (1 << 28)  # numbers of these cases: no other evaluation uses them
_CASES_PER_SEED = 10_000
_CORNERS: tuple[tuple[Predicate, tuple[float, float]], ...] = (
    ("in the top left corner", (0.2, 0.2)),
    ("in the top right corner", (0.8, 0.2)),
    ("in the bottom left corner", (0.2, 0.8)),
    ("in the bottom right corner", (0.8, 0.8)),
)
_MARGIN = 4  # pixels around an erased object that an edit was free to change


@dataclass(frozen=True)
class FlawCase:
    """A sentence with what it demands, a wrong picture and a right one, and where an edit worked, if one did."""

    number: int
    flaw: str
    prompt: str
    spec: SceneSpec
    image: Image.Image
    right: Image.Image
    region: np.ndarray | None = None


def flaw_cases(seed: int, number: int) -> list[FlawCase]:
    """Draw ``number`` cases, the flaws in turn; the same arguments give the same cases."""
    first = _FIRST + seed * _CASES_PER_SEED
    cases: list[FlawCase] = []
    for case_number in range(first, first + _CASES_PER_SEED):
        if len(cases) == number:
            break
        case = _CASES[FLAWS[len(cases) % len(FLAWS)]](case_number, np.random.default_rng(case_number))
        if case is not None:
            cases.append(case)
    return cases


def _side(number: int, rng: np.random.Generator) -> FlawCase | None:
    """The one that should be left of the other is right of it, or mainly above it."""
    one, two = _two(rng)
    right = [_at(one, (0.25, 0.5)), _at(two, (0.75, 0.5))]
    places = ((0.75, 0.5), (0.25, 0.5)) if rng.random() < 0.5 else ((0.42, 0.2), (0.55, 0.75))
    wrong = [_at(one, places[0]), _at(two, places[1])]
    sentence = f"{a(_phrase(one))} on the left of {a(_phrase(two))}"
    relation = Relation(subject=_phrase(one), predicate="left of", object=_phrase(two))
    assert holds("left of", right[0].box, right[1].box)
    return _case(number, "side", sentence, _spec([one, two], relation), wrong, right, rng)


def _corner(number: int, rng: np.random.Generator) -> FlawCase | None:
    """It is in another corner, or half-way to it."""
    one, two = _two(rng)
    predicate, place = _CORNERS[int(rng.integers(4))]
    others = [center for _, center in _CORNERS if center != place]
    middling = tuple(0.5 + (value - 0.5) * 0.35 for value in place)
    elsewhere = others[int(rng.integers(3))] if rng.random() < 0.7 else (middling[0], middling[1])
    right, wrong = [_at(one, place)], [_at(one, elsewhere)]
    second = place_object(rng, two.name, two.color, [*right, *wrong])
    if second is None:
        return None
    sentence = f"{a(_phrase(one))} {predicate} and {a(_phrase(two))}"
    spec = _spec([one, two], Relation(subject=_phrase(one), predicate=predicate))
    return _case(number, "corner", sentence, spec, [*wrong, second], [*right, second], rng)


def _size(number: int, rng: np.random.Generator) -> FlawCase | None:
    """The large one is the small one, or both are alike."""
    one, two = _two(rng)
    large, small = (0.42, 0.24) if rng.random() < 0.5 else (0.38, 0.22)
    right = [_at(one, (0.28, 0.5), large), _at(two, (0.78, 0.5), small)]
    sizes = (small, large) if rng.random() < 0.5 else (0.3, 0.3)
    wrong = [_at(one, (0.28, 0.5), sizes[0]), _at(two, (0.78, 0.5), sizes[1])]
    if not compares("bigger than", right[0].box, right[1].box, 1.0):
        return None
    sentence = f"a large {_phrase(one)} and a small {_phrase(two)}"
    objects = (
        SceneObject(name=one.name, attributes=(one.color,), size="large"),
        SceneObject(name=two.name, attributes=(two.color,), size="small"),
    )
    return _case(number, "size", sentence, SceneSpec(objects=objects), wrong, right, rng)


def _merged(number: int, rng: np.random.Generator) -> FlawCase | None:
    """Where two of a kind should stand, one has two halves that are grown together."""
    one, two = _two(rng)
    right = [_at(one, (0.25, 0.3)), _at(one, (0.6, 0.7))]
    other = place_object(rng, two.name, two.color, right)
    if other is None:
        return None
    picture = render([other], str(rng.choice(list(BACKGROUNDS))), seed=number)
    canvas = np.asarray(picture.image, np.float32).copy()
    silhouette, details = icon_raster(one.icon)
    height, width = silhouette.shape
    shift = round(width * rng.uniform(0.3, 0.5))
    both = [np.zeros((height, width + shift), np.uint8) for _ in range(2)]
    for layer, source in zip(both, (silhouette, details), strict=True):
        layer[:, shift:] = source
        layer[:, :width] = np.maximum(layer[:, :width], source)
    box = Box(0.22, 0.3, min(0.5, right[0].box.w * (width + shift) / width), right[0].box.h)
    if box.intersection(other.box) > 0:
        return None
    _paint(canvas, box, both[0], both[1], one.color, rng)
    spec = SceneSpec(
        objects=(
            SceneObject(name=one.name, attributes=(one.color,), count=2),
            SceneObject(name=two.name, attributes=(two.color,)),
        )
    )
    sentence = f"{counted(one.name, one.color, 2)} and {a(_phrase(two))}"
    whole = render([*right, other], picture.background, seed=number).image
    return FlawCase(number, "merged", sentence, spec, _image(canvas), whole)


def _half(number: int, rng: np.random.Generator) -> FlawCase | None:
    """Half of an object is not there."""
    one, two = _two(rng)
    objects = [_at(one, (0.3, 0.35)), _at(two, (0.7, 0.7))]
    background = str(rng.choice(list(BACKGROUNDS)))
    whole, bare = (render(some, background, seed=number).image for some in (objects, objects[1:]))
    x0, y0, x1, y1 = objects[0].box.to_px((SIDE, SIDE))
    rows, columns = np.mgrid[:SIDE, :SIDE]
    angle = rng.uniform(0, 2 * np.pi)
    slope = np.cos(angle) * (columns - (x0 + x1) / 2) / (x1 - x0) + np.sin(angle) * (rows - (y0 + y1) / 2) / (y1 - y0)
    lost = slope > rng.uniform(-0.08, 0.04)
    image = Image.fromarray(np.where(lost[..., None], np.asarray(bare), np.asarray(whole)))
    image.paste(whole.crop(objects[1].box.to_px((SIDE, SIDE))), objects[1].box.to_px((SIDE, SIDE))[:2])
    sentence = f"{a(_phrase(one))} and {a(_phrase(two))}"
    return FlawCase(number, "half", sentence, _spec([one, two]), image, whole)


def _blob(number: int, rng: np.random.Generator) -> FlawCase | None:
    """A shapeless lump of the right colour stands where an object should."""
    one, two = _two(rng)
    objects = [_at(one, (0.3, 0.35)), _at(two, (0.7, 0.7))]
    picture = render(objects[1:], str(rng.choice(list(BACKGROUNDS))), seed=number)
    sheet = Image.new("L", (96, 96))
    pen = ImageDraw.Draw(sheet)
    for _ in range(int(rng.integers(3, 6))):
        x, y, w, h = rng.uniform(0, 45), rng.uniform(0, 45), rng.uniform(30, 50), rng.uniform(30, 50)
        pen.ellipse((x, y, x + w, y + h), fill=255)
    lump = np.asarray(sheet.crop(sheet.getbbox()))
    canvas = np.asarray(picture.image, np.float32).copy()
    _paint(canvas, objects[0].box, lump, np.zeros_like(lump), one.color, rng)
    sentence = f"{a(_phrase(one))} and {a(_phrase(two))}"
    right = render(objects, picture.background, seed=number).image
    return FlawCase(number, "blob", sentence, _spec([one, two]), _image(canvas), right)


def _leftover(number: int, rng: np.random.Generator) -> FlawCase | None:
    """An object was taken away, but for a piece of it."""
    one, two = _two(rng)
    objects = [_at(one, (0.3, 0.4)), _at(two, (0.72, 0.65))]
    background = str(rng.choice(list(BACKGROUNDS)))
    before, clean = (render(some, background, seed=number) for some in (objects, objects[1:]))
    x0, y0, x1, y1 = objects[0].box.to_px((SIDE, SIDE))
    region = np.zeros((SIDE, SIDE), bool)
    region[max(y0 - _MARGIN, 0) : y1 + _MARGIN, max(x0 - _MARGIN, 0) : x1 + _MARGIN] = True
    icon = before.mask(0)
    w, h = (x1 - x0) * rng.uniform(0.25, 0.5), (y1 - y0) * rng.uniform(0.25, 0.5)
    x, y = rng.uniform(x0, x1 - w), rng.uniform(y0, y1 - h)
    piece = np.zeros_like(icon)
    piece[round(y) : round(y + h) + 1, round(x) : round(x + w) + 1] = True
    piece &= icon
    if piece.sum() < 60:  # a crumb, or a hole in the icon
        return None
    image = Image.fromarray(np.where(piece[..., None], np.asarray(before.image), np.asarray(clean.image)))
    spec = _spec([two]).model_copy(update={"absent": (one.name,)})
    return FlawCase(number, "leftover", f"{a(_phrase(two))} and no {one.name}", spec, image, clean.image, region)


_CASES = {
    "side": _side,
    "corner": _corner,
    "size": _size,
    "merged": _merged,
    "half": _half,
    "blob": _blob,
    "leftover": _leftover,
}


def _two(rng: np.random.Generator) -> tuple[IconObject, IconObject]:
    """Draw two kinds, with icon and colour; where they stand is to be decided."""
    names = [str(name) for name in rng.permutation(CLASSES)[:2]]
    colors = [str(color) for color in rng.permutation(list(COLORS))[:2]]
    first, second = (
        IconObject(name, color, Box(0.3, 0.3, 0.3, 0.3), str(rng.choice(icons_of(name))))
        for name, color in zip(names, colors, strict=True)
    )
    return first, second


def _at(item: IconObject, center: tuple[float, float], longest: float = 0.32) -> IconObject:
    """Put it around a centre, in its icon's own shape, inside the picture."""
    silhouette, _ = icon_raster(item.icon)
    aspect = float(np.clip(silhouette.shape[1] / silhouette.shape[0], 0.5, 2.0))
    w, h = longest * min(1.0, aspect), longest * min(1.0, 1 / aspect)
    x, y = (min(max(value - size / 2, 0.01), 0.99 - size) for value, size in zip(center, (w, h), strict=True))
    return IconObject(item.name, item.color, Box(x, y, w, h), item.icon)


def _paint(
    canvas: np.ndarray, box: Box, silhouette: np.ndarray, details: np.ndarray, color: str, rng: np.random.Generator
) -> None:
    x0, y0, x1, y1 = box.to_px((SIDE, SIDE))
    paint(canvas[y0:y1, x0:x1], shape_layers(silhouette, details, x1 - x0, y1 - y0), color, rng)


def _image(canvas: np.ndarray) -> Image.Image:
    return Image.fromarray(np.clip(canvas + 0.5, 0, 255).astype(np.uint8))


def _phrase(item: IconObject) -> str:
    return f"{item.color} {item.name}"


def _spec(objects: Sequence[IconObject], *relations: Relation) -> SceneSpec:
    wanted = tuple(SceneObject(name=item.name, attributes=(item.color,)) for item in objects)
    return SceneSpec(objects=wanted, relations=relations)


def _case(
    number: int,
    flaw: str,
    said: str,
    spec: SceneSpec,
    wrong: Sequence[IconObject],
    right: Sequence[IconObject],
    rng: np.random.Generator,
) -> FlawCase:
    background = str(rng.choice(list(BACKGROUNDS)))
    image, twin = (render(some, background, seed=number).image for some in (wrong, right))
    return FlawCase(number, flaw, said, spec, image, twin)
