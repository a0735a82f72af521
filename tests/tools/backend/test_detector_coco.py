from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from PIL import Image

from configs.settings import CocoDetectorSettings
from tests.photo import backend, needs_networks, photograph
from tools.backend.coco_kinds import KINDS, LABELS, kinds_of
from tools.backend.coco_networks import Looked
from tools.backend.detector_coco import CocoDetector
from tools.backend.protocol import BackendError, Segmented
from tools.scene.box import Box
from tools.scene.spec import Query

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

LEFT, RIGHT = (0.0, 0.0, 0.5, 1.0), (0.5, 0.0, 1.0, 1.0)
HALVES = Image.fromarray(np.array([[[200, 20, 20]] * 40 + [[20, 40, 200]] * 40] * 60, dtype=np.uint8))


class Said:
    """A network that answers what a test says: kind, score and corners."""

    def __init__(self, *found: tuple[str, float, tuple[float, float, float, float]]) -> None:
        kinds, scores, boxes = zip(*found, strict=True)
        self.answer = Looked(np.array(boxes), kinds, np.array(scores))

    def look(self, image: Image.Image) -> Looked:
        return self.answer


def whole_boxes(image: Image.Image, boxes: Sequence[Box]) -> Segmented:
    masks = np.zeros((len(boxes), image.height, image.width), dtype=bool)
    for mask, box in zip(masks, boxes, strict=True):
        x0, y0, x1, y1 = box.to_px(image.size)
        mask[y0:y1, x0:x1] = True
    return Segmented(masks, (1.0,) * len(boxes))


def detector(*found: tuple[str, float, tuple[float, float, float, float]], **changes: Any) -> CocoDetector:
    values: dict[str, Any] = {"kind": "tflite", "path": "said", "threshold": 0.3, "attribute_threshold": 0.5}
    return CocoDetector(Said(*found), CocoDetectorSettings(**(values | changes)), whole_boxes)


def ask(*phrases: str) -> list[Query]:
    return [Query(name=phrase.split()[-1], attributes=tuple(phrase.split()[:-1])) for phrase in phrases]


@pytest.mark.parametrize(
    ("noun", "kinds"),
    [
        ("man", {"person"}),
        ("women", {"person"}),
        ("passer-by", {"person"}),
        ("sofa", {"couch"}),
        ("purse", {"handbag"}),
        ("bikes", {"bicycle"}),
        ("plane", {"airplane"}),
        ("television", {"tv"}),
        ("mobile phone", {"cell phone"}),
        ("delivery truck", {"truck"}),
        ("hot dog", {"hot dog"}),
        ("glass", {"cup", "wine glass"}),
        ("pet", {"cat", "dog"}),
        ("lamp", set()),
        ("street sign", set()),
    ],
)
def test_english_words_for_the_kinds(noun: str, kinds: set[str]) -> None:
    assert kinds_of(noun) == kinds


def test_every_kind_is_known_by_its_own_name_and_has_one_number() -> None:
    assert len(KINDS) == 80
    assert all(kinds_of(kind) == {kind} for kind in KINDS)
    assert sorted(label for label in LABELS if label) == sorted(KINDS)


def test_a_thing_goes_by_the_first_word_that_means_it() -> None:
    found = detector(("person", 0.9, LEFT), ("dog", 0.8, RIGHT)).detect(HALVES, ask("man", "animal", "person", "dog"))
    assert [(one.name, one.score) for one in found.detections] == [("man", 0.9), ("animal", 0.8)]


def test_colours_are_those_under_the_mask() -> None:
    found = detector(("cup", 0.9, LEFT), ("cup", 0.8, RIGHT)).detect(HALVES, ask("red cup", "blue cup", "green cup"))
    assert {(one.phrase, one.box.x) for one in found.detections} == {("red cup", 0.0), ("blue cup", 0.5)}


def test_what_it_cannot_know_is_named_and_not_merely_absent() -> None:
    queries = ask("lamp", "wooden cup", "cup")
    found = detector(("cup", 0.9, LEFT)).detect(HALVES, queries)
    assert found.unanswered == tuple(queries[:2])
    assert "'lamp'" in found.warnings[0]
    assert "80 kinds" in found.warnings[0]
    assert "'wooden'" in found.warnings[1]


def test_words_for_one_kind_cannot_be_told_apart() -> None:
    found = detector(("person", 0.9, LEFT)).detect(HALVES, ask("man", "woman"))
    assert any("cannot tell 'man' from 'woman'" in warning for warning in found.warnings)


def test_weak_and_doubled_boxes_are_left_out() -> None:
    nearly = (0.01, 0.0, 0.5, 1.0)
    found = detector(("cup", 0.9, LEFT), ("cup", 0.6, nearly), ("cup", 0.2, RIGHT)).detect(HALVES, ask("cup"))
    assert [one.score for one in found.detections] == [0.9]


@needs_networks
def test_a_real_photograph() -> None:
    found = backend().detect(photograph("coffee"), ask("mug", "spoon", "table", "dog"))
    assert {one.name for one in found.detections} == {"mug", "spoon", "table"}
    assert max(backend().score(photograph("coffee"), found.detections[0].box, ask("mug", "dog"))) > 0.5


