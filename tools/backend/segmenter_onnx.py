"""Segment Anything as the two ONNX files that ``segment-anything``'s exporter makes (MobileSAM or a larger one)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from scipy import ndimage

from tools.backend.network_files import OnnxNetwork
from tools.backend.protocol import BackendError, Cost, Segmented
from tools.backend.recent import Recent, as_rgb, picture_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL.Image import Image as Picture

    from configs.settings import OnnxSegmenterSettings
    from tools.scene.box import Box

SIDE = 1024  # the picture's longer side, as the encoder takes it (arXiv 2304.02643)
CORNERS, PADDING = (2.0, 3.0), -1.0  # labels of points: a box is two of them, then one that says there are no more
PICTURES_KEPT = 8
SPECK = 0.02  # of the largest piece of a mask
DECODER = {
    "image_embeddings": 4,
    "point_coords": 3,
    "point_labels": 2,
    "mask_input": 4,
    "has_mask_input": 1,
    "orig_im_size": 1,
}


class OnnxSegmenter:
    """Encoder and decoder; a picture is embedded once and remembered."""

    def __init__(self, encoder: OnnxNetwork, decoder: OnnxNetwork) -> None:
        if not encoder.takes({"input_image": 3}):
            raise BackendError(
                f"network {encoder.path!r} takes {', '.join(encoder.inputs)}: segmenter.path must name the encoder of "
                "a Segment Anything export, which takes 'input_image' of [height, width, 3]"
            )
        if not decoder.takes(DECODER):
            raise BackendError(
                f"network {decoder.path!r} takes {', '.join(decoder.inputs)}: segmenter.decoder must name the mask "
                f"decoder of a Segment Anything export, which takes {', '.join(DECODER)}"
            )
        self.encoder, self.decoder = encoder, decoder
        self._embedded: Recent[object, np.ndarray] = Recent(PICTURES_KEPT)

    @classmethod
    def from_settings(cls, settings: OnnxSegmenterSettings) -> OnnxSegmenter:
        """Open both files.

        Raises:
            BackendError: the runtime or a file is missing, or one has another contract.
        """
        paths = (settings.path, settings.decoder)
        return cls(*(OnnxNetwork.open(path, settings.threads) for path in paths))

    def segment(self, image: Picture, boxes: Sequence[Box]) -> Segmented:
        """Return one mask per box, bool ``[n, height, width]``, in the boxes' order, with predicted qualities.

        Where the network finds nothing in a box, the mask is the box itself and its score 0.
        """
        image = as_rgb(image)
        start, passes = time.perf_counter(), 0
        if not boxes:
            return Segmented(np.zeros((0, image.height, image.width), dtype=bool), ())

        def embed() -> np.ndarray:
            nonlocal passes
            passes += 1
            return self.embedding(image)

        embedded = self._embedded.get(picture_key(image), embed)
        decoded = [self._decode(embedded, box, image.size) for box in boxes]
        cost = Cost(segmenter_passes=passes, seconds={"segment": time.perf_counter() - start})
        return Segmented(np.stack([mask for mask, _ in decoded]), tuple(score for _, score in decoded), cost)

    def embedding(self, image: Picture) -> np.ndarray:
        """Return an RGB picture's features, float32 ``[1, channels, side, side]``; it fills the square's upper left."""
        small = image.resize(_input_wh(image.size), Image.Resampling.BILINEAR)
        embedded: np.ndarray = self.encoder(input_image=np.asarray(small, dtype=np.float32))["image_embeddings"]
        return embedded

    def _decode(self, embedded: np.ndarray, box: Box, size_wh: tuple[int, int]) -> tuple[np.ndarray, float]:
        x0, y0, x1, y1 = box.clipped().box_xyxy
        points = np.array([[x0, y0], [x1, y1], [0, 0]]) * _input_wh(size_wh)
        answer = self.decoder(
            image_embeddings=embedded,
            point_coords=points.astype(np.float32)[None],
            point_labels=np.array([[*CORNERS, PADDING]], dtype=np.float32),
            mask_input=np.zeros((1, 1, 256, 256), dtype=np.float32),
            has_mask_input=np.zeros(1, dtype=np.float32),
            orig_im_size=np.array([size_wh[1], size_wh[0]], dtype=np.float32),
        )
        qualities = answer["iou_predictions"][0]
        best = int(np.argmax(qualities))
        mask = without_specks(answer["masks"][0, best] > 0)
        if mask.any():
            return mask, float(np.clip(qualities[best], 0, 1))
        left, top, right, bottom = box.to_px(size_wh)
        mask[top:bottom, left:right] = True
        return mask, 0.0


def without_specks(mask: np.ndarray) -> np.ndarray:
    """Return a mask without pieces that are tiny beside its largest: a flag's stars are no part of who stands by it."""
    step = max(1, max(mask.shape) // SIDE)  # a large picture's mask is looked at in small
    labels, number = ndimage.label(mask[::step, ::step])
    if number < 2:
        return mask
    sizes = np.bincount(labels.ravel())
    sizes[0] = sizes[1:].max()
    specks = (sizes < SPECK * sizes[0])[labels]
    if not specks.any():
        return mask
    large = ndimage.binary_dilation(specks, iterations=1) & ~((labels > 0) & ~specks) if step > 1 else specks
    large = large.repeat(step, axis=0).repeat(step, axis=1)[: mask.shape[0], : mask.shape[1]]
    return np.asarray(mask & ~large)


def _input_wh(size_wh: tuple[int, int]) -> tuple[int, int]:
    scale = SIDE / max(size_wh)
    return max(1, int(size_wh[0] * scale + 0.5)), max(1, int(size_wh[1] * scale + 0.5))
