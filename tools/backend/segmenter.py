"""Masks for boxes, by any of the Segment Anything models.

A picture is embedded once and remembered; all boxes go through the mask decoder as one batch. Each model
proposes several masks a box; the choice among them is made here, the same way for all.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from torch.nn import functional
from transformers import (
    AutoConfig,
    EdgeTamModel,
    Sam2Model,
    Sam3TrackerModel,
    SamHQModel,
    SamImageProcessorPil,
    SamModel,
)

from tools.backend import checkpoints
from tools.backend.pixels import HALVES, IMAGENET, normalization, squeezed
from tools.backend.precision import keep_boxes_of_segmenter
from tools.backend.protocol import BackendError, Cost, Segmented
from tools.backend.recent import Recent, picture_key
from tools.backend.sam_original import OriginalSam
from tools.backend.together import Compute, Directly
from tools.scene.box import Box

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL.Image import Image

    from configs.settings import SegmenterSettings
    from tools.backend.together import Together

PICTURES_KEPT = 4


class Masker(Protocol):
    """A loaded Segment Anything model of one kind."""

    model: Any

    def embed(self, image: Image) -> Any:
        """Run the picture encoder; the result is only for `propose`."""
        ...

    def propose(self, embedded: Any, corners: torch.Tensor, size_wh: tuple[int, int]) -> tuple[Any, torch.Tensor]:
        """Return mask logits ``[n, m, h, w]`` of any resolution and predicted qualities ``[n, m]``.

        ``corners`` are boxes ``[n, 4]``, xyxy normalized.
        """
        ...

    def enlarge(self, logits: torch.Tensor, size_wh: tuple[int, int]) -> torch.Tensor:
        """Bring logits ``[m, h, w]`` to the picture's size."""
        ...


class Sam:
    """`SamModel`: the picture's longer side fills the input, the rest is padding (arXiv 2304.02643)."""

    def __init__(self, model: Any, processor: SamImageProcessorPil) -> None:
        self.model, self.processor, self.dtype = model, processor, model.dtype
        keep_boxes_of_segmenter(model)
        self.compute: Compute = Directly()

    def embed(self, image: Image) -> Any:
        """Return ``[1, channels, h, w]``."""
        pixels = self.processor(images=image, return_tensors="pt")["pixel_values"]
        return self.compute("embed", self.model.get_image_embeddings, pixels.to(self.model.device, self.dtype))

    def _input_wh(self, size_wh: tuple[int, int]) -> tuple[int, int]:
        scale = self.processor.size["longest_edge"] / max(size_wh)
        return int(size_wh[0] * scale + 0.5), int(size_wh[1] * scale + 0.5)

    def propose(self, embedded: Any, corners: torch.Tensor, size_wh: tuple[int, int]) -> tuple[Any, torch.Tensor]:
        """Decode all boxes as one batch."""
        boxes = (corners * torch.tensor(self._input_wh(size_wh) * 2)).to(self.model.device)
        output = self._decode(embedded, boxes[None])
        return output.pred_masks[0], output.iou_scores[0]

    def _decode(self, embedded: Any, boxes: torch.Tensor) -> Any:
        return self.model(image_embeddings=embedded, input_boxes=boxes)

    def enlarge(self, logits: torch.Tensor, size_wh: tuple[int, int]) -> torch.Tensor:
        """Cut the padding off on the way."""
        pad, inside = self.processor.pad_size, self._input_wh(size_wh)
        return _resized(_resized(logits, (pad["width"], pad["height"]))[:, : inside[1], : inside[0]], size_wh)


class SamHQ(Sam):
    """`SamHQModel` (arXiv 2306.01567): SAM whose decoder is given early features of the picture as well."""

    def embed(self, image: Image) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Return the embedding ``[1, channels, h, w]`` and the early features."""
        pixels = self.processor(images=image, return_tensors="pt")["pixel_values"]
        embedded: tuple[torch.Tensor, list[torch.Tensor]] = self.model.get_image_embeddings(
            pixels.to(self.model.device, self.dtype)
        )
        return embedded

    def _decode(self, embedded: Any, boxes: torch.Tensor) -> Any:
        return self.model(image_embeddings=embedded[0], intermediate_embeddings=embedded[1], input_boxes=boxes)


class Sam2:
    """`Sam2Model` (arXiv 2408.00714) and its kin, EdgeTAM and SAM 3's tracker: the picture is squeezed to a square."""

    def __init__(self, model: Any, mean: Sequence[float], std: Sequence[float]) -> None:
        self.model, self.mean, self.std, self.dtype = model, mean, std, model.dtype
        keep_boxes_of_segmenter(model)
        self.size: int = model.config.prompt_encoder_config.image_size

    def embed(self, image: Image) -> list[torch.Tensor]:
        """Return the feature maps, coarsest last."""
        pixels = squeezed(image, self.size, self.mean, self.std).to(self.model.device, self.dtype)
        maps: list[torch.Tensor] = self.model.get_image_embeddings(pixels)
        return maps

    def propose(self, embedded: Any, corners: torch.Tensor, size_wh: tuple[int, int]) -> tuple[Any, torch.Tensor]:
        """Decode all boxes as one batch."""
        boxes = (corners * self.size).to(self.model.device)
        output = self.model(image_embeddings=embedded, input_boxes=boxes[None])
        return output.pred_masks[0], output.iou_scores[0]

    def enlarge(self, logits: torch.Tensor, size_wh: tuple[int, int]) -> torch.Tensor:
        """Stretch back."""
        return _resized(logits, size_wh)


