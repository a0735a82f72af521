from __future__ import annotations

import pytest

from tools.scene.setting import read_setting

KNOWN = {"beach": ("beach", "sand"), "night": ("night",), "desk": ("desk", "table")}
KNOWN["beach at night"] = ("beach", "sand", "night")


@pytest.mark.parametrize(
    ("background", "setting", "rest"),
    [
        ("on a beach", "beach", False),
        ("a realistic photo of a scene at night", "night", False),
        ("on the sand", "beach", False),
        ("on a wooden table", "desk", True),
        ("a sunny beach", "beach", True),
        ("a beach at night", "beach at night", False),
        ("a night on the sand", "beach at night", False),
        ("a windy beach at night", "beach at night", True),
        ("a table at night", None, True),
        ("a table on a beach", None, True),
        ("in a kitchen", None, True),
        ("a realistic photo of a scene", None, False),
        ("", None, False),
        ("sandy ground", None, True),
    ],
)
def test_what_a_background_names(background: str, setting: str | None, rest: bool) -> None:
    assert read_setting(background, KNOWN) == (setting, (background,) if rest else ())
