"""Objects and absent things of a reading: what the sentence does not say of them is taken out, and told in a note."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tools.scene.lexicon import is_attribute, number, parse_phrase
from tools.scene.reading.sentence import plain, words_of
from tools.scene.spec import NUMBER_PREDICATES, SIZES, SceneObject
from tools.scene.wordnet import is_thing

if TYPE_CHECKING:
    from tools.scene.reading.sentence import Sentence
    from tools.scene.spec import SceneSpec

_AMOUNTS = re.compile(
    r"^(?:(?:exactly|only|just|all|every|each|both|some|any|no|zero|more|fewer|at least|at most|as many)\b"
    r"(?: of)?(?: the)? ?)+"
)
_PLACES = frozenset(
    [
        "left",
        "right",
        "top",
        "bottom",
        "above",
        "below",
        "under",
        "over",
        "next",
        "near",
        "between",
        "inside",
        "behind",
        "front",
        "middle",
        "center",
        "corner",
        "side",
        "beside",
        "in",
        "on",
        "at",
        "of",
        "to",
        "from",
        "and",
        "or",
        "with",
        "without",
        "the",
        "a",
        "an",
        "no",
        "not",
        "than",
    ]
)
_COMPARED = {"more", "fewer", "most", "fewest", "higher", "lower"} | {
    word + ending for word in ("bigg", "larg", "small", "tall", "short") for ending in ("er", "est")
}
_EVERY = frozenset(["every", "each", "all", "both", "always"])
_AT_LEAST = "at least", "more than", "or more", "no fewer", "not fewer", "no less", "minimum", "least", "more"
_AT_MOST = "at most", "no more", "not more", "up to", "fewer", "less than", "or fewer", "or less", "maximum", "most"
_SOME = frozenset(
    [
        "some",
        "several",
        "few",
        "many",
        "various",
        "numerous",
        "multiple",
        "plenty",
        "lots",
        "group",
        "bunch",
        "crowd",
        "dozens",
    ]
)


def mended_things(sentence: Sentence, spec: SceneSpec, notes: list[str]) -> SceneSpec:
    """Return a reading whose objects and absent things say what the sentence says."""
    spec = _with_worn(sentence, spec, notes)
    names = {wanted.name for wanted in spec.objects}
    objects, absent, unchecked = list[SceneObject](), list(spec.absent), list(spec.unchecked)
    for given in spec.objects:
        wanted = _named(given)
        others = names - {given.name}
        wanted = _described(sentence, wanted, others, unchecked, spec.background, notes)
        wanted = _without_lacks(sentence, wanted, absent, notes)
        single = sum(other.name == given.name for other in spec.objects) == 1
        wanted = _sized(sentence, wanted, others, notes, alone=single)
        compared = any(
            relation.predicate in NUMBER_PREDICATES and wanted.name in f"{relation.subject} {relation.object}"
            for relation in spec.relations
        )
        objects.append(_bounded(sentence, wanted, notes, fewest=1 if compared else 2))
    absent, more = _absent(sentence, absent, notes)
    objects, absent = _apart(sentence, [*objects, *more], absent, notes)
    result = spec.model_copy(
        update={"objects": tuple(objects), "absent": tuple(absent), "unchecked": tuple(dict.fromkeys(unchecked))}
    )
    return _with_related(sentence, result, notes)


def _with_worn(sentence: Sentence, spec: SceneSpec, notes: list[str]) -> SceneSpec:
    """Return a reading in which a thing that another has is a thing of its own: "a chair with a hat on it"."""
    objects, names = list[SceneObject](), {wanted.name for wanted in spec.objects}
    more = dict[str, SceneObject]()
    for wanted in spec.objects:
        kept = []
        for look in wanted.attributes:
            query = parse_phrase(look)
            if is_attribute(look) or not _is_with(sentence, query.name):
                kept.append(look)
                continue
            notes.append(f"{look!r} is a thing, not an attribute of {wanted.name!r}")
            if query.name not in names:
                more[query.name] = SceneObject(name=query.name, attributes=query.attributes, bound="a")
        objects.append(wanted.model_copy(update={"attributes": tuple(kept)}))
    return spec.model_copy(update={"objects": (*objects, *more.values())[:50]})


def _with_related(sentence: Sentence, spec: SceneSpec, notes: list[str]) -> SceneSpec:
    """Return a reading whose objects are all that its relations name: "an old stone bridge", "a glass vase"."""
    objects = list(spec.objects)
    phrases = (part for one in spec.relations for part in (one.subject, *one.object.split(" and ")) if part)
    for query in map(parse_phrase, map(bare, phrases)):
        same = [at for at, wanted in enumerate(objects) if plain(wanted.name) == query.name]
        mentioned = sentence.mentions(query.name)
        if (
            not same
            and len(mentioned) == 1
            and is_thing(query.name)
            and {"a", "an"} & set(sentence.before(mentioned[0]))
        ):
            objects.append(SceneObject(name=query.name, attributes=query.attributes, bound="a"))
            notes.append(f"{query.phrase!r} is named by a relation")
        elif len(same) == 1 and len(mentioned) == 1:
            wanted = objects[same[0]]
            more = [
                look
                for look in query.attributes
                if look not in wanted.attributes and look not in SIZES and _stands_before(sentence, look, query.name)
            ]
            objects[same[0]] = wanted.model_copy(update={"attributes": (*wanted.attributes, *more)})
    return spec.model_copy(update={"objects": tuple(objects[:50])})


def _is_with(sentence: Sentence, name: str) -> bool:
    """Return whether a thing is named once, as one: "with a red hat"."""
    at = sentence.mentions(name)
    if len(at) != 1 or not is_thing(plain(name.rpartition(" ")[2])):
        return False
    before = sentence.before(at[0])
    first = at[0] - len(before)
    return bool({"a", "an"} & set(before)) and sentence.words[max(0, first - 1) : first] == ["with"]


def bare(phrase: str) -> str:
    """Return a phrase without the amount in front of it: "more cups" -> "cups"."""
    return _AMOUNTS.sub("", phrase) or phrase


def _named(wanted: SceneObject) -> SceneObject:
    """Return an object whose name is a noun in singular, its adjectives among the attributes."""
    query = parse_phrase(bare(wanted.name))
    if query.name == wanted.name:
        return wanted
    looks = dict.fromkeys([*query.attributes, *wanted.attributes])
    return wanted.model_copy(update={"name": query.name, "attributes": tuple(looks)})


def _described(
    sentence: Sentence,
    wanted: SceneObject,
    others: set[str],
    unchecked: list[str],
    background: str,
    notes: list[str],
) -> SceneObject:
    """Return an object with the attributes that the sentence gives it; what it does goes to ``unchecked``."""
    kept, nouns = list[str](), {word for name in others for word in words_of(name)}
    for look in wanted.attributes:
        words = words_of(look)
        acts = not is_attribute(look) and [word for word in words if word.endswith("ing")]
        noun = set(words) <= {*words_of(wanted.name), *nouns} and not is_attribute(look)
        if acts and not any(_stands_before(sentence, word, wanted.name) for word in acts):
            notes.append(f"{look!r} is no attribute of {wanted.name!r} but something that it does")
            if not any(word in words_of(quote) for quote in unchecked for word in acts):
                unchecked.append(f"{wanted.name} {look}")
        elif not words or set(words) & (_PLACES | _COMPARED) or noun or _is_number(look):
            notes.append(f"{look!r} is no attribute of {wanted.name!r}")
        elif not sentence.says(look) and look not in SIZES:
            notes.append(f"{look!r} is not in the sentence")
        elif set(words) <= set(words_of(background)) and not any(
            _stands_before(sentence, word, wanted.name) for word in words
        ):
            notes.append(f"{look!r} belongs to the background, not to {wanted.name!r}")
        else:
            kept.append(look)
    return wanted.model_copy(update={"attributes": tuple(kept)})


def _stands_before(sentence: Sentence, word: str, name: str) -> bool:
    """Return whether a word is one of those right before the noun, adjectives and unknown ones alike."""
    return any(word in sentence.words[max(0, at - 3) : at] for at in sentence.mentions(name)) and not any(
        sentence.words[at + 1 : at + 2] and sentence.words[at + 1] in _PLACES
        for at, known in enumerate(sentence.words)
        if known == word
    )


def _is_number(word: str) -> bool:
    return number(word) is not None


def _without_lacks(sentence: Sentence, wanted: SceneObject, absent: list[str], notes: list[str]) -> SceneObject:
    """Return an object that lacks attributes only: a thing that is not there is absent."""
    kept = []
    for word in wanted.lacks:
        if _is_number(word) or not sentence.says(word):
            notes.append(f"{word!r} is nothing that {wanted.name!r} could lack")
        elif is_thing(plain(word)) and not is_attribute(word):
            notes.append(f"{word!r} is a thing, and absent")
            absent.append(word)
        else:
            kept.append(word)
    return wanted.model_copy(update={"lacks": tuple(kept)})


def _sized(sentence: Sentence, wanted: SceneObject, others: set[str], notes: list[str], *, alone: bool) -> SceneObject:
    """Return an object of the size that the sentence says, if any."""
    said = [size for at in sentence.mentions(wanted.name) if (size := sentence.size_before(at))]
    theirs = {sentence.size_before(at) for name in others for at in sentence.mentions(name)}
    looks = tuple(look for look in wanted.attributes if look not in SIZES)
    asked = {wanted.size, *(SIZES[look] for look in wanted.attributes if look in SIZES)} - {None}
    known = sentence.sizes()
    size = next((one for one in said if one in asked), None)
    if size is None:
        size = next((one for one in asked if one in known and one not in theirs), None)
    if size is None and alone and len(set(said)) == 1 and len(sentence.mentions(wanted.name)) == 1:
        size = said[0]
    if size == wanted.size and looks == wanted.attributes:
        return wanted
    if size is None:
        notes.append(f"no size of {wanted.name!r} is in the sentence")
    return wanted.model_copy(update={"size": size, "attributes": looks})


def _bounded(sentence: Sentence, wanted: SceneObject, notes: list[str], *, fewest: int) -> SceneObject:
    """Return an object with a bound that the sentence says, and "every" only where it says so.

    "cats" are at least the ``fewest``.
    """
    changes: dict[str, object] = {}
    plural = any(sentence.is_bare_plural(at) for at in sentence.mentions(wanted.name))
    vague = plural or sentence.known & _SOME
    low = wanted.bound == "at least" and not (sentence.has(*_AT_LEAST) or vague)
    high = wanted.bound == "at most" and not (sentence.has(*_AT_MOST) or vague)
    if low or high:
        changes["bound"] = "exactly" if wanted.count > 1 else "a"
        notes.append(f"{wanted.bound!r} is not in the sentence")
    if plural and wanted.count == 1 and wanted.bound in {"a", "exactly"} and not wanted.every:
        changes |= {"bound": "at least", "count": fewest}
    if wanted.every and not sentence.known & _EVERY:
        changes["every"] = False
    return wanted.model_copy(update=changes)


def _absent(sentence: Sentence, absent: list[str], notes: list[str]) -> tuple[list[str], list[SceneObject]]:
    """Return the absent phrases without amounts, and the objects that were meant: "more than two birds" is a limit."""
    kept, limited = list[str](), list[SceneObject]()
    for phrase in absent:
        limit = re.fullmatch(r"more than (\S+) (.+)", phrase)
        if limit and (most := number(limit[1])):
            query = parse_phrase(limit[2])
            limited.append(SceneObject(**query.model_dump(exclude={"lacks", "size"}), count=most, bound="at most"))
            notes.append(f"no {phrase} is at most {limit[1]}")
            continue
        query = parse_phrase(bare(phrase))
        kept.append(" ".join([*query.attributes, query.name]))
    return list(dict.fromkeys(kept)), limited


def _apart(
    sentence: Sentence, objects: list[SceneObject], absent: list[str], notes: list[str]
) -> tuple[list[SceneObject], list[str]]:
    """Return objects and absent things without what is among both, where the sentence tells which is meant.

    Nothing is absent of what a sentence names that denies nothing.
    """
    for phrase in list(absent):
        query = parse_phrase(phrase)
        same = [
            wanted
            for wanted in objects
            if wanted.name == query.name and set(query.attributes) <= set(wanted.attributes)
        ]
        mentions = sentence.mentions(query.name)
        if not mentions or not (same or not sentence.denies):
            continue
        negated = [sentence.is_negated(at) for at in mentions]
        if all(negated):
            objects = [wanted for wanted in objects if wanted not in same]
            notes.append(f"{phrase!r} is absent, not there")
        elif not any(negated):
            absent = [other for other in absent if other != phrase]
            notes.append(f"{phrase!r} is there, not absent")
    return objects, absent
