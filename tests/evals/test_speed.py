from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import yaml
from typer.testing import CliRunner

from configs.settings import Settings, load_settings
from evals.cli import app
from evals.speed import run_speed, table
from tests.tiny_models import save_gligen, save_owl, save_sam

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def preset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    diffusion = {"path": str(save_gligen(folder / "gligen")), "device": "cpu"}
    detector = {"path": str(save_owl(folder / "owl")), "device": "cpu"}
    parts = {
        "detector": detector,
        "heldout_detector": detector,
        "segmenter": {"path": str(save_sam(folder / "sam")), "device": "cpu"},
        "generator": diffusion,
        "editor": diffusion | {"steps": 10, "erase_strength": 0.8, "dilation": 1},
    }
    file = folder / "tiny.yaml"
    file.write_text(yaml.safe_dump(parts))
    return file


@pytest.fixture
def settings(preset: Path) -> Settings:
    return load_settings(str(preset), environment={})


@pytest.mark.slow
@pytest.mark.parametrize("reload", [False, True])
def test_the_reference_spends_what_the_published_schedule_spends(settings: Settings, reload: bool) -> None:
    result = run_speed(settings, scenes=1, steps=10, size_wh=(48, 48), attention_guidance=False, reload=reload)
    background = moved = composed = 10 * 2
    restyled = 8 * 2 + 8 * 2 + 10 * 2  # DiffEdit's inversion, its denoising, and the inversion of its picture
    added = 2 * 10 * 2
    assert result["reference_model_evaluations"] == background + moved + composed + restyled + added
    assert result["reference_segmenter_passes"] == 5  # the old place, the helper picture, the restyled one, two new
    assert result["ours_segmenter_passes"] == 3  # the picture and two new objects
    assert result["ours_model_evaluations"] == 8 + 2 * 2 * (5 + 3) + 2 * 8
    assert result["unet_ratio"] == pytest.approx(152 / 56)
    # at the reference's strengths and guidance: two inversions alike, two new objects, a restyling, one composition
    assert result["alike_unet_ratio"] == result["reference_model_evaluations"] / result["alike_model_evaluations"]
    assert result["reference_model_evaluations"] > result["alike_model_evaluations"] >= result["ours_model_evaluations"]
    assert (result["detector_passes"], result["segmenter_passes"]) == (1, 1)
    assert result["wall_ratio"] == result["reference_seconds"] / result["ours_seconds"]


@pytest.mark.slow
def test_the_command_prints_what_it_measured(preset: Path) -> None:
    given = ["speed", "--preset", str(preset), "--scenes", "1", "--steps", "4", "--json"]
    result = json.loads(CliRunner().invoke(app, given).stdout)
    assert 0 <= result["ours_right"] <= 1
    assert result["reference_model_evaluations"] > result["ours_model_evaluations"] > 0


def test_missing_weights_are_one_message() -> None:
    ran = CliRunner().invoke(app, ["speed", "--no-heldout", "--set", "editor.path=/nowhere/at/all"])
    assert ran.exit_code == 1
    assert "Traceback" not in ran.output
    assert "/nowhere/at/all" in ran.output


def test_a_table_has_one_row_for_each_measure() -> None:
    text = table({"ours_seconds": 1.0, "alike_seconds": 2.0, "reference_seconds": 4.0, "wall_ratio": 4.0})
    assert [line.split() for line in text.splitlines()] == [
        ["reference", "ours", "ratio", "ours", "at", "equal", "settings", "ratio"],
        ["seconds", "4.00", "1.00", "4.00", "2.00", "2.00"],
    ]


def test_a_preset_that_cannot_be_measured_is_refused_in_one_sentence() -> None:
    ran = CliRunner().invoke(app, ["speed", "--no-heldout", "--preset", "photo"])
    assert ran.exit_code == 2
    assert "kind 'paste'" in ran.output
