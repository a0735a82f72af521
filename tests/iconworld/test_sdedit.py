from __future__ import annotations

import numpy as np
import pytest

from configs.settings import load_settings
from iconworld.data import GONE, WHOLE, Labeled
from iconworld.renderer import draw_scene
from iconworld.sdedit import cut_mix, redraw
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
    model = GroundedDiffusion.load(load_settings("iconworld").generator)
    samples = [Labeled.of(draw_scene(seed, size_wh)) for seed in (3, 5)]
    images = redraw([one.image for one in samples], model, np.random.default_rng(0))
    for one, image in zip(samples, images, strict=True):
        assert image.size == size_wh
        assert 0.5 < np.abs(np.asarray(image, float) - np.asarray(one.image, float)).mean() < 20
