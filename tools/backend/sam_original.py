"""Meta's own `segment-anything` package (extra ``sam``), for those who have its ``.pth`` files.

Imported only when a preset asks for it: the package needs torchvision.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from tools.backend import checkpoints
from tools.backend.pickles import read_tensors
from tools.backend.protocol import BackendError

if TYPE_CHECKING:
    from PIL.Image import Image

SIZES = {768: "vit_b", 1024: "vit_l", 1280: "vit_h"}  # by the width of the picture encoder


class OriginalSam:
    """A ``SamPredictor`` cut into embedding and decoding."""

    def __init__(self, predictor: Any) -> None:
        self.predictor, self.model = predictor, predictor.model

    @classmethod
    def load(cls, path: str, device: torch.device) -> OriginalSam:
        """Load a ``.pth`` of tensors only; its size (ViT-B, L, H) is read off the weights.

        Raises:
            BackendError: the package or the file is missing, or the file holds more than tensors.
        """
        file = Path(path).expanduser()
        if not file.is_file():
            raise BackendError(f"segmenter.path {path!r}: kind 'segment-anything' needs a .pth file, and there is none")
        try:
            from segment_anything import SamPredictor, sam_model_registry
        except (ImportError, RuntimeError, OSError) as error:  # a torchvision of another build fails in its own ways
            raise BackendError(
                f"segmenter.kind 'segment-anything' needs the packages of the extra 'sam' ({error}); "
                "install sld-agent[sam] with a torchvision built for this torch, or use kind 'transformers' or 'onnx'"
            ) from None
        weights = read_tensors(file)
        width = weights.get("image_encoder.pos_embed", torch.empty(0)).shape[-1]
        if width not in SIZES:
            raise BackendError(
                f"segmenter.path {path!r} holds no weights of Segment Anything (ViT-B, L or H); name one of Meta's "
                "sam_vit_*.pth"
            )
        with checkpoints.reading(file):
            model = sam_model_registry[SIZES[width]](checkpoint=None)
            model.load_state_dict(weights)
        return cls(SamPredictor(model.to(device).eval().requires_grad_(False)))

    def embed(self, image: Image) -> dict[str, Any]:
        """Return the predictor's state for the picture."""
        self.predictor.set_image(np.asarray(image))
        keys = ("features", "original_size", "input_size")
        return {key: getattr(self.predictor, key) for key in keys}

    def propose(
        self, embedded: dict[str, Any], corners: torch.Tensor, size_wh: tuple[int, int]
    ) -> tuple[Any, torch.Tensor]:
        """Decode all boxes as one batch."""
        for key, value in embedded.items():
            setattr(self.predictor, key, value)
        self.predictor.is_image_set = True
        boxes = corners * torch.tensor(size_wh * 2)
        boxes = self.predictor.transform.apply_boxes_torch(boxes, embedded["original_size"])
        logits, qualities, _ = self.predictor.predict_torch(
            None, None, boxes=boxes.to(self.predictor.device), return_logits=True
        )
        return logits, qualities

    def enlarge(self, logits: torch.Tensor, size_wh: tuple[int, int]) -> torch.Tensor:
        """Do nothing: the predictor has enlarged them already."""
        return logits
