"""Who is meant by what they wear or carry: "the man in the red tie", "the woman with the handbag", "the man in blue".

A thing of its own in the picture (a tie) says whose it is by lying within its wearer; clothes that the detector does
not know are the wearer's colours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.offline.lexer import phrases
from agent.offline.nouns import read_attributes
from agent.offline.positions import PICTURE_SIDES, TWO_SIDED
from agent.offline.vocabulary import CLOTHES
from tools.scene.layout import Layout
from tools.scene.lexicon import implies, singular
from tools.scene.worn import WEARERS, WORN, wearer_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.offline.items import Item, Scene
    from agent.offline.lexer import Cursor

_SURELY = phrases("in|wearing|dressed in|who is wearing|who wears|that wears|that is wearing|holding|carrying|"
                  "who is holding|who holds|who carries|who is carrying|who has|having|clad in")  # fmt: skip
_WITH = phrases("with")
_THE = phrases("the|a|an|his|her|their")
_ENDS = frozenset({"", ",", ".", ";", "!", "?", "and", "then", "please", "to", "on", "at", "by", "from", "next", "left",
                   "right"})  # fmt: skip


def by_wearing(words: Cursor, scene: Scene, found: list[Item]) -> list[Item]:
    """Take "in the red tie" after people, and keep those who wear it; take nothing where it is no clothing.

    Raises:
        CannotParse: nobody of them wears it.
    """
    people = [item for item in found if singular(item.seen.name) in WEARERS]
    start = words.position
    if not people or words.sees(PICTURE_SIDES) or words.sees(TWO_SIDED):
        return found
    surely = words.accept(_SURELY)
    if not surely and not words.accept(_WITH):
        return found
    words.accept(_THE)
    attributes = read_attributes(words)
    noun = next((name for name in (_words(words, 2), words.word()) if singular(name) in WORN | CLOTHES), "")
    things = [item for item in scene.items if noun and item.seen.name == singular(noun)]
    if things and (surely or len(people) > 1):
        words.position += len(noun.split())
        kept = _wearers(people, [item for item in things if _fits(item, attributes)], scene)
        everyone = _wearers(people, things, scene)
        if not kept and len(everyone) == 1:  # whoever else could be meant: the colour was seen wrongly
            kept = everyone
    elif surely and attributes and (noun or words.word() in _ENDS):
        words.position += len(noun.split())
        kept = [item for item in people if _fits(item, attributes)]
    else:
        words.position = start
        return found
    if not kept:
        words.fail(f"nobody of them is seen {words.quote(start, words.position)}", start, words.position)
    return kept


def worn_by_whom(thing: Item, scene: Scene) -> Item:
    """Return who wears a thing, where somebody does, and else the thing: "make the man's tie red and crop to him"."""
    people = [item for item in scene.items if singular(item.seen.name) in WEARERS]
    return next((person for person in people if _wearers([person], [thing], scene)), thing)


def read_possession(words: Cursor, scene: Scene, owners: list[Item]) -> list[Item]:
    """Take "'s tie" after people, and return what of it they wear; the people where nothing of it follows."""
    start = words.position
    if not words.take_word("'s"):
        return owners
    attributes = read_attributes(words)
    noun = next((name for name in (_words(words, 2), words.word()) if singular(name) in WORN), "")
    things = [item for item in scene.items if noun and item.seen.name == singular(noun)]
    mine = [item for item in things if _wearers(owners, [item], scene)]
    kept = [item for item in mine if _fits(item, attributes)] or (mine if len(mine) == 1 else [])
    if not kept:
        words.position = start
        return owners
    words.position += len(noun.split())
    return kept


def _wearers(people: Sequence[Item], things: Sequence[Item], scene: Scene) -> list[Item]:
    layout = Layout(objects=tuple(item.original for item in scene.items if item.original))
    owners = {owner.id for item in things if item.original and (owner := wearer_of(item.original, layout))}
    return [item for item in people if item.id in owners]


def _fits(item: Item, attributes: Sequence[str]) -> bool:
    return all(any(implies(own, word) for own in item.seen.attributes) for word in attributes)


def _words(words: Cursor, count: int) -> str:
    return " ".join(words.word(at) for at in range(count))
