from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tools.backend.editor.plan import plan_edit
from tools.backend.editor.view import choose_view
from tools.scene.box import Box
from tools.scene.layout import Layout, PlacedObject
from tools.scene.operations import Add, Move, Remove

DOG = PlacedObject(id="dog #1", name="dog", box=Box(0.6, 0.6, 0.1, 0.1))
FAR = PlacedObject(id="cup #1", name="cup", box=Box(0.02, 0.02, 0.05, 0.05))
SCENE = Layout(objects=(FAR, DOG))


@pytest.mark.parametrize("size_wh", [(128, 128), (160, 100)])
def test_a_picture_of_about_the_engines_size_is_seen_as_it_is(size_wh: tuple[int, int]) -> None:
    view = choose_view(plan_edit(SCENE, [Remove(id="dog #1")]), size_wh, 128)
    image = Image.new("RGB", size_wh)
    assert not view.scaled
    assert view.take(image) is image


@pytest.mark.parametrize("size_wh", [(512, 512), (384, 256), (2000, 300), (90, 4000)])
def test_a_larger_one_is_seen_in_a_crop_of_the_engines_size_around_what_changes(size_wh: tuple[int, int]) -> None:
    plan = plan_edit(SCENE, [Remove(id="dog #1")])
    view = choose_view(plan, size_wh, 128)
    shown = view.plan(plan).erased[0].box
    assert max(view.size_wh) <= 160
    assert shown.clipped() == pytest.approx(shown)
    assert view.take(Image.new("RGB", size_wh)).size == view.size_wh


@pytest.mark.parametrize("side", [None, 128])
def test_what_is_far_away_is_not_in_the_view(side: int | None) -> None:
    plan = plan_edit(SCENE, [Remove(id="dog #1")])
    assert choose_view(plan, (4000, 3000), side).plan(plan).target.ids == ()


@pytest.mark.parametrize("side", [None, 128])
def test_both_ends_of_a_move_are_in_the_view(side: int | None) -> None:
    plan = plan_edit(SCENE, [Move(id="dog #1", box=Box(0.1, 0.3, 0.1, 0.1))])
    view = choose_view(plan, (1000, 800), side)
    (one,) = view.plan(plan).touched
    assert one.source is not None
    for box in (one.source.box, one.placed.box):
        assert box.area > 0
        assert box.clipped() == pytest.approx(box)


def test_an_engine_that_copies_sees_what_it_copies() -> None:
    plan = plan_edit(SCENE, [Add(name="cup", box=Box(0.8, 0.8, 0.05, 0.05))])
    view = choose_view(plan, (4000, 3000), None)
    (one,) = view.plan(plan).touched
    assert one.copied is not None
    assert one.copied.box.clipped() == pytest.approx(one.copied.box)


def test_masks_come_back_to_the_pixels_of_the_crop() -> None:
    view = choose_view(plan_edit(SCENE, [Remove(id="dog #1")]), (800, 800), 128)
    mask = np.zeros(view.size_wh[::-1], dtype=bool)
    mask[20:60, 30:70] = True
    back = view.mask_back(mask)
    assert back.shape == view.crop_wh[::-1]
    assert back.mean() == pytest.approx(mask.mean(), rel=0.1)
