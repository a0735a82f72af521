"""Small typing errors: "make it biger" is read as "bigger", and said. Words that are words stay as they are."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from rapidfuzz.distance import OSA

from agent.offline import vocabulary
from agent.offline.lexer import Phrases
from agent.offline.verbs import VERBS
from agent.offline.vocabulary import CLOSED, STYLE_NOUNS
from tools.scene.lexicon import ATTRIBUTES, COLOURS, NUMBERS, SHADES, plural, singular
from tools.scene.scenery import PLACES
from tools.scene.wordnet import is_listed, is_word

if TYPE_CHECKING:
    from collections.abc import Iterable

_WORD = re.compile(r"(?<![\w'\"#-])[A-Za-z]{3,}(?![\w'\"-])")
_COMMON = (
    "backpack book bottle bowl car cat chair cup dog laptop person bicycle motorcycle airplane bus train truck "
    "boat bench bird horse sheep cow elephant bear zebra giraffe umbrella handbag tie suitcase frisbee kite "
    "ball bat glove skateboard surfboard racket glass fork knife spoon banana apple sandwich orange broccoli "
    "carrot pizza donut cake couch plant bed table toilet television mouse remote keyboard phone microwave oven "
    "toaster sink refrigerator clock vase scissors bigger smaller tinier larger taller shorter wider narrower darker "
    "lighter brighter further picture image photo background house tree flower lamp sofa window door box hat "
    "shoe shirt girl woman child people animal object thing twice double half again undo duplicate left right "
    "middle corner everything anything something nothing"
).split()


def corrected(text: str, names: Iterable[str] = ()) -> tuple[str, tuple[str, ...]]:
    """Return ``text`` with small typing errors mended, and what was read as what.

    A word is mended when no word list knows it and exactly one word of the grammar (or of ``names``) is one
    letter, or two swapped letters, away; two letters in words of seven and more.
    """
    known = _known() | {part for name in names for form in (name, plural(name)) for part in form.split()}
    notes: list[str] = []

    def mend(found: re.Match[str]) -> str:
        word = found[0].lower()
        better = _nearest(word, known)
        if better is None:
            return found[0]
        notes.append(f"reading {found[0]!r} as {better!r}")
        return better

    return _WORD.sub(mend, text), tuple(dict.fromkeys(notes))


def _nearest(word: str, known: frozenset[str] | set[str]) -> str | None:
    if word in known or singular(word) in known or is_word(word):
        return _colour_of(word)
    far = 2 if len(word) >= 7 and not _is_compound(word) else 1
    distances = {
        other: OSA.distance(word, other, score_cutoff=far) for other in known if abs(len(other) - len(word)) <= far
    }
    least = min(distances.values(), default=far + 1)
    best = [other for other, distance in distances.items() if distance == least]
    best = [other for other in best if other[0] == word[0]] or best
    best = [other for other in best if sorted(other) == sorted(word)] or best
    return best[0] if least <= far and len(best) == 1 and (len(word) > 3 or sorted(best[0]) == sorted(word)) else None


def _is_compound(word: str) -> bool:
    """Whether two words make it: "toolset" is no "toilet"."""
    return any(is_listed(word[:at]) and is_listed(word[at:]) for at in range(3, len(word) - 2))


def _colour_of(word: str) -> str | None:
    """Two swapped letters of a colour make a word that nobody means: "bleu"."""
    if word in ATTRIBUTES or len(word) < 4:
        return None
    swapped = (colour for colour in COLOURS if sorted(colour) == sorted(word) and OSA.distance(word, colour) == 1)
    return next(swapped, None)


@cache
def _known() -> frozenset[str]:
    tables = [table for table in vars(vocabulary).values() if isinstance(table, Phrases)]
    grammar = {word for table in [*tables, VERBS] for word in table.words}
    names = {*_COMMON, *(plural(name) for name in _COMMON)}
    found = {*grammar, *names, *CLOSED, *PLACES, *STYLE_NOUNS, *ATTRIBUTES, *SHADES, *NUMBERS}
    return frozenset(word for word in found if word.isalpha() and len(word) > 2)
