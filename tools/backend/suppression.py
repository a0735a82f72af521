"""Non-maximum suppression, in one place for every detector."""

from __future__ import annotations

import numpy as np


def not_suppressed(rows: np.ndarray, iou: float) -> np.ndarray:
    """Return which rows ``x0 y0 x1 y1 score [label]`` survive non-maximum suppression, class-aware with labels.

    Best score first (of equal ones the earlier row), each drops the others that share more than ``iou`` of their
    union with it.
    """
    order = np.argsort(-rows[:, 4], kind="stable")
    corners, labels = rows[order, :4], rows[order, 5:6]
    areas = (corners[:, 2:] - corners[:, :2]).prod(axis=1)
    kept = np.ones(len(rows), dtype=bool)
    for at, box in enumerate(corners):
        if not kept[at]:
            continue
        rest = slice(at + 1, None)
        sides = np.minimum(corners[rest, 2:], box[2:]) - np.maximum(corners[rest, :2], box[:2])
        shared = sides.clip(min=0).prod(axis=1)
        same = (labels[rest] == labels[at]).all(axis=1)
        kept[rest] &= ~(same & (shared > iou * (areas[at] + areas[rest] - shared)))
    survives = np.zeros(len(rows), dtype=bool)
    survives[order[kept]] = True
    return survives
