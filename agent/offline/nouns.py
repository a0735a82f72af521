"""Noun phrases: "at least two dark red cars" becomes a `NounPhrase`. Shared by sentences and instructions.

A noun is one that the word lists know as something to be seen, or an unknown word where no other reading is
left; what the words around it are must fit: number agreement, no verb forms.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from agent.offline.lexer import Phrases, meaning, phrases, word_set
from agent.offline.noun_phrase import NounPhrase
from agent.offline.positions import REGIONS, TWO_SIDED, predicates
from agent.offline.speech import describes, is_adjective, is_known_noun, is_noun
from agent.offline.vocabulary import (
    CLOSED,
    COPULA,
    ED_NOUNS,
    EXACTLY,
    IN_THE_PICTURE,
    ING_NOUNS,
    INNER_PLURALS,
    INTENSIFIERS,
    PAINTED,
    PAIRS,
    TOGETHER,
    UNKNOWN_RELATIONS,
    VERBS,
)
from tools.scene.lexicon import COMPOUNDS, NUMBERS, SHADES, attribute, family, number, plural, singular
from tools.scene.spec import SIZES
from tools.scene.wordnet import can_be, is_mostly, is_past, is_thing

if TYPE_CHECKING:
    from agent.offline.lexer import Cursor
    from tools.scene.spec import Bound, Predicate

MOST = 50  # objects of one kind, the limit of a SceneSpec
LONGEST_NAME = 3  # words of a compound noun
DIMENSIONS = word_set("tall long narrow wide thin thick fat slim medium short high low deep broad flat")
"""Words of measure that nothing checks."""
_DETERMINERS = phrases("another|the other|the|this|that|these|those|a|an|all the|all of the|all|any|both|both the|"
                       "each|every|both of the|each of the|its|one other|all other|their|his|her|every single|"
                       "all the other|my|our|your|a different|all of these|all these|all those|"
                       "each one of the|every one of the")  # fmt: skip
_EVERY = phrases(
    "all the|all of the|all|each|every|each of the|every single|all of these|all these|all those|any|"
    "all other|all the other|each one of the|every one of the"
)
_SINGLE = frozenset({"a", "an", "another", "one other", "a different", "this", "that"})
_VAGUE: Phrases[tuple[int, Bound]] = Phrases(
    meaning("some|lots of|a lot of|various|multiple|plenty of|a number of|a bunch of|a couple or more|"
            "different|a pile of|piles of|an assortment of|a variety of|a handful of|a collection of|"
            "a group of|groups of|a cluster of|a set of", (2, "at least"))
    | meaning("several|a few|few|a crowd of|a flock of|a herd of|a pack of|a swarm of|a school of", (3, "at least"))
    | meaning("many|numerous|tons of|dozens of|hundreds of|countless|loads of|a great many|lots and lots of",
              (5, "at least"))
)  # fmt: skip
_BOUNDS: Phrases[tuple[Bound, int]] = Phrases(
    meaning("at least|no fewer than|no less than|not less than|not fewer than|a minimum of", ("at least", 0))
    | meaning("at most|up to|no more than|not more than|a maximum of", ("at most", 0))
    | meaning("more than|over|greater than", ("at least", 1))
    | meaning("fewer than|less than|under", ("at most", -1))
)  # fmt: skip
_ABOUT = phrases("about|around|nearly|almost|approximately|roughly|or so")
_GROUPS: Phrases[Predicate] = Phrases(
    predicates("row of|line of|horizontal row of|horizontal line of|straight line of|single row of", "in a row")
    | predicates("column of|vertical column of|vertical line of|vertical row of|single column of", "in a column")
    | predicates("stack of|tower of", "stacked")
)
_PAIRED = word_set(
    "scissors pants trousers jeans shorts leggings tights goggles binoculars tongs pliers tweezers sunglasses glass "
    "glasses eyeglasses headphones overalls pajamas"
)
"""One thing, of which "a pair" is said."""
_HINT = "only objects, their number, attributes and places are understood"


def read_noun_phrase(words: Cursor, last_name: str = "") -> NounPhrase | None:
    """Take a noun phrase; None (and nothing taken) where none starts.

    ``last_name`` is what "one" stands for in "a red car and a blue one".

    Raises:
        CannotParse: a phrase that starts well and cannot be finished: verbs, no noun.
    """
    start = words.position
    if words.sees(_ABOUT):
        words.unclear("give an exact number, such as 'three'", start)
    bound, shift = _read_bound(words)
    piled = words.word(1) in {"pile", "heap"} and number(words.word(3)) is not None
    vague = words.take(_VAGUE) if not (bound or piled or words.sees(PAIRS)) else None
    exactly = words.take(EXACTLY) is not None
    every = words.sees(_EVERY)
    determiner = (words.take(_DETERMINERS) or "") if not (vague or words.sees(PAIRS)) else ""
    vague = vague or (words.take(_VAGUE) if determiner and not words.sees(PAIRS) else None)
    exactly = words.take(EXACTLY) is not None or exactly
    count = _read_count(words, determiner)
    if bound and (count is None or count + shift < 0):
        words.fail("give a number, such as 'at least two dogs'", start, words.position + 1)
    first = words.position
    words.take_word("single") if determiner in {"a", "an", "the"} else None
    found = _read_named(words, last_name, start, determiner, count, first)
    if found is None:
        return None
    if "pair" in words.quote(start, words.position).lower():
        found = _one_of_pairs(found)
    if vague and found.count is None:
        found = replace(found, count=vague[0], bound=vague[1])
    elif bound and count is not None:
        found = replace(found, count=count + shift, bound=bound)
    elif (found.bound == "a" and count is not None and (determiner not in _SINGLE or exactly)) or (
        exactly and found.count is not None
    ):
        found = replace(found, bound="exactly")
    if every and not found.definite and count is None:
        found = replace(found, every=True, count=None)
    if found.count is not None and found.count > MOST:
        words.unclear(f"at most {MOST} objects of one kind", start, words.position)
    return found


def _one_of_pairs(found: NounPhrase) -> NounPhrase:
    """ "A pair of scissors" is one thing, "a red pair of shoes" two."""
    rest = found.name.removeprefix("pair of ")
    many = rest != found.name
    if rest not in _PAIRED:
        return replace(found, name=singular(rest), count=2 * (found.count or 1), bound="exactly") if many else found
    name = "eyeglasses" if rest in {"glass", "glasses"} else rest
    return replace(found, name=name, count=found.count if many or found.count is None else max(1, found.count // 2))


def _read_bound(words: Cursor) -> tuple[Bound | None, int]:
    here = words.position
    found = words.take(_BOUNDS)
    if found is not None and number(words.word()) is not None and words.word() not in {"a", "an"}:
        return found
    words.position = here
    return None, 0


def _read_named(
    words: Cursor, last_name: str, start: int, determiner: str, count: int | None, first: int
) -> NounPhrase | None:
    """Take what follows the article and the number: adjectives and the name."""
    group = words.take(_GROUPS)
    if group is None and words.word() in {"pile", "heap"} and number(words.word(2)) is not None:
        words.position += 2
        group = "stacked"  # but "a pile of books" are many books
    if group is not None:
        inner = read_noun_phrase(words)
        if inner is None or (count or 1) > 1:
            words.fail("say of what, such as 'a row of three cups'", start)
        return replace(inner, group=group, start=start, bound="at least" if inner.count is None else inner.bound,
                       count=inner.count or 2)  # fmt: skip
    described = read_attributes(words)
    noun_start = words.position
    told_apart = any(family(word) or word in SIZES or word in DIMENSIONS for word in described)
    if last_name and words.word() in {"one", "ones"} and (told_apart or determiner == "another"):
        many = words.take_word("one", "ones") == "ones"
        single = count or (None if many else 1)
        return _sorted(NounPhrase(last_name, described, single, determiner, many, start, words.position))
    nouns = _read_nouns(words)
    if not nouns:
        if words.position == start:
            return None
        if described and noun_start > first and _names_thing(words.word(-1)):
            # "an orange", "two glasses": the last adjective was the noun
            nouns, described, noun_start = [words.word(-1)], described[:-1], noun_start - 1
        elif described and noun_start > first:
            name = "?"
            return _sorted(NounPhrase(name, described, count, determiner, False, start, words.position))
        elif words.word(-1) == "couple" and count == 2:
            return NounPhrase("person", (), 2, "a", True, start, words.position)
        else:
            words.fail("expected an object, such as 'a red car'", start, words.position + 1)
    phrase = NounPhrase("?", described, count, determiner, False, start, words.position)
    return _sorted(_named(words, phrase, nouns, noun_start))


def _sorted(phrase: NounPhrase) -> NounPhrase:
    """Tell sizes and measures from the other adjectives."""
    sizes = [word for word in phrase.attributes if word in SIZES]
    measures = tuple(word for word in phrase.attributes if word in DIMENSIONS)
    rest = tuple(word for word in phrase.attributes if word not in SIZES and word not in DIMENSIONS)
    return replace(phrase, attributes=rest, sizes=tuple(sizes), dimensions=measures)


def read_attributes(words: Cursor) -> tuple[str, ...]:
    """Take adjectives ("big dark red", "red and white", "very old") in front of a noun."""
    found: list[str] = []
    single = words.word(-1) in {"a", "an", "one"}
    while not words.done:
        word = words.word()
        two = f"{word} {words.word(1)}"
        if word in SHADES | {"light", "dark"} and is_adjective(words.word(1), words.word(2)):
            found.append(attribute(two))
            words.position += 2
        elif word in INTENSIFIERS and describes(words, 1):
            words.position += 1
        elif _starts_compound(words):
            break
        elif found[-1:] == [word]:
            break  # "an orange orange"
        elif describes(words):
            found.append(attribute(word))
            words.position += 1
            if found[-1].endswith(("-colored", "-coloured")):
                found[-1] = found[-1].rpartition("-")[0].replace("multi", "multicolored")
            elif words.word() in {"colored", "coloured"} and words.word(1) not in CLOSED:
                words.position += 1
        elif word in {",", "and"} and found and _adjective_follows(words) and not (single and _ends(found, words)):
            words.position += 1
        else:
            break
    return tuple(dict.fromkeys(found))


def _adjective_follows(words: Cursor) -> bool:
    """Whether "and"/"," joins two adjectives of one noun ("red and white car"), not two nouns."""
    ahead = 2 if words.word(1) in SHADES | INTENSIFIERS else 1
    following = words.word(ahead + 1)
    listed = following == "and" and words.word() == "," and describes(words, ahead + 2)  # "red, green and blue balls"
    return describes(words, ahead) and (
        is_noun(words, ahead + 1) or describes(words, ahead + 1) or following == "," or listed
    )


def _ends(found: list[str], words: Cursor) -> bool:
    """Whether the last adjective is the noun, as several follow: "a plastic toy and fluffy clouds"."""
    if not _names_thing(found[-1]):
        return False
    ahead = 1
    while describes(words, ahead):
        ahead += 1
    return _is_plural(words.word(ahead))


def _starts_compound(words: Cursor) -> bool:
    return _compound_length(words) > 0


def _compound_length(words: Cursor) -> int:
    """Return how many words a name such as "hot air balloon" takes here."""
    fitting = (
        length for length in (3, 2) if singular(" ".join(words.word(ahead) for ahead in range(length))) in COMPOUNDS
    )
    return next(fitting, 0)


def _read_count(words: Cursor, determiner: str) -> int | None:
    pair = words.take(PAIRS)
    if pair is not None:
        words.take_word("of")
        return pair
    word = words.word()
    value = number(word) if word not in {"a", "an", "both", "pair", "couple", "single"} else None
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
        words.unclear("expected a whole number of objects", words.position, words.position + 1)
    return 1 if determiner in _SINGLE else None


def _read_nouns(words: Cursor) -> list[str]:
    taken: list[str] = []
    if length := _compound_length(words):
        taken = [words.word(ahead) for ahead in range(length)]
        words.position += length
    if words.word() in {"pair", "pairs"} and words.word(1) == "of":
        words.position += 1
        return [words.word(-1)]
    while is_noun(words) and len(taken) < 8:
        word = words.word()
        if taken and (words.length(UNKNOWN_RELATIONS) > 1 or word == "facing"):
            break  # "a cup full of coffee"
        if (
            taken
            and not words.tags
            and (
                (word.endswith("ing") and can_be(word, "v") is False and word not in ING_NOUNS and is_adjective(word))
                or (is_mostly(word, "v") and not is_thing(singular(word)))
            )
        ):
            break  # "a cat sleeping on a sofa", "a cup lay on a table"
        is_verb = words.sees(COPULA) and not words.tag().startswith("NN")
        if taken and not words.tags and is_past(word, words.word(1)):
            break  # "six fish swam"
        ends = (TWO_SIDED, REGIONS, PAINTED, IN_THE_PICTURE, TOGETHER)  # "three bowls side by side"
        if taken and (is_verb or any(map(words.sees, ends))):
            break
        taken.append(word)
        words.position += 1
    return taken


def _named(words: Cursor, phrase: NounPhrase, nouns: list[str], noun_start: int) -> NounPhrase:
    """Check that the nouns can only be one name, and take "of coffee" and the like."""
    for at, word in enumerate(nouns):
        here = noun_start + at
        if words.tags:
            break
        first = at == 0 and len(nouns) > 1
        if not first and word.endswith("ing") and word not in ING_NOUNS and len(word) > 4 and not is_known_noun(word):
            words.fail(_HINT, here)
        if at and (
            word in VERBS
            or (word.endswith("ed") and word not in ED_NOUNS and len(word) > 4 and not is_known_noun(word))
            or (word.endswith("ly") and len(word) > 4 and singular(word) == word and not is_known_noun(word))
        ):
            words.fail(_HINT, here)
        if at < len(nouns) - 1 and _is_plural(word) and word not in INNER_PLURALS:
            words.fail(_HINT, here)
    if len(nouns) > LONGEST_NAME:
        words.fail(f"an object's name has at most {LONGEST_NAME} words, and objects are parted by ',' or 'and'",
                   noun_start, noun_start + len(nouns))  # fmt: skip
    name = singular(" ".join(nouns))
    many = _is_plural(nouns[-1])
    if words.word() == "of" and is_noun(words, 1) and words.word(1) not in {"the", "a", "an"}:
        words.position += 1
        stuff = " ".join([*read_attributes(words), *_read_nouns(words)])
        name = f"{name} of {stuff}"
    bound: Bound = "a"
    count = phrase.count
    if count == 1 and many and phrase.determiner in {"a", "an"}:
        bound = "at least"  # "a leather shoes"
    return replace(phrase, name=name, plural=many, bound=bound, count=count, end=words.position)


def _names_thing(word: str) -> bool:
    """Whether an adjective names a thing by itself: "an orange", "two glasses", but not "a red"."""
    if word in SIZES or word in DIMENSIONS or is_mostly(word, "a"):
        return False
    return is_thing(singular(word)) and (family(word) != "colour" or word == "orange")


def _is_plural(word: str) -> bool:
    return singular(word) != word


__all__ = ["NounPhrase", "is_adjective", "plural", "read_attributes", "read_noun_phrase"]
