"""How much: "by 20%", "twice as big", "a bit larger", "three times". Knows no objects."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agent.offline.lexer import Phrases, meaning, phrases
from tools.scene.lexicon import number

if TYPE_CHECKING:
    from agent.offline.lexer import Cursor

SMALLEST = 0.02  # of a side after shrinking, as a share of the picture
LARGER, MUCH_LARGER, BIT_LARGER = 1.4, 1.9, 1.2  # linear; the other way round for smaller

_DEGREE = Phrases(
    meaning(
        "a bit|a little|slightly|a little bit|somewhat|a tad|a touch|just a bit|a tiny bit|a wee bit|just a little",
        "bit",
    )
    | meaning("much|a lot|far|considerably|significantly|way|lots|very much", "much")
)
_BIGGER = Phrases(
    dict.fromkeys(("bigger", "larger", "greater", "increase", "enlarge", "grow", "expand", "magnify"), (1, 1))
    | dict.fromkeys(("smaller", "tinier", "shrink", "reduce", "decrease"), (-1, -1))
    | {"taller": (0, 1), "higher": (0, 1), "shorter": (0, -1), "wider": (1, 0), "narrower": (-1, 0),
       "thinner": (-1, 0), "broader": (1, 0)}
)  # fmt: skip
_TIMES_AS = phrases("as big|as large|as big as it is|as large as it is|as big as before|as large as before|"
                    "its size|the size|its current size|its original size|the original size|larger|bigger|"
                    "the current size|in size|as big as now|as big as it was")  # fmt: skip
_HALF = Phrases({"half": 0.5, "twice": 2.0, "double": 2.0, "triple": 3.0, "thrice": 3.0, "a third": 1 / 3,
                 "one third": 1 / 3, "two thirds": 2 / 3, "a quarter": 0.25, "one quarter": 0.25, 
                 "three quarters": 0.75,
                 "one half": 0.5, "a half": 0.5, "one fourth": 0.25})  # fmt: skip
_TO_SIZE, _BY_FACTOR, _TO_BE = (
    phrases("to"),
    phrases("by a factor of|by the factor of|by factor"),
    phrases("to be|be|to"),
)
_OF_SIZE = phrases("of its size|of its original size|of its current size|of the original size|its size|"
                   "its original size|the size|of the size|its current size")  # fmt: skip
_AS_SMALL = phrases("as small|as tiny")
_AS_LONG = Phrases({"as tall": (0, 1), "as high": (0, 1), "as wide": (1, 0)})
_FACTORS = {"bit": BIT_LARGER, "much": MUCH_LARGER, None: LARGER}
_SHRINKING = frozenset(["shrink", "halve", "reduce", "decrease", "downscale", "scale down"])


def read_percent(words: Cursor) -> float | None:
    """Take "20%", "20 percent", "half", "a third" as a share; None where there is none."""
    start = words.position
    share = words.take(_HALF)
    if share is not None:
        return share
    word = words.word()
    if re.fullmatch(r"\d+(\.\d+)?%", word):
        words.position += 1
        return _checked(words, float(word[:-1]) / 100, start)
    value = _number(word)
    if value is not None and words.word(1) in {"%", "percent"}:
        words.position += 2
        return _checked(words, value / 100, start)
    return None


def read_degree(words: Cursor) -> str | None:
    """Take "a bit" or "a lot": "bit", "much" or None."""
    return words.take(_DEGREE)


def read_factor(words: Cursor, verb: str) -> float | None:
    """Take the amount of "enlarge", "scale", ...: a linear factor, the verb's own where nothing is said.

    None for a verb that says no direction ("resize", "scale") and no amount.
    """
    smaller = verb in _SHRINKING
    if words.accept(_TO_SIZE):
        return _read_to(words)
    if words.accept(_BY_FACTOR) or words.word() == "by":
        return _read_by(words, smaller=smaller)
    if verb in {"double", "triple", "halve"}:
        return {"double": 2.0, "triple": 3.0, "halve": 0.5}[verb]
    if verb in {"resize", "scale"}:
        compared = read_comparative(words)
        factor = compared[0] if compared else _read_times(words)
        if factor is not None and compared is None:
            words.accept(_TIMES_AS)
        return factor
    factor = _FACTORS[read_degree(words)]
    return 1 / factor if smaller else factor


def _read_to(words: Cursor) -> float:
    share = _read_times(words)
    if share is None:
        words.fail("say to which size, such as 'to half its size' or 'to 150%'", words.position - 1)
    words.accept(_OF_SIZE)
    return share


def _read_by(words: Cursor, *, smaller: bool) -> float:
    start = words.position
    share = read_percent(words) if words.take_word("by") else None
    if share is not None:
        return 1 - share if smaller else 1 + share
    factor = _read_times(words)
    if factor is None:
        words.fail("say how much, such as 'by 20%' or 'by a factor of 2'", start)
    return 1 / factor if smaller and factor > 1 else factor


def read_comparative(words: Cursor) -> tuple[float, float] | None:
    """Take "(much) larger", "20% smaller", "twice as big", "half its size", "wider by 10%": factors of (w, h)."""
    start = words.position
    words.accept(_TO_BE)
    factor = _read_times(words)
    if factor is not None:
        found = _compared_by(words, factor)
        if found is None:
            words.position = start
        return found
    degree = read_degree(words)
    direction = words.take(_BIGGER)
    if direction is None:
        words.position = start
        return None
    smaller = min(direction) < 0
    if words.take_word("by"):
        share = read_percent(words)
        if share is None:
            words.fail("say how much, such as 'by 20%'", start)
        return _powers(1 - share if smaller else 1 + share, direction)
    factor = _FACTORS[degree or read_degree(words)]
    return _powers(1 / factor if smaller else factor, direction)


def _compared_by(words: Cursor, factor: float) -> tuple[float, float] | None:
    """Take what follows "20%", "two times", "half": "larger", "as big", "as tall"."""
    last = words.word(-1)
    direction = words.take(_BIGGER)
    if direction is not None:
        smaller = min(direction) < 0
        if last.endswith(("%", "percent")) or factor < 1:
            return _powers(1 - factor if smaller else 1 + factor, direction)
        return _powers(1 / factor if smaller else factor, direction)
    if words.accept(_TIMES_AS):
        return factor, factor
    if words.accept(_AS_SMALL):
        return min(factor, 1 / factor), min(factor, 1 / factor)
    powers = words.take(_AS_LONG)
    return None if powers is None else _powers(factor, powers)


def read_times(words: Cursor) -> int:
    """Take "twice", "three times"; 1 where nothing is said."""
    if words.take_word("twice"):
        return 2
    value = number(words.word())
    if value is not None and words.word(1) == "times":
        if not 1 <= value <= 10:
            words.fail("at most 10 copies", words.position)
        words.position += 2
        return value
    if words.word() == "once":
        words.position += 1
    return 1


def _powers(factor: float, direction: tuple[int, int]) -> tuple[float, float]:
    return (factor if direction[0] else 1.0), (factor if direction[1] else 1.0)


def _read_times(words: Cursor) -> float | None:
    """Take "2x", "two times", "150%", "twice", "half", "1.5" as a factor."""
    start = words.position
    share = read_percent(words)
    if share is not None:
        return share
    word = words.word()
    value = float(word[:-1]) if re.fullmatch(r"\d+(\.\d+)?x", word) else _number(word)
    if value is None or word in {"a", "an"}:
        return None
    words.position += 1
    words.take_word("times", "x")
    return _checked(words, value, start)


def _number(word: str) -> float | None:
    if re.fullmatch(r"\d{1,4}(\.\d+)?", word):
        return float(word)
    value = None if word in {"a", "an", "both", "pair", "couple", "single", "one"} else number(word)
    return None if value is None else float(value)


def _checked(words: Cursor, value: float, start: int) -> float:
    if not 0 < value <= 20:
        words.fail("an amount lies above 0 and is at most 20 times", start, words.position)
    return value
