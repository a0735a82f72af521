"""The goal of a turn: single checkable demands, made from a sentence's spec or from a target layout.

Knows what is demanded, not how it is checked: that is `tools.scene.verdict`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from tools.scene.box import Box
from tools.scene.difference import IN_PLACE, KEPT, match
from tools.scene.layout import ObjectId
from tools.scene.lexicon import COLOURS, attribute, family, implies, number_word, parse_phrase, plural
from tools.scene.spec import PICTURE_PREDICATES, Frozen, Predicate, Query, Relation

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tools.scene.layout import Layout, PlacedObject
    from tools.scene.spec import SceneObject, SceneSpec

_OPPOSITES: tuple[tuple[Predicate, Predicate, Predicate], ...] = (
    ("on the left", "on the right", "left of"),
    ("at the top", "at the bottom", "above"),
)

Kind = Literal["count", "attribute", "relation", "placed", "kept", "absent", "clean"]


class Requirement(Frozen):
    """One demand on a picture.

    - count: exactly ``count`` objects of the name, whatever their attributes.
    - attribute: at least ``count`` of them have the attributes; with a ``box``, the one there has them.
    - relation: ``count`` subjects stand in ``predicate`` to the ``objects`` (none: to the picture).
    - placed: the object is at ``box``, and more there than where it ``was``. kept: it is still there.
    - absent: nothing like it in the picture; with a ``box``, nothing like it there.
    - clean: nothing is left, and nothing new has come, where something was taken away. An editor that fills such
      places says when it is not so.
    """

    kind: Kind
    query: Query
    count: int = Field(default=1, ge=1, le=5000)
    predicate: Predicate | None = None
    objects: tuple[Query, ...] = Field(default=(), max_length=2)
    object_count: int = Field(default=1, ge=1, le=5000, description="how many things a directional relation must face")
    box: Box | None = None
    was: Box | None = Field(default=None, description="where a moved object stood before; a short way must be seen too")
    id: ObjectId | None = Field(default=None, description="of the layout's object that is meant")

    @model_validator(mode="after")
    def _is_complete(self) -> Requirement:
        if self.kind in {"placed", "kept"} and self.box is None:
            raise ValueError(f"a {self.kind!r} requirement needs a box")
        if self.kind == "relation":
            if self.predicate is None:
                raise ValueError("a 'relation' requirement needs a predicate")
            expected = 0 if self.predicate in PICTURE_PREDICATES else 2 if self.predicate == "between" else 1
            if len(self.objects) != expected:
                raise ValueError(f"{self.predicate!r} takes {expected} objects, not {len(self.objects)}")
        return self

    @property
    def text(self) -> str:
        """The demand in plain words: "exactly two cars", "a cat left of a dog"."""
        phrase, place = self.query.phrase, "" if self.box is None else f" at {[round(v, 2) for v in self.box]}"
        match self.kind:
            case "count":
                return f"exactly {counted(self.count, phrase)}"
            case "attribute":
                return f"{phrase}{place}" if self.box else f"{counted(self.count, phrase)}"
            case "relation":
                others = " and ".join(query.phrase for query in self.objects)
                return f"{counted(self.count, phrase)} {self.predicate} {others}".rstrip()
            case "placed":
                return f"{phrase}{place}"
            case "kept":
                return f"{phrase} still{place}"
            case "absent":
                return f"no {phrase}{place}"
            case "clean":
                return "nothing else where something was taken away"


def counted(count: int, phrase: str) -> str:
    """Return "one red car", "two red cars", "no red car"."""
    if count == 0:
        return f"no {phrase}"
    return f"{number_word(count)} {phrase if count == 1 else plural(phrase)}"


def requirements(spec: SceneSpec) -> tuple[Requirement, ...]:
    """Return what a picture of the sentence must fulfil.

    A class that the spec names is closed: its counts are summed and must be met exactly ("a red car and
    two blue cars": three cars, one red, two blue). Classes it does not name are free.

    Raises:
        ValueError: a relation lacks its object, or a phrase has no words; written for the model to mend.
    """
    demands = _demands(spec.objects)
    totals: dict[str, int] = {}
    for query, count in demands.items():
        totals[query.name] = totals.get(query.name, 0) + count
    result = [Requirement(kind="count", query=Query(name=name), count=count) for name, count in totals.items()]
    result += [
        Requirement(kind="attribute", query=query, count=_at_least(query, demands))
        for query in demands
        if query.attributes
    ]
    absent = dict.fromkeys(parse_phrase(phrase) for phrase in spec.absent)
    result += [Requirement(kind="absent", query=query) for query in absent]
    result += [_relation(relation, demands) for relation in _facing(spec.relations)]
    return tuple(dict.fromkeys(result))


def edit_requirements(current: Layout, target: Layout) -> tuple[Requirement, ...]:
    """Return what must hold after an edit that turns ``current`` into ``target``.

    Changed objects are placed, untouched ones kept, and nothing of the old name is left where an object
    was taken away. Names that were known and are touched keep an exact total, so a second dog that an edit
    brings by accident is noticed. An object without known attributes is checked by its name alone.
    """
    result: list[Requirement] = []
    touched: set[str] = set()
    for old, new in match(current, target):
        if new is None:
            assert old is not None
            touched.add(old.name)
            result.append(_gone(old))
        elif old is None:
            touched.add(new.name)
            result.append(Requirement(kind="placed", query=_query(new), box=new.box))
        else:
            made = _pair(old, new)
            if made[0].kind != "kept":
                touched |= {old.name, new.name}
            result += made
    known = {placed.name for placed in current.objects}
    for name in sorted(touched & known):
        total = sum(placed.name == name for placed in target.objects)
        query = Query(name=name)
        result.append(
            Requirement(kind="count", query=query, count=total) if total else Requirement(kind="absent", query=query)
        )
    return tuple(dict.fromkeys(result))


def wanted(requirements: Iterable[Requirement]) -> tuple[Query, ...]:
    """Return the phrases that the requirements name; `tools.scene.merge.merge` favours them."""
    return tuple(dict.fromkeys(query for one in requirements for query in (one.query, *one.objects)))


def queries(requirements: Iterable[Requirement]) -> tuple[Query, ...]:
    """Return what a detector must be asked: every plain name, every phrase, and rivals of every colour.

    A detector that is asked only for "red car" finds one in an orange car too; asked for all colours, the
    best one wins.
    """
    phrases = wanted(requirements)
    plain = [Query(name=query.name) for query in phrases]
    rivals = [
        Query(name=query.name, attributes=(colour,))
        for query in phrases
        for colour in COLOURS
        if any(family(word) == "colour" for word in query.attributes)
        and not any(implies(word, colour) for word in query.attributes)
    ]
    return tuple(dict.fromkeys([*plain, *phrases, *rivals]))


def _demands(objects: Iterable[SceneObject]) -> dict[Query, int]:
    demands: dict[Query, int] = {}
    for wanted in objects:
        query = _normal(wanted.query)
        demands[query] = demands.get(query, 0) + wanted.count
    return demands


def _normal(query: Query) -> Query:
    """A model may write name "red cars": one spelling, and adjectives where they belong."""
    parsed = parse_phrase(query.name)
    attributes = dict.fromkeys([*(attribute(word) for word in query.attributes), *parsed.attributes])
    return Query(name=parsed.name, attributes=tuple(attributes))


def _at_least(query: Query, demands: dict[Query, int]) -> int:
    """A red wooden car is also a red car: "a red car and a red wooden car" needs two red ones."""
    return sum(
        count
        for other, count in demands.items()
        if other.name == query.name and set(query.attributes) <= set(other.attributes)
    )


def _facing(relations: tuple[Relation, ...]) -> tuple[Relation, ...]:
    """Read "a dog on the left and a cat on the right" as the dog being left of the cat.

    Two objects with one place each, opposite to each other, are compared with each other and not with the
    middle of the picture, as in the LMD benchmark. A corner, or a place without its opposite, stays as it is.
    """
    places = [one for one in relations if one.predicate in PICTURE_PREDICATES]
    single = [one for one in places if sum(other.subject == one.subject for other in places) == 1]
    result = list(relations)
    for near, far, between in _OPPOSITES:
        first, second = ([one for one in single if one.predicate == side] for side in (near, far))
        if len(first) == len(second) == 1:
            facing = Relation(subject=first[0].subject, predicate=between, object=second[0].subject)
            result = [facing if one is first[0] else one for one in result if one is not second[0]]
    return tuple(result)


def _relation(relation: Relation, demands: dict[Query, int]) -> Requirement:
    subject = _resolve(relation.subject, demands)
    objects: tuple[Query, ...] = ()
    if relation.predicate not in PICTURE_PREDICATES:
        if not relation.object:
            raise ValueError(f"relation {relation.subject!r} {relation.predicate!r} needs an object")
        objects = (_resolve(relation.object, demands),)
    if relation.predicate == "between":
        objects = _both(relation.object, demands)
    return Requirement(
        kind="relation",
        query=subject,
        count=1 if subject in objects else demands.get(subject, 1),  # "a dog left of a dog"
        predicate=relation.predicate,
        objects=objects,
        object_count=demands.get(objects[0], 1) if len(objects) == 1 and subject not in objects else 1,
    )


def _resolve(phrase: str, demands: dict[Query, int]) -> Query:
    """Return the demanded query that the phrase means: "car" is "red car" when that is the only car."""
    query = _normal(parse_phrase(phrase))
    if query in demands:
        return query
    meant = [one for one in demands if one.name == query.name and set(query.attributes) <= set(one.attributes)]
    return meant[0] if len(meant) == 1 else query


def _both(phrase: str, demands: dict[Query, int]) -> tuple[Query, Query]:
    """Split "A and B"; "two dogs" alone means two of them."""
    parts = phrase.split(" and ")
    splits = [(" and ".join(parts[:cut]), " and ".join(parts[cut:])) for cut in range(1, len(parts))]
    pairs = [(_resolve(one, demands), _resolve(other, demands)) for one, other in splits] or [
        (_resolve(phrase, demands), _resolve(phrase, demands))
    ]
    return next((pair for pair in pairs if all(query in demands for query in pair)), pairs[0])


def _query(placed: PlacedObject) -> Query:
    return Query(name=placed.name, attributes=tuple(attribute(word) for word in placed.attributes))


def _gone(old: PlacedObject) -> Requirement:
    return Requirement(kind="absent", query=Query(name=old.name), box=old.box, id=old.id)


def _pair(old: PlacedObject, new: PlacedObject) -> list[Requirement]:
    overlap = old.box.iou(new.box)
    if old.name != new.name:
        return [Requirement(kind="placed", query=_query(new), box=new.box), _gone(old)]
    restyled = bool(new.attributes) and set(_query(old).attributes) != set(_query(new).attributes)
    if overlap <= (IN_PLACE if restyled else KEPT):
        query = _query(new) if new.attributes else _query(old)
        return [Requirement(kind="placed", query=query, box=new.box, was=old.box, id=old.id), _gone(old)]
    if restyled:
        return [Requirement(kind="attribute", query=_query(new), box=new.box, id=old.id)]
    return [Requirement(kind="kept", query=_query(old), box=old.box, id=old.id)]
