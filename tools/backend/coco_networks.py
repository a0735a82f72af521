"""Networks that find the kinds of COCO, as TFLite or ONNX files, made to answer one question: which boxes?

They share one contract, the one of TensorFlow's detection exports: a square (or free) uint8 picture in; boxes,
classes, scores and their number out, whose order differs from export to export and is told from the values.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from PIL import Image

from tools.backend.coco_kinds import KINDS, LABELS
from tools.backend.network_files import OnnxNetwork, file_of, open_tflite
from tools.backend.protocol import BackendError
from tools.stopping import check_stop

if TYPE_CHECKING:
    from collections.abc import Iterable

    from PIL.Image import Image as Picture

    from configs.settings import CocoDetectorSettings

LABELS_MEMBER = "labelmap.txt"  # in the zip part that TFLite's metadata tools append to the file
FREE_SIDE = 640  # for networks that take any size


@dataclass(frozen=True)
class Looked:
    """What was found in one picture: ``boxes_xyxy [n, 4]`` normalized to it, ``kinds`` and ``scores [n]``."""

    boxes_xyxy: np.ndarray
    kinds: tuple[str, ...]
    scores: np.ndarray


class Looker(Protocol):
    """A loaded network."""

    def look(self, image: Picture) -> Looked:
        """Return everything it finds in an RGB picture, however weak."""
        ...


class TfliteLooker:
    """A TFLite file with uint8 input ``[1, side, side, 3]``; the picture lies top left, the rest is black."""

    def __init__(self, interpreter: Any, labels: tuple[str, ...], path: str) -> None:
        self._interpreter, self._labels, self._path = interpreter, labels, path
        (given,) = interpreter.get_input_details()
        self._input = given["index"]
        self._shape = tuple(int(length) for length in given["shape"])
        if len(self._shape) != 4 or self._shape[3] != 3 or given["dtype"] != np.uint8:
            raise BackendError(
                f"network {path!r} takes {given['dtype'].__name__} {list(self._shape)}: detector.path must name a "
                "detector that takes uint8 [1, height, width, 3]"
            )

    @classmethod
    def open(cls, settings: CocoDetectorSettings) -> TfliteLooker:
        """Open the file; its labels are those of its zip part, else COCO's own.

        Raises:
            BackendError: the file or its runtime is missing, or it is another kind of network.
        """
        labels = _labels(file_of(settings.path).read_bytes()) or LABELS
        return cls(open_tflite(settings), labels, settings.path)

    def look(self, image: Picture) -> Looked:
        """Run the picture once."""
        check_stop()  # a large picture is looked at in many pieces
        padded, share_wh = _letterboxed(image, (self._shape[2], self._shape[1]))
        self._interpreter.set_tensor(self._input, padded[None])
        self._interpreter.invoke()
        outputs = [self._interpreter.get_tensor(output["index"]) for output in self._interpreter.get_output_details()]
        return _read(outputs, padded.shape, share_wh, self._labels, self._path)


class OnnxLooker:
    """An ONNX file with uint8 input ``[1, height, width, 3]``, of one size or of any."""

    def __init__(self, network: OnnxNetwork) -> None:
        self._network = network
        (self._input, shape), *more = network.inputs.items()
        if more or len(shape) != 4 or shape[3] != 3:
            raise BackendError(
                f"network {network.path!r} takes {network.inputs}: detector.path must name a detector that takes "
                "uint8 [1, height, width, 3]"
            )
        height, width = shape[1:3]
        self._size = (width, height) if isinstance(width, int) and isinstance(height, int) else None

    @classmethod
    def open(cls, settings: CocoDetectorSettings) -> OnnxLooker:
        """Open the file.

        Raises:
            BackendError: the file or its runtime is missing, or it is another kind of network.
        """
        return cls(OnnxNetwork.open(settings.path, settings.threads))

    def look(self, image: Picture) -> Looked:
        """Run the picture once."""
        padded, share_wh = _letterboxed(image, self._size or _within(image.size, FREE_SIDE))
        outputs = self._network(**{self._input: padded[None]}).values()
        return _read(outputs, padded.shape, share_wh, ("", *LABELS), self._network.path)


def open_looker(settings: CocoDetectorSettings) -> Looker:
    """Open the network of a preset.

    Raises:
        BackendError: the file or its runtime is missing, or it is another kind of network.
    """
    return TfliteLooker.open(settings) if settings.kind == "tflite" else OnnxLooker.open(settings)


def _labels(data: bytes) -> tuple[str, ...]:
    try:
        with zipfile.ZipFile(BytesIO(data)) as appended:
            text = appended.read(LABELS_MEMBER).decode("utf-8")
    except (zipfile.BadZipFile, KeyError, UnicodeDecodeError):
        return ()
    return tuple(line.strip() for line in text.splitlines())


def _within(size_wh: tuple[int, int], side: int) -> tuple[int, int]:
    scale = side / max(size_wh)
    return max(1, round(size_wh[0] * scale)), max(1, round(size_wh[1] * scale))


def _letterboxed(image: Picture, size_wh: tuple[int, int]) -> tuple[np.ndarray, tuple[float, float]]:
    """Return the picture top left on black, uint8 ``[h, w, 3]``, and which share of each side it fills."""
    scale = min(size_wh[0] / image.width, size_wh[1] / image.height)
    width, height = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    padded = np.zeros((size_wh[1], size_wh[0], 3), dtype=np.uint8)
    padded[:height, :width] = np.asarray(image.resize((width, height), Image.Resampling.BILINEAR))
    return padded, (width / size_wh[0], height / size_wh[1])


def _read(
    outputs: Iterable[np.ndarray],
    shape: tuple[int, ...],
    share_wh: tuple[float, float],
    labels: tuple[str, ...],
    path: str,
) -> Looked:
    """Tell the outputs apart and bring the boxes to the picture's frame; kinds without a name are left out."""
    arrays = [np.asarray(output, dtype=np.float32) for output in outputs]
    boxes = [array.reshape(-1, 4) for array in arrays if array.ndim >= 2 and array.shape[-1] == 4]
    rows = len(boxes[0]) if boxes else 0
    lists = [
        array.reshape(-1) for array in arrays if array.ndim >= 1 and array.size == rows and array.shape[-1] == rows
    ]
    counts = [int(array.reshape(-1)[0]) for array in arrays if array.size == 1]
    if len(boxes) != 1 or len(lists) < 2:
        raise BackendError(
            f"network {path!r} answers with {[list(array.shape) for array in arrays]}: detector.path must name "
            "a detector that answers with boxes [1, n, 4], classes [1, n] and scores [1, n]"
        )
    # scores fall and lie in 0..1; classes are whole numbers
    scores = min(lists, key=lambda array: (bool((array > 1).any()), bool((array == np.rint(array)).all())))
    classes = next(values for values in lists if values is not scores)
    corners = boxes[0] / np.array(shape[:2] * 2) if boxes[0].max(initial=0) > 2 else boxes[0]
    corners = corners[:, [1, 0, 3, 2]] / np.array(share_wh * 2)
    known = [labels[int(index)] if 0 <= index < len(labels) else "" for index in classes]
    count = counts[0] if counts and len(lists) >= 2 else rows
    kept = [row for row, kind in enumerate(known[:count]) if kind in KINDS and np.isfinite(corners[row]).all()]
    return Looked(np.clip(corners[kept], 0, 1), tuple(known[row] for row in kept), np.clip(scores[kept], 0, 1))
