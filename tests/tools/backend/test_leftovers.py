"""What is left of an erased object is found, and a clean fill is not taken for anything."""

import numpy as np
import pytest
from PIL import Image

from iconworld.corrupt import smooth_field
from iconworld.renderer import COLORS, SIDE, Scene, draw_scene, render
from tools.backend.leftovers import leftovers, scattered
from tools.scene.box import Box

SEEDS = [10**9 + number for number in range(40)]


def erased(seed: int) -> tuple[Scene, Scene, int, np.ndarray] | None:
    """A scene with an object, without it, which one it was, and the region of the edit."""
    full = draw_scene(seed, counts=(0, 0, 1, 2, 2))
    if len(full.objects) < 2:
        return None
    gone = seed % len(full.objects)
    rest = [one for place, one in enumerate(full.objects) if place != gone]
    region = np.zeros((SIDE, SIDE), bool)
    x0, y0, x1, y1 = full.objects[gone].box.to_px((SIDE, SIDE))
    region[max(y0 - 3, 0) : y1 + 3, max(x0 - 3, 0) : x1 + 3] = True
    return render(full.objects, full.background, seed=seed), render(rest, full.background, seed=seed), gone, region


CASES = [case for case in map(erased, SEEDS) if case is not None]


def boxes(scene: Scene) -> list[Box]:
    return [one.box for one in scene.objects]


def pasted(image: Image.Image, mask: np.ndarray, paint: np.ndarray) -> Image.Image:
    pixels = np.array(image)
    pixels[mask] = paint[mask] if paint.ndim == 3 else paint
    return Image.fromarray(pixels)


def test_a_clean_fill_is_nothing_else() -> None:
    for number, (_, clean, _, region) in enumerate(CASES):
        assert leftovers(clean.image, region, boxes(clean)) == ()
        noise = np.random.default_rng(number).normal(0, 6, (SIDE, SIDE, 3))
        grainy = np.clip(np.asarray(clean.image, np.float32) + noise, 0, 255).astype(np.uint8)
        assert leftovers(pasted(clean.image, region, grainy), region, boxes(clean)) == ()


@pytest.mark.parametrize("kind", ["fragment", "blob", "outline"])
def test_what_was_left_behind_is_found(kind: str) -> None:
    found, planted = 0, 0
    for number, (full, clean, gone, region) in enumerate(CASES):
        rng = np.random.default_rng(number)
        icon = full.mask(gone)
        field = smooth_field(rng, icon.shape)
        if kind == "fragment":
            mask, paint = icon & (field > np.quantile(field[icon], 0.7)), np.asarray(full.image)
        elif kind == "blob":
            rows, columns = np.nonzero(icon)
            distance = np.hypot(*np.ogrid[-rows.mean() : SIDE - rows.mean(), -columns.mean() : SIDE - columns.mean()])
            mask, paint = (distance < 7) & region, np.array(COLORS[full.objects[gone].color])
        else:
            left = np.s_[:, : int(np.nonzero(icon)[1].mean())]
            mask, paint = np.zeros_like(icon), np.asarray(full.image)
            mask[left] = icon[left]
        covered = [one.box for one in clean.objects]
        free = mask.copy()
        for box in covered:
            x0, y0, x1, y1 = box.to_px((SIDE, SIDE))
            free[max(y0 - 6, 0) : y1 + 6, max(x0 - 6, 0) : x1 + 6] = False
        if free.sum() < 80:  # hidden by another object, or a crumb
            continue
        planted += 1
        patches = leftovers(pasted(clean.image, mask, paint), region, covered)
        found += any(patch.iou(full.objects[gone].box) > 0 for patch in patches)
    assert planted >= 15
    assert found >= 0.97 * planted


def test_a_detector_has_a_say_about_small_patches_only() -> None:
    plain = Image.new("RGB", (100, 100), (200, 200, 180))
    region = np.zeros((100, 100), bool)
    region[20:80, 20:80] = True
    small, large = plain.copy(), plain.copy()
    small.paste((200, 20, 20), (40, 40, 48, 48))
    large.paste((200, 20, 20), (30, 30, 60, 60))
    (patch,) = leftovers(small, region, ())
    assert patch.iou(Box(0.4, 0.4, 0.08, 0.08)) > 0.5
    assert leftovers(small, region, (), objectness=lambda box: 0.1) == ()
    assert len(leftovers(large, region, (), objectness=lambda box: 0.1)) == 1
    assert leftovers(large, region, (Box(0.3, 0.3, 0.3, 0.3),)) == ()


def test_a_picture_that_was_made_anew_all_over_has_no_surroundings() -> None:
    assert leftovers(Image.new("RGB", (40, 40)), np.ones((40, 40), bool), ()) == ()


def test_what_is_scattered_in_a_picture_is_found_and_nothing_else() -> None:
    for full, clean, gone, _ in CASES:
        assert scattered(full.image, boxes(full)) == ()
        assert scattered(full.image, boxes(clean)) != () or full.objects[gone].box.area < 0.03


def test_on_rough_ground_nobody_can_say() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    assert scattered(Image.fromarray(noise), []) is None
