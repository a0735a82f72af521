"""Any diffusers pipeline that edits a picture as a sentence tells it to, by the name of its class."""

from __future__ import annotations

import inspect
import math
from typing import TYPE_CHECKING

from tools.backend.named_pipelines import NamedPipeline
from tools.backend.protocol import BackendError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL.Image import Image

    from configs.settings import InstructSettings
    from tools.backend.protocol import Progress


class InstructingPipeline(NamedPipeline):
    """A pipeline that takes a picture and an instruction, and may take a mask as well."""

    purpose = "pipeline that follows instructions"
    example = "QwenImageEditPlusPipeline"
    needed = ("image", "prompt")

    @classmethod
    def _refuse(cls, kind: type) -> None:
        super()._refuse(kind)
        taken = inspect.signature(kind.__call__).parameters
        if "strength" in taken and "mask_image" not in taken:
            raise BackendError(
                f"editor.pipeline: {kind.__name__} is no {cls.purpose}, as it draws a picture over from its words; "
                f"name one such as {cls.example}"
            )

    @property
    def masked(self) -> bool:
        """Whether it is told where it may paint."""
        return "mask_image" in self.takes

    def follow(
        self,
        seeds: Sequence[int],
        progress: Progress | None,
        settings: InstructSettings,
        *,
        image: Image,
        mask: Image,
        instruction: str,
    ) -> list[Image]:
        """Return one RGB picture per seed, of the size of ``image``; ``mask`` is white where it may be painted."""
        return self.edited(
            seeds,
            progress,
            "instruct",
            max(settings.steps, math.ceil(1 / settings.strength)),  # a share of few steps would be none
            image,
            mask_image=mask,
            prompt=instruction,
            negative=settings.negative_prompt,
            guidance=settings.guidance,
            strength=settings.strength,
        )
