"""What a first visitor can try: sentences and pictures that the embedded models know, and instructions for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.models.preset_choice import DEFAULT, PHOTO
from agent.web.page.plan import naming

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.studio.views import ObjectView

SENTENCES = (
    "two red cars on the left and a blue cup on the right",
    "a yellow dog to the left of a green chair",
    "three bottles and a purple book on a table",
    "a cat below two bowls",
)
PICTURES = (
    ("street.png", "Two cars and a cup"),
    ("desk.png", "A laptop, a book and a cup"),
    ("garden.png", "A dog, a cat and a chair"),
)
COLOURS = ("blue", "green", "orange", "purple")
NOUNS = ("dog", "cup", "cat", "book")


def suggestions(objects: Sequence[ObjectView], preset: str = DEFAULT) -> tuple[str, ...]:
    """Return a few instructions that fit what is in a picture, and what the models of its preset can do."""
    if not objects and preset == PHOTO:  # nothing new can be drawn into a photograph
        return ("what is in the picture?", "make the picture brighter")
    if not objects:
        return ("add a yellow dog", "add a blue cup at the left")
    first, last = objects[0], objects[-1]
    known = {one.name for one in objects}
    colour = next(colour for colour in COLOURS if colour not in last.attributes)
    new = next((noun for noun in NOUNS if noun not in known), "dog")
    return (
        f"make {naming(last.id, objects)} {colour}",
        f"move {naming(first.id, objects)} to the left",
        f"add a green {new}",
        f"how many {last.name}s are there?",
    )
