"""The door through which every reading of a sentence comes: mended, and what is still wrong with it in words."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from tools.scene.lexicon import parse_phrase
from tools.scene.reading.places import PAIRS, is_said, mended_places
from tools.scene.reading.sentence import Sentence, plain, words_of
from tools.scene.reading.things import mended_things
from tools.scene.scenery import PLACES
from tools.scene.spec import NUMBER_PREDICATES, SIZE_PREDICATES, SceneObject
from tools.scene.spec_check import overlooked
from tools.scene.wordnet import is_thing

if TYPE_CHECKING:
    from tools.scene.spec import SceneSpec

PLACE_WORDS = frozenset(
    [
        "left",
        "right",
        "top",
        "bottom",
        "above",
        "below",
        "under",
        "beneath",
        "underneath",
        "beside",
        "between",
        "inside",
        "behind",
        "front",
        "middle",
        "center",
        "corner",
        "near",
        "next",
        "bigger",
        "larger",
        "smaller",
        "taller",
        "shorter",
        "row",
        "column",
        "stacked",
    ]
)
"""Words that say where something is: each must be in some part of a reading."""
_UP_AND_DOWN = frozenset({"below", "above", "on top of", "stacked"})
_IN_PREDICATES: dict[str, frozenset[str]] = {
    **dict.fromkeys(("under", "beneath", "underneath", "below", "above", "top", "bottom"), _UP_AND_DOWN),
    **dict.fromkeys(("larger", "taller", "bigger", "smaller", "shorter"), SIZE_PREDICATES),
    **dict.fromkeys(("left", "right"), frozenset({"left of", "right of", "next to"})),
    **dict.fromkeys(("beside", "near", "next"), frozenset({"next to", "near"})),
    **dict.fromkeys(("middle", "center"), frozenset({"in the middle", "between", "halfway across", "halfway down"})),
}
"""Predicates that say the same as a word which is not in their name."""


def mended(text: str, spec: SceneSpec) -> SceneSpec:
    """Return a reading of a sentence without what the sentence does not say, told in its notes.

    Only what can mean one thing is changed; a reading that says no more than the sentence comes back as it was.
    """
    sentence, notes = Sentence(text), list[str]()
    spec = _denied(sentence, spec, notes)
    result = mended_places(sentence, mended_things(sentence, spec, notes), notes)
    result = _without_unsaid(sentence, result, notes)
    result = result.model_copy(update={"background": result.background or _scenery(sentence, result)})
    told = tuple(dict.fromkeys((*spec.notes, *notes)))[:50]
    return result.model_copy(update={"notes": told})


def problems(text: str, spec: SceneSpec) -> tuple[str, ...]:
    """Return what a (mended) reading has wrong, each with what to do, for the model to mend."""
    sentence = Sentence(text)
    found = [*_contradictions(spec), *_unknown(sentence, spec)]
    found += [
        f"{name!r} is a thing: put it into objects too, not only into unchecked" for name in _hidden(sentence, spec)
    ]
    lost = _overlooked(text, spec)
    if lost:
        words = ", ".join(map(repr, lost))
        found.append(
            f"the sentence says {words}, and no part of your answer does: put each where it belongs (objects, "
            "attributes, relations, absent, background, or quoted in unchecked)"
        )
    unsaid = [relation for relation in spec.relations if not is_said(sentence, relation)]
    for relation in unsaid:
        found.append(
            f"the sentence does not say that {relation.subject!r} is {relation.predicate} "
            f"{relation.object or 'the picture'!r}: use the predicate that it says, or leave the relation out"
        )
    places = lost_places(sentence, spec)
    if places:
        words = ", ".join(map(repr, places))
        found.append(f"the sentence says {words}, and no relation does: add the relation, or quote it in unchecked")
    return tuple(found)


def lost_places(sentence: Sentence, spec: SceneSpec) -> tuple[str, ...]:
    """Return the words that say where things are and that no relation, background or unchecked part has."""
    used = {word for relation in spec.relations for word in words_of(relation.predicate)}
    parts = (spec.background, *spec.unchecked, *spec.absent, *(wanted.phrase for wanted in spec.objects))
    used |= {word for part in parts for word in words_of(part)}
    if any(wanted.size for wanted in spec.objects):
        used |= {"bigger", "larger", "smaller"}  # than nothing that is said: "a bigger cup"
    predicates = {relation.predicate for relation in spec.relations}
    return tuple(
        word
        for at, word in enumerate(sentence.words)
        if word in PLACE_WORDS
        and not _means_no_place(word, sentence.words[at + 1 : at + 2])
        and word not in used
        and not _IN_PREDICATES.get(word, frozenset()) & predicates
    )


def flaws(text: str, spec: SceneSpec) -> int:
    """Return how many words and claims a (mended) reading has wrong: the less, the better it is."""
    sentence = Sentence(text)
    unsaid = sum(not is_said(sentence, relation) for relation in spec.relations)
    wrong = (*_contradictions(spec), *_unknown(sentence, spec), *_hidden(sentence, spec))
    return len(wrong) + unsaid + len(_overlooked(text, spec)) + len(lost_places(sentence, spec))


def _overlooked(text: str, spec: SceneSpec) -> tuple[str, ...]:
    """Return the words that a reading leaves out; what its notes say of them demands nothing."""
    return overlooked(text, spec.model_copy(update={"notes": ()}))


def joined(text: str, before: SceneSpec, after: SceneSpec) -> SceneSpec:
    """Return a reading with what a second one has besides: some models answer a repair with the missing part alone.

    Where the things are ("in a room") is no thing to look for, and stays out.
    """
    sentence, known = Sentence(text), {wanted.name for wanted in before.objects}
    more = [one for one in after.objects if one.name not in known and not _is_around(sentence, one.name)]
    return before.model_copy(
        update={
            "objects": (*before.objects, *more)[:50],
            "relations": tuple(dict.fromkeys((*before.relations, *after.relations)))[:50],
            "absent": tuple(dict.fromkeys((*before.absent, *after.absent)))[:50],
            "background": before.background or after.background,
            "unchecked": tuple(dict.fromkeys((*before.unchecked, *after.unchecked)))[:50],
        }
    )


def _denied(sentence: Sentence, spec: SceneSpec, notes: list[str]) -> SceneSpec:
    """Return a reading whose absent things are no part of the background: "a street without cars"."""
    place, _, rest = re.sub(r"\bwith no\b", "without", spec.background).partition("without ")
    name = parse_phrase(rest).name if rest else ""
    if not name or not any(sentence.is_negated(at) for at in sentence.mentions(name)):
        return spec
    notes.append(f"{rest!r} is absent")
    known = {parse_phrase(phrase).name for phrase in spec.absent}
    absent = spec.absent if name in known else (*spec.absent, name)
    return spec.model_copy(update={"background": place.strip(" ,"), "absent": absent})


def _scenery(sentence: Sentence, spec: SceneSpec) -> str:
    """Return where everything is, if the reading has left it out: "in the sky", "a parking lot with a bus"."""
    parts = (*(wanted.phrase for wanted in spec.objects), *spec.absent, *spec.unchecked)
    used = {plain(word) for part in parts for word in words_of(part)}
    for at, word in enumerate(sentence.words):
        following = sentence.words[at + 1 : at + 2]
        if not {word, sentence.plain[at]} & PLACES or sentence.plain[at] in used or following == ["of"]:
            continue
        compound = sentence.words[max(0, at - 1) : at]
        named = compound if compound and (is_thing(compound[0]) or compound[0].endswith("ing")) else []
        first = at - len(named) - len(sentence.before(at - len(named)))
        inside = sentence.words[max(0, first - 1) : first] in (["in"], ["on"], ["at"])
        if (inside and not (following and is_thing(following[0]))) or following in (["with"], ["without"]):
            return " ".join((*named, word))
    return ""


def _is_around(sentence: Sentence, name: str) -> bool:
    """Return whether a thing is where others are: "on a desk", "a room with a cat"."""
    firsts = (at - len(sentence.before(at)) for at in sentence.mentions(name))
    return sentence.has(f"{name} with") or any(sentence.words[max(0, at - 1)] in {"in", "on", "at"} for at in firsts)


def _means_no_place(word: str, following: list[str]) -> bool:
    """Return whether a word of places is none here: "right in the middle", "the next one"."""
    return (word == "right" and following in (["in"], ["next"], ["at"])) or (word == "next" and following != ["to"])


def settled(text: str, spec: SceneSpec) -> SceneSpec:
    """Return a reading that is taken although it has `problems`: nothing unsaid is demanded, nothing said is lost.

    A relation that the sentence does not say is left out, and told in a note; words that say where things are and that
    no relation has are kept as unchecked. "A hat" in unchecked alone is a thing to look for.
    """
    sentence = Sentence(text)
    things = tuple(SceneObject(name=name, bound="a") for name in _hidden(sentence, spec))
    spec = spec.model_copy(update={"objects": (*spec.objects, *things)[:50]})
    unsaid = [relation for relation in spec.relations if not is_said(sentence, relation)]
    notes = (f"the sentence does not say that {one.subject!r} is {one.predicate} {one.object!r}" for one in unsaid)
    kept = tuple(relation for relation in spec.relations if relation not in unsaid)
    result = spec.model_copy(update={"relations": kept, "notes": (*spec.notes, *notes)[:50]})
    lost = (*lost_places(sentence, result), *_overlooked(text, result))[: 50 - len(spec.unchecked)]
    return result.model_copy(update={"unchecked": (*result.unchecked, *lost)})


def _contradictions(spec: SceneSpec) -> list[str]:
    found = []
    for phrase in spec.absent:
        query = parse_phrase(phrase)
        if any(
            wanted.name == query.name and set(query.attributes) <= set(wanted.attributes) for wanted in spec.objects
        ):
            found.append(f"{phrase!r} is in objects and in absent: keep the one that the sentence means")
    names = {wanted.name: wanted for wanted in spec.objects}
    for relation in spec.relations:
        if relation.predicate in {*PAIRS, *SIZE_PREDICATES, *NUMBER_PREDICATES} and relation.object:
            subject, other = parse_phrase(relation.subject), parse_phrase(relation.object)
            wanted = names.get(subject.name)
            alone = wanted is not None and sum(one.count for one in spec.objects if one.name == subject.name) == 1
            if subject == other and alone:
                found.append(
                    f"{relation.subject!r} cannot be {relation.predicate} itself: name the other thing as object; "
                    "for a place in the picture take a predicate such as 'on the left' with object \"\""
                )
        elif relation.predicate in {*PAIRS, *SIZE_PREDICATES, *NUMBER_PREDICATES}:
            found.append(
                f"relation {relation.subject!r} {relation.predicate!r} needs an object: name the other thing; for a "
                "place in the picture take a predicate such as 'on the left' with object \"\""
            )
    return found


def _unknown(sentence: Sentence, spec: SceneSpec) -> list[str]:
    """Return what is named and is not in the sentence."""
    strange = [wanted.name for wanted in spec.objects if not sentence.says(wanted.name)]
    strange += [phrase for phrase in spec.absent if not sentence.says(parse_phrase(phrase).name)]
    return [f"{name!r} is not in the sentence: use its own words, and name nothing else" for name in strange]


def _hidden(sentence: Sentence, spec: SceneSpec) -> tuple[str, ...]:
    """Return the things that stand in unchecked alone: a detector could look for them.

    What has things in it may be where they are: "a street with a bus".
    """
    used = {plain(word) for wanted in spec.objects for word in words_of(wanted.phrase)}
    used |= {plain(word) for part in (*spec.absent, spec.background) for word in words_of(part)}
    hidden = dict.fromkeys(
        plain(word)
        for quote in spec.unchecked
        for before, word in pairwise(words_of(quote))
        if before in {"a", "an"} and is_thing(plain(word)) and plain(word) not in used
        if not sentence.has(f"{word} with")
    )
    return tuple(hidden)


def _without_unsaid(sentence: Sentence, spec: SceneSpec, notes: list[str]) -> SceneSpec:
    """Return a reading whose background and unchecked parts add something, and something that is said."""
    background = spec.background
    strange = [word for word in words_of(background) if is_thing(plain(word)) and not sentence.says(word)]
    if strange:
        notes.append(f"{', '.join(map(repr, strange))} of the background is not in the sentence")
        background = ""
    used = {plain(word) for wanted in spec.objects for word in words_of(wanted.phrase)}
    used |= {plain(word) for phrase in spec.absent for word in words_of(phrase)}
    kept = []
    for quote in spec.unchecked:
        words = [word for word in words_of(quote) if len(word) > 1]
        news = [word for word in words if plain(word) not in used and word not in _EMPTY]
        if news and all(sentence.says(word) for word in news):
            kept.append(quote)
    return spec.model_copy(update={"background": background, "unchecked": tuple(kept)})


_EMPTY = frozenset(
    [
        "a",
        "an",
        "the",
        "no",
        "not",
        "without",
        "any",
        "is",
        "are",
        "was",
        "were",
        "there",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "it",
        "that",
    ]
)
