"""Photographs with a planted object and a known truth: a real cut-out pasted into another real photograph.

Cut-outs and grounds come from photographs with free licences that ship inside Python packages (scikit-image,
scikit-learn, matplotlib); their masks are made by the preset's segmenter. What lies behind the object is known to
the pixel. Knows no detector and no editor.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import Image, ImageOps
from scipy import ndimage

from tools.backend.editor.matting import cut_out
from tools.scene.box import Box

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tools.backend.protocol import Backend

SIDE = 640  # longer side of a scene
HEIGHTS = (0.3, 0.55)  # of the scene, that an object is high


@dataclass(frozen=True)
class Model:
    """An object in a photograph: its kind, where it is, and at which edge the photograph cuts it off."""

    photo: str
    kind: str
    box: Box
    cut: Literal["", "bottom", "corner"] = ""


MODELS = (
    Model("coffee", "cup", Box(0.29, 0.06, 0.43, 0.75)),
    Model("astronaut", "person", Box(0.04, 0.01, 0.69, 0.98), "bottom"),
    Model("grace_hopper", "person", Box(0.01, 0.04, 0.98, 0.96), "bottom"),
    Model("chelsea", "cat", Box(0.0, 0.01, 0.93, 0.99), "corner"),
)
GROUNDS = ("china", "flower", "rocket", "brick", "grass", "gravel")


@dataclass(frozen=True)
class PlantedScene:
    """A picture, the same without the object, the object's kind, box and mask, bool ``[height, width]``, its ground."""

    image: Image.Image
    truth: Image.Image
    kind: str
    box: Box
    mask: np.ndarray
    ground: str


def photograph(name: str) -> Image.Image:
    """Return a photograph by its name in its package.

    Raises:
        ModuleNotFoundError: the package is not installed; the extra ``eval`` has it.
    """
    if name == "grace_hopper":
        folder = Path(str(import_module("matplotlib").get_data_path())) / "sample_data"
        with Image.open(folder / "grace_hopper.jpg") as picture:
            return picture.convert("RGB")
    if name in ("china", "flower"):
        return Image.fromarray(import_module("sklearn.datasets").load_sample_image(f"{name}.jpg"))
    return Image.fromarray(getattr(import_module("skimage.data"), name)()).convert("RGB")


def planted_scenes(backend: Backend, seed: int, number: int) -> list[PlantedScene]:
    """Make scenes by seed; each takes the next model and the next ground, in another size and place."""
    masks = {model: _whole(backend.segment(photograph(model.photo), [model.box]).masks[0]) for model in MODELS}
    return [
        _scene(
            MODELS[place % len(MODELS)], masks, GROUNDS[(place // len(MODELS)) % len(GROUNDS)], seed * 10_000 + place
        )
        for place in range(number)
    ]


def _scene(model: Model, masks: dict[Model, np.ndarray], ground: str, number: int) -> PlantedScene:
    rng = np.random.default_rng(number)
    behind = photograph(ground)
    if rng.random() < 0.5:
        behind = ImageOps.mirror(behind)
    scale = SIDE / max(behind.size)
    behind = behind.resize((round(behind.width * scale), round(behind.height * scale)), Image.Resampling.LANCZOS)
    cut = cut_out(np.asarray(photograph(model.photo)), masks[model])
    layer = Image.fromarray(np.dstack([cut.colours, cut.alpha * 255]).round().astype(np.uint8), "RGBA")
    mirrored = bool(rng.random() < 0.5)
    layer = ImageOps.mirror(layer) if mirrored else layer
    height = rng.uniform(*HEIGHTS) * behind.height
    factor = height / layer.height
    layer = layer.resize((max(1, round(layer.width * factor)), round(height)), Image.Resampling.LANCZOS)
    x = int(rng.integers(0, max(behind.width - layer.width, 0) + 1))
    y = int(rng.integers(0, behind.height - layer.height + 1))
    if model.cut:  # where a photograph cuts its object off, the scene does too
        y = behind.height - layer.height
    if model.cut == "corner":
        x = behind.width - layer.width if mirrored else 0
    image = behind.copy()
    image.paste(layer, (x, y), layer)
    mask = np.zeros(behind.size[::-1], dtype=bool)
    mask[y : y + layer.height, x : x + layer.width] = np.asarray(layer)[..., 3] > 127
    return PlantedScene(image, behind, model.kind, _extent(mask), mask, ground)


def _whole(mask: np.ndarray) -> np.ndarray:
    """Return the largest piece of a mask without holes: stars of a flag behind someone are no part of them."""
    labels, number = ndimage.label(ndimage.binary_opening(mask, iterations=2))
    if not number:
        return mask
    largest = labels == 1 + int(np.argmax(ndimage.sum(mask, labels, range(1, number + 1))))
    return np.asarray(ndimage.binary_fill_holes(ndimage.binary_dilation(largest, iterations=2) & mask))


def _extent(mask: np.ndarray) -> Box:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return Box.from_px(columns[0], rows[0], columns[-1] + 1, rows[-1] + 1, (mask.shape[1], mask.shape[0]))


def side_by_side(images: Sequence[Image.Image]) -> Image.Image:
    """Return pictures of one height in a row."""
    sheet = Image.new("RGB", (sum(image.width for image in images), max(image.height for image in images)), "white")
    x = 0
    for image in images:
        sheet.paste(image, (x, 0))
        x += image.width
    return sheet
