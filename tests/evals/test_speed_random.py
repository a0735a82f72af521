"""Speed at full size with weights at random: the whole of it on tiny architectures, its counts on a real one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import torch
from typer.testing import CliRunner

from configs.settings import Settings, load_settings
from evals.cli import app
from evals.speed_random import PEAKS, run_random
from tests.tiny_models import save_models
from tools.backend.full_size import architectures
from tools.backend.full_size.explain import EDITS

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_models(tmp_path_factory.mktemp("models"))


@pytest.fixture
def settings(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    def config(name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((folder / name).read_text())
        return found

    def model(kind: str, name: str, **changes: Any) -> dict[str, Any]:
        return {"class": kind, "config": config(f"{name}/config.json") | changes}

    schedule = {key: value for key, value in config("gligen/scheduler/scheduler_config.json").items() if key[0] != "_"}
    large = config("sam/config.json")["vision_config"] | {"image_size": 1024}  # what its processor makes of pictures
    words = {"vocab_size": 49408, "max_position_embeddings": 77}
    known = {
        "tiny/gligen": {
            "models": {
                "vae": model("diffusers.AutoencoderKL", "gligen/vae"),
                "text_encoder": model("transformers.CLIPTextModel", "gligen/text_encoder", **words),
                "unet": model("diffusers.UNet2DConditionModel", "gligen/unet"),
            },
            "tokenizers": {"tokenizer": "clip"},
            "scheduler": {"class": "DDIMScheduler", **schedule},
        },
        "tiny/sam": model("transformers.SamModel", "sam", vision_config=large),
        "tiny/owl": model("transformers.Owlv2ForObjectDetection", "owl"),
    }
    monkeypatch.setattr(architectures, "described", known.__getitem__)
    changes: dict[str, Any] = {"detector.path": "tiny/owl", "segmenter.path": "tiny/sam", "editor.path": "tiny/gligen"}
    changes |= {f"{part}.dtype": "float32" for part in ("detector", "segmenter", "editor", "generator")}
    return load_settings("gligen-sd14", changes | {"editor.steps": 2, "editor.side": 64}, environment={})


@pytest.mark.slow
def test_every_edit_is_timed_alone_and_with_others(settings: Settings) -> None:
    found = run_random(settings, torch.device("cpu"), repeats=1, at_once=2)
    for kind in EDITS:
        assert found[f"{kind}_model_evaluations"] > 0
        assert found[f"{kind}_tflop_s"] == found[f"{kind}_tflop"] / found[f"{kind}_seconds"]
        assert found[f"{kind}_at_once_seconds"] > 0
        assert f"{kind}_of_peak" not in found  # no GPU
    assert found["first_seconds"] > 0
    assert "H100" in PEAKS


@pytest.mark.slow
def test_without_a_gpu_the_work_is_counted_and_that_is_said() -> None:
    if torch.cuda.is_available():
        pytest.skip("it would run")
    ran = CliRunner().invoke(
        app, ["speed", "--preset", "gligen-sd14", "--random-weights", "--set", "editor.steps=4", "--json"]
    )
    found = json.loads(ran.stdout)
    assert "not run, only counted" in ran.stderr
    assert found["add_tflop"] > 10
    assert found["weights_gb"] > 2
    assert not [name for name in found if "seconds" in name]
