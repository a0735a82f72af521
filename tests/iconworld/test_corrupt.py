from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from diffusers import AutoencoderKL

import iconworld
from configs.settings import load_settings
from evals.iconworld import measure_detector
from iconworld.corrupt import corrupt, soften
from iconworld.data import GONE, WHOLE, Labeled
from iconworld.renderer import draw_scene
from tools.backend.detector import ZeroShotDetector


@pytest.fixture(scope="module")
def pairs() -> list[tuple]:
    scenes = [draw_scene(seed, counts=(0, 0, 0, 1, 1)) for seed in range(60)]
    return [(scene, corrupt(scene, np.random.default_rng(number))) for number, scene in enumerate(scenes)]


def share_left(scene, corrupted: Labeled, index: int) -> float:
    """Return how much of an object's visible pixels is as it was drawn."""
    same = (np.asarray(scene.image) == np.asarray(corrupted.image)).all(axis=-1)
    return float(same[scene.mask(index)].mean())


def test_an_object_counts_as_far_as_it_is_left(pairs) -> None:
    seen = {"counts": 0, "doubtful": 0, "gone": 0}
    for scene, corrupted in pairs:
        for index, one in enumerate(scene.objects):
            left = share_left(scene, corrupted, index)
            kind = "counts" if one in corrupted.objects else "doubtful" if one.box in corrupted.doubtful else "gone"
            seen[kind] += 1
            if kind == "counts":
                assert left >= WHOLE - 0.02
            elif kind == "doubtful":
                assert GONE - 0.02 < left < WHOLE + 0.05  # a piece may by chance have the object's own colour
            else:
                assert left <= GONE + 0.05
    assert all(seen.values()), seen


def test_the_same_seed_wears_the_same_way(pairs) -> None:
    scene, corrupted = pairs[7]
    again = corrupt(scene, np.random.default_rng(7))
    assert again.objects == corrupted.objects
    assert np.array_equal(np.asarray(again.image), np.asarray(corrupted.image))


@pytest.mark.parametrize("size_wh", [(128, 128), (160, 96)])
def test_a_softened_picture_differs_and_shows_the_same(size_wh) -> None:
    vae = AutoencoderKL.from_pretrained(Path(iconworld.__file__).parent / "weights" / "generator" / "vae").eval()
    detector = ZeroShotDetector.from_settings(load_settings(environment={}).detector)
    scenes = [draw_scene(seed, size_wh) for seed in range(6)]
    images = soften([scene.image for scene in scenes], vae, np.random.default_rng(0))
    assert [image.size for image in images] == [size_wh] * len(scenes)
    assert all(image.tobytes() != scene.image.tobytes() for scene, image in zip(scenes, images, strict=True))
    soft = [dataclasses.replace(scene, image=image) for scene, image in zip(scenes, images, strict=True)]
    seen = measure_detector(detector, soft)
    assert min(seen["attribute_recall"], seen["class_precision"]) > 0.75  # of some 25 objects; nearly all are seen
