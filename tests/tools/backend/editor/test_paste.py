"""The engine without diffusion on painted pictures, with a smooth fill for a network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from configs.settings import PasteSettings
from tools.backend.editor.adjust import blurred
from tools.backend.editor.composer import Composer
from tools.backend.editor.engines.paste import PasteEngine
from tools.backend.editor.filling import Evidence, Fill, judge_fills, steadied
from tools.backend.editor.masks import box_mask, dilate, fill
from tools.backend.editor.recolour import Change, read_change, recolour
from tools.backend.oklab import to_oklch
from tools.backend.protocol import BackendError, Detected, Edited, Segmented
from tools.scene.box import Box
from tools.scene.layout import Detection, Layout, PlacedObject
from tools.scene.operations import Add, Adjust, Depth, Move, Operation, Remove, Restyle, Source

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tools.scene.spec import Query

SIZE = (320, 240)
BUS = PlacedObject(id="bus #1", name="bus", attributes=("red",), box=Box(0.1, 0.3, 0.3, 0.4))
CUP = PlacedObject(id="cup #1", name="cup", attributes=("green",), box=Box(0.7, 0.6, 0.1, 0.15))
SCENE = Layout(objects=(BUS, CUP))
WINDOW = Box(0.18, 0.36, 0.14, 0.12)


class Smooth:
    """Fills smoothly; ``wild`` paints every hole in a colour of its own, as a network does that has no idea."""

    side = 512

    def __init__(self, wild: bool = False) -> None:
        self.wild, self.calls = wild, 0

    def fill(self, images: Sequence[Image.Image], holes: Sequence[np.ndarray]) -> list[Image.Image]:
        return [self._fill(image, hole) for image, hole in zip(images, holes, strict=True)]

    def evaluations(self) -> int:
        return 0

    def _fill(self, image: Image.Image, hole: np.ndarray) -> Image.Image:
        self.calls += 1
        pixels = np.asarray(image)
        filled = fill(pixels.astype(np.float32), ~hole)
        if self.wild:
            filled[hole] = np.random.default_rng(self.calls).integers(0, 255, 3)
        return Image.fromarray(np.clip(filled, 0, 255).astype(np.uint8))


class Boxes:
    """Takes every box for a mask."""

    def segment(self, image: Image.Image, boxes: Sequence[Box]) -> Segmented:
        return Segmented(np.stack([box_mask(box, image.size) for box in boxes]), (1.0,) * len(boxes))


class Distinct(Boxes):
    """Sees in a box what has a strong colour, or nothing, as a network does that finds no thing there."""

    def segment(self, image: Image.Image, boxes: Sequence[Box]) -> Segmented:
        strong = to_oklch(np.asarray(image))[..., 1] > 0.08
        masks = [strong & box_mask(box, image.size) for box in boxes]
        scores = tuple(float(mask.any()) for mask in masks)
        return Segmented(
            np.stack([m if m.any() else box_mask(b, image.size) for m, b in zip(masks, boxes, strict=True)]), scores
        )


def blind(image: Image.Image, queries: Sequence[Query], threshold: float | None = None) -> Detected:
    return Detected(())


def picture() -> Image.Image:
    """Return a gradient with a red bus, which has a dark window, and a green cup."""
    width, height = SIZE
    ramp = np.linspace(120, 200, width)[None, :] + np.linspace(-20, 20, height)[:, None]
    pixels = np.stack([ramp, ramp, ramp + 10], axis=-1)
    pixels += np.random.default_rng(0).normal(0, 2, pixels.shape)
    for box, colour in ((BUS.box, (200, 30, 30)), (WINDOW, (40, 45, 50)), (CUP.box, (30, 150, 40))):
        pixels[box_mask(box, SIZE)] = colour
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def edit(
    operations: list[Operation],
    *,
    inpainter: Smooth | None = None,
    detect: Callable[..., Detected] = blind,
    **more: Any,
) -> Edited:
    network = inpainter or Smooth()
    engine = PasteEngine(Distinct(), lambda: network, detect, PasteSettings(kind="paste"))
    return Composer(engine, Boxes()).edit(picture(), operations, SCENE, **more)


def hue(edited: Edited, box: Box) -> float:
    lch = to_oklch(np.asarray(edited.image)[box_mask(box, SIZE)])
    return float(np.median(lch[:, 2]))


@pytest.mark.parametrize(
    "operations",
    [
        [Remove(id="bus #1")],
        [Move(id="bus #1", box=Box(0.6, 0.1, 0.3, 0.4))],
        [Move(id="cup #1", box=Box(0.6, 0.5, 0.2, 0.3))],
        [Restyle(id="bus #1", attributes=("blue",))],
        [Add(name="cup", attributes=("green",), box=Box(0.5, 0.1, 0.1, 0.15))],
        [Remove(id="cup #1"), Restyle(id="bus #1", attributes=("white",))],
    ],
    ids=["remove", "move", "resize", "restyle", "copy", "mixed"],
)
def test_only_the_region_changes_and_the_same_call_gives_the_same_picture(operations: list[Operation]) -> None:
    one, two = edit(operations), edit(operations)
    differs = (np.asarray(one.image) != np.asarray(picture())).any(axis=-1)
    assert differs.any()
    assert not (differs & ~one.region).any()
    assert one.image.tobytes() == two.image.tobytes()
    assert one.doubts == ()


def test_a_removed_object_leaves_what_is_around_it() -> None:
    edited = edit([Remove(id="bus #1")])
    lch = to_oklch(np.asarray(edited.image)[box_mask(BUS.box, SIZE)])
    assert lch[:, 1].max() < 0.03


def test_fills_that_all_look_different_are_no_clean_fill() -> None:
    inpainter = Smooth(wild=True)
    edited = edit([Remove(id="bus #1")], inpainter=inpainter)
    assert any("every fill looks different" in doubt for doubt in edited.doubts)
    assert inpainter.calls > 3  # it tried larger holes before it gave up


def test_what_a_detector_sees_in_the_fill_is_said() -> None:
    def stubborn(image: Image.Image, queries: Sequence[Query], threshold: float | None = None) -> Detected:
        box = Box(0.4, 0.4, 0.2, 0.2)
        return Detected(tuple(Detection(name=query.name, box=box, score=0.9) for query in queries))

    assert edit([Remove(id="bus #1")], detect=stubborn).doubts == ("bus is still seen there",)


def test_a_moved_object_keeps_its_pixels() -> None:
    target = Box(0.6, 0.1, 0.3, 0.4)
    edited = edit([Move(id="bus #1", box=target)])
    inner = Box(target.x + 0.03, target.y + 0.04, target.w - 0.06, target.h - 0.08)
    old = Box(BUS.box.x + 0.03, BUS.box.y + 0.04, BUS.box.w - 0.06, BUS.box.h - 0.08)
    new, before = np.asarray(edited.image), np.asarray(picture())
    # the light of the new place shows, a little
    assert np.abs(new[box_mask(inner, SIZE)].astype(int) - before[box_mask(old, SIZE)]).max() <= 25


@pytest.mark.parametrize(("word", "wanted"), [("blue", 258), ("green", 145), ("yellow", 97), ("dark purple", 305)])
def test_a_restyled_object_has_the_colour_and_its_window_stays(word: str, wanted: float) -> None:
    edited = edit([Restyle(id="bus #1", attributes=(word,))])
    roof = Box(0.12, 0.55, 0.26, 0.1)
    assert abs((hue(edited, roof) - wanted + 180) % 360 - 180) < 20
    window = box_mask(Box(0.2, 0.38, 0.1, 0.08), SIZE)
    assert (np.asarray(edited.image)[window] == np.asarray(picture())[window]).all()


def test_an_object_is_copied_from_another_picture() -> None:
    other = Image.new("RGB", (100, 100), (120, 120, 130))
    other.paste((240, 200, 20), (30, 30, 70, 70))
    source = Source(picture="sun.png", box=Box(0.3, 0.3, 0.4, 0.4))
    edited = edit([Add(name="sun", box=Box(0.5, 0.05, 0.2, 0.2), source=source)], references={"sun.png": other})
    assert abs(hue(edited, Box(0.54, 0.09, 0.12, 0.12)) - 95) < 20


@pytest.mark.parametrize(
    ("operation", "said"),
    [
        (Add(name="dog", box=Box(0.5, 0.1, 0.2, 0.2)), "cannot draw a new dog: it can copy one that is in the picture"),
        (Restyle(id="bus #1", attributes=("wooden",)), "cannot make 'bus #1' 'wooden'"),
        (
            Add(name="sun", box=Box(0.5, 0.1, 0.2, 0.2), source=Source(picture="x.png", box=Box(0, 0, 1, 1))),
            "there is no picture 'x.png'",
        ),
    ],
)
def test_what_it_cannot_do_is_refused(operation: Operation, said: str) -> None:
    with pytest.raises(BackendError, match=said):
        edit([operation])


@pytest.mark.parametrize(
    "wish",
    ["brighter", "darker", "warmer", "cooler", "more contrast", "more saturated", "less saturated", "black and white"],
)
def test_a_wish_for_the_picture_changes_what_it_says(wish: Any) -> None:
    edited = edit([Adjust(wish=wish)])
    before, after = (to_oklch(np.asarray(one)).reshape(-1, 3) for one in (picture(), edited.image))
    light, colour = after[:, 0].mean() - before[:, 0].mean(), after[:, 1].mean() - before[:, 1].mean()
    warmth = np.asarray(edited.image, dtype=float)[..., 0].mean() - np.asarray(edited.image, dtype=float)[..., 2].mean()
    was = np.asarray(picture(), dtype=float)[..., 0].mean() - np.asarray(picture(), dtype=float)[..., 2].mean()
    seen = {
        "brighter": light > 0.03, "darker": light < -0.03, "warmer": warmth > was + 3, "cooler": warmth < was - 3,
        "more contrast": after[:, 0].std() > before[:, 0].std(), "more saturated": colour > 0,
        "less saturated": colour < 0, "black and white": after[:, 1].max() < 0.01,
    }  # fmt: skip
    assert seen[wish]
    assert edited.doubts == ()


def test_a_wish_that_cannot_be_seen_is_said() -> None:
    engine = PasteEngine(Boxes(), Smooth, blind, PasteSettings(kind="paste"))
    white = Image.new("RGB", (40, 40), "white")
    edited = Composer(engine, Boxes()).edit(white, [Adjust(wish="brighter")], Layout())
    assert edited.doubts == ("the picture can hardly be any brighter",)


def test_crop_and_cut_out_leave_the_object() -> None:
    cropped, alone = edit([Adjust(wish="crop", id="bus #1")]), edit([Adjust(wish="cut out", id="bus #1")])
    assert cropped.image.width == pytest.approx(SIZE[0] * 0.3 * 1.16, abs=2)
    alpha = np.asarray(alone.image)[..., 3]
    assert alone.image.mode == "RGBA"
    assert alpha.mean() / 255 == pytest.approx(BUS.box.area, rel=0.15)


@pytest.mark.parametrize(("box", "stays"), [(Box(0.36, 0.62, 0.1, 0.15), False), (WINDOW, True)])
def test_what_is_cut_out_takes_no_neighbour_at_its_rim_along(box: Box, stays: bool) -> None:
    scene = Layout(objects=(BUS, PlacedObject(id="cup #1", name="cup", box=box)))
    engine = PasteEngine(Boxes(), Smooth, blind, PasteSettings(kind="paste"))
    alone = Composer(engine, Boxes()).edit(picture(), [Adjust(wish="cut out", id="bus #1")], scene).image
    both = box_mask(box, alone.size) & box_mask(BUS.box, alone.size)
    assert bool(np.asarray(alone)[both, 3].any()) == stays


def test_a_blurred_background_leaves_the_object_sharp() -> None:
    edited = edit([Adjust(wish="blur the background", id="bus #1")])
    window = box_mask(Box(0.2, 0.38, 0.1, 0.08), SIZE)
    assert (np.asarray(edited.image)[window] == np.asarray(picture())[window]).all()
    cup = np.asarray(edited.image)[box_mask(CUP.box, SIZE)].astype(int)
    assert np.abs(cup - np.asarray(picture())[box_mask(CUP.box, SIZE)]).max() > 10


def test_a_blurred_background_takes_on_nothing_of_the_object_and_leaves_what_is_nearer_sharp() -> None:
    grey = Image.new("RGB", (200, 200), (120, 120, 120))
    grey.paste((250, 30, 30), (70, 60, 130, 120))
    grey.paste((20, 20, 20), (0, 190, 200, 192))
    box = Box(0.35, 0.3, 0.3, 0.3)
    mask = box_mask(box, grey.size)
    soft = np.asarray(blurred(grey, mask, 4.0)).astype(int)
    beside = soft[70:110, 136:150]
    assert np.abs(beside - 120).max() <= 2  # no red around what is red
    assert (soft[185:] == np.asarray(grey)[185:]).all()  # below its foot


def test_what_stands_before_the_object_stays_sharp_with_it() -> None:
    before, beside = Box(0.3, 0.6, 0.1, 0.2), Box(0.36, 0.4, 0.1, 0.15)
    scene = Layout(objects=(BUS, *(PlacedObject(id=f"cup #{n}", name="cup", box=box)
                                   for n, box in enumerate((before, beside)))))  # fmt: skip
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (SIZE[1], SIZE[0], 3), dtype=np.uint8))
    engine = PasteEngine(Boxes(), Smooth, blind, PasteSettings(kind="paste"))
    edited = Composer(engine, Boxes()).edit(picture, [Adjust(wish="blur the background", id="bus #1")], scene).image
    same = (np.asarray(edited) == np.asarray(picture)).all(axis=-1)
    inner = [box_mask(Box(box.x + 0.03, box.y + 0.03, box.w - 0.06, box.h - 0.06), SIZE) for box in (before, beside)]
    assert same[inner[0]].mean() > 0.9
    assert same[inner[1] & ~box_mask(BUS.box, SIZE)].mean() < 0.5


def test_a_person_in_another_colour_keeps_hair_and_skin_whatever_the_person_is_called() -> None:
    pixels = np.full((200, 160, 3), 90, dtype=np.uint8)
    pixels[100:200, 20:140] = (200, 90, 30)  # a suit
    pixels[40:98, 55:105] = (225, 180, 150)
    pixels[15:40, 50:110] = (200, 90, 30)  # hair of its colour
    pixels[150:152, 60:64] = (225, 180, 150)  # light on cloth
    mask = (pixels != 90).any(axis=-1)
    mask[98:100, 55:105] = True
    _, weights = recolour(pixels, mask, read_change(["blue"]) or Change(None), "astronaut")
    assert weights[20:95, 60:100].max() < 0.2
    assert weights[110:195, 30:130].min() > 0.8


def test_the_colour_profile_stays() -> None:
    image = picture()
    image.info["icc_profile"] = b"profile"
    engine = PasteEngine(Boxes(), Smooth, blind, PasteSettings(kind="paste"))
    edited = Composer(engine, Boxes()).edit(image, [Restyle(id="bus #1", attributes=("blue",))], SCENE)
    assert edited.image.info["icc_profile"] == b"profile"


def test_what_goes_before_another_thing_covers_it_and_what_goes_behind_is_covered() -> None:
    there = Box(0.3, 0.5, 0.1, 0.15)  # over the right of the bus
    both = box_mask(Box(0.32, 0.55, 0.05, 0.08), SIZE)
    before, behind = (
        np.asarray(edit([Move(id="cup #1", box=there, depth=Depth(side=side, id="bus #1"))]).image)[both].mean(axis=0)
        for side in ("in front of", "behind")
    )
    assert before[1] > before[0]  # green over red
    assert behind[0] > behind[1]


def test_wishes_for_light_are_done_where_they_stand() -> None:
    colourless = Adjust(wish="black and white")
    red = Restyle(id="bus #1", attributes=("blue",))
    body = box_mask(Box(0.12, 0.55, 0.1, 0.1), SIZE)
    orders: list[list[Operation]] = [[colourless, red], [red, colourless]]
    first, last = (to_oklch(np.asarray(edit(order).image)[body])[:, 1] for order in orders)
    assert np.median(first) > 0.05
    assert np.median(last) < 0.01


def test_a_copy_that_the_edge_of_its_picture_cut_off_is_no_clean_one() -> None:
    other = Image.new("RGB", (100, 100), (30, 150, 40))
    source = Source(picture="other.png", box=Box(0.2, 0.4, 0.4, 0.6))
    cut, whole = (
        edit([Add(name="dog", box=box, source=source)], references={"other.png": other}).doubts
        for box in (Box(0.5, 0.2, 0.2, 0.3), Box(0.5, 0.7, 0.2, 0.3))
    )
    assert cut is not None
    assert "cut off at the bottom" in cut[-1]
    assert not [doubt for doubt in whole or () if "cut off" in doubt]


def test_fills_agree_on_coarse_colours_and_keep_their_details() -> None:
    rng = np.random.default_rng(0)
    hole = np.zeros((160, 160), dtype=bool)
    hole[40:120, 40:120] = True
    fine = rng.normal(0, 12, (160, 160, 1))
    fills = [(np.where(hole[..., None], level + fine, 120).astype(np.uint8), hole) for level in (80, 120, 160)]
    steady = steadied(Fill(*fills[0], Evidence()), fills).pixels.astype(float)
    assert steady[60:100, 60:100].mean() == pytest.approx(120, abs=3)
    assert steady[60:100, 60:100].std() > 8
    assert (steady[~hole] == 120).all()


def test_what_a_cup_holds_is_no_paint_of_it() -> None:
    pixels = np.full((120, 120, 3), 200, dtype=np.uint8)
    rows, columns = np.mgrid[:120, :120]
    radius = np.hypot(rows - 60, columns - 60)
    pixels[radius < 50], pixels[radius < 38], pixels[radius < 30] = (130, 50, 30), (235, 230, 225), (190, 120, 55)
    change = read_change(("green",))
    assert change is not None
    _, weight = recolour(pixels, radius < 50, change, "cup")
    assert weight[(radius > 40) & (radius < 47)].mean() > 0.8
    assert weight[radius < 28].max() < 0.05


def test_a_lighter_shade_of_its_own_colour_keeps_the_colour() -> None:
    body = box_mask(Box(0.12, 0.55, 0.1, 0.1), SIZE)
    before, after = (
        np.median(to_oklch(np.asarray(image)[body]), axis=0)
        for image in (picture(), edit([Restyle(id="bus #1", attributes=("light red",))]).image)
    )
    assert after[0] > before[0] + 0.05
    assert after[1] > 0.7 * before[1]
    assert abs(after[2] - before[2]) < 8


def test_the_paint_of_a_bicycle_is_not_its_tyres() -> None:
    pixels = np.full((120, 160, 3), 210, dtype=np.uint8)
    mask = np.zeros((120, 160), dtype=bool)
    mask[10:110, 10:150] = True
    rng = np.random.default_rng(0)
    pixels[mask] = (rng.normal(90, 35, (mask.sum(), 1)).clip(20, 200) + np.zeros(3)).astype(np.uint8)
    pixels[40:56, 10:150] = (205, 30, 35)
    change = read_change(("green",))
    assert change is not None
    _, weight = recolour(pixels, mask, change, "motorcycle")
    assert weight[42:54, 45:125].mean() > 0.9
    assert weight[70:105, 20:140].mean() < 0.1


def test_a_patch_that_nothing_around_would_continue_as_is_no_clean_fill() -> None:
    pixels = np.asarray(picture()).copy()
    hole = box_mask(Box(0.1, 0.3, 0.3, 0.4), SIZE)
    smooth = fill(pixels.astype(np.float32), ~hole).astype(np.uint8)
    patched = smooth.copy()
    patched[box_mask(Box(0.18, 0.4, 0.12, 0.2), SIZE)] = (230, 90, 20)
    clean, odd = judge_fills([(smooth, hole), (patched, hole)], hole, lambda *_: ())
    assert clean.evidence.odd < 0.01
    assert any("surroundings would continue" in doubt for doubt in odd.evidence.doubts)


def test_a_darker_cup_leaves_its_coffee_as_it_is() -> None:
    pixels = np.full((120, 160, 3), 170, dtype=np.uint8)
    cup, coffee = box_mask(Box(0.3, 0.2, 0.4, 0.6), (160, 120)), box_mask(Box(0.4, 0.35, 0.2, 0.25), (160, 120))
    pixels[cup], pixels[coffee] = (40, 60, 190), (120, 70, 30)
    change = read_change(["darker"])
    assert change is not None
    _, weight = recolour(pixels, cup, change, "cup")
    assert np.median(weight[coffee]) < 0.05
    assert weight[cup & ~dilate(coffee, 3)].mean() > 0.8
