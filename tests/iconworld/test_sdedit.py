from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from configs.settings import load_settings
from evals.iconworld import measure_detector
from iconworld.data import GONE, WHOLE
from iconworld.renderer import draw_scene
from iconworld.sdedit import cut_mix, redraw
from tools.backend.detector import ZeroShotDetector
from tools.backend.gligen import GroundedDiffusion


@pytest.fixture(scope="module")
def pairs() -> list[tuple]:
    scenes = [draw_scene(seed) for seed in range(40)]
    return [(scene, cut_mix(scene, np.random.default_rng(1000 + number))) for number, scene in enumerate(scenes)]


def test_objects_of_both_scenes_count_as_far_as_they_are_left(pairs) -> None:
    seen = {"counts": 0, "doubtful": 0, "gone": 0, "came": 0}
    for scene, mixed in pairs:
        same = (np.asarray(scene.image) == np.asarray(mixed.image)).all(axis=-1)
        seen["came"] += sum(one not in scene.objects for one in mixed.objects)
        for index, one in enumerate(scene.objects):
            left = same[scene.mask(index)].mean()
            kind = "counts" if one in mixed.objects else "doubtful" if one.box in mixed.doubtful else "gone"
            seen[kind] += 1
            low, high = {"counts": (WHOLE, 1.0), "doubtful": (GONE, WHOLE), "gone": (0.0, GONE)}[kind]
            assert low - 0.02 <= left <= high + 0.05  # another object may by chance have the same colour there
    assert all(seen.values()), seen


def test_the_same_seed_mixes_the_same_way(pairs) -> None:
    scene, mixed = pairs[7]
    again = cut_mix(scene, np.random.default_rng(1007))
    assert again.objects == mixed.objects
    assert np.array_equal(np.asarray(again.image), np.asarray(mixed.image))


@pytest.mark.parametrize("size_wh", [(128, 128), (160, 96)])
def test_a_redrawn_picture_shows_the_same_in_other_strokes(size_wh) -> None:
    settings = load_settings(environment={})
    model, detector = GroundedDiffusion.load(settings.generator), ZeroShotDetector.from_settings(settings.detector)
    scenes = [draw_scene(seed, size_wh) for seed in range(6)]
    images = redraw([scene.image for scene in scenes], model, np.random.default_rng(0))
    assert [image.size for image in images] == [size_wh] * len(scenes)
    assert all(image.tobytes() != scene.image.tobytes() for scene, image in zip(scenes, images, strict=True))
    redrawn = [dataclasses.replace(scene, image=image) for scene, image in zip(scenes, images, strict=True)]
    seen = measure_detector(detector, redrawn)
    assert min(seen["attribute_recall"], seen["class_precision"]) > 0.5  # of some 25 objects; most are seen
