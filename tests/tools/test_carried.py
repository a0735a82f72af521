"""The same pixels elsewhere are the same thing; ground that looks alike, or a torn piece, is not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PIL import Image

from iconworld.renderer import SIDE, IconObject, icons_of, render
from tools.carried import is_carried
from tools.scene.box import Box

OLD = Box(0.1, 0.1, 0.3, 0.3)
CUP = IconObject("cup", "red", OLD, icons_of("cup")[0])


def drawn(*boxes: Box) -> Image.Image:
    return render([replace(CUP, box=box) for box in boxes], "desk", (SIDE, SIDE)).image


@pytest.mark.parametrize("new", [Box(0.6, 0.1, 0.3, 0.3), Box(0.5, 0.6, 0.3, 0.3), OLD])
def test_the_very_thing_elsewhere(new: Box) -> None:
    assert is_carried(drawn(OLD), drawn(new), OLD, new)


def test_the_very_thing_larger() -> None:
    new, before, after = Box(0.4, 0.4, 0.5, 0.5), drawn(OLD), drawn()
    x0, y0, x1, y1 = new.to_px((SIDE, SIDE))
    after.paste(before.crop(OLD.to_px((SIDE, SIDE))).resize((x1 - x0, y1 - y0)), (x0, y0))
    assert is_carried(before, after, OLD, new)


def test_what_is_gone_torn_or_another_is_not_carried() -> None:
    new = Box(0.6, 0.1, 0.3, 0.3)
    before, after = drawn(OLD), drawn(new)
    assert not is_carried(before, drawn(), OLD, new)
    assert not is_carried(before, before, OLD, new)
    x0, y0, x1, y1 = new.to_px((SIDE, SIDE))
    torn = after.copy()
    torn.paste(drawn().crop((x0, (y0 + y1) // 2, x1, y1)), (x0, (y0 + y1) // 2))
    assert not is_carried(before, torn, OLD, new)
    other = render([IconObject("car", "red", new, icons_of("car")[0])], "desk", (SIDE, SIDE)).image
    assert not is_carried(before, other, OLD, new)
    assert not is_carried(before, drawn(), OLD, OLD)
