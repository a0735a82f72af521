"""Filling holes in pictures with networks that are one ONNX file: MI-GAN's whole pipeline, or LaMa.

Knows nothing of objects; where to make a hole, and whether a fill is good, is the editor's business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
from PIL import Image

from tools.backend.network_files import OnnxNetwork
from tools.backend.protocol import BackendError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from PIL.Image import Image as Picture

    from configs.settings import InpainterSettings

SIDE = 512  # both networks were trained on squares of this side
CONTEXT = 2.0  # side of the square that LaMa is shown, as a multiple of the hole's longer side


class Inpainter(Protocol):
    """Fills holes. Deterministic: other fills come from other holes."""

    side: int
    """The longer side in pixels of the pictures it does best on."""

    def fill(self, images: Sequence[Picture], holes: Sequence[np.ndarray]) -> list[Picture]:
        """Return each RGB picture with its hole filled; pixels outside the hole are unchanged.

        ``holes`` are bool ``[height, width]``, True where to fill. An empty hole gives the picture itself.

        Raises:
            BackendError: sizes differ, or a hole covers its picture.
        """
        ...

    def evaluations(self) -> int:
        """Return how many samples a denoiser was given since this was last asked."""
        ...


class OnnxInpainter:
    """A network with one of the two contracts, told apart by the inputs.

    MI-GAN (arXiv 2310.05896; exported with its own cropping): ``image`` uint8 ``[1, 3, h, w]`` and ``mask`` uint8
    ``[1, 1, h, w]`` with 0 in the hole, any size. LaMa (arXiv 2109.07161): ``image`` and ``mask`` float32 in
    0..1 with 1 in the hole, ``[n, 3, 512, 512]``, with the answer in 0..255.
    """

    side = SIDE

    def __init__(self, network: OnnxNetwork) -> None:
        self.network = network
        if not network.takes({"image": 4, "mask": 4}):
            raise BackendError(
                f"network {network.path!r} takes {', '.join(network.inputs)}: inpainter.path must name MI-GAN's "
                "pipeline or LaMa, which take 'image' and 'mask'"
            )
        fixed = isinstance(network.inputs["image"][2], int)
        self._answer: Callable[[np.ndarray, np.ndarray], np.ndarray] = self._lama if fixed else self._migan

    @classmethod
    def from_settings(cls, settings: InpainterSettings) -> OnnxInpainter:
        """Open the file.

        Raises:
            BackendError: the runtime or the file is missing, or it has another contract.
        """
        return cls(OnnxNetwork.open(settings.path, settings.threads))

    def fill(self, images: Sequence[Picture], holes: Sequence[np.ndarray]) -> list[Picture]:
        """Return each picture with its hole filled; see `Inpainter`."""
        return [filled(image, hole, self._answer) for image, hole in zip(images, holes, strict=True)]

    def evaluations(self) -> int:
        """Return 0: it does not denoise."""
        return 0

    def _migan(self, pixels: np.ndarray, hole: np.ndarray) -> np.ndarray:
        # one picture a call: the exported pipeline crops around the hole, and a batch has no common crop
        mask = np.where(hole, 0, 255).astype(np.uint8)[None, None]
        answer = self.network(image=np.ascontiguousarray(pixels.transpose(2, 0, 1)[None]), mask=mask)
        return np.asarray(answer["result"][0].transpose(1, 2, 0))

    def _lama(self, pixels: np.ndarray, hole: np.ndarray) -> np.ndarray:
        x0, y0, x1, y1 = around(hole, SIDE)
        size = (self.side, self.side)
        crop = Image.fromarray(pixels[y0:y1, x0:x1]).resize(size, Image.Resampling.LANCZOS)
        # whatever touches the hole is part of it: a half-covered pixel would show what was there
        mask = np.asarray(Image.fromarray(hole[y0:y1, x0:x1].astype(np.float32)).resize(size, Image.Resampling.BOX)) > 0
        answer = self.network(
            image=(np.asarray(crop, dtype=np.float32) / 255).transpose(2, 0, 1)[None],
            mask=mask.astype(np.float32)[None, None],
        )
        made = next(iter(answer.values()))[0].transpose(1, 2, 0)
        small = Image.fromarray(np.clip(np.rint(made), 0, 255).astype(np.uint8))
        filled = pixels.copy()
        filled[y0:y1, x0:x1] = np.asarray(small.resize((x1 - x0, y1 - y0), Image.Resampling.LANCZOS))
        return filled


def filled(image: Picture, hole: np.ndarray, answer: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Picture:
    """Return a picture with its hole filled by ``answer`` (of pixels and hole), and nothing else changed.

    Raises:
        BackendError: sizes differ, or the hole covers the picture.
    """
    pixels = np.asarray(image.convert("RGB"))
    if hole.shape != pixels.shape[:2]:
        raise BackendError(
            f"a hole of {hole.shape[1]}x{hole.shape[0]} pixels for a picture of {image.width}x{image.height}"
        )
    if not hole.any():
        return image
    if hole.all():
        raise BackendError("the hole covers the whole picture: there is nothing to fill it from")
    return Image.fromarray(np.where(hole[..., None], answer(pixels, hole), pixels))


def around(hole: np.ndarray, least: int) -> tuple[int, int, int, int]:
    """Return a square around the hole with context, as large as the picture allows: x0, y0, x1, y1 in pixels.

    Its side is ``least`` pixels or more, where the picture has as many.
    """
    height, width = hole.shape
    across, down = np.flatnonzero(hole.any(axis=0)), np.flatnonzero(hole.any(axis=1))
    side = max(int(CONTEXT * max(across[-1] - across[0], down[-1] - down[0]) + 1), least)

    def span(first: int, last: int, length: int) -> tuple[int, int]:
        start = max(0, min((first + last + 1 - side) // 2, length - side))
        return start, min(start + side, length)

    (x0, x1), (y0, y1) = span(across[0], across[-1], width), span(down[0], down[-1], height)
    return x0, y0, x1, y1
