from __future__ import annotations

import numpy as np
import pytest

from tools.backend.editor.canvas import relocate
from tools.backend.editor.masks import box_mask, cell_pixels, cell_share, dilate, fill, owned, soft_edge, trusted
from tools.scene.box import Box

SIZE = (32, 24)


def test_a_pixel_that_two_masks_claim_goes_to_the_smaller() -> None:
    large, small = box_mask(Box(0, 0, 1, 1), SIZE), box_mask(Box(0.25, 0.25, 0.25, 0.25), SIZE)
    masks = owned({"table": large, "cup": small})
    assert list(masks) == ["table", "cup"]
    assert (masks["cup"] == small).all()
    assert (masks["table"] == (large & ~small)).all()


def test_a_mask_is_cut_to_its_box_and_an_empty_one_becomes_the_box() -> None:
    box = Box(0.25, 0.25, 0.25, 0.25)
    everywhere = np.ones(SIZE[::-1], dtype=bool)
    kept = trusted(everywhere, box)
    assert (kept & box_mask(box, SIZE)).sum() == box_mask(box, SIZE).sum()
    assert not kept[:, 20:].any()
    assert (trusted(np.zeros_like(everywhere), box) == box_mask(box, SIZE)).all()


def test_dilation_is_round_and_measured_in_cells() -> None:
    mask = np.zeros((9, 9), dtype=bool)
    mask[4, 4] = True
    assert dilate(mask, 1).sum() == 5
    assert dilate(mask, 3)[4, 1:8].all()
    assert not dilate(mask, 3)[1, 1]
    assert dilate(mask, 0) is mask


def test_cells_and_pixels() -> None:
    mask = np.zeros((8, 8), dtype=bool)
    mask[:4, :2] = True
    share = cell_share(mask, 4)
    assert share.tolist() == [[0.5, 0.0], [0.0, 0.0]]
    assert cell_pixels(share > 0, 4)[:4, :4].all()


def test_soft_edges_stay_inside_and_ignore_the_border_of_the_picture() -> None:
    region = np.zeros((20, 20), dtype=bool)
    region[:, :10] = True
    weights = soft_edge(region, 3)
    assert (weights[~region] == 0).all()
    assert (weights[:, 0] == 1).all()
    assert 0 < weights[0, 9] < weights[0, 8] < 1
    assert (soft_edge(np.ones_like(region), 3) == 1).all()


@pytest.mark.parametrize("shape", [(24, 32), (17, 23), (1, 5)])
def test_fill_continues_its_surroundings(shape: tuple[int, int]) -> None:
    height, width = shape
    ramp = np.broadcast_to(np.linspace(0, 200, width, dtype=np.float32)[None, :, None], (height, width, 3)).copy()
    known = np.ones(shape, dtype=bool)
    known[height // 3 : 2 * height // 3 + 1, width // 3 : 2 * width // 3] = False
    spoiled = ramp.copy()
    spoiled[~known] = 255
    filled = fill(spoiled, known)
    assert (filled[known] == ramp[known]).all()
    if height > 1:
        assert np.abs(filled - ramp).max() < 40
    assert np.isfinite(fill(spoiled, np.zeros_like(known))).all()


class TestRelocate:
    PIXELS = np.random.default_rng(0).integers(0, 255, (24, 32, 3), dtype=np.uint8)

    def test_a_shift_copies_pixels(self) -> None:
        source, target = Box(0.125, 0.25, 0.25, 0.25), Box(0.5, 0.5, 0.25, 0.25)
        colours, alpha = relocate(self.PIXELS, box_mask(source, SIZE), source, target)
        assert (alpha.astype(bool) == box_mask(target, SIZE)).all()
        assert (colours[12:18, 16:24] == self.PIXELS[6:12, 4:12]).all()

    def test_a_resize_fills_the_target(self) -> None:
        source, target = Box(0.125, 0.25, 0.25, 0.25), Box(0.25, 0.25, 0.5, 0.5)
        _, alpha = relocate(self.PIXELS, box_mask(source, SIZE), source, target)
        assert ((alpha > 0.5) == box_mask(target, SIZE)).all()

    def test_what_leaves_the_picture_is_cut(self) -> None:
        source = Box(0.125, 0.25, 0.25, 0.25)
        mask = dilate(box_mask(source, SIZE), 2)
        _, alpha = relocate(self.PIXELS, mask, source, Box(0.75, 0.75, 0.25, 0.25))
        assert alpha[18:, 24:].all()

    def test_an_empty_mask_sets_nothing_down(self) -> None:
        _, alpha = relocate(self.PIXELS, np.zeros((24, 32), dtype=bool), Box(0, 0, 0.5, 0.5), Box(0.5, 0.5, 0.5, 0.5))
        assert not alpha.any()
