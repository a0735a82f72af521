"""What ships with the project: small, safe to load, and good enough to build on."""

from __future__ import annotations

from pathlib import Path

import pytest

import iconworld
from configs.settings import load_settings
from evals.iconworld import measure_detector, run_iconworld
from iconworld.renderer import draw_scene
from tools.backend.local import LocalBackend

WEIGHTS = Path(iconworld.__file__).parent / "weights"


def test_models_ship_as_safetensors_in_forty_megabytes():
    files = [file for file in WEIGHTS.rglob("*") if file.is_file()]
    assert {file.parts[len(WEIGHTS.parts)] for file in files} == {
        "detector",
        "generator",
        "heldout_detector",
        "segmenter",
    }
    assert {file.suffix for file in files} <= {".json", ".safetensors", ".txt"}
    assert sum(file.stat().st_size for file in files) <= 40e6


@pytest.fixture(scope="module")
def backend():
    return LocalBackend(load_settings(environment={}))


@pytest.fixture(scope="module")
def heldout(backend):
    return backend.detector_for(backend.settings.heldout_detector)


@pytest.fixture(scope="module")
def measured(backend, heldout):
    parts = ("detector", "segmenter", "heldout_detector")
    return run_iconworld(backend, heldout, lambda images: images, seed=3, scenes=20, parts=parts)


# Few scenes, so wide margins; the figures themselves are in the model card.
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
    assert measured[key] >= least


@pytest.mark.parametrize("size_wh", [(384, 128), (128, 400), (512, 512)])
def test_long_and_large_pictures_are_seen_too(backend, size_wh):
    measured = measure_detector(backend, [draw_scene(seed, size_wh, counts=(0, 0, 1, 1)) for seed in range(6)])
    assert measured["class_recall"] >= 0.8


@pytest.mark.parametrize("key", ["class_precision", "class_recall", "attribute_precision", "attribute_recall"])
def test_the_heldout_sees(measured, key):
    assert measured[f"heldout_{key}"] >= 0.88


def test_the_generator_draws_what_is_asked_for_where_it_is_asked_for(backend, heldout):
    measured = run_iconworld(backend, heldout, lambda images: images, seed=3, scenes=8, parts=("generator",))
    assert measured["grounded_accuracy"] >= 0.75
