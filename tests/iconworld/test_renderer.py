from __future__ import annotations

import numpy as np
import pytest

from iconworld.renderer import BACKGROUNDS, CLASSES, COLORS, IconObject, draw_scene, icons_of, render
from tools.scene.box import Box


def test_same_seed_same_picture():
    one, two = draw_scene(7), draw_scene(7)
    assert one.image.tobytes() == two.image.tobytes()
    assert one.objects == two.objects
    assert draw_scene(8).image.tobytes() != one.image.tobytes()


@pytest.mark.parametrize("size_wh", [(128, 128), (160, 96), (96, 160), (256, 256)])
def test_truth_boxes_fit_the_drawn_pixels(size_wh):
    for seed in range(12):
        scene = draw_scene(seed, size_wh)
        assert scene.image.size == size_wh
        assert scene.ids.shape == size_wh[::-1]
        for one in scene.objects:
            alone = render([one], scene.background, size_wh)
            ys, xs = np.nonzero(alone.mask(0))
            drawn = Box.from_px(xs.min(), ys.min(), xs.max() + 1, ys.max() + 1, size_wh)
            assert one.box.iou(drawn) > 0.85, one


def test_scenes_have_zero_to_seven_objects_mostly_uncovered():
    counts = set()
    for seed in range(150):
        scene = draw_scene(seed)
        counts.add(len(scene.objects))
        for index, one in enumerate(scene.objects):
            alone = render([one], scene.background).mask(0).sum()
            assert scene.mask(index).sum() > 0.5 * alone
    assert counts == set(range(8))


@pytest.mark.parametrize("background", BACKGROUNDS)
def test_every_color_stands_out_from_every_background(background):
    box = Box(0.3, 0.3, 0.4, 0.4)
    empty = np.asarray(render([], background).image, float)
    for color in COLORS:
        scene = render([IconObject("backpack", color, box, "bag-personal")], background)
        change = np.abs(np.asarray(scene.image, float) - empty).sum(-1)[scene.mask(0)]
        assert (change > 40).mean() > 0.15, color  # of the object, its outline counted, in sum of three channels


def test_colors_are_far_apart():
    values = np.array(list(COLORS.values()), float)
    distance = np.linalg.norm(values[:, None] - values[None], axis=-1) + 1e9 * np.eye(len(values))
    assert distance.min() > 60


def test_every_class_has_an_icon():
    assert all(icons_of(name) for name in CLASSES)
    assert sum(len(icons_of(name)) > 1 for name in CLASSES) >= 6


@pytest.mark.parametrize(
    ("arguments", "word"), [(("zebra", "red"), "zebra"), (("car", "mauve"), "mauve")], ids=["class", "colour"]
)
def test_unknown_words_are_refused_by_name(arguments, word):
    with pytest.raises(ValueError, match=word):
        IconObject(*arguments, Box(0, 0, 0.5, 0.5), "car")


def test_unknown_background_is_refused():
    with pytest.raises(ValueError, match="moon"):
        render([], "moon")