@needs_networks
def test_masks_and_fills_of_a_real_photograph() -> None:
    picture = photograph("astronaut")
    person = Box(0.04, 0.01, 0.69, 0.97)
    first, again = (backend().segment(picture, [person, Box(0.53, 0.67, 0.46, 0.33)]) for _ in range(2))
    assert first.masks.shape == (2, 512, 512)
    assert 0.3 < first.masks[0].mean() < 0.55
    assert again.cost.segmenter_passes == 0
    hole = np.zeros((512, 512), dtype=bool)
    hole[120:180, 400:450] = True
    filled = np.asarray(backend().inpainter().fill([picture], [hole])[0])
    assert (filled[~hole] == np.asarray(picture)[~hole]).all()
    assert (filled[hole] != np.asarray(picture)[hole]).any()


def onnx_file(folder: Path, boxes: list[list[float]], classes: list[int], scores: list[float]) -> str:
    """Write a network with the contract of TensorFlow's detection exports that always answers the same."""
    count = len(boxes)
    picture = helper.make_tensor_value_info("image", TensorProto.UINT8, [1, "height", "width", 3])
    shapes = {"boxes": [1, count, 4], "classes": [1, count], "scores": [1, count], "number": [1]}
    values = {"boxes": np.array(boxes).ravel(), "classes": classes, "scores": scores, "number": [count]}
    nodes = [helper.make_node("Cast", ["image"], ["numbers"], to=TensorProto.FLOAT)]
    nodes += [helper.make_node("ReduceMin", ["numbers"], ["least"], keepdims=0)]
    nodes += [helper.make_node("Mul", ["least", "zero"], ["nothing"])]
    nodes += [helper.make_node("Add", [f"{name}_known", "nothing"], [name]) for name in shapes]
    constants = [helper.make_tensor("zero", TensorProto.FLOAT, [], [0.0])]
    for name, shape in shapes.items():
        numbers = [float(value) for value in values[name]]
        constants.append(helper.make_tensor(f"{name}_known", TensorProto.FLOAT, shape, numbers))
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]
    graph = helper.make_graph(nodes, "detector", [picture], outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, folder / "detector.onnx")
    return str(folder / "detector.onnx")


def test_an_onnx_file_is_asked_like_a_tflite_file(tmp_path: Path) -> None:
    # corners are y0, x0, y1, x1 of the padded square; COCO's classes count from 1: 1 person, 47 cup
    path = onnx_file(tmp_path, [[0.1, 0.2, 0.9, 0.5], [0.2, 0.6, 0.5, 0.8]], [1, 47], [0.9, 0.6])
    settings = CocoDetectorSettings(kind="onnx", path=path, threshold=0.3, attribute_threshold=0.5)
    found = CocoDetector.from_settings(settings, whole_boxes).detect(HALVES, ask("cup", "man")).detections
    assert [(one.name, round(one.score, 2)) for one in found] == [("man", 0.9), ("cup", 0.6)]
    assert found[0].box.iou(Box.from_xyxy(0.2, 0.1, 0.5, 0.9)) > 0.97


@pytest.mark.parametrize("kind", ["onnx", "tflite"])
def test_another_file_is_refused_in_one_sentence(tmp_path: Path, kind: str) -> None:
    wrong = tmp_path / "wrong.bin"
    wrong.write_bytes(b"no network at all" * 100)
    settings = CocoDetectorSettings(kind=kind, path=str(wrong), threshold=0.3, attribute_threshold=0.5)  # type: ignore[arg-type]
    with pytest.raises(BackendError, match=r"wrong\.bin") as refused:
        CocoDetector.from_settings(settings, whole_boxes)
    assert "\n" not in str(refused.value)


class Nearsighted:
    """A network that takes a cup for a toilet from afar; `looks` counts."""

    def __init__(self) -> None:
        self.looks = 0

    def look(self, image: Image.Image) -> Looked:
        self.looks += 1
        near = image.size != HALVES.size
        box = (0.1, 0.1, 0.9, 0.9) if near else (0.2, 0.2, 0.6, 0.6)
        return Looked(np.array([box]), ("cup" if near else "toilet",), np.array([0.8]))


def test_what_is_asked_for_and_not_found_is_looked_at_closely() -> None:
    settings = CocoDetectorSettings(kind="tflite", path="said", threshold=0.3, attribute_threshold=0.5)
    network = Nearsighted()
    seen = CocoDetector(network, settings, whole_boxes)
    assert [one.name for one in seen.detect(HALVES, ask("toilet")).detections] == ["toilet"]
    assert network.looks == 1  # found at once: no second look
    found = seen.detect(HALVES, ask("cup")).detections
    assert [one.name for one in found] == ["cup"]
    assert found[0].box.iou(Box.from_xyxy(0.2, 0.2, 0.6, 0.6)) > 0.6
    everything = [Query(name=kind) for kind in KINDS]
    assert "cup" not in [one.name for one in seen.detect(HALVES, everything).detections]
