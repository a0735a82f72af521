"""Non-maximum suppression, in one place for every detector."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def not_suppressed(rows: np.ndarray, iou: float) -> np.ndarray:
    """Return which rows ``x0 y0 x1 y1 score [label]`` survive non-maximum suppression, class-aware with labels."""
    with warnings.catch_warnings():  # it says on import that OpenCV is not there, which is not used here
        warnings.simplefilter("ignore", UserWarning)
        from supervision.detection.utils.iou_and_nms import box_non_max_suppression
    kept: np.ndarray = box_non_max_suppression(rows, iou_threshold=iou)
    return kept
