"""The perceptual colour space OKLab (Björn Ottosson, 2020), there and back.

Lightness in [0, 1]; ``a`` and ``b`` are about -0.3 to 0.3. Equal distances look about equally large, and changing
one coordinate leaves the others' look alone: that is why colours are judged and changed here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

_TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ],
    dtype=np.float32,
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ],
    dtype=np.float32,
)
_FROM_LAB, _FROM_CONES = np.linalg.inv(_TO_LAB), np.linalg.inv(_TO_CONES)
_LINEAR = np.array(
    [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in np.arange(256) / 255],
    dtype=np.float32,
)


def to_oklab(pixels: NDArray[np.uint8]) -> Floats:
    """Turn sRGB pixels, uint8 ``[..., 3]``, into OKLab."""
    cones = _LINEAR[pixels] @ _TO_CONES.T
    return np.asarray(np.cbrt(cones) @ _TO_LAB.T, dtype=np.float32)


def from_oklab(lab: Floats) -> Floats:
    """Turn OKLab into sRGB values in [0, 255], float32, what lies outside clipped."""
    linear = np.clip((lab @ _FROM_LAB.T.astype(np.float32)) ** 3 @ _FROM_CONES.T.astype(np.float32), 0, 1)
    coded = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * np.maximum(linear, 1e-6) ** (1 / 2.4) - 0.055)
    return np.asarray(coded * 255, dtype=np.float32)


def to_oklch(pixels: NDArray[np.uint8]) -> Floats:
    """Turn sRGB pixels into lightness, chroma and hue in degrees, 0 to 360."""
    lab = to_oklab(pixels)
    hue = np.degrees(np.arctan2(lab[..., 2], lab[..., 1])) % 360
    return np.stack([lab[..., 0], np.hypot(lab[..., 1], lab[..., 2]), hue], axis=-1)
