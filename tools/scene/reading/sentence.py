"""The words of a sentence, and where in it things are named. Knows no grammar: positions and neighbours only."""

from __future__ import annotations

import re
from difflib import get_close_matches
from functools import cached_property
from typing import TYPE_CHECKING

from tools.scene.lexicon import attribute, is_attribute, number, singular
from tools.scene.spec import SIZES

if TYPE_CHECKING:
    from tools.scene.spec import Size

_WORD = re.compile(r"[a-z]+(?:[-'][a-z]+)*|\d+")
_SAME = {"people": "person", "persons": "person", "wood": "wooden", "metal": "metallic", "gold": "golden"}
_NEGATIONS = frozenset(
    {"no", "without", "zero", "not", "none", "nor", "neither", "never", "minus", "0", "isn't", "aren't"}
)
_DENIALS = _NEGATIONS | {
    "nothing",
    "nobody",
    "lacking",
    "missing",
    "free",
    "except",
    "instead",
    "rather",
    "only",
    "just",
}
_ARTICLES = frozenset({"a", "an", "the", "any", "some", "of", "its", "their", "his", "her"})
_LINKS = frozenset({"and", "or", "but", "with", "while", "to", "in", "on", "at", "from", "by"})
_STEM = 4  # letters that two forms of a word have in common
_TYPED = 0.75  # likeness of a word and itself with a typing error


def words_of(text: str) -> list[str]:
    """Return the words and numbers of a text, in lower case."""
    return _WORD.findall(text.lower())


def plain(word: str) -> str:
    """Return a word in singular, as the system spells it."""
    one = attribute(singular(word))
    return _SAME.get(one, one)


class Sentence:
    """The words of a sentence in order."""

    def __init__(self, text: str) -> None:
        self.words = words_of(text)
        self.plain = [plain(word) for word in self.words]

    @cached_property
    def known(self) -> frozenset[str]:
        """All words, as they stand and in singular, and the parts of those with a hyphen."""
        parts = (part for word in self.words if "-" in word for part in word.split("-"))
        return frozenset([*self.words, *self.plain, *parts])

    def says(self, phrase: str) -> bool:
        """Return whether every word of a phrase is in the sentence, perhaps in another form."""
        return all(self._says(word) for word in words_of(phrase))

    def has(self, *phrases: str) -> bool:
        """Return whether one of the phrases stands in the sentence word for word."""
        text = f" {' '.join(self.words)} "
        return any(f" {phrase} " in text for phrase in phrases)

    def mentions(self, name: str) -> list[int]:
        """Return where the head noun of a name stands."""
        head = plain(name.rpartition(" ")[2])
        return [at for at, word in enumerate(self.plain) if word == head]

    def before(self, at: int) -> list[str]:
        """Return the words that stand before a noun and describe it: up to a link, another noun or a verb."""
        found: list[str] = []
        for word in reversed(self.words[:at]):
            if word in _LINKS and not (word == "and" and found and is_attribute(found[-1])):
                break
            if not (is_attribute(word) or word in SIZES or word in _ARTICLES or word == "and" or _counts(word)):
                break
            found.append(word)
        return found

    def is_negated(self, at: int) -> bool:
        """Return whether the noun there is said not to be there: "no dogs", "without a red dog"."""
        described = len(self.before(at))
        first = at - described
        return any(word in _NEGATIONS for word in self.words[max(0, first - 1) : at])

    @cached_property
    def denies(self) -> bool:
        """Whether some word may say that something is not there."""
        return any(word in _DENIALS or word.endswith("n't") for word in self.words)

    def sizes(self) -> frozenset[Size]:
        """Return the sizes that things have here; "as big as" says none."""
        here = range(len(self.words))
        return frozenset(SIZES[self.words[at]] for at in here if self.words[at] in SIZES and not self._compared(at))

    def is_bare_plural(self, at: int) -> bool:
        """Return whether the noun there stands for some, with no number: "cats and dogs"."""
        return self.words[at] != self.plain[at] and not any(_counts(word) for word in self.before(at))

    def size_before(self, at: int) -> Size | None:
        """Return the size that is said of the noun there."""
        return next((SIZES[word] for word in self.before(at) if word in SIZES), None)

    def _compared(self, at: int) -> bool:
        return self.words[at - 1 : at] == ["as"] or self.words[at + 1 : at + 2] in (["as"], ["than"])

    def _says(self, word: str) -> bool:
        one = plain(word)
        if word in self.known or one in self.known or number(word) in {number(known) for known in self.known} - {None}:
            return True
        stem = one[:_STEM]
        akin = len(stem) == _STEM and any(
            known.startswith(stem) or (len(known) >= _STEM and known in one) for known in self.known
        )
        return akin or bool(get_close_matches(one, self.known, n=1, cutoff=_TYPED))  # a typing error was mended


def _counts(word: str) -> bool:
    return number(word) is not None
