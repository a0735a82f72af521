"""Scenes as training samples and tensors, drawn on the fly; the same stream and step give the same batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image

from iconworld.renderer import SIDE, IconObject, Scene, draw_scene

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from tools.scene.box import Box

# Scenes are numbered. Training draws from far above the numbers that evaluation uses.
FIRST_TRAINING_SEED = 1 << 34
SIZES_WH = ((160, 96), (96, 160), (160, 128), (128, 160))  # besides the square
GONE, WHOLE = 0.45, 0.75  # visible share up to which an object is gone, and from which it counts


@dataclass(frozen=True)
class Labeled:
    """A picture to learn from: the objects that count in it, and where something counts neither way."""

    image: Image.Image
    objects: tuple[IconObject, ...]
    doubtful: tuple[Box, ...] = ()

    @classmethod
    def of(cls, scene: Scene) -> Labeled:
        """Return a scene as it is."""
        return cls(scene.image, scene.objects)

    @classmethod
    def after(cls, image: Image.Image, parts: Sequence[tuple[Scene, np.ndarray]]) -> Labeled:
        """Return what is left of scenes; each comes with where it can still be seen, bool ``[height, width]``."""
        objects, doubtful = [], []
        for scene, seen in parts:
            for index, item in enumerate(scene.objects):
                mask = scene.mask(index)
                visible = (mask & seen).sum() / max(1, mask.sum())
                if visible >= WHOLE:
                    objects.append(item)
                elif visible > GONE:
                    doubtful.append(item.box)
        return cls(image, tuple(objects), tuple(doubtful))


def training_scenes(
    stream: int, step: int, size: int, *, square: float = 1.0, counts: Sequence[float] | None = None
) -> list[Scene]:
    """Draw one batch of scenes, all of one picture size; ``square`` is the share of square batches."""
    first = FIRST_TRAINING_SEED + (stream << 40) + step * size
    rng = np.random.default_rng(first)
    size_wh = (SIDE, SIDE) if rng.random() < square else SIZES_WH[int(rng.integers(len(SIZES_WH)))]
    return [draw_scene(first + index, size_wh, counts) for index in range(size)]


def to_tensor(images: Sequence[Image.Image]) -> Tensor:
    """Stack pictures of one size as float32 ``[n, 3, height, width]`` in [-1, 1], channels last."""
    array = np.stack([np.asarray(image, np.float32) for image in images]) / 127.5 - 1
    return torch.from_numpy(array).permute(0, 3, 1, 2)


def to_images(tensor: Tensor) -> list[Image.Image]:
    """Turn ``[n, 3, height, width]`` in [-1, 1] into pictures."""
    array = ((tensor.float().clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    return [Image.fromarray(pixels) for pixels in array]


def contact_sheet(rows: Sequence[Sequence[Image.Image]], gap: int = 4) -> Image.Image:
    """Lay pictures out in rows on white."""
    width = max(sum(image.width + gap for image in row) for row in rows)
    height = sum(max(image.height for image in row) + gap for row in rows)
    sheet = Image.new("RGB", (width, height), "white")
    y = 0
    for row in rows:
        x = 0
        for image in row:
            sheet.paste(image, (x, y))
            x += image.width + gap
        y += max(image.height for image in row) + gap
    return sheet
