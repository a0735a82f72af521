"""Pictures as the models take them that squeeze them to a square: done here, as the libraries' own need torchvision."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import torch

from tools.backend import checkpoints

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from PIL.Image import Image

IMAGENET = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
HALVES = ([0.5, 0.5, 0.5], [0.5, 0.5, 0.5])


def squeezed(image: Image, side: int, mean: Sequence[float], std: Sequence[float]) -> torch.Tensor:
    """Return an RGB picture as float32 ``[1, 3, side, side]``, normalized by channel."""
    values = np.asarray(image.resize((side, side)), dtype=np.float32) / 255
    values = (values - np.asarray(mean, np.float32)) / np.asarray(std, np.float32)
    return torch.from_numpy(values).permute(2, 0, 1)[None]


def normalization(folder: Path) -> tuple[list[float], list[float]] | None:
    """Return mean and standard deviation of pictures, where a checkpoint says them."""
    for name in ("preprocessor_config.json", "processor_config.json"):
        try:
            said = json.loads((folder / name).read_text(encoding="utf-8"))
            said = said.get("image_processor", said)
            return [float(value) for value in said["image_mean"]], [float(value) for value in said["image_std"]]
        except FileNotFoundError:
            continue
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            raise checkpoints.unreadable(folder, error) from error
    return None
