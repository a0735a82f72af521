"""Objects of other pictures in an instruction: "the dog from dog.jpg", "dog.jpg's left cat", "it from the other photo".

A picture's name is one word to the grammar (`veiled`), whatever stands in it; refusals show it as it was written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.offline.items import Item, Scene
from agent.offline.lexer import phrases
from agent.offline.selectors import read_selection
from agent.offline.verbs import VERBS
from tools.scene.errors import CannotParse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.offline.lexer import Cursor
    from tools.scene.layout import PlacedObject
    from tools.scene.other_picture import OtherPicture

SUFFIXES = "jpe?g|png|webp|bmp|gif|tiff?|ppm"
VEIL = "otherpicture"
_FROM = phrases("from|of|in|out of|that is in|which is in|seen in|shown in|on")
_PICTURE = phrases("the picture|the photo|the photograph|the image|the file|picture|photo|image|file")
_THE_OTHER = phrases(
    "|".join(
        f"the {which} {noun}"
        for which in ("other", "second", "given", "source", "other given")
        for noun in ("picture", "photo", "photograph", "image", "one", "file")
    )
)
_CLAUSE_ENDS = frozenset({"", ".", ";", "then", "to", "next", "with", "into", "beside", "between", "above", "below"})


@dataclass(frozen=True)
class Origin:
    """What is copied from another picture; ``shape`` is its width over height as a share of the edited picture."""

    picture: str
    placed: PlacedObject
    shape: float


def veiled(text: str, others: Sequence[OtherPicture]) -> str:
    """Return a text with the names of other pictures, paths before them included, as words of the grammar."""
    for number, other in sorted(enumerate(others), key=lambda pair: -len(pair[1].name)):
        path = rf"(?<!\S)([\"'`(])?(?:\S*[/\\])?{re.escape(other.name)}(?(1)[\"'`)]|)(?![\w])"
        text = re.sub(path, rf"{VEIL}{number}", text, flags=re.IGNORECASE)
    return text


def check_names(text: str, others: Sequence[OtherPicture]) -> None:
    """Refuse a veiled text that still names a picture: one that was not given.

    Raises:
        CannotParse: it does.
    """
    for found in re.finditer(rf"[^\s\"'`,;:]+\.(?:{SUFFIXES})(?![\w.])", text, re.IGNORECASE):
        given = ", ".join(repr(other.name) for other in others) or "none"
        raise CannotParse(
            f"there is no other picture {found[0]!r} to copy from; given: {given} (give it with --source, with "
            "/picture in a chat, or as sources=)"
        )


def unveiled(text: str, others: Sequence[OtherPicture]) -> str:
    """Return a text with the pictures' names in it again."""
    return re.sub(rf"{VEIL}(\d+)", lambda found: others[int(found[1])].name, text)


def read_from_other(words: Cursor, others: Sequence[OtherPicture]) -> list[Origin] | None:
    """Take "the dog from dog.jpg", "dog.jpg's dog"; None where nothing of another picture is spoken of.

    Raises:
        CannotParse: it is not in that picture, or could be one of several.
    """
    start = words.position
    other = _picture_at(words, others)
    if other is not None and words.word() == "'s":
        words.position += 1
        return _chosen(words, other, None)
    words.position = start
    for ahead in range(1, len(words.tokens) - start):
        words.position = start + ahead
        if words.word() in _CLAUSE_ENDS or (words.word(-1) in {"and", ","} and words.sees(VERBS)):
            break
        if not words.accept(_FROM):
            continue
        other = _picture_at(words, others)
        if other is not None:
            end = words.position
            words.position = start
            origins = _chosen(words, other, start + ahead)
            words.position = end
            return origins
    words.position = start
    return None


def _picture_at(words: Cursor, others: Sequence[OtherPicture]) -> OtherPicture | None:
    start = words.position
    if words.accept(_THE_OTHER):
        if len(others) == 1:
            return others[0]
        if others:
            names = ", ".join(repr(other.name) for other in others)
            words.fail(f"say which picture is meant: {names}", start, words.position)
    words.position = start
    words.accept(_PICTURE)
    found = re.fullmatch(rf"{VEIL}(\d+)", words.word())
    if found is None:
        words.position = start
        return None
    words.position += 1
    return others[int(found[1])]


def _chosen(words: Cursor, other: OtherPicture, end: int | None) -> list[Origin]:
    items = [Item(placed.id, placed.name, placed.attributes, placed.box, placed) for placed in other.layout.objects]
    here = words.position
    if not items:
        words.fail(f"nothing that the detector knows is in {other.name!r}", here, end)
    try:
        chosen = read_selection(words, Scene(items), places=end is not None)
    except CannotParse as error:
        raise CannotParse(f"{error} (in {other.name!r})") from None
    if end is not None and words.position != end:
        words.fail(f"say which object of {other.name!r} is meant", here, end)
    return [
        Origin(other.name, item.original, item.original.box.w / item.original.box.h * other.wider)
        for item in chosen
        if item.original is not None
    ]