# by model type: the masker, the class to load, and how pictures are normalized where the checkpoint does not say
PADDED: dict[str, tuple[type[Sam], Any]] = {"sam": (Sam, SamModel), "sam_hq": (SamHQ, SamHQModel)}
SQUEEZED: dict[str, tuple[Any, tuple[list[float], list[float]]]] = {
    "sam2": (Sam2Model, IMAGENET),
    "sam2_video": (Sam2Model, IMAGENET),
    "edgetam": (EdgeTamModel, IMAGENET),
    "edgetam_video": (EdgeTamModel, IMAGENET),
    "sam3_tracker": (Sam3TrackerModel, HALVES),
    "sam3_tracker_video": (Sam3TrackerModel, HALVES),
    "sam3_video": (Sam3TrackerModel, HALVES),  # what SAM 3 is published as: detector and tracker in one
}


class Segmenter:
    """A Segment Anything model with the choice of masks."""

    def __init__(self, masker: Masker) -> None:
        self.masker = masker
        self._embedded: Recent[Any, Any] = Recent(PICTURES_KEPT)

    @classmethod
    def from_settings(cls, settings: SegmenterSettings) -> Segmenter:
        """Load a checkpoint.

        Raises:
            BackendError: it is unreadable, or of a kind that is not supported.
        """
        device = checkpoints.choose_device(settings.device)
        if settings.kind == "segment-anything":
            return cls(OriginalSam.load(settings.path, device))
        folder = checkpoints.resolve(settings)
        with checkpoints.reading(folder):
            kind = AutoConfig.from_pretrained(folder, trust_remote_code=False).model_type
        dtype = checkpoints.choose_dtype(settings.dtype, device, folder)
        if kind in PADDED:
            masker, model = PADDED[kind]
            with checkpoints.reading(folder):
                processor = SamImageProcessorPil.from_pretrained(folder)
            return cls(masker(checkpoints.load(model, folder, device=device, dtype=dtype), processor))
        if kind in SQUEEZED:
            model, usual = SQUEEZED[kind]
            mean, std = normalization(folder) or usual
            return cls(Sam2(checkpoints.load(model, folder, device=device, dtype=dtype), mean, std))
        known = ", ".join([*PADDED, *SQUEEZED])
        raise BackendError(f"{settings.path!r} is a {kind!r} model; segmenter.path takes one of: {known}")

    def work_together(self, together: Together) -> None:
        """Embed the pictures of several calls at the same time, and remember more of them."""
        self._embedded.size *= together.calls
        if isinstance(self.masker, Sam):
            self.masker.compute = together

    @property
    def components(self) -> list[Any]:
        """The models in it."""
        return [self.masker.model]

    @torch.no_grad()
    def segment(self, image: Image, boxes: Sequence[Box]) -> Segmented:
        """Return one mask per box, bool ``[n, height, width]``, in the boxes' order.

        Of the masks proposed for a box, the one with the best product of predicted quality and IoU
        between the mask's extent and the box is taken. Where every proposal is empty, the mask is the
        box itself and its score 0.
        """
        image = image.convert("RGB")
        start = time.perf_counter()
        if not boxes:
            return Segmented(np.zeros((0, image.height, image.width), dtype=bool), ())
        passes = 0

        def embed() -> Any:
            nonlocal passes
            passes += 1
            return self.masker.embed(image)

        embedded = self._embedded.get(picture_key(image), embed)
        corners = torch.tensor([box.clipped().box_xyxy for box in boxes])
        logits, qualities = self.masker.propose(embedded, corners, image.size)
        if not torch.isfinite(qualities).all():
            raise BackendError("the segmenter made values that are not finite; set segmenter.dtype to float32")
        # enlarged box by box: all proposals at full size at once would take far more memory than the model
        chosen = [
            _choose(
                (self.masker.enlarge(mask_logits, image.size) > 0).cpu().numpy(), quality.float().cpu().numpy(), box
            )
            for mask_logits, quality, box in zip(logits, qualities, boxes, strict=True)
        ]
        cost = Cost(segmenter_passes=passes, seconds={"segment": time.perf_counter() - start})
        return Segmented(np.stack([mask for mask, _ in chosen]), tuple(score for _, score in chosen), cost)


def _choose(masks: np.ndarray, qualities: np.ndarray, box: Box) -> tuple[np.ndarray, float]:
    height, width = masks.shape[1:]
    fits = [_extent(mask).iou(box) if mask.any() else 0.0 for mask in masks]
    values = [fit * float(np.clip(quality, 0, 1)) for fit, quality in zip(fits, qualities, strict=True)]
    best = int(np.argmax(np.asarray(values) + 1e-6 * np.asarray(fits)))  # a model may rate all its masks 0
    if fits[best] > 0:
        return masks[best], float(values[best])
    x0, y0, x1, y1 = box.to_px((width, height))
    mask = np.zeros((height, width), dtype=bool)
    mask[y0:y1, x0:x1] = True
    return mask, 0.0


def _extent(mask: np.ndarray) -> Box:
    height, width = mask.shape
    across, down = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    return Box.from_px(across[0], down[0], across[-1] + 1, down[-1] + 1, (width, height))


def _resized(logits: torch.Tensor, size_wh: tuple[int, int]) -> torch.Tensor:
    size = (size_wh[1], size_wh[0])
    return functional.interpolate(logits[None].float(), size, mode="bilinear", align_corners=False)[0]
