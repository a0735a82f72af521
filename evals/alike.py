"""How alike a filled place and the truth are: to the pixel, by what a trained network sees, and by their gradients.

PSNR asks for the very same pixels, which nobody can know behind an object on gravel: a piece of the same ground, one
step aside, is right to an eye and scores less than a smear of the mean colour (half the squared error, 3 dB). So two
measures stand beside it that a smear does not win: the distance of the segmenter's image features, as in LPIPS (Zhang
et al. 2018, cosine, without its learned weights), and the distance of the two distributions of gradients (Wasserstein).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from scipy.stats import wasserstein_distance

if TYPE_CHECKING:
    from collections.abc import Callable

    Embed = Callable[[Image.Image], np.ndarray]
    """Returns features, float32 ``[channels, side, side]``, of a picture in the upper left of the square."""


def psnr(image: np.ndarray, truth: np.ndarray, region: np.ndarray) -> float:
    """Return the peak signal to noise ratio in dB inside a region, bool ``[height, width]``."""
    difference = image[region].astype(np.float64) - truth[region].astype(np.float64)
    return float(10 * np.log10(255**2 / max(float((difference**2).mean()), 1e-3)))


def gradient_distance(image: np.ndarray, truth: np.ndarray, region: np.ndarray) -> float:
    """Return how far the strengths of gradients inside a region are from the truth's, in grey values a pixel."""
    return float(wasserstein_distance(_gradients(image)[region], _gradients(truth)[region]))


def feature_distance(first: np.ndarray, second: np.ndarray, region: np.ndarray) -> float:
    """Return the mean cosine distance of two pictures' features in the cells of a region, in [0, 2], or NaN."""
    side = first.shape[-1]
    scale = side / max(region.shape)
    size = max(1, round(region.shape[1] * scale)), max(1, round(region.shape[0] * scale))
    cells = np.asarray(Image.fromarray(region.astype(np.float32)).resize(size, Image.Resampling.BOX)) > 0.5
    a, b = (features[:, : cells.shape[0], : cells.shape[1]][:, cells] for features in (first, second))
    if not a.size:
        return float("nan")
    cosine = (a * b).sum(axis=0) / (np.linalg.norm(a, axis=0) * np.linalg.norm(b, axis=0) + 1e-9)
    return float(1 - cosine.mean())


def shifted_psnr(truth: np.ndarray, region: np.ndarray) -> float:
    """Return the PSNR of the truth itself, moved aside by a seventh of its sides: what right texture can reach."""
    height, width = region.shape
    return psnr(np.roll(truth, (height // 7, width // 7), axis=(0, 1)), truth, region)


def _gradients(image: np.ndarray) -> np.ndarray:
    down, across = np.gradient(image.astype(np.float32).mean(axis=-1))
    return np.asarray(np.hypot(down, across))
