"""Any diffusers inpainting pipeline, by the name of its class: checked before it is loaded, counted while it runs."""

from __future__ import annotations

import inspect
import json
from typing import TYPE_CHECKING, Any

from tools.backend import checkpoints
from tools.backend.pipelines import Pipeline
from tools.backend.protocol import BackendError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import torch
    from PIL.Image import Image

    from configs.settings import InpaintSettings
    from tools.backend.protocol import Progress

NEEDED = ("prompt", "image", "mask_image", "num_images_per_prompt", "num_inference_steps", "generator")
UNUSED = {"safety_checker", "feature_extractor", "image_encoder"}  # may lie in a checkpoint of a class without them
DENOISERS = ("unet", "transformer")


class InpaintingPipeline(Pipeline):
    """A pipeline that takes a picture, a mask and a prompt."""

    def __init__(self, pipe: Any, device: torch.device, name: str) -> None:
        super().__init__(pipe, device, name)
        self.takes = frozenset(inspect.signature(type(pipe).__call__).parameters)
        if missing := [argument for argument in (*NEEDED, "callback_on_step_end") if argument not in self.takes]:
            raise BackendError(
                f"{type(pipe).__name__} is no inpainting pipeline that can be used: it takes no {missing[0]!r}; "
                "set editor.pipeline to one such as StableDiffusionXLInpaintPipeline"
            )
        self._evaluated = 0
        for part in DENOISERS:
            if (denoiser := getattr(pipe, part, None)) is not None:
                denoiser.register_forward_pre_hook(self._count, with_kwargs=True)

    @classmethod
    def from_settings(cls, settings: InpaintSettings) -> InpaintingPipeline:
        """Load the checkpoint with the class that the settings name, or with the one that diffusers chooses for it.

        Raises:
            BackendError: no such class, or the checkpoint is unreadable or made for another one.
        """
        with checkpoints.quiet():  # slow to import, and needed by few presets
            import diffusers

        if settings.pipeline is None:
            kind = diffusers.AutoPipelineForInpainting
        else:
            kind = getattr(diffusers, settings.pipeline, None)
            if not (inspect.isclass(kind) and issubclass(kind, diffusers.DiffusionPipeline)):
                raise BackendError(
                    f"editor.pipeline: diffusers {diffusers.__version__} has no pipeline {settings.pipeline!r}; "
                    "name one such as StableDiffusionXLInpaintPipeline, or none to have it chosen"
                )
            if "mask_image" not in inspect.signature(kind.__call__).parameters:
                raise BackendError(
                    f"editor.pipeline: {settings.pipeline} is no inpainting pipeline, as it takes no mask; "
                    "name one such as StableDiffusionXLInpaintPipeline"
                )
            _refuse_other(checkpoints.resolve(settings), kind)
        loaded = cls.load(kind, settings)
        assert isinstance(loaded, InpaintingPipeline)
        return loaded

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
        """Return one RGB picture per seed, of the size of ``image``; ``mask`` is white where it is painted.

        Of negative prompt and strength the pipeline is given what it takes; guidance goes by either of its names.
        """
        scale = "true_cfg_scale" if "true_cfg_scale" in self.takes else "guidance_scale"
        wanted = {
            "prompt": prompt,
            "negative_prompt": negative,
            "image": image,
            "mask_image": mask,
            "width": image.width,
            "height": image.height,
            "strength": strength,
            scale: guidance,
        }
        taken = {name: value for name, value in wanted.items() if name in self.takes}
        return self(seeds, progress, "inpaint", steps, **taken)

    def evaluations(self) -> int:
        """Return how many samples the denoiser was given since this was last asked."""
        evaluated, self._evaluated = self._evaluated, 0
        return evaluated

    def _count(self, module: Any, given: tuple[Any, ...], named: dict[str, Any]) -> None:
        self._evaluated += len(next(iter((*given, *named.values()))))


def _refuse_other(folder: Path, kind: Any) -> None:
    """Refuse a checkpoint whose parts are not those of the pipeline: some classes would load it and fail later."""
    file = folder / "model_index.json"
    try:
        index = json.loads(file.read_text(encoding="utf-8"))
        listed = {name: part[1] for name, part in index.items() if isinstance(part, list)}
    except FileNotFoundError:
        raise BackendError(
            f"checkpoint {str(folder)!r} is no pipeline: it has no model_index.json; name a folder of a whole pipeline"
        ) from None
    except (OSError, ValueError, LookupError, AttributeError) as error:
        raise checkpoints.unreadable(folder, error) from error
    taken = inspect.signature(kind.__init__).parameters
    needed = {name for name, part in taken.items() if name != "self" and part.default is part.empty} - UNUSED
    strange = [name for name, part in listed.items() if part and name not in taken and name not in UNUSED]
    lacking = sorted(needed - listed.keys())  # what it does without is listed as null
    foreign = [
        name
        for name in DENOISERS
        if listed.get(name) and listed[name] not in str(getattr(taken.get(name), "annotation", ""))
    ]
    if strange or lacking or foreign:
        raise BackendError(
            f"checkpoint {str(folder)!r} was saved by {index.get('_class_name', 'another pipeline')!r} and is none of "
            f"{kind.__name__} (see its {(strange + lacking + foreign)[0]!r}); "
            "set editor.pipeline to a class made for it, or to none"
        )
