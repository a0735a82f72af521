from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from configs.settings import DetectorSettings, GroundedPart, SegmenterSettings
from tests.tiny_models import save_gligen, save_owl, save_sam, save_sam2
from tools.backend import checkpoints
from tools.backend.detector import ZeroShotDetector
from tools.backend.device_memory import Batcher, Master, is_out_of_memory
from tools.backend.gligen import GroundedDiffusion
from tools.backend.protocol import BackendError
from tools.backend.segmenter import Segmenter
from tools.scene.box import Box
from tools.scene.spec import Query

if TYPE_CHECKING:
    from pathlib import Path

CPU = torch.device("cpu")
PICTURE = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8))
BOX = Box(0.123, 0.234, 0.4567, 0.345)


def test_boxes_reach_the_position_net_in_full(tmp_path: Path) -> None:
    part = GroundedPart(path=str(save_gligen(tmp_path)), device="cpu", dtype="bfloat16")
    model = GroundedDiffusion.load(part)
    grounding = model.grounding([[("car", BOX)]], (64, 64))
    assert grounding.boxes.dtype == torch.float32
    assert grounding.phrases.dtype == torch.bfloat16
    assert grounding.boxes[0, 0].tolist() == pytest.approx(BOX.box_xyxy, abs=1e-6)
    made = model.predict(model.noise([0], (64, 64)), 500, model.text_embeddings(["car"]), grounding=grounding)
    assert made.dtype == torch.bfloat16
    assert torch.isfinite(made).all()


@pytest.mark.parametrize("version", [1, 2])
def test_a_detectors_boxes_are_put_together_in_full(tmp_path: Path, version: int) -> None:
    folder = str(save_owl(tmp_path, version=version))

    def boxes(dtype: Any) -> list[Box]:
        settings = DetectorSettings(path=folder, device="cpu", dtype=dtype, threshold=0.01, nms=1.0)
        found = ZeroShotDetector.from_settings(settings).detect(PICTURE, [Query(name="car")]).detections
        return sorted((one.box for one in found), key=lambda box: (round(box.x, 3), round(box.y, 3)))

    for whole, half in zip(boxes("float32"), boxes("bfloat16"), strict=True):
        assert tuple(half) == pytest.approx(tuple(whole), abs=1e-5)  # bfloat16 knows 0.9 to 0.004


@pytest.mark.parametrize("save", [save_sam, save_sam2])
def test_a_segmenter_embeds_boxes_in_full(tmp_path: Path, save: Any) -> None:
    folder = str(save(tmp_path))
    models: dict[str, Any] = {
        dtype: Segmenter.from_settings(SegmenterSettings(path=folder, device="cpu", dtype=dtype)).masker.model
        for dtype in ("float32", "bfloat16")
    }
    embedded = {
        name: model.prompt_encoder(input_points=None, input_labels=None, input_boxes=boxes, input_masks=None)[0]
        for boxes in [torch.tensor([[[3.25, 7.5, 41.125, 60.0]]])]
        for name, model in models.items()
    }
    # the random frequencies themselves were rounded to bfloat16 in the file that is not read here
    assert embedded["bfloat16"].dtype == torch.float32


@pytest.mark.parametrize(
    ("published", "able", "chosen"),
    [
        (torch.bfloat16, True, torch.bfloat16),
        (torch.bfloat16, False, torch.float16),
        (torch.float32, True, torch.float16),
    ],
)
def test_half_precision_is_that_of_the_publisher_where_the_device_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, published: torch.dtype, able: bool, chosen: torch.dtype
) -> None:
    file = next((save_gligen(tmp_path) / "unet").glob("*.safetensors"))
    save_file({name: value.to(published) for name, value in load_file(file).items()}, file, metadata={"format": "pt"})
    monkeypatch.setattr(checkpoints, "_has_bfloat16", lambda device: able)
    assert checkpoints.choose_dtype("auto", torch.device("cuda"), tmp_path) == chosen
    assert checkpoints.choose_dtype("auto", CPU, tmp_path) == torch.float32


def test_numbers_that_a_device_has_not_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "_has_bfloat16", lambda device: False)
    monkeypatch.setattr("torch.cuda.get_device_name", lambda device: "Old Card")
    with pytest.raises(BackendError, match="'bfloat16': Old Card has none; use float16"):
        checkpoints.choose_dtype("bfloat16", torch.device("cuda"))


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("MPS backend out of memory (MPS allocated: 17.00 GB)"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] . DefaultCPUAllocator: can't allocate memory: you tried"),
    ],
)
def test_too_little_memory_is_one_message_on_every_device(error: RuntimeError) -> None:
    assert is_out_of_memory(error)

    def run(batch: torch.Tensor) -> torch.Tensor:
        raise error

    with pytest.raises(BackendError, match=r"cpu is out of memory for a single sample: set dtype=float16 and offload"):
        Batcher(CPU)("x", run, torch.zeros(4, 1))


def test_other_faults_are_not_taken_for_that() -> None:
    def run(batch: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("shapes differ")

    with pytest.raises(RuntimeError, match="shapes differ"):
        Batcher(CPU)("x", run, torch.zeros(4, 1))


def test_a_model_that_leaves_its_device_keeps_its_weights_in_main_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    model = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.BatchNorm1d(3)).eval()
    given = torch.ones(2, 3)
    before = model(given)
    master = Master(model)
    kept = {id(tensor): copy.data_ptr() for tensor, copy in master.tensors}
    for tensor, _ in master.tensors:  # as if on a device
        tensor.data = tensor.data.clone()
    master.place(CPU)
    assert {id(tensor): tensor.data_ptr() for tensor, _ in master.tensors} == kept
    assert len(kept) == len(model.state_dict())
    assert torch.equal(model(given), before)
