"""The kinds of detectors that load: by the type that a checkpoint's configuration names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from transformers import (
    AutoImageProcessor,
    AutoModelForZeroShotObjectDetection,
    Florence2ForConditionalGeneration,
    Sam3Model,
)

from tools.backend.detector_florence import FlorenceHead
from tools.backend.detector_heads import GroundingDinoHead, Head, OmDetHead, OwlHead
from tools.backend.detector_sam3 import Sam3Head
from tools.backend.pixels import HALVES, normalization

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def _of_pil(folder: Path) -> Any:
    """Return a checkpoint's own processor on Pillow: the same pixels with and without torchvision."""
    return AutoImageProcessor.from_pretrained(folder, backend="pil", trust_remote_code=False)


def _of_halves(folder: Path) -> Any:
    return normalization(folder) or HALVES


@dataclass(frozen=True)
class Kind:
    """How it is asked, the class that loads it, and what makes its pictures."""

    head: Callable[[Any, Any, Any], Head]
    model: Any = AutoModelForZeroShotObjectDetection
    processor: Callable[[Path], Any] = _of_pil


KINDS: dict[str, Kind] = {
    "owlv2": Kind(OwlHead),
    "owlvit": Kind(OwlHead),
    "grounding-dino": Kind(GroundingDinoHead),
    "mm-grounding-dino": Kind(GroundingDinoHead),
    "omdet-turbo": Kind(OmDetHead),
    "sam3": Kind(Sam3Head, Sam3Model, _of_halves),
    "sam3_video": Kind(Sam3Head, Sam3Model, _of_halves),  # what SAM 3 is published as: detector and tracker in one
    "florence2": Kind(FlorenceHead, Florence2ForConditionalGeneration),
}
