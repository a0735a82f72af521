"""Words of a text, and a cursor that matches phrases of them. Knows no grammar."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, NoReturn, TypeVar

from tools.scene.errors import CannotParse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

LONGEST_TEXT = 2000  # characters; longer ones are no sentence of this grammar
_TOKEN = re.compile(r"\d+(?:\.\d+)?(?:%|x\b)?(?![\w-])|[^\W_]+(?:['-][^\W_]+)*|\S")
_CONTRACTIONS = {
    "there's": "there is",
    "it's": "it is",
    "that's": "that is",
    "i'd": "i would",
    "let's": "please",
    "isn't": "is not",
    "aren't": "are not",
    "don't": "do not",
    "doesn't": "does not",
    "shouldn't": "should not",
    "wasn't": "was not",
    "weren't": "were not",
    "can't": "can not",
    "cannot": "can not",
    "won't": "will not",
    "didn't": "did not",
    "hasn't": "has not",
    "they're": "they are",
    "what's": "what is",
    "whats": "what is",
    "wheres": "where is",
    "dont": "do not",
    "doesnt": "does not",
    "isnt": "is not",
    "cant": "can not",
    "i'm": "i am",
    "&": "and",
    "+": "and",
}
_TYPOGRAPHY = str.maketrans({"\u2019": "'", "\u2018": "'", "\u201c": '"', "\u201d": '"', "\u2014": ",", "\u2013": "-"})


class Unclear(CannotParse):
    """The words are understood, and can mean two things or none: reading them another way does not help."""


class Impossible(CannotParse):
    """The words are understood, and what they ask for cannot be done."""


class Token(NamedTuple):
    """A word and where it stands."""

    word: str  # lower case
    start: int  # of the original text
    end: int


class Phrases(Generic[T_co]):
    """A table of phrases ("on top of") with a meaning each; the longest one that fits is taken."""

    def __init__(self, table: Mapping[str, T_co]) -> None:
        self._meanings: dict[tuple[str, ...], T_co] = {tuple(phrase.split()): value for phrase, value in table.items()}
        lengths: dict[str, set[int]] = {}
        for phrase in self._meanings:
            lengths.setdefault(phrase[0], set()).add(len(phrase))
        self._lengths = {first: sorted(found, reverse=True) for first, found in lengths.items()}

    @property
    def words(self) -> set[str]:
        """Every word of the phrases."""
        return {word for phrase in self._meanings for word in phrase}

    def at(self, tokens: list[Token], position: int) -> tuple[T_co, int] | None:
        """Return the meaning and the number of words of the longest phrase at ``position``."""
        if position >= len(tokens):
            return None
        for length in self._lengths.get(tokens[position].word, ()):
            phrase = tuple(token.word for token in tokens[position : position + length])
            if len(phrase) == length and phrase in self._meanings:
                return self._meanings[phrase], length
        return None


def word_set(text: str) -> frozenset[str]:
    """Return the words of ``text``."""
    return frozenset(text.split())


def meaning(texts: str, value: T) -> dict[str, T]:
    """Return rows of a table: every phrase of ``texts`` (with ``|`` between them) means ``value``."""
    return dict.fromkeys(texts.split("|"), value)


def phrases(*texts: str) -> Phrases[str]:
    """Build a table from texts with ``|`` between phrases; each phrase means itself."""
    return Phrases({phrase.strip(): phrase.strip() for text in texts for phrase in text.split("|")})


def _split(word: str) -> list[str]:
    """Return "there's" as "there is" and "car's" as "car 's"."""
    whole = _CONTRACTIONS.get(word)
    if whole is None and word.endswith("'s"):
        return [word[:-2], "'s"]
    return (whole or word).split()


class Cursor:
    """A position in the words of a text.

    Raises (on building): CannotParse when there are no words, or far too many.
    """

    def __init__(self, text: str) -> None:
        if len(text) > LONGEST_TEXT:
            raise CannotParse(f"the text has {len(text)} characters: write at most {LONGEST_TEXT}")
        self.text = text.translate(_TYPOGRAPHY).strip()
        self.tokens = [
            Token(word, found.start(), found.end())
            for found in _TOKEN.finditer(self.text)
            for word in _split(found[0].lower())
        ]
        while len(self.tokens) > 1 and self.tokens[0].word == self.tokens[-1].word == '"':
            self.tokens = self.tokens[1:-1]
        if not any(token.word[0].isalnum() for token in self.tokens):
            raise CannotParse(f"there are no words in {text!r}: write a sentence such as 'a red car next to a dog'")
        self.position = 0
        self.tags: list[str] = []  # parts of speech (Penn Treebank) of the tokens, where a tagger was asked

    @property
    def done(self) -> bool:
        """Whether no word is left."""
        return self.position >= len(self.tokens)

    def word(self, ahead: int = 0) -> str:
        """Return the word ``ahead`` of the position, or an empty string past the end."""
        at = self.position + ahead
        return self.tokens[at].word if 0 <= at < len(self.tokens) else ""

    def tag(self, ahead: int = 0) -> str:
        """Return the part of speech of the word ``ahead``; an empty string where no tagger was asked."""
        at = self.position + ahead
        return self.tags[at] if 0 <= at < len(self.tags) else ""

    def sees(self, table: Phrases[Any]) -> bool:
        """Return whether a phrase of ``table`` stands here."""
        return table.at(self.tokens, self.position) is not None

    def accept(self, table: Phrases[Any]) -> bool:
        """Take the longest phrase of ``table``; return whether there was one."""
        return self.take(table) is not None

    def length(self, table: Phrases[Any]) -> int:
        """Return how many words the longest phrase of ``table`` takes here; 0 where none fits."""
        found = table.at(self.tokens, self.position)
        return found[1] if found else 0

    def take(self, table: Phrases[T]) -> T | None:
        """Take the longest phrase of ``table`` and return its meaning, or None."""
        found = table.at(self.tokens, self.position)
        if found is None:
            return None
        self.position += found[1]
        return found[0]

    def take_word(self, *words: str) -> str:
        """Take the next word if it is one of ``words``; return it or an empty string."""
        if self.word() in words and not self.done:
            self.position += 1
            return self.tokens[self.position - 1].word
        return ""

    def quote(self, start: int, end: int | None = None) -> str:
        """Return the original text of the tokens from ``start`` up to ``end`` (the last one by default)."""
        chosen = self.tokens[start : len(self.tokens) if end is None else end]
        return self.text[chosen[0].start : chosen[-1].end] if chosen else ""

    def unclear(self, hint: str, start: int, end: int | None = None) -> NoReturn:
        """Refuse words that are understood and can mean two things, or nothing that can be.

        Raises:
            Unclear: always.
        """
        raise Unclear(f"did not understand {self.quote(start, end)!r} in {self.text!r}: {hint}")

    def refuse(self, why: str) -> NoReturn:
        """Refuse a text that is understood and cannot be done.

        Raises:
            Impossible: always.
        """
        raise Impossible(f"cannot do {self.text!r}: {why}")

    def fail(self, hint: str, start: int | None = None, end: int | None = None) -> NoReturn:
        """Refuse the text from ``start`` (the position by default), with what to write instead.

        Raises:
            CannotParse: always.
        """
        rest = self.quote(self.position if start is None else start, end)
        what = f"did not understand {rest!r} in {self.text!r}" if rest else f"{self.text!r} ends too early"
        raise CannotParse(f"{what}: {hint}")


def joined(items: Iterable[str], last: str = "or") -> str:
    """Return 'a, b or c'."""
    words = list(items)
    return f" {last} ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))
