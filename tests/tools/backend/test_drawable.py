from __future__ import annotations

import pytest
from PIL import Image

from tools.backend.generator import drawable, enlarged, middle_of, shrunk, zoom_for
from tools.backend.protocol import BackendError, Generated
from tools.scene.box import Box


@pytest.mark.parametrize(
    ("asked", "side", "drawn"),
    [
        ((128, 128), 128, (128, 128)),
        ((160, 96), 128, (160, 96)),
        ((512, 512), 128, (128, 128)),
        ((512, 512), None, (512, 512)),
        ((300, 200), 128, (157, 105)),
        ((320, 180), 128, (171, 96)),
    ],
)
def test_larger_pictures_are_drawn_at_the_size_the_model_knows(asked, side, drawn) -> None:
    assert drawable(asked, side) == drawn


def test_a_strip_is_refused_before_anything_is_drawn() -> None:
    with pytest.raises(BackendError, match="384x128"):
        drawable((384, 128), 128)


def test_the_picture_comes_at_the_size_that_was_asked_for() -> None:
    made = enlarged(Generated((Image.new("RGB", (128, 128)),)), (128, 128), (512, 512))
    assert made.images[0].size == (512, 512)
    assert "128x128" in made.warnings[0]


@pytest.mark.parametrize(
    ("sides", "zoom"),
    [([0.3, 0.5], 1.0), ([0.75], 1.5), ([0.75, 0.3], 1.5), ([0.75, 0.18], 1.2), ([0.75, 0.1], 1.0), ([], 1.0)],
)
def test_what_is_too_large_to_be_known_is_drawn_from_farther_away(sides: list[float], zoom: float) -> None:
    assert zoom_for([Box(0.0, 0.0, side, side / 2) for side in sides], 0.5) == pytest.approx(zoom)
    assert zoom_for([Box(0.0, 0.0, side, side / 2) for side in sides], None) == 1


def test_the_middle_enlarged_has_things_where_they_were_wanted() -> None:
    wanted = Box(0.1, 0.2, 0.7, 0.6)
    drawn = Image.new("RGB", (200, 200), "white")
    drawn.paste("red", shrunk(wanted, 1.6).to_px((200, 200)))
    shown = middle_of(drawn, 1.6)
    red = Image.eval(shown.getchannel("G"), lambda value: 255 * (value < 128)).getbbox()
    assert red is not None
    assert Box.from_px(*red, (200, 200)).iou(wanted) > 0.95
