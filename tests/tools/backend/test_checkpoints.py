from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import CLIPTextModel

from configs.settings import DetectorSettings, GroundedPart, Part, SegmenterSettings
from tests.tiny_models import save_gligen, save_owl, save_pipeline, save_sam
from tools.backend import checkpoints
from tools.backend.detector import ZeroShotDetector
from tools.backend.gligen import GroundedDiffusion
from tools.backend.pipelines import Pipeline
from tools.backend.protocol import BackendError
from tools.backend.segmenter import Segmenter

if TYPE_CHECKING:
    from pathlib import Path

CPU = torch.device("cpu")


@pytest.fixture
def owl(tmp_path: Path) -> Path:
    return save_owl(tmp_path / "owl")


def test_a_folder_inside_a_package_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "tinypackage"
    package.mkdir()
    (package / "__init__.py").touch()
    save_owl(package / "weights" / "owl")
    monkeypatch.syspath_prepend(tmp_path)
    assert checkpoints.resolve(Part(path="package:tinypackage/weights/owl")) == package / "weights" / "owl"


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("package:nosuchpackage/weights", "no package 'nosuchpackage'"),
        ("package:configs/nothing", "there is no folder"),
        ("./nothing/here", "there is no folder 'nothing/here'"),
        ("nobody/nothing", "cannot be fetched from the hub"),
    ],
)
def test_a_missing_checkpoint_is_named(path: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(BackendError, match=said):
        checkpoints.resolve(Part(path=path))


def test_a_file_is_not_a_checkpoint(owl: Path) -> None:
    with pytest.raises(BackendError, match="is a file"):
        checkpoints.resolve(Part(path=str(owl / "model.safetensors")))


@pytest.mark.parametrize("name", ["pytorch_model.bin", "weights.pt", "weights.ckpt"])
def test_pickles_are_refused(owl: Path, name: str) -> None:
    torch.save(load_file(owl / "model.safetensors"), owl / name)
    (owl / "model.safetensors").unlink()
    with pytest.raises(BackendError, match=f"only pickle weights .{name}.*never loaded"):
        ZeroShotDetector.from_settings(DetectorSettings(path=str(owl)))


def test_a_truncated_file_is_named(owl: Path) -> None:
    file = owl / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(BackendError, match=r"model\.safetensors' cannot be read.*damaged"):
        ZeroShotDetector.from_settings(DetectorSettings(path=str(owl)))


def test_a_missing_weight_is_not_drawn_at_random(owl: Path) -> None:
    weights = load_file(owl / "model.safetensors")
    del weights["class_head.dense0.weight"]
    save_file(weights, owl / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(BackendError, match=r"lacks 1 weights, such as 'class_head\.dense0\.weight'"):
        ZeroShotDetector.from_settings(DetectorSettings(path=str(owl)))


def test_weights_of_another_shape_are_refused(owl: Path, tmp_path: Path) -> None:
    other = save_owl(tmp_path / "other", size=64)
    (owl / "config.json").write_text((other / "config.json").read_text())
    with pytest.raises(BackendError, match="belong together"):
        ZeroShotDetector.from_settings(DetectorSettings(path=str(owl)))


def test_a_damaged_configuration_is_named(owl: Path) -> None:
    (owl / "config.json").write_text('{"model_type": ')
    with pytest.raises(BackendError, match="cannot be loaded"):
        ZeroShotDetector.from_settings(DetectorSettings(path=str(owl)))


def test_code_of_a_checkpoint_never_runs(owl: Path) -> None:
    (owl / "evil.py").write_text("raise SystemExit('code of the checkpoint ran')")
    text = (owl / "config.json").read_text()
    text = text.replace('"model_type": "owlv2"', '"model_type": "new", "auto_map": {"AutoConfig": "evil.Config"}', 1)
    (owl / "config.json").write_text(text)
    with pytest.raises(BackendError, match="cannot be loaded"):
        ZeroShotDetector.from_settings(DetectorSettings(path=str(owl)))


def test_the_wrong_kind_is_named(owl: Path, tmp_path: Path) -> None:
    sam = save_sam(tmp_path / "sam")
    with pytest.raises(BackendError, match=r"is a 'sam' model; detector\.path takes"):
        ZeroShotDetector.from_settings(DetectorSettings(path=str(sam)))
    with pytest.raises(BackendError, match=r"is a 'owlv2' model; segmenter\.path takes"):
        Segmenter.from_settings(SegmenterSettings(path=str(owl)))


def test_a_missing_component_of_a_pipeline_is_named(tmp_path: Path) -> None:
    folder = save_gligen(tmp_path)
    (folder / "vae" / "diffusion_pytorch_model.safetensors").unlink()
    with pytest.raises(BackendError, match=r"vae' has no \.safetensors"):
        GroundedDiffusion.load(GroundedPart(path=str(folder)))


@pytest.mark.parametrize("pieces", ["10GB", "1KB"])
def test_half_precision_files_are_loaded_where_half_is_wanted_or_nothing_else_is_there(
    tmp_path: Path, pieces: str
) -> None:
    folder = save_gligen(tmp_path) / "text_encoder"
    model = CLIPTextModel.from_pretrained(folder)
    model.half().save_pretrained(folder, variant="fp16", max_shard_size=pieces)
    assert any(checkpoints.hub.is_half(file.name) for file in folder.glob("*.safetensors"))
    assert checkpoints.variant(folder, torch.bfloat16) == "fp16"
    assert checkpoints.variant(folder, torch.float32) is None
    assert checkpoints.load(CLIPTextModel, folder, device=CPU, dtype=torch.float16).dtype == torch.float16
    (folder / "model.safetensors").unlink()
    assert checkpoints.load(CLIPTextModel, folder, device=CPU, dtype=torch.float32).dtype == torch.float32


def test_a_pipeline_is_loaded_in_its_dtype(tmp_path: Path) -> None:
    from diffusers import AutoPipelineForText2Image

    folder = save_pipeline(tmp_path)
    for dtype in ("float32", "bfloat16"):
        loaded = Pipeline.load(AutoPipelineForText2Image, Part(path=str(folder), device="cpu", dtype=dtype))
        assert {str(component.dtype) for component in loaded.components} == {f"torch.{dtype}"}


@pytest.mark.parametrize("name", ["cuda:99", "toaster"])
def test_an_unknown_device_is_named(name: str) -> None:
    with pytest.raises(BackendError, match=name):
        checkpoints.choose_device(name)


def test_auto_dtype_follows_the_device() -> None:
    assert checkpoints.choose_dtype("auto", CPU) == torch.float32
    assert checkpoints.choose_dtype("auto", torch.device("cuda")) == torch.float16
    assert checkpoints.choose_dtype("bfloat16", CPU) == torch.bfloat16


def test_loading_says_nothing(owl: Path, capfd: pytest.CaptureFixture[str]) -> None:
    ZeroShotDetector.from_settings(DetectorSettings(path=str(owl)))
    assert capfd.readouterr() == ("", "")


def test_the_protocol_does_not_import_torch() -> None:
    code = "import sys, tools.backend.protocol; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
