"""Whether masks are whole things: on painted pictures, with segmenters that answer by the box they are given."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from tools.backend.editor.masks import box_mask
from tools.backend.editor.outlines import (
    alone,
    before_it,
    doubtful,
    frayed,
    goes_on,
    hidden_by,
    open_share,
    still_shows,
    surest,
    unfinished,
)
from tools.backend.protocol import Segmented
from tools.scene.box import Box

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SIZE = (200, 160)
BOWL, HANDLE = Box(0.4, 0.5, 0.2, 0.25), Box(0.46, 0.25, 0.08, 0.25)
SPOON = box_mask(BOWL, SIZE) | box_mask(HANDLE, SIZE)


class Answers:
    """Answers each box with a mask and how sure it is, as it is told."""

    def __init__(self, answer: Callable[[Box], tuple[np.ndarray, float]]) -> None:
        self.answer = answer

    def segment(self, image: Image.Image, boxes: Sequence[Box]) -> Segmented:
        masks, scores = zip(*(self.answer(box) for box in boxes), strict=True)
        return Segmented(np.stack(masks), scores)


def picture(*things: np.ndarray) -> np.ndarray:
    """Return a grey picture with things in silver."""
    pixels = np.full((SIZE[1], SIZE[0], 3), 90, dtype=np.uint8)
    for thing in things:
        pixels[thing] = (200, 205, 210)
    noise = np.random.default_rng(0).integers(-3, 4, pixels.shape)
    return np.clip(pixels + noise, 0, 255).astype(np.uint8)


def spoon_in(box: Box) -> tuple[np.ndarray, float]:
    """Find all of a spoon in a box that holds it, its bowl in any other."""
    return (SPOON, 0.97) if box.y < HANDLE.y else (box_mask(BOWL, SIZE), 0.98)


def test_the_answer_that_a_segmenter_is_surest_of_counts() -> None:
    right, wrong = box_mask(BOWL, SIZE), box_mask(Box(0, 0, 0.3, 0.3), SIZE)
    torn = Answers(lambda box: (right, 0.99) if box.w < BOWL.w - 1e-6 else (wrong, 0.6))
    outlines, _ = surest(torn, Image.fromarray(picture(SPOON)), [BOWL])
    assert (outlines[0].mask == right).all()
    assert doubtful({"spoon #1": outlines[0]}) == ()


def test_sure_answers_that_differ_tell_nothing() -> None:
    halves = Answers(lambda box: (box_mask(Box(0.4, 0.5, 0.1 if box.w > BOWL.w else 0.2, 0.25), SIZE), 0.9))
    outlines, _ = surest(halves, Image.fromarray(picture(SPOON)), [BOWL])
    assert doubtful({"spoon #1": outlines[0]}) == ("where 'spoon #1' ends cannot be told",)


def test_what_lies_beside_is_asked_for_once() -> None:
    asked: list[Box] = []

    def answer(box: Box) -> tuple[np.ndarray, float]:
        asked.append(box)
        return box_mask(box, SIZE), 1.0

    outlines, _ = surest(Answers(answer), Image.fromarray(picture()), [BOWL], [HANDLE])
    assert len(outlines) == 2
    assert asked.count(HANDLE) == 1


@pytest.mark.parametrize(
    ("mask", "open_at_least", "open_at_most"), [(SPOON, 0.0, 0.02), (box_mask(BOWL, SIZE), 0.05, 0.3)]
)
def test_an_outline_without_an_edge_is_open(mask: np.ndarray, open_at_least: float, open_at_most: float) -> None:
    assert open_at_least <= open_share(picture(SPOON), mask) <= open_at_most


def test_a_cut_through_the_middle_is_said() -> None:
    half = SPOON.copy()
    half[: SIZE[1] * 11 // 16] = False
    whole, cut = picture(SPOON), {"spoon #1": half}
    assert frayed(whole, {"spoon #1": SPOON}) == [] == unfinished(whole, {"spoon #1": SPOON})
    assert "shows no edge" in frayed(whole, cut)[0]
    assert "ends where nothing ends" in unfinished(whole, cut)[0]


def test_the_rest_of_a_thing_is_found_beyond_its_mask() -> None:
    bowl, nothing = box_mask(BOWL, SIZE), np.zeros_like(SPOON)
    rest, _ = goes_on(Answers(spoon_in), picture(SPOON), bowl, nothing)
    assert rest.sum() > 0.8 * (SPOON & ~bowl).sum()
    assert not (rest & ~SPOON).any()
    more, _ = goes_on(Answers(spoon_in), picture(SPOON), SPOON, nothing)
    assert not more.any()


@pytest.mark.parametrize("colour", [(150, 40, 40), (90, 90, 90)])
def test_another_colour_is_another_thing(colour: tuple[int, int, int]) -> None:
    pixels, bowl = picture(SPOON), box_mask(BOWL, SIZE)
    pixels[SPOON & ~bowl] = colour
    rest, _ = goes_on(Answers(spoon_in), pixels, bowl, np.zeros_like(bowl))
    assert not rest.any()


def test_a_shape_that_is_still_there_is_told_from_one_that_is_gone() -> None:
    seen, _ = still_shows(Answers(lambda box: (SPOON, 0.9)), picture(SPOON), SPOON)
    gone, _ = still_shows(Answers(lambda box: (box_mask(box, SIZE), 0.0)), picture(), SPOON)
    assert (seen, gone) == (1.0, 0.0)


def test_a_microphone_before_someone_is_as_sharp_as_they_are() -> None:
    person, microphone = box_mask(Box(0.2, 0.2, 0.6, 0.8), SIZE), box_mask(Box(0.48, 0.5, 0.04, 0.5), SIZE)
    whole = before_it(person & ~microphone)
    assert (whole & microphone)[: SIZE[1] - 12].sum() == microphone[: SIZE[1] - 12].sum()
    assert (whole & ~person).sum() < 0.01 * person.sum()
    assert not before_it(np.zeros_like(person)).any()


def test_what_a_part_touches_may_hide_some_of_it() -> None:
    bowl, cup, far = box_mask(BOWL, SIZE), box_mask(Box(0.1, 0.4, 0.3, 0.3), SIZE), box_mask(Box(0, 0, 0.1, 0.1), SIZE)
    assert hidden_by(bowl, {"cup #1": cup, "plate #1": far}) == ["cup #1"]


def test_what_lies_at_the_rim_of_a_copy_is_left_behind() -> None:
    bowl, both = box_mask(BOWL, SIZE), SPOON
    handle = box_mask(HANDLE, SIZE)
    answers = Answers(lambda box: (handle, 0.9) if abs(box.h - HANDLE.h) < 1e-6 and box.w < 0.1 else (both, 0.95))
    outline, _ = alone(answers, Image.fromarray(picture(SPOON)), Box(0.4, 0.25, 0.2, 0.5), [HANDLE])
    assert not (outline.mask & handle).any()
    assert outline.mask.sum() > 0.8 * bowl.sum()
