"""Colours, materials and sizes that several things share out: some have one, some another."""

import pytest

from agent.offline.sentences import parse_scene
from tests.agent.readings import short
from tools.scene.errors import CannotParse

SHARED = {
    "red and blue cars": "1+ red car, 1+ blue car",
    "some green and yellow apples": "1+ green apple, 1+ yellow apple",
    "three bottles in red, green and blue": "1! red bottle, 1! green bottle, 1! blue bottle",
    "three red, green and blue bottles": "1! red bottle, 1! green bottle, 1! blue bottle",
    "two cups in white and red": "1! white cup, 1! red cup",
    "balloons in red and yellow": "1+ red balloon, 1+ yellow balloon",
    "cars that are pink and gray": "1+ pink car, 1+ gray car",
    "light blue and dark red cups": "1+ light blue cup, 1+ dark red cup",
    "big and small dogs": "1+ large dog, 1+ small dog",
    "wooden and metal chairs": "1+ wooden chair, 1+ metal chair",
    "red and blue cars next to a tree": (
        "1+ red car, 1+ blue car, 1 tree; red car next to tree; blue car next to tree"
    ),
    "a dog between red and blue cars": "1 dog, 1+ red car, 1+ blue car; dog between red car and blue car",
    "red and blue cars in a row": "1+ red car, 1+ blue car; red car and blue car in a row",
    "a cup, red and blue plates": "1 cup, 1+ red plate, 1+ blue plate",
    "no red and blue cars": "no red car; no blue car",
}
ON_EACH = {
    "a red and blue car": "1 red blue car",
    "black and white cows": "2+ black white cow",
    "two red and blue cars": "2 red blue car",
    "blue and white striped shirts": "2+ blue white striped shirt",
    "a dog in red and blue": "1 red blue dog",
    "five balloons in different colors": "5 balloon; ? five balloons in different colors",
}


@pytest.mark.parametrize(("text", "meaning"), {**SHARED, **ON_EACH}.items(), ids=str)
def test_looks_of_several(text: str, meaning: str) -> None:
    assert short(parse_scene(text)) == meaning


def test_how_many_are_of_each_colour_has_to_be_said() -> None:
    with pytest.raises(CannotParse, match="how many are of each colour"):
        parse_scene("four bottles in red and blue")
