from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from PIL import Image

from configs.settings import InpainterSettings
from tools.backend.inpainter import OnnxInpainter
from tools.backend.protocol import BackendError
from tools.stopping import Stop, Stopped

if TYPE_CHECKING:
    from pathlib import Path


def lama(folder: Path, side: int = 512) -> str:
    """Write a network with LaMa's contract that answers a flat gray: mask * 0 + 128 on every channel."""
    shape = [1, 3, side, side]
    inputs = [
        helper.make_tensor_value_info("image", TensorProto.FLOAT, shape),
        helper.make_tensor_value_info("mask", TensorProto.FLOAT, [1, 1, side, side]),
    ]
    output = helper.make_tensor_value_info("output", TensorProto.FLOAT, shape)
    constants = [
        helper.make_tensor("zero", TensorProto.FLOAT, [], [0.0]),
        helper.make_tensor("gray", TensorProto.FLOAT, [], [128.0]),
    ]
    nodes = [
        helper.make_node("Add", ["image", "mask"], ["both"]),
        helper.make_node("Mul", ["both", "zero"], ["nothing"]),
        helper.make_node("Add", ["nothing", "gray"], ["output"]),
    ]
    model = helper.make_model(
        helper.make_graph(nodes, "lama", inputs, [output], constants),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    file = folder / "lama.onnx"
    onnx.save(model, file)
    return str(file)


@pytest.mark.parametrize("size", [(300, 200), (60, 900), (1400, 1000)])
def test_lama_fills_the_hole_and_nothing_else(tmp_path: Path, size: tuple[int, int]) -> None:
    inpainter = OnnxInpainter.from_settings(InpainterSettings(path=lama(tmp_path)))
    pixels = np.random.default_rng(0).integers(0, 90, (size[1], size[0], 3), dtype=np.uint8)
    hole = np.zeros(pixels.shape[:2], dtype=bool)
    hole[size[1] // 3 : size[1] // 2, size[0] // 3 : size[0] // 2] = True
    filled = np.asarray(inpainter.fill([Image.fromarray(pixels)], [hole])[0])
    assert (filled[~hole] == pixels[~hole]).all()
    assert (filled[hole] == 128).all()


def test_holes_that_cannot_be_filled(tmp_path: Path) -> None:
    inpainter, picture = OnnxInpainter.from_settings(InpainterSettings(path=lama(tmp_path))), Image.new("RGB", (64, 48))
    assert inpainter.fill([picture], [np.zeros((48, 64), dtype=bool)])[0] is picture
    with pytest.raises(BackendError, match="covers the whole picture"):
        inpainter.fill([picture], [np.ones((48, 64), dtype=bool)])
    with pytest.raises(BackendError, match="64x48"):
        inpainter.fill([picture], [np.ones((64, 48), dtype=bool)])


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("no network")
    with pytest.raises(BackendError, match="cannot be read as ONNX"):
        OnnxInpainter.from_settings(InpainterSettings(path=str(tmp_path / "text.onnx")))
    with pytest.raises(BackendError, match="no such file"):
        OnnxInpainter.from_settings(InpainterSettings(path=str(tmp_path / "none.onnx")))


def test_a_network_is_cut_short_when_the_work_shall_stop(tmp_path: Path) -> None:
    inpainter, stop = OnnxInpainter.from_settings(InpainterSettings(path=lama(tmp_path))), Stop()
    picture, hole = Image.new("RGB", (64, 48)), np.zeros((48, 64), dtype=bool)
    hole[10:20, 10:20] = True
    with stop.watching():
        inpainter.fill([picture], [hole])
        stop.ask()
        with pytest.raises(Stopped):
            inpainter.fill([picture], [hole])
        stop.clear()
        inpainter.fill([picture], [hole])
