from __future__ import annotations

import pytest

from tools.scene.setting import read_setting

KNOWN = {"beach": ("beach", "sand"), "night": ("night",), "desk": ("desk", "table")}


@pytest.mark.parametrize(
    ("background", "setting", "rest"),
    [
        ("on a beach", "beach", False),
        ("a realistic photo of a scene at night", "night", False),
        ("on the sand", "beach", False),
        ("on a wooden table", "desk", True),
        ("a sunny beach", "beach", True),
        ("a beach at night", None, True),
        ("in a kitchen", None, True),
        ("a realistic photo of a scene", None, False),
        ("", None, False),
        ("sandy ground", None, True),
    ],
)
def test_what_a_background_names(background: str, setting: str | None, rest: bool) -> None:
    assert read_setting(background, KNOWN) == (setting, (background,) if rest else ())
