from __future__ import annotations

import pytest
from PIL import Image

from tools.backend.generator import drawable, enlarged
from tools.backend.protocol import BackendError, Generated


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
