"""A last polish: any image-to-image checkpoint, as SLD's SDXL refiner (arXiv 2311.16090, section A)."""

from __future__ import annotations

import inspect
import math
import time
from typing import TYPE_CHECKING, Any

from PIL.Image import Resampling

from tools.backend import checkpoints
from tools.backend.pipelines import Pipeline, padded, until_usable
from tools.backend.protocol import Cost, Generated

if TYPE_CHECKING:
    from PIL.Image import Image

    from configs.settings import RefinerSettings
    from tools.backend.protocol import Progress


class Refiner:
    """An image-to-image pipeline with the strength and steps of its preset."""

    def __init__(self, pipeline: Pipeline, settings: RefinerSettings) -> None:
        self.pipeline, self.settings = pipeline, settings
        takes = inspect.signature(type(pipeline.pipe).__call__).parameters
        self.scored = settings.aesthetic_score is not None and "aesthetic_score" in takes

    @classmethod
    def from_settings(cls, settings: RefinerSettings) -> Refiner:
        """Load the checkpoint."""
        with checkpoints.quiet():  # slow to import, and needed by few presets
            from diffusers import AutoPipelineForImage2Image

        return cls(Pipeline.load(AutoPipelineForImage2Image, settings), settings)

    @property
    def components(self) -> list[Any]:
        """The models in it."""
        return self.pipeline.components

    def refine(self, image: Image, prompt: str, seed: int, progress: Progress | None) -> Generated:
        """Return the picture, polished; enlarged, where the settings name a side and it is smaller."""
        start, settings = time.perf_counter(), self.settings
        image = image.convert("RGB")
        scale = (settings.side or 0) / max(image.size)
        if scale > 1:
            image = image.resize((round(image.width * scale), round(image.height * scale)), Resampling.LANCZOS)
        scores = {"aesthetic_score": settings.aesthetic_score} if self.scored else {}
        canvas, runs = padded(image), 0
        steps = max(settings.steps, math.ceil(1 / settings.strength))  # a share of few steps would be none

        def make(seeds: list[int]) -> list[Image]:
            nonlocal runs
            runs += len(seeds)
            made = self.pipeline(
                seeds, progress, "refine", steps, prompt=prompt, image=canvas, strength=settings.strength, **scores
            )
            return [picture.crop((0, 0, *image.size)) for picture in made]

        images, warnings = until_usable(make, [seed], self.pipeline.name)
        cost = Cost(
            model_evaluations=2 * runs * int(steps * settings.strength),
            encoder_passes=runs,
            decoder_passes=runs,
            seconds={"refine": time.perf_counter() - start},
        )
        return Generated(tuple(images), warnings, cost)
