"""A picture while it is painted, object by object: what has been laid on it, what may change, what is seen of what.

For engines whose models paint pixels. Pixels in, pixels out; knows nothing of models.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from tools.backend.editor.engine import Painted
from tools.backend.editor.masks import dilate, laid, soft_edge, trusted, union
from tools.backend.protocol import Cost

if TYPE_CHECKING:
    from tools.backend.editor.engine import Job, Segmenter
    from tools.backend.editor.masks import Mask, Pixels
    from tools.scene.layout import PlacedObject


class Layers:
    """Begins with the canvas: what goes is painted over, what moves is set down.

    pixels: uint8 ``[height, width, 3]``, as far as they are done; gone: the places of what goes, grown, without what
    stays; region: bool, what may change.
    """

    def __init__(self, job: Job, *, grow: int, feather: int) -> None:
        plan, self.canvas, self.feather = job.plan, job.canvas, feather
        self.pixels: Pixels = self.canvas.pixels
        self.nothing = np.zeros(job.pixels.shape[:2], dtype=bool)
        self.order = {object_id: place for place, object_id in enumerate(plan.target.ids)}
        self.shown = {placed.id: job.masks[placed.id] for placed in plan.untouched if placed.id in job.masks}
        leaving = {placed.id for placed in plan.erased}
        staying = union(self.nothing, [mask for key, mask in job.masks.items() if key not in leaving])
        staying = union(staying, self.canvas.cores.values())
        self.gone = dilate(self.canvas.erased, grow) & ~staying
        self.region = union(self.canvas.erased | self.gone, [alpha > 0 for alpha in self.canvas.alphas.values()])
        self.cost = Cost()  # of looking at what was made
        self._own: dict[str, Mask] = {}

    def in_front_of(self, placed: PlacedObject) -> Mask:
        """Return what is seen before an object."""
        known = self.shown | self.canvas.cores
        return union(self.nothing, [mask for key, mask in known.items() if self.order[key] > self.order[placed.id]])

    def core(self, placed: PlacedObject) -> Mask:
        """Return the pixels of an object that was there already, where it stands now."""
        return self.canvas.cores.get(placed.id, self.nothing)

    def clear(self, made: Pixels) -> None:
        """Lay what was made in the places of what goes; of what holds the place nothing shines through."""
        rim = soft_edge(self.gone, self.feather)
        self.pixels = laid(self.pixels, made, np.maximum(rim, self.gone & self.canvas.erased))

    def keep(self, placed: PlacedObject) -> None:
        """Leave a moved object as it was set down."""
        front = self.in_front_of(placed)
        self._own[placed.id] = (self.canvas.alphas[placed.id] > 0) & ~front
        self._show(placed, self.core(placed) & ~front)

    def draw(self, placed: PlacedObject, made: Pixels, paint: Mask, segmenter: Segmenter | None = None) -> None:
        """Lay what was made of an object over the picture.

        A new one is looked for with ``segmenter``, so that what is behind it stays, but for its rim.
        """
        seen = self.core(placed) & paint
        if segmenter is not None:
            found = segmenter.segment(Image.fromarray(laid(self.pixels, made, soft_edge(paint, 0))), [placed.box])
            self.cost += found.cost
            seen = trusted(found.masks[0], placed.box) & paint
            behind = [mask for key, mask in self.shown.items() if self.order[key] < self.order[placed.id]]
            paint = paint & (~union(self.nothing, behind) | dilate(seen, self.feather))
        self.pixels = laid(self.pixels, made, np.maximum(soft_edge(paint, self.feather), seen))
        self.region = self.region | paint
        self._own = {key: mask & ~paint for key, mask in self._own.items()}
        self._show(placed, seen)

    def painted(self, warnings: tuple[str, ...] = ()) -> Painted:
        """Return what has become of the picture."""
        weights = self.region.astype(np.float32)
        return Painted(self.pixels, weights, self.region, self._own, self.shown, warnings=warnings, cost=self.cost)

    def _show(self, placed: PlacedObject, seen: Mask) -> None:
        mine = self.order[placed.id]
        self.shown = {key: mask & ~seen if self.order[key] < mine else mask for key, mask in self.shown.items()}
        self.shown[placed.id] = seen
