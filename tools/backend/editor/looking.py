"""What a detector sees in a filled place: whether the thing is still there, or something else came instead.

The detector looks at a crop around the place, where leftovers are large enough to be seen, and at all of the view,
where it sees what they look like in their surroundings; and at the same of the picture before: what was there already
and did not go is no fault of the fill.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tools.backend.editor.masks import Mask, Pixels
    from tools.backend.protocol import Detected
    from tools.scene.box import Box
    from tools.scene.layout import Detection
    from tools.scene.spec import Query

MARGIN = 0.4  # of the hole's longer side, shown around it
INSIDE = 0.35  # share of a detection that lies in a hole, from which it is something in the hole
LIKE = 0.7  # share of the view from which the crop is the view
SAME = 0.55  # IoU from which something was there before
THRESHOLD = 0.28  # lower than where objects are believed: a doubtful trace is enough to look for a better fill


class Detect(Protocol):
    """What is needed of a detector."""

    def __call__(self, image: Image.Image, queries: Sequence[Query], threshold: float | None = None) -> Detected:
        """Find every query."""
        ...


class Looked:
    """Looks into fills of one place; ``gone`` is the mask of what was taken away from ``before``."""

    def __init__(self, detect: Detect, queries: Sequence[Query], before: Pixels, gone: Mask) -> None:
        self.detect, self.queries, self.gone = detect, queries, gone
        rows, columns = np.flatnonzero(gone.any(axis=1)), np.flatnonzero(gone.any(axis=0))
        margin = int(MARGIN * max(len(rows), len(columns))) + 8
        near = (
            slice(max(rows[0] - margin, 0), min(rows[-1] + 1 + margin, gone.shape[0])),
            slice(max(columns[0] - margin, 0), min(columns[-1] + 1 + margin, gone.shape[1])),
        )
        whole = slice(0, gone.shape[0]), slice(0, gone.shape[1])
        self.windows = (near,) if gone[near].size > LIKE * gone.size else (near, whole)
        self.before = [
            [seen.box for seen in self._find(before, window) if _share(seen.box, gone[window]) < INSIDE]
            for window in self.windows
        ]

    def seen(self, pixels: Pixels, hole: Mask) -> list[str]:
        """Return what is seen in the hole of a picture and should not be, in words."""
        seen = dict.fromkeys(
            found.phrase
            for window, before in zip(self.windows, self.before, strict=True)
            for found in self._find(pixels, window)
            if _share(found.box, hole[window]) >= INSIDE and not any(found.box.iou(other) > SAME for other in before)
        )
        return list(seen)

    def _find(self, pixels: Pixels, window: tuple[slice, slice]) -> tuple[Detection, ...]:
        return self.detect(Image.fromarray(pixels[window]), self.queries, THRESHOLD).detections


def _share(box: Box, mask: Mask) -> float:
    x0, y0, x1, y1 = box.to_px((mask.shape[1], mask.shape[0]))
    return float(mask[y0:y1, x0:x1].mean())
