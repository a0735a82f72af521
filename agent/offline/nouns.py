"""Noun phrases: "the two dark red cars" becomes a `NounPhrase`. Shared by sentences and instructions.

Any noun is taken, known or not; what is checked is that the words around it can only be read as one
phrase: number agreement, no verb forms, no vague amounts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from agent.offline.lexer import phrases, word_set
from agent.offline.vocabulary import (
    ADJECTIVE_ENDS,
    CLOSED,
    COPULA,
    ED_NOUNS,
    EXACTLY,
    IC_NOUNS,
    IN_THE_PICTURE,
    ING_NOUNS,
    INNER_PLURALS,
    INTENSIFIERS,
    MORE_ATTRIBUTES,
    PAINTED,
    PAIRS,
    TWO_SIDED,
    VAGUE,
    VERBS,
)
from tools.scene.lexicon import COMPOUNDS, NUMBERS, SHADES, attribute, is_attribute, number, plural, singular
from tools.scene.spec import Query

if TYPE_CHECKING:
    from agent.offline.lexer import Cursor

MOST = 50  # objects of one kind, the limit of a SceneSpec
LONGEST_NAME = 3  # words of a compound noun
_DETERMINERS = phrases("another|the other|the|this|that|these|those|a|an|all the|all of the|all|any|both|both the|"
                       "each|every|both of the|each of the|its|one other|all other|"
                       "all the other|my|our|a different")  # fmt: skip
_SINGLE = frozenset({"a", "an", "another", "one other", "a different", "each", "every", "this", "that"})
_PART_OF = word_set("of")


@dataclass(frozen=True)
class NounPhrase:
    """What a noun phrase says, and where it stands in the words (``start`` to ``end``)."""

    name: str  # singular; "" where only attributes are named ("the red one")
    attributes: tuple[str, ...] = ()
    count: int | None = None  # None: no number, no article
    determiner: str = ""
    plural: bool = False
    start: int = 0
    end: int = 0

    @property
    def phrase(self) -> str:
        """The words of a SceneSpec: "dark red car"."""
        return Query(name=self.name, attributes=self.attributes).phrase

    @property
    def definite(self) -> bool:
        """Whether it speaks of something known: "the dog"."""
        return self.determiner.startswith(("the", "this", "that", "all the", "both", "its"))


def read_noun_phrase(words: Cursor, last_name: str = "") -> NounPhrase | None:
    """Take a noun phrase; None (and nothing taken) where none starts.

    ``last_name`` is what "one" stands for in "a red car and a blue one".

    Raises:
        CannotParse: a phrase that starts well and cannot be finished: vague amounts, verbs, no noun.
    """
    start = words.position
    if words.sees(VAGUE) and not words.sees(PAIRS):
        words.fail("give an exact number, such as 'three'", start)
    words.take(EXACTLY)
    determiner = words.take(_DETERMINERS) or "" if not words.sees(PAIRS) else ""
    words.take(EXACTLY)
    if words.sees(VAGUE) and not words.sees(PAIRS):
        words.fail("give an exact number, such as 'three'", start)
    count = _read_count(words, determiner)
    first = words.position
    if determiner in {"a", "an"} and words.take_word("single"):
        first = words.position
    attributes = read_attributes(words)
    noun_start = words.position
    if last_name and words.word() in {"one", "ones"} and (attributes or determiner == "another"):
        many = words.take_word("one", "ones") == "ones"
        return NounPhrase(
            last_name, attributes, count or (None if many else 1), determiner, many, start, words.position
        )
    nouns = _read_nouns(words)
    if not nouns:
        if words.position == start:
            return None
        if attributes and noun_start > first and _is_noun(words.tokens[noun_start - 1].word):
            # "an orange", "two glasses": the last adjective was the noun
            words.position = noun_start
            nouns, attributes = [words.tokens[noun_start - 1].word], attributes[:-1]
        else:
            words.fail("expected an object, such as 'a red car'", start, words.position + 1)
    phrase = NounPhrase("?", attributes, count, determiner, False, start, words.position)
    phrase = _named(words, phrase, nouns, noun_start)
    if count is not None and count > MOST:
        words.fail(f"at most {MOST} objects of one kind", start, words.position)
    return phrase


def read_attributes(words: Cursor) -> tuple[str, ...]:
    """Take adjectives ("big dark red", "red and white", "very old") in front of a noun."""
    found: list[str] = []
    while not words.done:
        word = words.word()
        two = f"{word} {words.word(1)}"
        if word in SHADES | INTENSIFIERS | {"light", "dark"} and is_adjective(words.word(1), words.word(2)):
            found.append(attribute(two))
            words.position += 2
        elif _starts_compound(words):
            break
        elif is_adjective(word, words.word(1)):
            found.append(attribute(word))
            words.position += 1
            if found[-1].endswith("-colored") or found[-1].endswith("-coloured"):
                found[-1] = found[-1].rpartition("-")[0]
            elif words.word() in {"colored", "coloured"} and words.word(1) not in CLOSED:
                words.position += 1
        elif word in {",", "and"} and found and _adjective_follows(words):
            words.position += 1
        else:
            break
    return tuple(dict.fromkeys(found))


def is_adjective(word: str, following: str = "") -> bool:
    """Return whether ``word`` describes; unknown words count by their ending when a noun follows."""
    if not word or word in CLOSED:
        return False
    if is_attribute(word) or word in MORE_ATTRIBUTES:
        return True
    if not following or not following[0].isalpha() or following in CLOSED:
        return False
    return (
        (word.endswith(ADJECTIVE_ENDS) and len(word) > 5)
        or (word.endswith("ic") and len(word) > 4 and word not in IC_NOUNS)
        or (word.endswith("ed") and word not in ED_NOUNS and len(word) > 4)
        or word.endswith(("-shaped", "-colored", "-coloured"))
    )


def _adjective_follows(words: Cursor) -> bool:
    """Whether "and"/"," joins two adjectives of one noun ("red and white car"), not two nouns."""
    ahead = 2 if words.word(1) in SHADES | INTENSIFIERS else 1
    return (
        is_adjective(words.word(ahead), words.word(ahead + 1))
        and _is_noun(words.word(ahead + 1))
        and words.word(ahead + 1) not in {"and"}
    )


def _starts_compound(words: Cursor) -> bool:
    return any(singular(" ".join(words.word(ahead) for ahead in range(length))) in COMPOUNDS for length in (2, 3))


def _is_noun(word: str) -> bool:
    return bool(word) and word[0].isalpha() and word not in CLOSED


def _read_count(words: Cursor, determiner: str) -> int | None:
    pair = words.take(PAIRS)
    if pair is not None:
        words.take_word("of")
        return pair
    word = words.word()
    value = number(word) if word not in {"a", "an", "both", "pair", "couple"} else None
    if value is not None and not word.endswith("%"):
        if word in {"one"} and words.word(1) in {"", ",", ".", "is", "on", "to", "at", "in", "and"}:
            return None
        words.position += 1
        if word in {"dozen"} or (word in NUMBERS and words.word() == "dozen"):
            value = value * 12 if words.take_word("dozen") else value
        following = words.word()
        if word in NUMBERS and value >= 20 and number(following) in range(1, 10) and following in NUMBERS:
            value += NUMBERS[following]
            words.position += 1
        return value
    if word.isalpha() is False and word[:1].isdigit():
        words.fail("expected a whole number of objects", words.position, words.position + 1)
    return 1 if determiner in _SINGLE else None


def _read_nouns(words: Cursor) -> list[str]:
    taken: list[str] = []
    while _is_noun(words.word()) and len(taken) < 8 and number(words.word()) is None:
        if taken and words.word().endswith("ing") and is_attribute(words.word()):
            break  # "a cat sleeping on a sofa"
        if taken and (words.sees(TWO_SIDED) or words.sees(COPULA) or words.sees(PAINTED) or words.sees(IN_THE_PICTURE)):
            break
        taken.append(words.word())
        words.position += 1
    return taken


def _named(words: Cursor, phrase: NounPhrase, nouns: list[str], noun_start: int) -> NounPhrase:
    """Check that the nouns can only be one name, and take "of coffee" and the like."""
    hint = "only objects, their number, attributes and places are understood"
    for at, word in enumerate(nouns):
        first = at == 0 and len(nouns) > 1
        here = noun_start + at
        if not first and word.endswith("ing") and word not in ING_NOUNS and len(word) > 4:
            words.fail(hint, here)
        if at and (
            word in VERBS
            or (word.endswith("ed") and word not in ED_NOUNS and len(word) > 4)
            or (word.endswith("ly") and len(word) > 4 and singular(word) == word)
        ):
            words.fail(hint, here)
        if at < len(nouns) - 1 and _is_plural(word) and word not in INNER_PLURALS:
            words.fail(hint, here)
    if len(nouns) > LONGEST_NAME:
        words.fail(f"an object's name has at most {LONGEST_NAME} words, and objects are parted by ',' or 'and'",
                   noun_start, noun_start + len(nouns))  # fmt: skip
    head = nouns[-1]
    many = _is_plural(head)
    if phrase.count == 1 and many:
        words.fail(
            f"one of something is written in singular, such as 'a {singular(head)}'", phrase.start, words.position
        )
    if len(nouns) > 1 and phrase.count is not None and phrase.count > 1 and not many and plural(head) != head:
        words.fail(f"{phrase.count} of something is written in plural, such as '{plural(head)}'", phrase.start,
                   words.position)  # fmt: skip
    name = singular(" ".join(nouns))
    if words.word() in _PART_OF and _is_noun(
        words.word(1) if words.word(1) not in {"a", "an", "the"} else words.word(2)
    ):
        before = words.position
        words.position += 1
        article = words.take_word("a", "an", "the")
        stuff = " ".join(filter(None, [article, *read_attributes(words), *_read_nouns(words)]))
        if words.position - before > LONGEST_NAME + 2 or stuff.endswith(("color", "colour", "size", "kind")):
            words.fail(hint, before)
        name = f"{name} of {stuff}"
    return replace(phrase, name=name, plural=many, end=words.position)


def _is_plural(word: str) -> bool:
    return singular(word) != word


__all__ = ["NounPhrase", "is_adjective", "read_attributes", "read_noun_phrase"]
