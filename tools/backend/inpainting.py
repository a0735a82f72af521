"""Any diffusers inpainting pipeline, by the name of its class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image as Pictures

from tools.backend.inpainter import around, filled
from tools.backend.named_pipelines import NamedPipeline
from tools.backend.pipelines import padded, until_usable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from PIL.Image import Image

    from configs.settings import PipelineInpainterSettings
    from tools.backend.protocol import Progress

    Held = Callable[[Callable[[], np.ndarray]], np.ndarray]
FILL_SIDE = 512  # pixels, where the settings name no side that the model was trained at


class InpaintingPipeline(NamedPipeline):
    """A pipeline that takes a picture, a mask and a prompt."""

    purpose = "inpainting pipeline"
    example = "StableDiffusionXLInpaintPipeline"
    needed = ("mask_image", "image", "prompt")

    @classmethod
    def chosen(cls, diffusers: Any) -> Any:
        """Return the class of diffusers that chooses one for a checkpoint."""
        return diffusers.AutoPipelineForInpainting

    def inpaint(
        self,
        seeds: Sequence[int],
        progress: Progress | None,
        steps: int,
        *,
        image: Image,
        mask: Image,
        prompt: str,
        negative: str,
        guidance: float,
        strength: float,
    ) -> list[Image]:
        """Return one RGB picture per seed, of the size of ``image``; ``mask`` is white where it is painted."""
        return self.edited(
            seeds,
            progress,
            "inpaint",
            steps,
            image,
            mask_image=mask,
            prompt=prompt,
            negative=negative,
            guidance=guidance,
            strength=strength,
        )


class FillingPipeline(InpaintingPipeline):
    """The same, where settings name it as what fills holes."""

    section = "inpainter"


class PipelineInpainter:
    """Fills holes with any inpainting pipeline: an `tools.backend.inpainter.Inpainter`."""

    def __init__(self, pipeline: InpaintingPipeline, settings: PipelineInpainterSettings) -> None:
        self.pipeline, self.settings = pipeline, settings
        self.side = settings.side or FILL_SIDE
        self.held: Held = lambda call: call()
        """Runs a call with the models on their device; another owner may have to leave it."""

    @property
    def components(self) -> list[Any]:
        """The models in it."""
        return self.pipeline.components

    def evaluations(self) -> int:
        """Return how many samples the denoiser was given since this was last asked."""
        return self.pipeline.evaluations()

    def fill(self, images: Sequence[Image], holes: Sequence[np.ndarray]) -> list[Image]:
        """Return each picture with its hole filled; see the protocol."""
        return [
            filled(image, hole, lambda pixels, hole: self.held(lambda: self._answer(pixels, hole)))
            for image, hole in zip(images, holes, strict=True)
        ]

    def _answer(self, pixels: np.ndarray, hole: np.ndarray) -> np.ndarray:
        """Return the pixels with a square around the hole painted anew, at the model's own size where it is larger."""
        settings, (x0, y0, x1, y1) = self.settings, around(hole, self.side)
        crop, inside = Pictures.fromarray(pixels[y0:y1, x0:x1]), Pictures.fromarray(hole[y0:y1, x0:x1])
        scale = min(1.0, self.side / max(crop.size))
        size = (max(1, round(crop.width * scale)), max(1, round(crop.height * scale)))
        if scale < 1:
            crop = crop.resize(size, Pictures.Resampling.LANCZOS)
            share = np.asarray(inside.convert("F").resize(size, Pictures.Resampling.BOX))
            inside = Pictures.fromarray(share > 0)  # a half-covered pixel would show what was there
        image = padded(crop)
        mask = Pictures.new("L", image.size)
        mask.paste(inside.convert("L"))

        def make(seeds: list[int]) -> list[Image]:
            return self.pipeline.inpaint(
                seeds,
                None,
                settings.steps,
                image=image,
                mask=mask,
                prompt=settings.prompt,
                negative=settings.negative_prompt,
                guidance=settings.guidance,
                strength=settings.strength,
            )

        (made,), _ = until_usable(make, [0], self.pipeline.name)
        result = pixels.copy()
        small = made.crop((0, 0, *size))
        result[y0:y1, x0:x1] = np.asarray(small.resize((x1 - x0, y1 - y0), Pictures.Resampling.LANCZOS))
        return result
