from __future__ import annotations

import pytest

from agent.offline.mixed import parse_mixed
from agent.offline.workbench import Memory
from tests.world import scene

PARK = scene(("brown dog", [0.1, 0.4, 0.3, 0.4]), ("cat", [0.6, 0.4, 0.3, 0.4]))

TWO = {
    "make the cat gray and crop to the cat": ["restyle cat #1", "crop cat #1"],
    "crop to the cat and make it gray": ["restyle cat #1", "crop cat #1"],
    "make the dog red and then crop to it": ["restyle dog #1", "crop dog #1"],
    "make the picture black and white and make the dog red": ["black and white", "restyle dog #1"],
    "make the dog red, then make the picture black and white": ["restyle dog #1", "black and white"],
    "remove the cat, blur the background behind the dog and make the picture warmer": [
        "remove cat #1", "blur the background dog #1", "warmer",
    ],
    "make the dog darker and the picture cooler": ["restyle dog #1", "cooler"],
    "blur the background behind the dog and crop to him": ["blur the background dog #1", "crop dog #1"],
    "make the picture brighter and more saturated": ["brighter", "more saturated"],
    "blur the background behind the dog and make his cat gray": ["restyle cat #1", "blur the background dog #1"],
    "make the dog red and the picture warmer, please": ["restyle dog #1", "warmer"],
    "crop to the dog and make it black and white": ["black and white", "crop dog #1"],
    "blur the background behind the dog and make him gray": ["restyle dog #1", "blur the background dog #1"],
    "make the picture warmer and blur everything but the dog": ["warmer", "blur the background dog #1"],
    "make the picture warmer and brighter": ["warmer", "brighter"],
    "brighten the picture, then blur the background of the dog": ["brighter", "blur the background dog #1"],
    "remove the dog and the cat and increase the contrast": ["remove dog #1", "remove cat #1", "more contrast"],
}  # fmt: skip


@pytest.mark.parametrize("said", TWO)
def test_both_are_read_in_their_order(said: str) -> None:
    read = parse_mixed(said, PARK, Memory())
    assert read is not None
    found = [" ".join(filter(None, [getattr(one, "wish", one.op), getattr(one, "id", None)])) for one in read]
    assert found == TWO[said]


@pytest.mark.parametrize(
    "said",
    ["make the dog red and brighter", "crop to the cat", "remove the dog and the cat", "make the dog black and white",
     "make the picture black and white", "swap the dog and the cat",
     "blur everything but the dog"],
)  # fmt: skip
def test_one_kind_of_wish_alone_is_read_elsewhere(said: str) -> None:
    assert parse_mixed(said, PARK, Memory()) is None
