from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import XKCD_COLORS, to_rgb
from PIL import Image

from tests.photo import backend, needs_networks, photograph
from tools.backend.colour_naming import Look, is_known, is_painted
from tools.scene.box import Box
from tools.scene.lexicon import COLOURS


def look(*colours: str, shares: tuple[float, ...] = (), dressed: bool = False) -> Look:
    """Return the look of a square of flat colours side by side, with some shading from top to bottom."""
    shares = shares or (1 / len(colours),) * len(colours)
    parts = [
        np.full((80, round(80 * share), 3), np.array(to_rgb(colour)) * 255)
        for colour, share in zip(colours, shares, strict=True)
    ]
    pixels = np.concatenate(parts, axis=1) * np.linspace(1.0, 0.92, 80)[:, None, None]
    return Look(pixels.astype(np.uint8), np.ones(pixels.shape[:2], dtype=bool), dressed=dressed)


def test_colours_are_called_as_people_call_them() -> None:
    """The answers of 140,000 people (XKCD's colour survey): the last word of each name is one of ours."""
    named = {}
    for name, code in XKCD_COLORS.items():
        words = name.removeprefix("xkcd:").split()
        colour = {"grey": "gray"}.get(words[-1], words[-1])
        if colour in COLOURS and len(words) < 3 and "/" not in name:
            named[name] = (code, colour)
    right = [look(code).fit(colour) >= 0.5 for code, colour in named.values()]
    assert len(right) > 250
    assert np.mean(right) > 0.9


def test_what_was_painted_has_its_colour_whatever_the_rest_has() -> None:
    before = Image.new("RGB", (100, 100), (40, 40, 40))
    after = before.copy()
    after.paste((240, 240, 240), (10, 10, 50, 40))
    assert is_painted(before, after, ("white",))
    assert not is_painted(before, after, ("red",))
    assert not is_painted(before, before, ("white",))
    after = before.copy()
    after.paste((240, 240, 240), (10, 10, 20, 20))
    assert not is_painted(before, after, ("white",))  # a speck is no paint


@pytest.mark.parametrize(
    ("code", "fits", "does_not"),
    [
        ("#8b0000", ["dark red", "red"], ["light red", "blue", "brown"]),
        ("#add8e6", ["light blue", "blue", "pale blue"], ["dark blue", "green"]),
        ("#000080", ["navy", "dark blue"], ["light blue", "black"]),
        ("#ff1493", ["pink", "bright pink"], ["pale pink", "green"]),
        ("#f5f5f5", ["white", "light"], ["black", "dark"]),
        ("#151515", ["black", "dark"], ["white", "light", "blue"]),
        ("#d3d3d3", ["light gray"], ["dark gray", "black"]),
        ("#8b4513", ["brown"], ["orange", "green"]),
        ("#ff8c00", ["orange"], ["brown", "pink"]),
    ],
)
def test_shades_and_other_words(code: str, fits: list[str], does_not: list[str]) -> None:
    seen = look(code)
    assert {word: seen.fit(word) >= 0.5 for word in fits} == dict.fromkeys(fits, True)
    assert {word: seen.fit(word) >= 0.5 for word in does_not} == dict.fromkeys(does_not, False)


def test_a_cup_of_red_and_white_is_not_their_mean() -> None:
    seen = look("#c01818", "#f4f4f0")
    assert seen.fit("red") >= 0.5
    assert seen.fit("pink") < 0.2


def test_black_windows_do_not_make_a_bus_black() -> None:
    seen = look("#1560bd", "#202124", shares=(0.6, 0.4))
    assert seen.fit("blue") >= 0.5 > seen.fit("black")


def test_a_person_wears_several_colours_and_skin_is_none_of_them() -> None:
    seen = look("#c68863", "#b01020", "#223a70", shares=(0.4, 0.3, 0.3), dressed=True)
    assert min(seen.fit("red"), seen.fit("blue")) >= 0.5
    assert seen.fit("brown") < 0.5


def test_an_empty_mask_has_no_colour() -> None:
    seen = Look(np.zeros((8, 8, 3), dtype=np.uint8), np.zeros((8, 8), dtype=bool))
    assert seen.words() == []
    assert seen.fit("dark") == 0.0


@pytest.mark.parametrize("word", ["red", "dark red", "grey", "navy", "golden", "pale", "bright pink"])
def test_words_that_can_be_judged(word: str) -> None:
    assert is_known(word)


@pytest.mark.parametrize("word", ["wooden", "big", "striped", "wooden red", "dark wooden"])
def test_words_that_cannot(word: str) -> None:
    assert not is_known(word)


@needs_networks
@pytest.mark.parametrize(
    ("name", "box", "dressed", "fits", "does_not"),
    [
        ("astronaut", (0.04, 0.01, 0.69, 0.97), True, "orange", ("blue", "green", "pink")),
        ("motorcycle", (0.14, 0.05, 0.78, 0.84), False, "red", ("blue", "green", "yellow")),
        ("chelsea", (0.0, 0.01, 0.93, 0.98), False, "brown", ("blue", "green", "red")),
        ("camera", (0.0, 0.14, 0.63, 0.86), True, "black", ("red", "blue", "brown")),
        ("coffee", (0.29, 0.06, 0.43, 0.75), False, "brown", ("blue", "green", "black")),
    ],
)
def test_objects_in_photographs(
    name: str, box: tuple[float, float, float, float], dressed: bool, fits: str, does_not: tuple[str, ...]
) -> None:
    picture = photograph(name)
    mask = backend().segment(picture, [Box(*box)]).masks[0]
    seen = Look(np.asarray(picture), mask, dressed=dressed)
    assert seen.fit(fits) >= 0.45
    assert all(seen.fit(word) < 0.4 for word in does_not)


def test_black_and_white_is_without_colour() -> None:
    grey = np.repeat(np.linspace(60, 200, 40 * 40, dtype=np.uint8).reshape(40, 40, 1), 3, axis=2)
    mask = np.ones((40, 40), dtype=bool)
    assert Look(grey, mask).fits(("black", "white")) > 0.9
    assert Look(grey // 2 + np.array([90, 20, 0], dtype=np.uint8), mask).fits(("black", "white")) < 0.3
    assert Look(grey, mask).fits(("gray",)) == Look(grey, mask).fit("gray")
