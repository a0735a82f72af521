"""What a reading of a sentence leaves over, whoever read it: a word is used, or kept as unchecked, never dropped.

Looks at words that a picture could show (things, colours, numbers, other attributes), not at grammar.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tools.scene.lexicon import COLOURS, is_attribute, number, number_word, singular
from tools.scene.spec import NUMBER_PREDICATES, SIZE_PREDICATES, SIZES
from tools.scene.wordnet import is_mostly, is_part_of_body, is_person, is_thing

if TYPE_CHECKING:
    from tools.scene.spec import SceneSpec

_WORD = re.compile(r"[a-z]+(?:-[a-z]+)*")
_CARRY_NOTHING = frozenset(
    (
        "photo picture image scene painting drawing view shot frame object thing side left right top bottom middle "
        "center centre corner half third row line stack column pair couple group number color colour size front back "
        "one each other another edge part piece set all both background foreground place space is are was hand ones "
        "exact total no not any at in on has have zero isn aren don doesn parked lying standing sitting placed "
        "resting hanging located positioned situated"
    ).split()
)
_LIMITS = frozenset(["more", "less", "fewer", "most", "least"])
_SAME = {
    "pile": "stacked",
    "heap": "stacked",
    "tower": "stacked",
    "grey": "gray",
    "people": "person",
    "persons": "person",
    "colored": "color",
}


def overlooked(sentence: str, spec: SceneSpec) -> tuple[str, ...]:
    """Return the words of ``sentence`` that name something to be seen and are in no part of ``spec``."""
    used = _words_of(spec)
    found = []
    for word in _WORD.findall(sentence.lower()):
        plain = _SAME.get(word, singular(word))
        if {word, plain, _SAME.get(plain, plain)} & used or {word, plain} & _CARRY_NOTHING:
            continue
        if word in SIZES and (any(wanted.size == SIZES[word] for wanted in spec.objects) or _compares(spec)):
            continue
        if word in _LIMITS and _has_limits(spec):
            continue
        if _shows(word, plain) or _counts(word, spec):
            found.append(word)
    return tuple(dict.fromkeys(found))


def with_all_words(sentence: str, spec: SceneSpec) -> SceneSpec:
    """Return ``spec`` with what it overlooked of the sentence as unchecked."""
    missing = overlooked(sentence, spec)[: 50 - len(spec.unchecked)]
    return spec.model_copy(update={"unchecked": (*spec.unchecked, *missing)}) if missing else spec


def _words_of(spec: SceneSpec) -> set[str]:
    parts = [spec.background, *spec.absent, *spec.unchecked, *spec.notes]
    for wanted in spec.objects:
        parts += [wanted.name, *wanted.attributes, *wanted.lacks]
    for relation in spec.relations:
        parts += [relation.subject, relation.predicate, relation.object]
    words = {word for part in parts for word in _WORD.findall(part.lower())}
    return words | {singular(word) for word in words} | {_SAME.get(word, word) for word in words}


def _shows(word: str, plain: str) -> bool:
    """Whether a word names something to be seen: a thing, a colour, another attribute."""
    if word in COLOURS or (is_attribute(word) and not is_mostly(word, "v")):
        return True
    seen = is_thing(plain) and not is_mostly(word, "v") and not is_mostly(word, "a")
    return seen and not is_part_of_body(plain) and (is_mostly(plain, "n") or is_person(plain))


def _compares(spec: SceneSpec) -> bool:
    return any(relation.predicate in SIZE_PREDICATES for relation in spec.relations)  # "twice as large as"


def _has_limits(spec: SceneSpec) -> bool:
    """Whether something is bounded: "more than two" is at least three."""
    bounded = any(wanted.bound in {"at least", "at most"} for wanted in spec.objects)
    return bounded or any(relation.predicate in NUMBER_PREDICATES for relation in spec.relations)


def _counts(word: str, spec: SceneSpec) -> bool:
    """Whether a word is a number that nothing in the spec has."""
    value = number(word) if word not in {"a", "an", "one", "both", "single"} else None
    if value is None or word != number_word(value):
        return False
    totals: dict[str, int] = {}
    for wanted in spec.objects:
        totals[wanted.name] = totals.get(wanted.name, 0) + wanted.count
    numbers = {
        *totals.values(),
        *(wanted.count for wanted in spec.objects),
        *(relation.count for relation in spec.relations),
    }
    numbers |= {wanted.count - 1 for wanted in spec.objects if wanted.bound == "at least"}  # "more than two"
    numbers |= {wanted.count + 1 for wanted in spec.objects if wanted.bound == "at most"}
    return value not in numbers and not any(relation.factor == value for relation in spec.relations)
