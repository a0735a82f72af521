"""What ships with the project: small, safe to load, and good enough to build on."""

from __future__ import annotations

from pathlib import Path

import pytest

import iconworld
from configs.settings import load_settings
from evals.iconworld import run_iconworld
from tools.backend.local import LocalBackend

WEIGHTS = Path(iconworld.__file__).parent / "weights"


def test_models_ship_as_safetensors_in_forty_megabytes():
    files = [file for file in WEIGHTS.rglob("*") if file.is_file()]
    assert {file.parts[len(WEIGHTS.parts)] for file in files} >= {"detector", "generator", "segmenter"}
    assert {file.suffix for file in files} <= {".json", ".safetensors", ".txt"}
    assert sum(file.stat().st_size for file in files) <= 40e6


@pytest.fixture(scope="module")
def measured():
    backend = LocalBackend(load_settings(environment={}))
    return run_iconworld(backend, backend, lambda images: images, seed=3, scenes=20, parts=("detector", "segmenter"))


@pytest.mark.parametrize(
    ("key", "least"),
    [
        ("class_precision", 0.85),
        ("class_recall", 0.9),
        ("attribute_precision", 0.85),
        ("attribute_recall", 0.9),
        ("count_accuracy", 0.8),
        ("mask_iou", 0.85),
    ],
)
def test_the_detector_and_the_segmenter_see(measured, key, least):
    # Few scenes, so wide margins; the figures themselves are in the model card.
    assert measured[key] >= least
