"""Edits on smooth ground leave what a person would draw: nothing where something was, and no rim of an old colour."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from evals.edit_cases import EditCase, edit_cases, scene_layout
from iconworld.renderer import COLORS, IconObject, Scene, draw_scene, icons_of, render
from tools.backend.editor.engine import Job, Painted
from tools.backend.editor.flat import busy_places, can_recolour, compose, copied, drawing_box, muddle, set_drawing_down
from tools.backend.editor.ground import completed, cut_from_ground, estimate_ground, told_apart
from tools.backend.editor.plan import plan_edit
from tools.backend.oklab import to_oklab
from tools.backend.protocol import BackendError
from tools.scene.box import Box
from tools.scene.operations import Depth, Move, Operation, Remove, Restyle

SIZE = (128, 128)


def painted(scene: Scene, operations: tuple[Operation, ...]) -> Painted:
    """Do operations on a drawn scene with the true masks."""
    layout, pixels = scene_layout(scene), np.asarray(scene.image)
    plan = plan_edit(layout, operations)
    masks = {object_id: scene.mask(place) for place, object_id in enumerate(layout.ids)}
    ground = estimate_ground(pixels, busy_places(plan, masks, SIZE))
    return compose(Job(pixels, plan, masks), ground, {})


def cases(kind: str) -> list[tuple[EditCase, Scene]]:
    found = []
    for case in edit_cases(kind, 3, 12):
        scene = draw_scene(case.number, counts=(0, 3, 3, 3, 2))
        changed = [placed.box for placed in case.layout.objects if placed not in case.untouched]
        hidden = any(one.box.intersection(box) for one in case.untouched for box in changed)
        if scene.background != "night" and not hidden:  # stars, and what was behind a thing, are not seen again
            found.append((case, scene))
    return found


@pytest.mark.parametrize("kind", ["remove", "move"])
def test_what_goes_leaves_the_ground(kind: str) -> None:
    for case, drawn in cases(kind):
        (operation,) = case.operations
        assert isinstance(operation, (Remove, Move))
        place = case.layout.ids.index(operation.id)
        rest = [one for number, one in enumerate(drawn.objects) if number != place]
        if isinstance(operation, Move):
            rest.append(replace(drawn.objects[place], box=operation.box))
        scene, expected = (render(some, drawn.background, SIZE, seed=1) for some in (drawn.objects, rest))
        done = painted(scene, case.operations)
        off = np.linalg.norm(done.pixels - np.asarray(expected.image, float), axis=-1)
        assert np.median(off[scene.mask(place)]) < 12, case.number
        assert (off > 90).mean() < 0.01, case.number
        assert (done.pixels == np.asarray(scene.image))[~done.region].all()


def test_a_new_colour_leaves_no_rim_of_the_old_one() -> None:
    for case, scene in cases("restyle"):
        done = painted(scene, case.operations)
        (operation,) = case.operations
        assert isinstance(operation, Restyle)
        mask = scene.mask(case.layout.ids.index(operation.id))
        old = to_oklab(np.array([COLORS[case.layout[operation.id].attributes[0]]], np.uint8))[0]
        if np.hypot(*old[1:]) < 0.05:
            continue  # a gray outline is one of any colour
        lab = to_oklab(done.pixels)[mask]
        chroma = np.hypot(lab[:, 1], lab[:, 2])
        turned = np.degrees(np.abs(np.arctan2(lab[:, 2], lab[:, 1]) - np.arctan2(old[2], old[1])))
        like_old = (chroma > 0.06) & (np.minimum(turned, 360 - turned) < 12)
        new = to_oklab(np.array([COLORS[operation.attributes[0]]], np.uint8))[0]
        if np.hypot(*new[1:]) > 0.05 and abs(np.arctan2(new[2], new[1]) - np.arctan2(old[2], old[1])) < 0.6:
            continue  # red and orange, brown and orange: of nearly one hue
        assert like_old.mean() < 0.03, (case.number, operation)


def two(color: str = "red", other: str = "blue") -> Scene:
    cup, car = icons_of("cup")[0], icons_of("car")[0]
    objects = (
        IconObject("cup", color, Box(0.2, 0.3, 0.3, 0.35), cup),
        IconObject("car", other, Box(0.6, 0.5, 0.3, 0.2), car),
    )
    return render(objects, "desk", SIZE, seed=1)


@pytest.mark.parametrize(("shade", "sign"), [("dark", -1), ("light", 1)])
def test_a_shade_is_told_from_what_is_there_and_can_be_seen(shade: str, sign: int) -> None:
    scene = two()
    for _ in range(2):  # once more is darker still
        before = to_oklab(np.asarray(scene.image))[scene.mask(0)][:, 0].mean()
        done = painted(scene, (Restyle(id="cup #1", attributes=(f"{shade} red",)),))
        after = to_oklab(done.pixels)[scene.mask(0)][:, 0].mean()
        assert sign * (after - before) > 0.03
        scene = Scene(Image.fromarray(done.pixels), scene.objects, scene.background, scene.ids)


def test_a_shade_that_would_not_show_is_refused() -> None:
    with pytest.raises(BackendError, match="can hardly be any more light white"):
        painted(two("white"), (Restyle(id="cup #1", attributes=("light white",)),))


def test_depth_says_what_covers_what() -> None:
    scene, box = two(), Box(0.5, 0.45, 0.3, 0.35)
    seen = {}
    for side in ("in front of", "behind"):
        done = painted(scene, (Move(id="cup #1", box=box, depth=Depth.model_validate({"side": side, "id": "car #1"})),))
        seen[side] = done.masks["cup #1"].sum(), done.masks["car #1"].sum()
    assert seen["in front of"][0] > 1.1 * seen["behind"][0]
    assert seen["behind"][1] > 1.1 * seen["in front of"][1]


def test_a_look_that_is_no_colour_is_not_for_this() -> None:
    layout = scene_layout(two())
    assert can_recolour(plan_edit(layout, [Restyle(id="cup #1", attributes=("green",))]))
    assert not can_recolour(plan_edit(layout, [Restyle(id="cup #1", attributes=("wooden",))]))


def test_a_drawing_fills_its_box() -> None:
    small = Box(0.7, 0.1, 0.15, 0.16)
    large = drawing_box(small)
    assert large.w / large.h == pytest.approx(small.w / small.h)
    scene = render((IconObject("cup", "green", large, icons_of("cup")[0]),), "room", SIZE)
    layer = set_drawing_down(np.asarray(scene.image), scene.mask(0), small)
    rows, columns = np.nonzero(layer.alpha > 0.5)
    x0, y0, x1, y1 = small.to_px(SIZE)
    assert [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1] == pytest.approx([x0, y0, x1, y1], abs=2)
    with pytest.raises(ValueError, match="nothing"):
        set_drawing_down(np.asarray(scene.image), np.zeros_like(scene.mask(0)), small)


@pytest.mark.parametrize("width", [6, 14])  # of the wide one the colour is one of the cup's mask too
def test_a_piece_in_the_wrong_mask_goes_to_the_object_it_looks_like(width: int) -> None:
    objects = (
        IconObject("cup", "red", Box(0.2, 0.3, 0.3, 0.35), icons_of("cup")[0]),
        IconObject("book", "blue", Box(0.48, 0.3, 0.3, 0.35), icons_of("book")[0]),
    )
    scene = render(objects, "desk", SIZE)
    pixels = np.asarray(scene.image)
    cup, book = scene.mask(0), scene.mask(1)
    stolen = book & (np.arange(SIZE[0]) < np.nonzero(book)[1].min() + width)
    ground = estimate_ground(pixels, cup | book)
    told = told_apart(pixels, {"cup": cup | stolen, "book": book & ~stolen}, ground.pixels)
    assert (told["book"] & stolen).sum() > 0.5 * stolen.sum()
    assert (told["cup"] & cup).sum() > 0.95 * cup.sum()


def test_what_the_segmenter_left_out_goes_to_what_it_looks_like() -> None:
    objects = (
        IconObject("cup", "red", Box(0.2, 0.3, 0.3, 0.35), icons_of("cup")[0]),
        IconObject("book", "blue", Box(0.48, 0.3, 0.3, 0.35), icons_of("book")[0]),
    )
    scene = render(objects, "desk", SIZE)
    cup, book = scene.mask(0), scene.mask(1)
    missed = book & (np.arange(SIZE[0]) < np.nonzero(book)[1].min() + 6)
    ground = estimate_ground(np.asarray(scene.image), cup | book)
    boxes = {"cup": Box(0.18, 0.28, 0.4, 0.4), "book": Box(0.46, 0.28, 0.34, 0.4)}
    told = completed(np.asarray(scene.image), {"cup": cup, "book": book & ~missed}, boxes, ground.pixels)
    assert (told["book"] & missed).sum() > 0.7 * missed.sum()


def test_a_screen_that_looks_like_the_wall_is_the_laptop_s() -> None:
    pixels = np.full((*SIZE, 3), 150, np.uint8)
    pixels[40:90, 30:100] = (20, 20, 20)
    pixels[50:80, 40:90] = (152, 150, 150)
    whole = np.zeros(SIZE, bool)
    whole[40:90, 30:100] = True
    frame = whole.copy()
    frame[50:80, 40:90] = False
    cut = cut_from_ground(pixels, frame, estimate_ground(pixels, whole).pixels, np.zeros_like(whole))
    assert (cut.alpha > 0.5).sum() == whole.sum()


def test_ground_that_lies_a_little_lower_under_a_thing_is_no_part_of_it() -> None:
    pixels = np.full((*SIZE, 3), (240, 230, 200), np.uint8)
    pixels[80:] = (120, 80, 70)
    pixels[80:84, 50:90] = (240, 230, 200)
    mask = np.zeros(SIZE, bool)
    mask[50:80, 50:90] = True
    pixels[mask] = (90, 50, 20)
    dented = mask.copy()
    dented[80:84, 50:90] = True
    cut = cut_from_ground(pixels, dented, estimate_ground(pixels, dented).pixels, np.zeros_like(mask))
    assert cut.rows.start + np.flatnonzero((cut.alpha > 0.5).any(axis=1)).max() < 81


def test_a_busy_picture_is_no_smooth_ground() -> None:
    nothing = np.zeros(SIZE[::-1], bool)
    noise = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
    stripes = np.repeat(np.where(np.arange(SIZE[0]) % 16 < 8, 40, 220).astype(np.uint8)[None, :, None], SIZE[1], 0)
    assert estimate_ground(np.repeat(stripes, 3, 2), nothing).misfit > 0.3
    assert estimate_ground(noise, nothing).misfit > 0.3
    assert estimate_ground(np.asarray(two().image), two().mask(0) | two().mask(1)).misfit < 0.02


def test_what_is_brought_back_is_the_very_thing() -> None:
    scene = two()
    before, box = np.asarray(scene.image), scene_layout(scene)["cup #1"].box
    layer = copied(before, scene.mask(0), box, box, SIZE)
    assert (np.abs(layer.colours - before)[scene.mask(0)] < 3).mean() > 0.9
    assert ((layer.alpha > 0.5) == scene.mask(0)).mean() > 0.98


def test_what_was_hidden_behind_what_goes_is_drawn_on() -> None:
    bowl = IconObject("bowl", "green", Box(0.2, 0.3, 0.6, 0.4), icons_of("bowl")[0])
    cup = IconObject("cup", "red", Box(0.4, 0.45, 0.2, 0.2), icons_of("cup")[0])
    scene, whole = (render(some, "desk", SIZE, seed=1) for some in ((bowl, cup), (bowl,)))
    done = painted(scene, (Remove(id="cup #1"),))
    off = np.linalg.norm(done.pixels - np.asarray(whole.image, float), axis=-1)
    assert np.median(off[scene.mask(1)]) < 40


def test_a_muddled_drawing_is_told_from_a_clean_one() -> None:
    scene = two()
    clean = copied(np.asarray(scene.image), scene.mask(0), Box(0.2, 0.3, 0.3, 0.35), Box(0.2, 0.3, 0.3, 0.35), SIZE)
    assert muddle(clean) == 0
    patched = clean.colours.copy()
    patched[:60] = (250, 150, 200)
    assert muddle(replace(clean, colours=patched)) > 0


def test_what_a_segmenter_missed_of_a_thing_is_the_thing() -> None:
    scene = two()
    pixels, cup, car = np.asarray(scene.image), scene.mask(0), scene.mask(1)
    part = cup & (np.arange(SIZE[1])[:, None] < 50)
    layout = scene_layout(scene)
    ground = estimate_ground(pixels, cup | car)
    whole = completed(
        pixels, {"cup #1": part, "car #1": car}, {one.id: one.box for one in layout.objects}, ground.pixels
    )
    assert (whole["cup #1"] & cup).sum() > 0.9 * cup.sum()
    assert (whole["car #1"] == car).mean() > 0.99
