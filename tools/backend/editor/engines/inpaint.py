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
from tools.backend.editor.engine import check_drawn
from tools.backend.editor.layers import Layers
from tools.backend.editor.masks import box_mask, dilate
from tools.backend.meter import Meter
from tools.backend.pipelines import padded, until_usable

if TYPE_CHECKING:
    from configs.settings import InpaintSettings
    from tools.backend.editor.engine import Job, Painted, Segmenter
    from tools.backend.editor.masks import Mask, Pixels
    from tools.backend.editor.plan import NetEdit
    from tools.backend.inpainting import InpaintingPipeline
    from tools.backend.protocol import Capabilities
    from tools.scene.layout import Layout

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
        check_drawn(plan, size_wh)

    def paint(self, job: Job) -> Painted:
        """Do the job in passes over the whole view, each of which changes what is under its mask alone."""
        plan, settings = job.plan, self.settings
        with self.meter.phase("canvas"):
            layers, passes = Layers(job, grow=settings.grow, feather=settings.feather), 0
        if layers.gone.any():
            background = plan.target.background or settings.background
            names = dict.fromkeys(placed.name for placed in plan.erased)
            negative = ", ".join(filter(None, [settings.negative_prompt, *names]))
            layers.clear(
                self._inpaint(job, layers.pixels, layers.gone, background, negative, settings.erase_strength, passes)
            )
        for touched in plan.touched:
            placed, front = touched.placed, layers.in_front_of(touched.placed)
            if touched.source is not None and not touched.restyled:
                layers.keep(placed)
                continue
            passes += 1
            prompt = settings.object_prompt.format(phrase=placed.phrase)
            if touched.source is None:
                paint, strength = box_mask(placed.box, job.size_wh) & ~front, settings.add_strength
            else:
                paint, strength = dilate(layers.core(placed), 1) & ~front, settings.restyle_strength
            if not paint.any():
                continue  # behind everything
            made = self._inpaint(job, layers.pixels, paint, prompt, settings.negative_prompt, strength, passes)
            layers.draw(placed, made, paint, self.segmenter if touched.source is None else None)
        return layers.painted()

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

        self.pipeline.evaluations()  # of an earlier call that failed
        with self.meter.phase("inpaint"):
            (made,), warnings = until_usable(make, [job.seed + PASS_SEED * number], self.pipeline.name)
        self.meter.spend(model_evaluations=self.pipeline.evaluations())
        for warning in warnings:
            self.meter.warn(warning)
        return np.asarray(made.crop((0, 0, width, height)))
