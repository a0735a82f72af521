"""What a scene is set in, told from its pixels."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from configs.settings import load_settings
from iconworld.renderer import BACKGROUND_PHRASES, BACKGROUNDS, draw_scene, render
from tools.backend.backdrop import named_backdrop, painted, told
from tools.scene.box import Box

SETTINGS = load_settings("iconworld", environment={})
BACKDROPS, SCENERY = SETTINGS.backdrops, SETTINGS.scenery


def test_the_preset_has_the_settings_of_the_renderer() -> None:
    assert {name: (one.above, one.below, one.horizon) for name, one in BACKDROPS.items()} == BACKGROUNDS


@pytest.mark.parametrize("name", BACKGROUNDS)
def test_a_phrase_of_the_training_names_its_backdrop(name: str) -> None:
    assert named_backdrop(BACKGROUND_PHRASES[name], BACKDROPS) == BACKDROPS[name]


@pytest.mark.parametrize("name", BACKGROUNDS)
def test_what_is_painted_or_rendered_is_told(name: str) -> None:
    assert told(painted(BACKDROPS[name], (128, 96)), [], BACKDROPS) == name
    assert told(render([], name, seed=3).image, [], BACKDROPS) == name


@pytest.mark.parametrize("number", range(8_700_000, 8_700_040))
def test_objects_are_looked_past(number: int) -> None:
    scene = draw_scene(number)
    assert told(scene.image, [item.box for item in scene.objects], SCENERY) == scene.background


@pytest.mark.parametrize("name", sorted(set(SCENERY) - set(BACKDROPS)))
def test_a_ground_in_a_light_is_told_from_both(name: str) -> None:
    ground, light = name.split(" at ")
    assert named_backdrop(f"a {ground} at {light}", SCENERY) == SCENERY[name]
    for one in (name, ground, light):
        assert told(painted(SCENERY[one], (128, 96)), [], SCENERY) == one


def test_other_ground_is_none_of_them() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    assert told(Image.fromarray(noise), [], BACKDROPS) is None
    assert told(Image.new("RGB", (64, 64), "magenta"), [], BACKDROPS) is None
    half_and_half = painted(BACKDROPS["beach"], (64, 64))
    half_and_half.paste((40, 40, 44), (0, 32, 64, 64))
    assert told(half_and_half, [], BACKDROPS) is None


def test_a_picture_that_is_all_object_tells_nothing() -> None:
    assert told(Image.new("RGB", (64, 64), "white"), [Box(0, 0, 1, 1)], BACKDROPS) is None
