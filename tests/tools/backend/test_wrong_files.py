"""Every network of the preset for photographs, given a file that is none, or another network's: one sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from configs.settings import CocoDetectorSettings, InpainterSettings, OnnxSegmenterSettings
from tools.backend.coco_networks import open_looker
from tools.backend.inpainter import OnnxInpainter
from tools.backend.protocol import BackendError
from tools.backend.segmenter_onnx import OnnxSegmenter, without_specks

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

THRESHOLDS = {"threshold": 0.3, "attribute_threshold": 0.5}
OPENED: dict[str, Callable[[str], Any]] = {
    "detector.path (onnx)": lambda path: open_looker(CocoDetectorSettings(kind="onnx", path=path, **THRESHOLDS)),
    "detector.path (tflite)": lambda path: open_looker(CocoDetectorSettings(kind="tflite", path=path, **THRESHOLDS)),
    "segmenter.path": lambda path: OnnxSegmenter.from_settings(
        OnnxSegmenterSettings(kind="onnx", path=path, decoder=path)
    ),
    "inpainter.path": lambda path: OnnxInpainter.from_settings(InpainterSettings(path=path)),
}


def other_network(folder: Path) -> str:
    """Write a network that doubles a number: a sound file, and none of ours."""
    value, result = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("value", "result"))
    graph = helper.make_graph([helper.make_node("Add", ["value", "value"], ["result"])], "double", [value], [result])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, folder / "double.onnx")
    return str(folder / "double.onnx")


@pytest.mark.parametrize("part", OPENED)
@pytest.mark.parametrize("wrong", ["no network", "another network", "nothing there"])
def test_a_wrong_file_is_one_sentence(tmp_path: Path, part: str, wrong: str) -> None:
    if wrong == "another network":
        if "tflite" in part:
            pytest.skip("an ONNX file is no TFLite file")
        path = other_network(tmp_path)
    else:
        path = str(tmp_path / "file.bin")
        if wrong == "no network":
            (tmp_path / "file.bin").write_bytes(b"<html>not found</html>" * 50)
    with pytest.raises(BackendError) as refused:
        OPENED[part](path)
    said = str(refused.value)
    assert "\n" not in said
    assert len(said) < 500
    assert path in said
    if wrong == "another network":
        assert part.split()[0] in said


def test_specks_are_no_part_of_a_mask() -> None:
    mask = np.zeros((60, 80), dtype=bool)
    mask[10:50, 10:40] = True
    mask[20:30, 60:70] = True  # another part of it, beyond what covers it
    speck = mask.copy()
    speck[5:8, 70:73] = True
    assert (without_specks(speck) == mask).all()
    assert not without_specks(np.zeros((4, 4), dtype=bool)).any()
