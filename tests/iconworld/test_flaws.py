from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from iconworld.decoys import add_decoys
from iconworld.flaws import add_flaws
from iconworld.renderer import draw_scene

SCENES = [draw_scene(seed, counts=(0, 1, 1)) for seed in range(40)]


@pytest.mark.parametrize("add", [add_flaws, add_decoys])
def test_whole_objects_stay_and_what_is_added_is_mostly_none(add) -> None:
    kinds: Counter[str] = Counter()
    for number, scene in enumerate(SCENES):
        made = add(scene, np.random.default_rng(number))
        assert set(scene.objects) <= set(made.objects)
        kinds["whole"] += len(made.objects) - len(scene.objects)
        kinds["doubtful"] += len(made.doubtful)
        changed = (np.asarray(made.image) != np.asarray(scene.image)).any(axis=-1)
        for one in made.objects:
            x0, y0, x1, y1 = one.box.to_px(scene.image.size)
            changed[y0:y1, x0:x1] = False
        kinds["pictures with something that is none"] += bool(changed.any())
    assert kinds["pictures with something that is none"] > 30
    assert kinds["doubtful"] > 0


@pytest.mark.parametrize("add", [add_flaws, add_decoys])
def test_the_same_seed_makes_the_same_flaws(add) -> None:
    first, second = (add(SCENES[3], np.random.default_rng(3)) for _ in range(2))
    assert first.objects == second.objects
    assert np.array_equal(np.asarray(first.image), np.asarray(second.image))


def test_the_two_detectors_learn_from_different_flaws() -> None:
    one, two = (add(SCENES[5], np.random.default_rng(5)) for add in (add_flaws, add_decoys))
    assert not np.array_equal(np.asarray(one.image), np.asarray(two.image))
