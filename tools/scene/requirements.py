"""The goal of a turn: single checkable demands, made from a sentence's spec.

Those of an edit are in `tools.scene.edit_goal`; how they are checked is in `tools.scene.checking`.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Literal

from tools.scene.lexicon import COLOURS, attribute, family, implies, parse_phrase
from tools.scene.requirement import PICTURE_KINDS, RANKS, Requirement
from tools.scene.setting import read_setting
from tools.scene.spec import GROUP_PREDICATES, NUMBER_PREDICATES, PICTURE_PREDICATES, SIZES, Query, Relation

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from tools.scene.spec import Bound, SceneObject, SceneSpec


def requirements(
    spec: SceneSpec,
    article: Literal["exactly", "at least"] = "exactly",
    sees: Collection[str] | None = None,
    settings: Mapping[str, Collection[str]] | None = None,
) -> tuple[Requirement, ...]:
    """Return what a picture of the sentence must fulfil, in the end what of it cannot be checked.

    A class that the spec names is closed: its counts are summed and must be met as the sentence bounds them ("a
    red car and two blue cars": exactly three cars, one red, two blue; "at least two cars and a red car": at
    least three). ``article`` says what "a car" means. Classes it does not name are free. A size is measured
    against the other kinds that the sentence names, those of another size; where there are none, against
    the picture. ``sees`` are the attributes that the detector can tell (None: any); others are unchecked. So is
    the background, but for one of the ``settings`` (by name, the words that mean it).

    Raises:
        ValueError: a relation lacks its object, or a phrase has no words; written for the model to mend.
    """
    demands = _Demands(sees)
    numbered = {wanted.name for wanted in spec.objects if not wanted.every}
    for wanted in spec.objects:
        demands.add(wanted, article, counts=not wanted.every or wanted.name not in numbered)
    absent = [demands.absent(phrase) for phrase in spec.absent]
    result = [*demands.counts(), *demands.looks(), *(demand for demand in absent if demand)]
    result += demands.sizes()
    result += [demands.relation(relation) for relation in spec.relations]
    setting, around = read_setting(spec.background, settings or {})
    result += [Requirement(kind="setting", said=setting)] if setting else []
    unseen = (*demands.unseen, *around, *spec.unchecked)
    result += [Requirement(kind="unchecked", said=words) for words in unseen]
    return tuple(dict.fromkeys(result))


def wanted(requirements: Iterable[Requirement]) -> tuple[Query, ...]:
    """Return the phrases that the requirements name; `tools.scene.merge.merge` favours them."""
    checked = (demand for demand in requirements if demand.kind not in PICTURE_KINDS)
    return tuple(dict.fromkeys(query.asked for demand in checked for query in (demand.query, *demand.objects)))


def queries(requirements: Iterable[Requirement]) -> tuple[Query, ...]:
    """Return what a detector must be asked: every plain name, every phrase, and rivals of every colour.

    A detector that is asked only for "red car" finds one in an orange car too; asked for all colours, the
    best one wins. What an object must not be is asked for as well.
    """
    demands = tuple(demand for demand in requirements if demand.kind not in PICTURE_KINDS)
    phrases = wanted(demands)
    plain = [Query(name=query.name) for query in phrases]
    lacking = dict.fromkeys(
        (query.name, word) for demand in demands for query in (demand.query, *demand.objects) for word in query.lacks
    )
    feared = [Query(name=name, attributes=(word,)) for name, word in lacking]
    rivals = [
        Query(name=query.name, attributes=(colour,))
        for query in (*phrases, *feared)
        for colour in COLOURS
        if any(family(word) == "colour" for word in query.attributes)
        and not any(implies(word, colour) for word in query.attributes)
    ]
    return tuple(dict.fromkeys([*plain, *phrases, *feared, *rivals]))


class _Demands:
    """What the objects of a spec ask for, and what a phrase means among them."""

    def __init__(self, sees: Collection[str] | None) -> None:
        self.sees = sees
        self.unseen: dict[str, None] = {}  # what is said and cannot be told by the detector
        self.counted: dict[Query, int] = {}  # as the sentence names them, with sizes
        self.said: dict[str, Query] = {}  # by the phrase of the spec, whose adjectives need not be known ones
        self.limited: set[Query] = set()  # of which there are at most so many
        self.bounds: dict[str, set[Bound]] = {}
        self.every: dict[Query, None] = {}

    def add(self, wanted: SceneObject, article: Literal["exactly", "at least"], *, counts: bool) -> None:
        """Take an object in; "every cup is blue" ``counts`` for nothing beside "three cups"."""
        query, unseen = self._seen(_normal(wanted.query))
        self.unseen |= dict.fromkeys(unseen)
        self.said[wanted.phrase] = query
        if wanted.every:
            self.every[query.asked.model_copy(update={"lacks": query.lacks})] = None
        if not counts:
            return
        self.counted[query] = self.counted.get(query, 0) + wanted.count
        if wanted.bound == "at most":
            self.limited.add(query)
        self.bounds.setdefault(query.name, set()).add(article if wanted.bound == "a" else wanted.bound)

    def absent(self, phrase: str) -> Requirement | None:
        """Return that something must not be there; None where the detector cannot tell it from what may be."""
        query, unseen = self._seen(_normal(parse_phrase(phrase)))
        if unseen:
            self.unseen[f"no {phrase}"] = None
            return None
        return Requirement(kind="absent", query=query)

    def counts(self) -> list[Requirement]:
        """Return the number of each name; parts with different bounds make it an open one."""
        totals: Counter[str] = Counter()
        for query, count in self.counted.items():
            totals[query.name] += count
        result = []
        for name, count in totals.items():
            bounds = self.bounds[name]
            if bounds <= {"exactly", "at most"}:
                bound: Literal["exactly", "at least", "at most"] = "at most" if "at most" in bounds else "exactly"
            else:
                bound = "at least"
            if bound == "at least" and "at most" in bounds:
                continue  # "at least two red cars and at most three blue ones": no total follows
            result.append(Requirement(kind="count", query=Query(name=name), count=count, bound=bound))
        return result

    def looks(self) -> list[Requirement]:
        """Return what the objects must look like."""
        looks = [query for query in self.counted if query.attributes or query.lacks]
        result = [
            Requirement(kind="attribute", query=query, count=count)
            for query in dict.fromkeys(_unsized(query) for query in looks)
            if query not in self.every and (count := self._at_least(query))
        ]
        result += [
            Requirement(kind="attribute", query=_unsized(query), count=self.counted[query], bound="at most")
            for query in looks
            if query in self.limited
        ]
        return result + [Requirement(kind="every", query=query) for query in self.every]

    def some(self, query: Query) -> int:
        """How many there are of a phrase at least, once it is spoken of."""
        return 1 if query in self.limited else self.counted.get(query, 1)

    def sizes(self) -> list[Requirement]:
        """Return how large the objects must be, beside those of another size."""
        result = []
        for query in self.counted:
            if query.size is None:
                continue
            others = tuple(known for known in self.counted if RANKS[known.size] != RANKS[query.size])
            counts = tuple(self.some(known) for known in (query, *others))
            result.append(Requirement(kind="size", query=query, count=counts[0], objects=others, counts=counts))
        return result

    def relation(self, relation: Relation) -> Requirement:
        """Return one relation with its phrases resolved."""
        predicate = relation.predicate
        if predicate in GROUP_PREDICATES:
            members = self._group(relation.subject)
            if sum(self.some(known) for known in members) < 2:  # "two cups of the same size, one red, one blue"
                members = [known for known in self.counted if known.name == members[0].name] or members
            counts = tuple(self.some(known) for known in members)
            if sum(counts) < 2:
                raise ValueError(f"{predicate!r} needs two or more objects, not {relation.subject!r}")
            return Requirement(
                kind="relation", query=members[0], predicate=predicate, objects=tuple(members[1:]), counts=counts
            )
        subject = self._resolve(relation.subject)
        objects: tuple[Query, ...] = ()
        if predicate not in PICTURE_PREDICATES:
            if not relation.object:
                raise ValueError(f"relation {relation.subject!r} {predicate!r} needs an object")
            objects = (self._resolve(relation.object),)
        if predicate in NUMBER_PREDICATES:
            return Requirement(kind="number", query=subject, predicate=predicate, objects=objects)
        if predicate == "between":
            objects = self._both(relation.object)
        # "a dog left of a dog": one of them, and one to face; next to each other are all of them
        alone = subject in objects and predicate not in {"next to", "near"}
        return Requirement(
            kind="relation",
            query=subject,
            count=relation.count or (1 if alone else self.some(subject)),
            predicate=predicate,
            factor=relation.factor,
            objects=objects,
            object_count=self.some(objects[0]) if len(objects) == 1 and subject not in objects else 1,
        )

    def _at_least(self, query: Query) -> int:
        """A red wooden car is also a red car: "a red car and a red wooden car" needs two red ones."""
        return sum(
            count
            for other, count in self.counted.items()
            if other.name == query.name
            and other not in self.limited
            and set(query.attributes) <= set(other.attributes)
            and set(query.lacks) <= set(other.lacks)
        )

    def _resolve(self, phrase: str) -> Query:
        """Return the demanded query that the phrase means: "car" is "red car" when that is the only car."""
        query, _ = self._seen(_normal(parse_phrase(phrase)))
        if query in self.counted or phrase in self.said:
            return self.said.get(phrase, query)
        meant = [
            known
            for known in self.counted
            if known.name == query.name
            and set(query.attributes) <= set(known.attributes)
            and set(query.lacks) <= set(known.lacks)
            and query.size in {None, known.size}
        ]
        words = set(phrase.split())
        by_words = {
            known
            for wording, known in self.said.items()
            if words <= set(wording.split()) and wording.endswith(known.name)
        }
        return meant[0] if len(meant) == 1 else by_words.pop() if len(by_words) == 1 else query

    def _seen(self, query: Query) -> tuple[Query, list[str]]:
        """Return the query without the words that the detector cannot tell, and what they said."""
        sees = self.sees
        if sees is None:
            return query, []
        known = {word for word in (*query.attributes, *query.lacks) if any(implies(word, seen) for seen in sees)}
        blind = [f"{word} {query.name}" for word in query.attributes if word not in known]
        blind += [f"{query.name} that is not {word}" for word in query.lacks if word not in known]
        kept = {
            "attributes": tuple(word for word in query.attributes if word in known),
            "lacks": tuple(word for word in query.lacks if word in known),
        }
        return query.model_copy(update=kept), blind

    def _both(self, phrase: str) -> tuple[Query, Query]:
        """Split "A and B"; "two dogs" alone means two of them."""
        pair = self._split(phrase, 2) or [self._resolve(phrase)] * 2
        return pair[0], pair[1]

    def _group(self, phrase: str) -> list[Query]:
        """Split "A and B and C"; a name alone means everything of that name."""
        parts = phrase.split(" and ")
        if len(parts) > 1 and (found := self._split(phrase, len(parts))):
            return found
        query = self._resolve(phrase)
        return [known for known in self.counted if known.name == query.name and _is_kind(known, query)] or [query]

    def _split(self, phrase: str, number: int) -> list[Query] | None:
        """Cut at "and" into ``number`` phrases, known ones if possible; None where there are too few."""
        parts = phrase.split(" and ")
        if len(parts) < number:
            return None
        if number == len(parts):
            return [self._resolve(part) for part in parts]
        splits = [(" and ".join(parts[:cut]), " and ".join(parts[cut:])) for cut in range(1, len(parts))]
        pairs = [[self._resolve(one), self._resolve(other)] for one, other in splits]
        return next((pair for pair in pairs if all(query in self.counted for query in pair)), pairs[0])


def _is_kind(known: Query, kind: Query) -> bool:
    return set(kind.attributes) <= set(known.attributes) and kind.size in {None, known.size}


def _unsized(query: Query) -> Query:
    return query.model_copy(update={"size": None})


def _normal(query: Query) -> Query:
    """A model may write name "large red cars": one spelling, and adjectives and sizes where they belong."""
    words = query.name.split()
    lacks = [attribute(word) for word in query.lacks]
    while len(words) > 2 and words[0] == "not":
        lacks.append(attribute(words[1]))
        words = words[2:]
    parsed = parse_phrase(" ".join(words))
    adjectives = dict.fromkeys([*(attribute(word) for word in query.attributes), *parsed.attributes])
    size = query.size or next((SIZES[word] for word in adjectives if word in SIZES), None)
    return Query(
        name=parsed.name,
        attributes=tuple(word for word in adjectives if word not in SIZES),
        lacks=tuple(dict.fromkeys(lacks)),
        size=size,
    )
