"""What an instruction speaks of: which objects of a layout "the left cup", "the red cars", "the bowl" are.

Only what is certain: a thing with "a" is new, and a place that may be where something shall go tells nothing apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tools.scene.lexicon import attribute, is_attribute, number
from tools.scene.reading.sentence import plain
from tools.scene.spec import SIZES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tools.scene.layout import Layout, PlacedObject
    from tools.scene.reading.sentence import Sentence

_NEW = frozenset({"a", "an", "another", "some", "any", "no"})
_SIDES = {
    **dict.fromkeys(("left", "leftmost", "left-hand"), (0, 1)),
    **dict.fromkeys(("right", "rightmost", "right-hand"), (0, -1)),
    **dict.fromkeys(("top", "upper", "uppermost", "topmost"), (1, 1)),
    **dict.fromkeys(("bottom", "lower", "lowest", "bottommost"), (1, -1)),
}
_MIDDLE = frozenset({"middle", "center", "centre", "central"})
_PREPOSITIONS = frozenset({"on", "at", "in"})


class Mention(NamedTuple):
    """A definite mention of objects that are there."""

    name: str
    words: range
    """Where it stands in the sentence, from its first describing word to its noun."""
    ids: frozenset[str]
    """Which objects it may mean."""
    is_plural: bool


def mentions(sentence: Sentence, layout: Layout, *, sides: bool) -> list[Mention]:
    """Return the definite mentions of a layout's objects; with ``sides``, "on the left" after a noun is part of it."""
    names = dict.fromkeys(placed.name for placed in layout.objects)
    found = [
        mention
        for name in names
        for at in sentence.mentions(name)
        if (mention := _mention(sentence, layout, name, at, sides=sides))
    ]
    return sorted(found, key=lambda mention: mention.words.start)


def _mention(sentence: Sentence, layout: Layout, name: str, at: int, *, sides: bool) -> Mention | None:
    first = at
    while first > 0 and _describes(sentence.words[first - 1]):
        first -= 1
    before = sentence.words[first:at]
    if _NEW & set(before):
        return None
    head = plain(name.rpartition(" ")[2])
    here = [placed for placed in layout.objects if plain(placed.name.rpartition(" ")[2]) == head]
    looks = {attribute(word) for word in before if is_attribute(word)}
    here = [placed for placed in here if looks <= set(placed.attributes)] or here
    is_plural = sentence.words[at] != sentence.plain[at]
    after = sentence.words[at + 1 : at + 4]
    placed_by = [*before, after[2]] if sides and len(after) == 3 and after[0] in _PREPOSITIONS else before
    chosen = here if is_plural else _at_side(here, placed_by)
    return Mention(name, range(first, at + 1), frozenset(placed.id for placed in chosen), is_plural)


def _describes(word: str) -> bool:
    return (
        word in _NEW | _MIDDLE | {"the", "this", "that", "these", "those", "both", "all", "its"}
        or word in _SIDES
        or word in SIZES
        or is_attribute(word)
        or number(word) is not None
    )


def _at_side(here: Sequence[PlacedObject], words: Sequence[str]) -> Sequence[PlacedObject]:
    """Return the one that stands furthest on the side that is said; all where none is said."""
    for word in words:
        if word in _SIDES:
            axis, sign = _SIDES[word]
            here = [min(here, key=lambda placed: sign * placed.box.center[axis])]
        elif word in _MIDDLE and len(here) % 2:
            here = [sorted(here, key=lambda placed: placed.box.center[0])[len(here) // 2]]
    return here
