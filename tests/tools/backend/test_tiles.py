from __future__ import annotations

import pytest
import torch
from PIL import Image

from tools.backend.detector_heads import Candidates
from tools.backend.tiles import MOST, against_the_grid, confirmed, farther, joined, only_large, views, with_large


@pytest.mark.parametrize(
    ("size_wh", "known", "least"),
    [
        ((128, 128), 160, 1),
        ((160, 128), 160, 1),
        ((200, 200), 160, 1),
        ((384, 128), 160, 6),
        ((128, 512), 160, 8),
        ((256, 256), 160, 10),
        ((1024, 1024), 160, 59),
        ((4000, 3000), None, 1),
    ],
)
def test_larger_pictures_are_looked_at_in_more_views(size_wh, known, least) -> None:
    found = views(size_wh, known)
    assert found[0] == (0, 0, *size_wh)
    assert least <= len(found) <= MOST
    assert all(0 <= x0 < x1 <= size_wh[0] and 0 <= y0 < y1 <= size_wh[1] for x0, y0, x1, y1 in found)


@pytest.mark.parametrize("size_wh", [(384, 128), (300, 200), (512, 512), (700, 90)])
def test_what_is_smaller_than_half_a_square_lies_whole_in_one(size_wh) -> None:
    squares = views(size_wh, 160)[1:]
    side = min(max(square[2] - square[0], square[3] - square[1]) for square in squares)
    thing = side // 2 - 2
    for x in range(0, size_wh[0] - thing, 7):
        for y in range(0, max(1, size_wh[1] - thing), 7):
            assert any(x0 <= x and x + thing <= x1 and y0 <= y and y + thing <= y1 for x0, y0, x1, y1 in squares)


def said(*rows: tuple[float, ...]) -> Candidates:
    table = torch.tensor(rows).reshape(-1, 5)
    return Candidates(table[:, :4], table[:, 4:])


def test_boxes_are_of_the_whole_picture_and_cut_ones_are_left_out() -> None:
    whole = said()
    right = said((0.5, 0.2, 0.9, 0.6, 0.9), (0.0, 0.3, 0.2, 0.5, 0.9), (0.6, 0.5, 1.0, 1.0, 0.9))
    found = joined([whole, right], [(0, 0, 200, 100), (100, 0, 200, 100)], (200, 100), 0.5)
    assert found.boxes_xyxy.tolist() == [pytest.approx([0.75, 0.2, 0.95, 0.6]), pytest.approx([0.8, 0.5, 1.0, 1.0])]


@pytest.mark.parametrize(("score", "kept"), [(0.9, 1), (0.3, 2)])
def test_a_part_of_what_a_wider_view_is_sure_of_is_no_thing(score, kept) -> None:
    whole = said((0.1, 0.1, 0.6, 0.6, score))
    closer = said((0.4, 0.4, 0.6, 0.6, 0.8))
    found = joined([whole, closer], [(0, 0, 400, 400), (0, 0, 200, 200)], (400, 400), 0.5)
    assert len(found.boxes_xyxy) == kept


def test_what_is_not_seen_again_is_hardly_there() -> None:
    found = said((0.1, 0.1, 0.3, 0.3, 0.9), (0.6, 0.6, 0.8, 0.8, 0.9))
    again = said((0.05, 0.08, 0.15, 0.24, 0.6), (0.4, 0.1, 0.5, 0.3, 0.8))
    assert confirmed(found, again, (0.5, 0.8)).scores.flatten().tolist() == pytest.approx([0.6, 0.0])


def test_a_margin_lies_at_the_right_and_below() -> None:
    half = Image.new("RGB", (100, 50), "white")
    half.paste("red", (50, 0, 100, 50))
    wider, size = against_the_grid(half, 0.25)
    assert (wider.size, size) == ((125, 75), (0.8, pytest.approx(2 / 3)))
    assert [wider.getpixel(place) for place in ((0, 0), (0, 74), (124, 0))] == [(255,) * 3, (255,) * 3, (255, 0, 0)]


def test_margins_go_on_as_the_picture_ends() -> None:
    half = Image.new("RGB", (100, 50), "white")
    half.paste("red", (50, 0, 100, 50))
    wide, view = farther(half)
    assert (wide.size, view) == ((160, 110), (-30, -30, 130, 80))
    assert (wide.getpixel((0, 0)), wide.getpixel((159, 109))) == ((255, 255, 255), (255, 0, 0))


def test_only_what_is_large_counts_from_farther_away() -> None:
    view = (-25, -25, 125, 125)
    boxes = said((1 / 6, 1 / 6, 5 / 6, 5 / 6, 0.9), (1 / 6, 1 / 6, 2 / 6, 2 / 6, 0.9))
    kept = only_large(boxes, view, (100, 100), 0.5)
    assert kept.boxes_xyxy.tolist() == [pytest.approx([0.0, 0.0, 1.0, 1.0])]


@pytest.mark.parametrize(
    ("near", "scores"),
    [
        ([(0.1, 0.1, 0.5, 0.9, 0.8)], [0.0, 0.9]),  # half of it
        ([(0.1, 0.1, 0.3, 0.3, 0.4)], [0.0, 0.9]),  # a part of it
        ([(0.1, 0.1, 0.5, 0.9, 0.8), (0.5, 0.1, 0.9, 0.9, 0.8)], [0.8, 0.8, 0.0]),  # there are two
    ],
)
def test_a_large_thing_takes_its_parts_with_it(near: list[tuple[float, ...]], scores: list[float]) -> None:
    found = with_large(said(*near), said((0.05, 0.05, 0.95, 0.95, 0.9)), 0.5)
    assert found.scores.flatten().tolist() == pytest.approx(scores)
