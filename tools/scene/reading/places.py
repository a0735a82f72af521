"""Relations of a reading: phrases that are no phrases, predicates that want another shape, and what runs backwards."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, get_args

from tools.scene.lexicon import parse_phrase
from tools.scene.reading.sentence import words_of
from tools.scene.reading.things import bare
from tools.scene.spec import PICTURE_PREDICATES, PairPredicate, Predicate

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from tools.scene.reading.sentence import Sentence
    from tools.scene.spec import Relation, SceneSpec

PAIRS: frozenset[str] = frozenset(get_args(PairPredicate))
AS_PAIR: dict[str, Predicate] = {
    "on the left": "left of",
    "on the right": "right of",
    "at the top": "above",
    "at the bottom": "below",
    "in the middle": "between",
}
AS_PLACE: dict[str, Predicate] = {
    "left of": "on the left",
    "right of": "on the right",
    "above": "at the top",
    "on top of": "at the top",
    "below": "at the bottom",
}
CUES: dict[Predicate, tuple[str, ...]] = {
    "left of": ("left of",),
    "right of": ("right of",),
    "above": ("above", "over"),
    "below": ("below", "under", "beneath", "underneath"),
    "on top of": ("on top of", "on", "atop"),
    "inside": ("inside", "in", "within"),
}
"""Words that stand between what is there and what it is there of."""
_SAID_BY = {
    "left of": "left right leftmost rightmost beside side first second third fourth last middle one other",
    "above": "above over below under beneath underneath top higher lower on atop upper bottom hanging hangs",
    "on top of": "on top atop stacked upon onto resting under below",
    "next to": "next beside side near nearby adjacent alongside close together along flanked flanking accompanied",
    "near": "near close by nearby next beside around at along",
    "inside": "in inside within into contains containing holding with of on",
    "between": "between middle amid flanked among either",
    "bigger than": "bigger larger taller smaller shorter big large than size biggest largest smallest tallest shortest",
    "as big as": "as same big large size twice times half",
    "more than": "more fewer less outnumber many",
    "as many as": "as many same equal",
    "in a row": "row line lined side beside abreast",
    "in a column": "column line vertically vertical lined",
    "stacked": "stack stacked pile piled tower",
    "of the same size": "same equal size equally",
}
SUPPORT = {predicate: frozenset(words.split()) for predicate, words in _SAID_BY.items()}
"""Words of which the sentence must have one, where a reading has the relation (or its reverse)."""
_PRONOUNS = frozenset({"it", "them", "which", "that", "this", "its", "their"})
_LIKE = {"right of": "left of", "below": "above", "smaller than": "bigger than", "fewer than": "more than"} | {
    "no more than": "more than",
    "no fewer than": "more than",
}


_SIZES: dict[Predicate, tuple[str, ...]] = {
    "bigger than": ("bigger than", "larger than", "taller than"),
    "smaller than": ("smaller than", "shorter than"),
    "as big as": ("as big as", "as large as", "as tall as", "as small as", "same size as", "twice", "half", "times"),
}
_NUMBERS: dict[Predicate, tuple[str, ...]] = {
    "as many as": ("as many",),
    "no more than": ("no more", "not more"),
    "no fewer than": ("no fewer", "not fewer", "no less"),
    "more than": ("more", "twice as many", "times as many"),
    "fewer than": ("fewer", "less"),
}
"""How comparisons are said, the first that is found counts."""


def mended_places(sentence: Sentence, spec: SceneSpec, notes: list[str]) -> SceneSpec:
    """Return a reading whose relations say what the sentence says."""
    relations: dict[Relation, None] = {}
    for given in _joined(spec.relations):
        relation = _between_them(_compared(sentence, _phrased(given), notes), spec)
        relation = _placed(sentence, _shaped(sentence, relation, spec, notes), notes)
        relations[_forwards(sentence, relation, notes)] = None
    return spec.model_copy(update={"relations": tuple(relations)})


def is_said(sentence: Sentence, relation: Relation) -> bool:
    """Return whether some word of the sentence may mean the relation."""
    predicate = _LIKE.get(relation.predicate, relation.predicate)
    words = SUPPORT.get(predicate)
    if words is not None:
        return bool(words & sentence.known)
    wanted = set(words_of(predicate)) - {"in", "the", "on", "at", "across", "down"}
    synonyms: dict[str, AbstractSet[str]] = {
        "middle": {"center", "centre", "central"},
        "top": {"upper", "above"},
        "bottom": {"lower", "below"},
        "left": {"leftmost"},
        "right": {"rightmost"},
        "halfway": {"half", "middle", "center", "centre"},
        "corner": sentence.known,
        "half": sentence.known,
        "third": sentence.known,
    }
    if sentence.known & {"each", "every", "all", "four"} and "corner" in sentence.known:
        return True
    return all({word, *synonyms.get(word, ())} & sentence.known for word in wanted)


def _joined(relations: tuple[Relation, ...]) -> list[Relation]:
    """Return the relations, where two that say "between" one thing each are one."""
    result: list[Relation] = []
    for relation in relations:
        if relation.predicate == "between" and " and " not in relation.object:
            twin = next((one for one in result if one.predicate == "between" and one.subject == relation.subject), None)
            if twin is not None and twin.object != relation.object and " and " not in twin.object:
                joined = twin.model_copy(update={"object": f"{twin.object} and {relation.object}"})
                result[result.index(twin)] = joined
                continue
        result.append(relation)
    return result


def _between_them(relation: Relation, spec: SceneSpec) -> Relation:
    """Return a relation in which nothing is between a single thing, where there are two others: "between them"."""
    if relation.predicate != "between" or " and " in relation.object:
        return relation
    name = parse_phrase(relation.subject).name
    others = [wanted for wanted in spec.objects if wanted.name != name]
    if len(others) != 2 or any(wanted.count != 1 for wanted in others):
        return relation
    return relation.model_copy(update={"object": " and ".join(wanted.phrase for wanted in others)})


def _phrased(relation: Relation) -> Relation:
    """Return a relation whose phrases are without amounts."""
    subject, other = bare(relation.subject), bare(relation.object)
    if relation.predicate == "between":
        other = re.sub(r"\s*,\s*(?:and )?", " and ", other)
    return relation.model_copy(update={"subject": subject, "object": other})


def _compared(sentence: Sentence, relation: Relation, notes: list[str]) -> Relation:
    """Return a comparison as the sentence has it."""
    kinds = next((kinds for kinds in (_SIZES, _NUMBERS) if relation.predicate in kinds), None)
    if kinds is None or sentence.has(*kinds[relation.predicate]):
        return relation
    said = next((predicate for predicate, phrases in kinds.items() if sentence.has(*phrases)), None)
    if said is None:
        return relation
    notes.append(f"the sentence says {said!r}, not {relation.predicate!r}")
    return relation.model_copy(update={"predicate": said, "factor": None})


def _shaped(sentence: Sentence, relation: Relation, spec: SceneSpec, notes: list[str]) -> Relation:
    """Return a relation to the picture where there is no other thing, and to a thing where there is one."""
    predicate, other = relation.predicate, relation.object
    named = {wanted.name for wanted in spec.objects}
    subject = parse_phrase(relation.subject)
    if predicate in PICTURE_PREDICATES and other:
        query = parse_phrase(other)
        if query.name in named and query != subject and predicate in AS_PAIR:
            if predicate == "in the middle" and " and " not in other:
                return relation
            notes.append(f"{predicate!r} of {other!r} is {AS_PAIR[predicate]!r}")
            return relation.model_copy(update={"predicate": AS_PAIR[predicate]})
        return relation.model_copy(update={"object": ""})
    if predicate in AS_PLACE and (not other or parse_phrase(other) == subject):
        count = sum(wanted.count for wanted in spec.objects if wanted.name == subject.name)
        place = AS_PLACE[predicate]
        if (not other or count == 1) and sentence.has(place, place.replace("at the", "in the"), f"{place} side"):
            notes.append(f"{relation.subject!r} is {place}")
            return relation.model_copy(update={"predicate": place, "object": "", "count": None})
    return relation


def _placed(sentence: Sentence, relation: Relation, notes: list[str]) -> Relation:
    """Return a place in the picture as it stands behind its thing: "a lamp in the top right corner"."""
    at = sentence.mentions(parse_phrase(relation.subject).name)
    if relation.predicate not in PICTURE_PREDICATES or len(at) != 1:
        return relation
    behind = sentence.words[at[0] + 1 :]
    said = [place for place in PICTURE_PREDICATES if behind[: len(words_of(place))] == words_of(place)]
    place = max(said, key=len, default=relation.predicate)
    if place == relation.predicate or behind[len(words_of(place)) :][:1] == ["of"]:
        return relation
    notes.append(f"the sentence says {place!r}, not {relation.predicate!r}")
    return relation.model_copy(update={"predicate": place, "factor": None})


def _forwards(sentence: Sentence, relation: Relation, notes: list[str]) -> Relation:
    """Return a relation turned round, where the sentence has its words once, and the other way round."""
    if relation.predicate not in CUES or not relation.object or " and " in relation.object:
        return relation
    subjects = sentence.mentions(parse_phrase(relation.subject).name)
    objects = sentence.mentions(parse_phrase(relation.object).name)
    cue = _cue(sentence, CUES[relation.predicate])
    if len(subjects) != 1 or len(objects) != 1 or cue is None or not objects[0] < cue < subjects[0]:
        return relation
    if set(sentence.words[cue : cue + 4]) & _PRONOUNS:  # "a bottle. Above it is a cat."
        return relation
    notes.append(f"it is {relation.object!r} that is {relation.predicate} {relation.subject!r}")
    return relation.model_copy(update={"subject": relation.object, "object": relation.subject})


def _cue(sentence: Sentence, phrases: tuple[str, ...]) -> int | None:
    """Return where the one phrase that is in the sentence stands; None where none or several are."""
    found = set[int]()
    for phrase in phrases:
        words = phrase.split()
        found |= {at for at in range(len(sentence.words)) if sentence.words[at : at + len(words)] == words}
    return found.pop() if len(found) == 1 else None
