"""MobileSAM as two ONNX files, from its PyTorch weights and the model's own code.

Run as a program of its own (``python -m tools.backend.sam_export WEIGHTS FOLDER``), with the package
``mobile_sam`` on its path: that code comes from a package registry and shall not live in the caller's process.
`write_helpers` stands in for what it imports of larger packages (timm, torchvision) and does not need here.
"""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from tools.backend.network_files import NO_TELEMETRY

SIDE = 1024
ENCODER, DECODER = "mobile_sam_image_encoder.onnx", "sam_mask_decoder_single.onnx"
OPSET = 17
CLOSE = 1e-2  # what two runtimes may differ by, of values around 1 (embeddings) and 10 (logits)
HELPERS = {
    "mobile_sam/__init__.py": "",  # its own imports torchvision
    "timm/__init__.py": "",
    "timm/models/__init__.py": "",
    "timm/models/registry.py": "def register_model(make):\n    return make\n",
    "timm/models/layers.py": (
        "import torch\n\n\n"
        "class DropPath(torch.nn.Identity):\n"
        "    def __init__(self, drop_prob=0.0):\n"
        "        super().__init__()\n"
        "        self.drop_prob = drop_prob\n\n\n"
        "def to_2tuple(value):\n    return value if isinstance(value, tuple) else (value, value)\n\n\n"
        "trunc_normal_ = torch.nn.init.trunc_normal_\n"
    ),
}


def write_helpers(folder: Path) -> None:
    """Put small modules in the place of packages that the model's code imports and does not need when it only runs."""
    for name, text in HELPERS.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


class _Encoder(nn.Module):
    """The picture encoder with normalisation and padding inside: float32 ``[height, width, 3]``, 0..255."""

    def __init__(self, sam: Any) -> None:
        super().__init__()
        self.sam = sam

    def forward(self, input_image: torch.Tensor) -> torch.Tensor:
        """Return ``[1, 256, 64, 64]``."""
        pixels = (input_image.permute(2, 0, 1) - self.sam.pixel_mean) / self.sam.pixel_std
        height, width = input_image.shape[:2]
        padded = nn.functional.pad(pixels, (0, SIDE - width, 0, SIDE - height))
        embedded: torch.Tensor = self.sam.image_encoder(padded[None])
        return embedded


def export(weights: Path, folder: Path) -> None:
    """Write both files into ``folder`` and hold what they answer against the model itself.

    Raises:
        ValueError: an exported file answers otherwise than the model.
    """
    from mobile_sam.build_sam import build_sam_vit_t
    from mobile_sam.utils.onnx import SamOnnxModel

    sam = build_sam_vit_t(None)
    sam.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))  # tensors only: no code is run
    sam.eval().requires_grad_(False)
    picture = torch.rand(SIDE, 700, 3, generator=torch.Generator().manual_seed(0)) * 255
    encoder, decoder = _Encoder(sam).eval(), SamOnnxModel(sam, return_single_mask=True).eval()
    sides = {"input_image": {0: "height", 1: "width"}}
    _write(encoder, {"input_image": picture}, ["image_embeddings"], sides, folder / ENCODER)
    asked = {
        "image_embeddings": encoder(picture),
        "point_coords": torch.tensor([[[100.0, 200.0], [500.0, 900.0], [0.0, 0.0]]]),
        "point_labels": torch.tensor([[2.0, 3.0, -1.0]]),
        "mask_input": torch.zeros(1, 1, 256, 256),
        "has_mask_input": torch.zeros(1),
        "orig_im_size": torch.tensor([float(SIDE), 700.0]),
    }
    free = {name: {1: "num_points"} for name in ("point_coords", "point_labels")}
    _write(decoder, asked, ["masks", "iou_predictions", "low_res_masks"], free, folder / DECODER)


def _write(
    model: nn.Module, asked: dict[str, torch.Tensor], outputs: list[str], free: dict[str, dict[int, str]], file: Path
) -> None:
    os.environ.setdefault(NO_TELEMETRY, "1")
    import onnxruntime

    torch.onnx.export(
        model,
        tuple(asked.values()),
        str(file),
        input_names=list(asked),
        output_names=outputs,
        dynamic_axes=free,
        opset_version=OPSET,
        dynamo=False,
    )
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    answer = session.run(None, {name: value.numpy() for name, value in asked.items()})
    expected = model(*asked.values())
    first = expected[0] if isinstance(expected, tuple) else expected
    off = float(np.abs(answer[0] - first.numpy()).max())
    if not off < CLOSE * max(1.0, float(first.abs().max())):
        raise ValueError(f"{file.name} answers otherwise than the model it was exported from: off by {off:.3g}")


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # the exporter's advice to those who write models
    export(Path(sys.argv[1]), Path(sys.argv[2]))
