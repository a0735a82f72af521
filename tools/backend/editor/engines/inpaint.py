"""The engine on any diffusers inpainting pipeline: one masked pass for each group of operations.

Old places become background, then every object of the target is seen to, back to front: `InpaintEngine.paint` reads
in that order. What moves is cut out and set down, and never drawn anew.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from tools.backend.editor import capabilities
from tools.backend.editor.engine import Painted
from tools.backend.editor.masks import box_mask, dilate, soft_edge, trusted
from tools.backend.meter import Meter
from tools.backend.pipelines import padded, until_usable
from tools.backend.protocol import BackendError, Cost

if TYPE_CHECKING:
    from collections.abc import Iterable

    from configs.settings import InpaintSettings
    from tools.backend.editor.engine import Job, Segmenter
    from tools.backend.editor.masks import Mask, Pixels
    from tools.backend.editor.plan import NetEdit
    from tools.backend.inpainting import InpaintingPipeline
    from tools.backend.protocol import Capabilities
    from tools.scene.layout import Layout, PlacedObject

LEAST_PX = 8  # one latent cell: a side under that is not drawn
PASS_SEED = 104_729  # between the seeds of two passes of one edit


class InpaintEngine:
    """Inpaints old places with background, new objects in their boxes, and new looks under their masks."""

    def __init__(self, pipeline: InpaintingPipeline, segmenter: Segmenter, settings: InpaintSettings) -> None:
        self.pipeline, self.segmenter, self.settings = pipeline, segmenter, settings
        self.meter = Meter(pipeline.device)

    @property
    def capabilities(self) -> Capabilities:
        """Anything that can be said, best at the size the checkpoint was trained at."""
        return capabilities.inpaint(self.settings)

    def check(self, plan: NetEdit, size_wh: tuple[int, int], scene: Layout) -> None:
        """Refuse new objects under one latent cell, and copies of what is not an object of the scene."""
        for placed in plan.made:
            if min(placed.box.w * size_wh[0], placed.box.h * size_wh[1]) < LEAST_PX:
                raise BackendError(
                    f"the box of {placed.id!r} is smaller than {LEAST_PX} pixels, the least that the model draws; "
                    "give a larger one"
                )
        for touched in plan.touched:
            if touched.source is None and touched.copied is not None and touched.copied.wanted:
                raise BackendError(
                    f"this preset draws new objects and copies only what is in the scene: give {touched.placed.id!r} "
                    "without a source, or take --preset photo"
                )

    def paint(self, job: Job) -> Painted:
        """Do the job in passes over the whole view, each of which changes what is under its mask alone."""
        plan, settings, size_wh = job.plan, self.settings, job.size_wh
        with self.meter.phase("canvas"):
            canvas = job.canvas
        pixels, cost, passes = canvas.pixels, Cost(), 0
        order = {object_id: place for place, object_id in enumerate(plan.target.ids)}
        shown = {placed.id: job.masks[placed.id] for placed in plan.untouched if placed.id in job.masks}
        leaving = {placed.id for placed in plan.erased}
        nothing = np.zeros(job.pixels.shape[:2], dtype=bool)
        staying = _union(nothing, [mask for key, mask in job.masks.items() if key not in leaving])
        staying = _union(staying, canvas.cores.values())
        gone = dilate(canvas.erased, settings.grow) & ~staying
        region = _union(canvas.erased | gone, [alpha > 0 for alpha in canvas.alphas.values()])
        if gone.any():
            background = plan.target.background or settings.background
            names = dict.fromkeys(placed.name for placed in plan.erased)
            negative = ", ".join(filter(None, [settings.negative_prompt, *names]))
            made = self._inpaint(job, pixels, gone, background, negative, settings.erase_strength, passes)
            # what was made up is not blended with; the rim around it is
            pixels = _laid(pixels, made, np.maximum(soft_edge(gone, settings.feather), gone & canvas.erased))
        own = {}
        for touched in plan.touched:
            placed = touched.placed
            in_front = [mask for key, mask in (shown | canvas.cores).items() if order[key] > order[placed.id]]
            front = _union(nothing, in_front)
            if touched.source is not None and not touched.restyled:
                seen = canvas.cores[placed.id] & ~front
                own[placed.id] = (canvas.alphas[placed.id] > 0) & ~front
            else:
                passes += 1
                prompt = settings.object_prompt.format(phrase=placed.phrase)
                if touched.source is None:
                    paint, strength = box_mask(placed.box, size_wh) & ~front, settings.add_strength
                else:
                    paint, strength = dilate(canvas.cores[placed.id], 1) & ~front, settings.restyle_strength
                if not paint.any():
                    continue  # behind everything
                made = self._inpaint(job, pixels, paint, prompt, settings.negative_prompt, strength, passes)
                seen = canvas.cores.get(placed.id, nothing) & paint
                if touched.source is None:
                    found = self._found(_laid(pixels, made, soft_edge(paint, 0)), placed)
                    cost += found[1]
                    seen = found[0] & paint
                    behind = _union(nothing, [mask for key, mask in shown.items() if order[key] < order[placed.id]])
                    paint &= ~behind | dilate(seen, settings.feather)  # what is behind it stays, but for its rim
                pixels = _laid(pixels, made, np.maximum(soft_edge(paint, settings.feather), seen))
                region = region | paint
                own = {key: mask & ~paint for key, mask in own.items()}
            shown = {key: mask & ~seen if order[key] < order[placed.id] else mask for key, mask in shown.items()}
            shown[placed.id] = seen
        return Painted(pixels, region.astype(np.float32), region, own, shown, cost=cost)

    def _found(self, pixels: Pixels, placed: PlacedObject) -> tuple[Mask, Cost]:
        found = self.segmenter.segment(Image.fromarray(pixels), [placed.box])
        return trusted(found.masks[0], placed.box), found.cost

    def _inpaint(
        self, job: Job, pixels: Pixels, mask: Mask, prompt: str, negative: str, strength: float, number: int
    ) -> Pixels:
        """Return the view with the mask inpainted, uint8 ``[height, width, 3]``; other pixels may differ as well."""
        settings, (width, height) = self.settings, job.size_wh
        image = padded(Image.fromarray(pixels))
        whole = np.zeros((image.height, image.width), dtype=np.uint8)
        whole[:height, :width] = mask * np.uint8(255)
        steps = max(settings.steps, math.ceil(1 / strength))  # a share of few steps would be none

        def make(seeds: list[int]) -> list[Image.Image]:
            self.meter.spend(encoder_passes=len(seeds), decoder_passes=len(seeds))
            return self.pipeline.inpaint(
                seeds,
                job.progress,
                steps,
                image=image,
                mask=Image.fromarray(whole),
                prompt=prompt,
                negative=negative,
                guidance=settings.guidance,
                strength=strength,
            )

        with self.meter.phase("inpaint"):
            (made,), warnings = until_usable(make, [job.seed + PASS_SEED * number], self.pipeline.name)
        self.meter.spend(model_evaluations=self.pipeline.evaluations())
        for warning in warnings:
            self.meter.warn(warning)
        return np.asarray(made.crop((0, 0, width, height)))


def _laid(pixels: Pixels, made: Pixels, weights: object) -> Pixels:
    share = np.asarray(weights, dtype=np.float32)[..., None]
    return np.asarray(np.clip(pixels + share * (made.astype(np.float32) - pixels) + 0.5, 0, 255), dtype=np.uint8)


def _union(start: Mask, masks: Iterable[Mask]) -> Mask:
    result = start.copy()
    for mask in masks:
        result |= mask
    return result
