"""A preset's backend with its models at full size: the same code, and weights at random or, on `meta`, none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from configs.settings import (
    DetectorSettings,
    EditorSettings,
    FilePart,
    InpaintSettings,
    InstructSettings,
    Part,
    PipelineOptions,
)
from tools.backend.full_size import architectures
from tools.backend.local import LocalBackend

if TYPE_CHECKING:
    from collections.abc import Callable

    from configs.settings import GroundedPart, Settings
    from tools.backend.gligen import GroundedDiffusion
    from tools.backend.together import Together

META = torch.device("meta")
PARTS = ("detector", "segmenter", "generator", "editor")


class FullSizeBackend(LocalBackend):
    """Builds what other backends load. Numbers are in the format of the preset's GPU: half, where it says none."""

    def __init__(self, settings: Settings, device: torch.device = META, together: Together | None = None) -> None:
        self.device = device
        changed = {name: _on(device, getattr(settings, name)) for name in PARTS}
        super().__init__(settings.model_copy(update=changed), together)

    @property
    def models(self) -> dict[str, torch.nn.Module]:
        """What has been built, by the checkpoint and its part."""
        return {
            f"{key[0] if isinstance(key, tuple) else key.path}: {type(model).__name__}": model
            for key, owner in self._loaded.items()
            for model in owner.components
        }

    def prepare_editor(self) -> None:
        """Build what edits, so that it is there before anything is counted."""
        part = self.settings.editor
        if isinstance(part, EditorSettings):
            self._diffusion(part)
        elif isinstance(part, Part):
            self._load(part, lambda: None)

    def _load(self, part: Part, load: Callable[[], Any]) -> Any:
        if part not in self._loaded:
            self._loaded[part] = load() if isinstance(part, FilePart) else self._random(part)
        return self._loaded[part]

    def _diffusion(self, part: GroundedPart) -> GroundedDiffusion:
        from tools.backend.gligen import GroundedDiffusion

        key = (part.path, part.grounding_tokens)
        if key not in self._loaded:
            found = architectures.parts(part.path, _dtype(part), self.device)
            model = self._loaded[key] = GroundedDiffusion(
                vae=found["vae"],
                unet=found["unet"],
                text_encoder=found["text_encoder"],
                tokenizer=found["tokenizer"],
                scheduler_config=found["scheduler"].config,
                name=part.path,
                grounding_tokens=part.grounding_tokens,
            )
            if self._together:
                model.batcher.compute = self._together
        found_model: GroundedDiffusion = self._loaded[key]
        return found_model

    def _random(self, part: Part) -> Any:
        made = _made(part, self.device)
        if self._together and hasattr(made, "work_together"):
            made.work_together(self._together)
        return made


def _made(part: Part, device: torch.device) -> Any:
    import diffusers

    dtype = _dtype(part)
    if isinstance(part, InpaintSettings | InstructSettings):
        from tools.backend.inpainting import InpaintingPipeline
        from tools.backend.instructing import InstructingPipeline

        said = architectures.described(part.path)
        pipe = getattr(diffusers, str(part.pipeline))(
            **architectures.parts(part.path, dtype, device), **said.get("options", {})
        )
        pipe.set_progress_bar_config(disable=True)
        kind = InpaintingPipeline if isinstance(part, InpaintSettings) else InstructingPipeline
        return kind(pipe, device, part.path)
    model = architectures.build(architectures.described(part.path), dtype, device)
    if not isinstance(part, DetectorSettings):
        from transformers import SamImageProcessorPil

        from tools.backend.segmenter import Sam, Segmenter

        return Segmenter(Sam(model, SamImageProcessorPil()))
    from transformers import Owlv2ImageProcessorPil

    from tools.backend.detector import ZeroShotDetector
    from tools.backend.detector_heads import OwlHead

    size = model.config.vision_config.image_size
    processor = Owlv2ImageProcessorPil(size={"height": size, "width": size})
    return ZeroShotDetector(OwlHead(model, processor, architectures.clip_tokenizer()), part)


def _on(device: torch.device, part: Any) -> Any:
    if not isinstance(part, Part) or isinstance(part, FilePart) or getattr(part, "kind", "") == "openai":
        return part
    update: dict[str, Any] = {
        "device": str(device),
        "offload": False,
        "dtype": "float16" if part.dtype == "auto" else part.dtype,
    }
    if isinstance(part, PipelineOptions):
        update |= {"turns": "none", "quantize": "none", "lora": None}
    return part.model_copy(update=update)


def _dtype(part: Part) -> torch.dtype:
    dtype = getattr(torch, part.dtype)
    assert isinstance(dtype, torch.dtype)
    return dtype
