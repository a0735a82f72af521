"""Any diffusers inpainting pipeline, by the name of its class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tools.backend.named_pipelines import NamedPipeline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL.Image import Image

    from tools.backend.protocol import Progress


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
