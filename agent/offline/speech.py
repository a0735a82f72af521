"""What a word is where it stands: by the tagger where one was asked, else by the word lists."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.offline.vocabulary import ADJECTIVE_ENDS, CLOSED, ED_NOUNS, IC_NOUNS, MORE_ATTRIBUTES
from tools.scene.lexicon import is_attribute, number, singular
from tools.scene.wordnet import can_be, is_listed, is_mostly, is_substance, is_thing, letters

if TYPE_CHECKING:
    from agent.offline.lexer import Cursor

_NOUN_TAGS = ("NN",)
_ADJECTIVE_TAGS = frozenset({"JJ", "JJS", "VBN", "VBG", "VBD", "AFX"})


def is_noun(words: Cursor, ahead: int = 0) -> bool:
    """Return whether the word can be (part of) an object's name."""
    word, tag = words.word(ahead), words.tag(ahead)
    if len(word) < 2 or not word[0].isalpha() or word in CLOSED or number(word) is not None:
        return False
    if tag:
        if tag == "JJ" and _is_noun_alone(word):
            return not _ends_phrase(words, ahead) or words.tag(ahead - 1)[:2] not in {"VB", "NN"}
        return tag.startswith(_NOUN_TAGS) or (
            tag in {"JJ", "FW"}
            and is_known_noun(word)
            and _ends_phrase(words, ahead)
            and not (words.tag(ahead - 1)[:2] in {"VB", "NN"} and is_mostly(word, "a"))  # "keep the cattle safe"
        )
    return not is_listed(word) or is_known_noun(word)


def is_known_noun(word: str) -> bool:
    """Return whether the word is listed as a noun, in singular or plural."""
    return can_be(word, "n") or can_be(singular(word), "n") or is_thing(singular(word))


def is_adjective(word: str, following: str = "") -> bool:
    """Return whether ``word`` describes; words outside the lexicon count where a noun follows."""
    if not word or word in CLOSED or number(word) is not None:
        return False
    if is_attribute(word) or word in MORE_ATTRIBUTES:
        return True
    if not following or not following[0].isalpha() or following in CLOSED:
        return False
    return _describes(word) or (
        not can_be(word, "n")
        and (
            (word.endswith(ADJECTIVE_ENDS) and len(word) > 5)
            or (word.endswith("ic") and len(word) > 4 and word not in IC_NOUNS)
            or (word.endswith("ed") and word not in ED_NOUNS and len(word) > 4)
            or word.endswith(("-shaped", "-colored", "-coloured"))
        )
    )


def describes(words: Cursor, ahead: int = 0) -> bool:
    """Return whether the word stands before a noun (or another adjective) and describes it."""
    word, following, tag = words.word(ahead), words.word(ahead + 1), words.tag(ahead)
    if tag == "JJ" and _is_noun_alone(word):
        return False  # "a hula hoop"
    if following == "," and word not in CLOSED and (tag == "JJ" or is_adjective(word, "x")):
        sure = tag == "JJ" or is_mostly(word, "a") or not is_thing(word)
        if sure and describes(words, ahead + 2):
            return True  # "a soft, warm pillow"
    if is_adjective(word, following) and not (tag and following in CLOSED and tag not in _ADJECTIVE_TAGS):
        return True
    if tag in _ADJECTIVE_TAGS and word not in CLOSED and following[:1].isalpha() and following not in CLOSED:
        return words.tag(ahead + 1) in _ADJECTIVE_TAGS or words.tag(ahead + 1).startswith(_NOUN_TAGS)
    return False


def _is_noun_alone(word: str) -> bool:
    return is_mostly(word, "n") and not (can_be(word, "a") or is_attribute(word))


def _describes(word: str) -> bool:
    """By WordNet: an adjective, or mostly one; "oblong" is no object, "hardcover" names a thing."""
    if not can_be(word, "a") or word == "sole" or singular(word) != word:
        return False  # "with tops"
    if not can_be(word, "n"):
        return not can_be(word, "r") or is_mostly(word, "a")
    return is_mostly(word, "a") or (letters(word)[0] == "x" and not is_mostly(word, "n") and not is_thing(word))


def _ends_phrase(words: Cursor, ahead: int) -> bool:
    following = words.word(ahead + 1)
    return not following[:1].isalpha() or following in CLOSED


def is_stuff(name: str) -> bool:
    """Return whether a name's head is no countable thing: "rice", "water"."""
    head = name.split()[-1]
    return head in _STUFF or is_substance(head)


_STUFF = frozenset(
    (
        "rice snow grass sushi bread pasta spaghetti furniture cutlery luggage sand water milk juice coffee tea wine "
        "beer cheese butter meat fruit broccoli fire smoke fog mud soup salad popcorn cereal ice lava jewelry "
        "clothing food silverware hair fur foliage pavement equipment lasagna chocolate"
    ).split()
)
