from __future__ import annotations

import pytest

from agent.offline.instructions import parse_instruction
from agent.offline.workbench import Memory
from tests.world import scene
from tools.scene.errors import CannotParse
from tools.scene.operations import Add, Replace
from tools.scene.other_picture import OtherPicture, is_named

HERE = scene(("white cat", [0.3, 0.3, 0.3, 0.4]), ("chair", [0.65, 0.4, 0.25, 0.5]))
DOGS = scene(("brown dog", [0.1, 0.2, 0.4, 0.5]), ("black dog", [0.6, 0.3, 0.2, 0.3]), ("cup", [0.8, 0.8, 0.1, 0.1]))
DOG = OtherPicture(name="dog.jpg", image="", wider=1.5, layout=DOGS)
CAT = OtherPicture(name="my cats.png", image="", layout=scene(("cat", [0.1, 0.5, 0.4, 0.5])))

SAID = {
    "add the brown dog from dog.jpg to the left of the chair": [("add", "dog.jpg", "dog #1")],
    "put the cup from dog.jpg next to the cat": [("add", "dog.jpg", "cup #1")],
    "paste the left dog from ~/x/dog.jpg in the top left corner": [("add", "dog.jpg", "dog #1")],
    "bring the dog on the right from dog.jpg to the bottom left corner": [("add", "dog.jpg", "dog #2")],
    "add dog.jpg's cup": [("add", "dog.jpg", "cup #1")],
    "copy the cup out of dog.jpg": [("add", "dog.jpg", "cup #1")],
    "take the cup from dog.jpg and put it on the chair": [("add", "dog.jpg", "cup #1")],
    "add the cup and the brown dog from dog.jpg": [("add", "dog.jpg", "cup #1"), ("add", "dog.jpg", "dog #1")],
    "add the cup from dog.jpg to the left and the cat from 'my cats.png' to the right": [
        ("add", "dog.jpg", "cup #1"), ("add", "my cats.png", "cat #1"),
    ],
    "replace the cat with the black dog from dog.jpg": [("replace", "dog.jpg", "dog #2")],
    "replace the cat with the cat from my cats.png": [("replace", "my cats.png", "cat #1")],
    "swap the cat for the brown dog in dog.jpg": [("replace", "dog.jpg", "dog #1")],
    "turn the cat into the cup of dog.jpg": [("replace", "dog.jpg", "cup #1")],
}  # fmt: skip


@pytest.mark.parametrize("said", SAID)
def test_what_is_copied_from_where(said: str) -> None:
    read = parse_instruction(said, HERE, Memory(others=(DOG, CAT)))
    found = []
    for operation in read:
        assert isinstance(operation, Add | Replace)
        assert operation.source is not None
        layout = {"dog.jpg": DOGS, "my cats.png": CAT.layout}[operation.source.picture]
        model = next(placed for placed in layout.objects if placed.box == operation.source.box)
        assert (operation.name, operation.attributes) == (model.name, model.attributes)
        found.append((operation.op, operation.source.picture, model.id))
    assert found == SAID[said]


def test_sizes_fit_what_is_there_and_shapes_stay() -> None:
    (cup,) = parse_instruction("add the cup from dog.jpg next to the chair", HERE, Memory(others=(DOG,)))
    assert isinstance(cup, Add)
    assert cup.box.h < 0.25 * HERE["chair #1"].box.h
    assert cup.box.w / cup.box.h == pytest.approx(1.5, rel=0.01)  # square there, in a picture that is wider by half
    assert cup.box.y + cup.box.h == pytest.approx(HERE["chair #1"].box.y + HERE["chair #1"].box.h, abs=0.01)


def test_beside_a_portrait_a_cat_is_no_speck() -> None:
    portrait = scene(("person", [0.1, 0.05, 0.8, 0.95]))
    (cat,) = parse_instruction("add the cat from my cats.png in the top left corner", portrait, Memory(others=(CAT,)))
    assert isinstance(cat, Add)
    assert 0.25 < cat.box.h < 0.45


def test_what_its_picture_cuts_off_below_goes_to_the_bottom() -> None:
    (cat,) = parse_instruction("add the cat from my cats.png on the left", HERE, Memory(others=(CAT,)))
    assert isinstance(cat, Add)
    assert cat.box.y + cat.box.h == pytest.approx(1)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("add the dog from dog.jpg", "say which 'dog'"),
        ("add the horse from dog.jpg", "there is no 'horse' here.*in 'dog.jpg'"),
        ("add the dog from bird.jpg", "no other picture 'bird.jpg'.*--source"),
        ("add the cup from the other picture", "say which picture is meant: 'dog.jpg', 'my cats.png'"),
    ],
)
def test_refusals_name_the_picture_as_it_was_written(said: str, reason: str) -> None:
    with pytest.raises(CannotParse, match=reason):
        parse_instruction(said, HERE, Memory(others=(DOG, CAT)))


def test_the_other_picture_is_clear_where_there_is_one() -> None:
    (cup,) = parse_instruction("add the cup from the other photo", HERE, Memory(others=(DOG,)))
    assert isinstance(cup, Add)


def test_names_in_a_text() -> None:
    assert is_named("add it from pets/Dog.JPG, please", "dog.jpg")
    assert is_named("add dog.jpg's cup", "dog.jpg")
    assert not is_named("add it from hotdog.jpg", "dog.jpg")
    assert not is_named("add it from dog.jpgx", "dog.jpg")
