from __future__ import annotations

import pytest

from agent.offline.whole_picture import parse_whole_picture
from agent.offline.workbench import Memory
from tests.world import scene
from tools.scene.errors import CannotParse
from tools.scene.operations import Adjust, apply

PARK = scene(("brown dog", [0.1, 0.4, 0.3, 0.4]), ("cat", [0.6, 0.4, 0.3, 0.4]))

LOOKS = {
    "make the picture brighter": ("brighter", 1.0),
    "Please make the photo a bit warmer.": ("warmer", 0.5),
    "make the image much darker": ("darker", 1.8),
    "black and white please": ("black and white", 1.0),
    "turn the picture into black and white": ("black and white", 1.0),
    "make everything more colourful": ("more saturated", 1.0),
    "increase the contrast": ("more contrast", 1.0),
    "reduce the brightness of the photo": ("darker", 1.0),
    "increase the saturation a bit": ("more saturated", 0.5),
    "less saturation": ("less saturated", 1.0),
    "darken the picture a little": ("darker", 0.5),
    "brighten up the image": ("brighter", 1.0),
    "make the colours more vivid": ("more saturated", 1.0),
    "more contrast, please": ("more contrast", 1.0),
    "make it black and white": ("black and white", 1.0),
    "Make this a bit brighter": ("brighter", 0.5),
}
AROUND = {
    "crop to the dog": ("crop", "dog #1"),
    "crop the picture to the left cat": ("crop", "cat #1"),
    "blur the background behind the dog": ("blur the background", "dog #1"),
    "cut the dog out to a transparent png": ("cut out", "dog #1"),
    "make everything but the dog blurry": ("blur the background", "dog #1"),
    "make the background behind the dog blurry": ("blur the background", "dog #1"),
    "cut out the cat": ("cut out", "cat #1"),
    "cut the dog out": ("cut out", "dog #1"),
    "get rid of the background behind the cat": ("cut out", "cat #1"),
    "cut the dog out of the background": ("cut out", "dog #1"),
    "cut the dog out from its background": ("cut out", "dog #1"),
    "isolate the cat": ("cut out", "cat #1"),
    "remove the background of the cat": ("cut out", "cat #1"),
}


@pytest.mark.parametrize("said", LOOKS)
def test_wishes_for_light_and_colour(said: str) -> None:
    wish, amount = LOOKS[said]
    read = parse_whole_picture(said, PARK, Memory())
    assert read is not None
    assert [(one.wish, one.id, one.amount) for one in read] == [(wish, None, amount)]


@pytest.mark.parametrize("said", AROUND)
def test_wishes_around_an_object(said: str) -> None:
    read = parse_whole_picture(said, PARK, Memory())
    assert read is not None
    assert [(one.wish, one.id) for one in read] == [AROUND[said]]


@pytest.mark.parametrize(
    "said",
    [
        "make the dog brighter",
        "cut the dog out of the picture",
        "remove the dog",
        "make it red",
        "crop",
        "a brighter picture",
    ],
)
def test_everything_else_is_the_instruction_grammars(said: str) -> None:
    assert parse_whole_picture(said, PARK, Memory()) is None


@pytest.mark.parametrize("said", ["blur the background", "crop to the horse", "crop to the animals and the car"])
def test_which_object_must_be_clear(said: str) -> None:
    with pytest.raises(CannotParse):
        parse_whole_picture(said, PARK, Memory())


def test_the_last_one_spoken_of_is_meant_without_words() -> None:
    read = parse_whole_picture("blur the background", PARK, Memory(recent=("cat #1",)))
    assert read is not None
    assert read[0].id == "cat #1"


def test_what_was_spoken_of_is_meant_before_the_picture_is() -> None:
    assert parse_whole_picture("make it darker", PARK, Memory(recent=("cat #1",))) is None


def test_what_such_wishes_leave_of_a_layout() -> None:
    assert apply(PARK, [Adjust(wish="warmer")]).objects[0].attributes == ()
    assert apply(PARK, [Adjust(wish="blur the background", id="dog #1")]) == PARK
    assert apply(PARK, [Adjust(wish="cut out", id="dog #1")]).ids == ("dog #1",)
    cropped = apply(PARK, [Adjust(wish="crop", id="dog #1")])
    assert cropped.ids == ("dog #1",)
    assert cropped.objects[0].box.area > 0.7


def test_the_background_is_that_of_what_the_picture_is_of() -> None:
    portrait = scene(("person", [0.1, 0.1, 0.8, 0.9]), ("tie", [0.4, 0.5, 0.1, 0.3]))
    read = parse_whole_picture("blur the background", portrait, Memory())
    assert read is not None
    assert read[0].id == "person #1"
