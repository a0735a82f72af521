"""The part of a picture that an engine works on: a crop around what changes, at the engine's own size.

Boxes, masks and colours go into the view and come back out of it. Knows nothing of models.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from tools.backend.editor.masks import resized
from tools.scene.box import Box, enclosing

if TYPE_CHECKING:
    from tools.backend.editor.masks import Floats, Mask, Pixels
    from tools.backend.editor.plan import NetEdit, Touched
    from tools.scene.layout import PlacedObject

SLACK = 1.25  # a picture up to this many times an engine's best side is worked on as it is
SHARE = 0.55  # of the view's side that the largest changed box fills: models learn objects with a surrounding
MARGIN = 0.75  # of the changed boxes' size that is kept around them where the view is not scaled
LEAST_MARGIN_PX = 96


@dataclass(frozen=True)
class View:
    """Pixels ``px_xyxy`` of a picture of ``picture_wh``, shown at ``size_wh``."""

    px_xyxy: tuple[int, int, int, int]
    size_wh: tuple[int, int]
    picture_wh: tuple[int, int]

    @property
    def crop_wh(self) -> tuple[int, int]:
        """Width and height of the crop in pixels of the picture."""
        x0, y0, x1, y1 = self.px_xyxy
        return x1 - x0, y1 - y0

    @property
    def scaled(self) -> bool:
        """Whether the engine sees other pixels than the picture's."""
        return self.size_wh != self.crop_wh

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns of the crop in the picture."""
        x0, y0, x1, y1 = self.px_xyxy
        return slice(y0, y1), slice(x0, x1)

    def take(self, image: Image.Image) -> Image.Image:
        """Return what the engine sees of a picture."""
        crop = image if self.crop_wh == image.size else image.crop(self.px_xyxy)
        return crop.resize(self.size_wh, Image.Resampling.LANCZOS) if self.scaled else crop

    def boxed(self, box: Box) -> Box:
        """Return a box of the picture as a box of the view; it may leave it."""
        if self.crop_wh == self.picture_wh:
            return box
        x0, y0, _, _ = self.px_xyxy
        (width, height), (across, down) = self.picture_wh, self.crop_wh
        return Box(
            (box.x * width - x0) / across, (box.y * height - y0) / down, box.w * width / across, box.h * height / down
        )

    def plan(self, plan: NetEdit) -> NetEdit:
        """Return a plan with its boxes in the view; untouched objects outside it are left out."""
        if self.crop_wh == self.picture_wh:
            return plan

        def here(placed: PlacedObject) -> PlacedObject:
            return placed.model_copy(update={"box": self.boxed(placed.box).clipped()})

        def touched(change: Touched) -> Touched:
            copied = change.copied
            if copied is not None and not copied.picture:
                copied = replace(copied, box=self.boxed(copied.box))
            return replace(
                change, placed=here(change.placed), source=change.source and here(change.source), copied=copied
            )

        untouched = tuple(shown for placed in plan.untouched if (shown := here(placed)).box.area > 0)
        kept = {placed.id for placed in untouched} | {change.placed.id for change in plan.touched}
        objects = tuple(here(placed) for placed in plan.target.objects if placed.id in kept)
        target = plan.target.model_copy(update={"objects": objects})
        return replace(
            plan,
            target=target,
            touched=tuple(touched(change) for change in plan.touched),
            untouched=untouched,
            erased=tuple(here(placed) for placed in plan.erased),
        )

    def mask_back(self, mask: Mask) -> Mask:
        """Return a mask of the view in pixels of the crop."""
        if not self.scaled:
            return mask
        return resized(mask, self.crop_wh)

    def weights_back(self, weights: Floats) -> Floats:
        """Return weights of the view in pixels of the crop."""
        if not self.scaled:
            return weights
        return np.asarray(Image.fromarray(weights).resize(self.crop_wh, Image.Resampling.BILINEAR))

    def pixels_back(self, pixels: Pixels) -> Pixels:
        """Return colours of the view in pixels of the crop."""
        if not self.scaled:
            return pixels
        return np.asarray(Image.fromarray(pixels).resize(self.crop_wh, Image.Resampling.BICUBIC))


def choose_view(plan: NetEdit, picture_wh: tuple[int, int], best_side: int | None) -> View:
    """Return the part of a picture that an engine shall see to do a plan.

    ``best_side``: in pixels; None for an engine that works at any size, which sees a crop with a margin, unscaled.
    """
    width, height = picture_wh
    whole = View((0, 0, width, height), picture_wh, picture_wh)
    boxes = [placed.box for placed in plan.erased]
    boxes += [
        box for touched in plan.touched for box in (touched.placed.box, touched.source and touched.source.box) if box
    ]
    if not boxes or (best_side is not None and max(picture_wh) <= SLACK * best_side):
        return whole
    if best_side is None:  # an engine that draws nothing anew copies, and has to see what
        copies = (touched.copied for touched in plan.touched if touched.source is None and touched.copied is not None)
        boxes += [copied.box for copied in copies if not copied.picture]
    around = enclosing(boxes)
    sides = around.w * width, around.h * height
    if best_side is None:
        wanted = tuple(side + 2 * max(MARGIN * max(sides), LEAST_MARGIN_PX) for side in sides)
        x0, y0, x1, y1 = _place(around, (wanted[0], wanted[1]), picture_wh)
        return View((x0, y0, x1, y1), (x1 - x0, y1 - y0), picture_wh)
    largest = max(max(box.w * width, box.h * height) for box in boxes) / SHARE
    wanted = tuple(max(largest, side / 0.85, best_side) for side in sides)
    side = max(wanted) if max(wanted) <= min(picture_wh) else 0
    x0, y0, x1, y1 = _place(around, (side or wanted[0], side or wanted[1]), picture_wh)
    across, down = x1 - x0, y1 - y0
    # as many pixels as the square the model learnt, as long as the longer side stays within the slack
    scale = min(best_side / (across * down) ** 0.5, SLACK * best_side / max(across, down), 1.0)
    return View((x0, y0, x1, y1), (max(1, round(across * scale)), max(1, round(down * scale))), picture_wh)


def _place(around: Box, wanted_wh: tuple[float, float], picture_wh: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return pixel corners of a crop of about ``wanted_wh`` around a box, moved into the picture."""
    corners = []
    for center, wanted, side in zip(around.center, wanted_wh, picture_wh, strict=True):
        length = min(int(np.ceil(wanted)), side)
        start = min(max(int(np.floor(center * side - length / 2)), 0), side - length)
        corners.append((start, start + length))
    (x0, x1), (y0, y1) = corners
    return x0, y0, x1, y1
