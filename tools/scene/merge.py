"""From detections to things: several boxes that a detector drew around one object become one `Thing`.

A detector is asked for "car", "red car" and "orange car", and answers each for itself. Here their answers
are held against each other, once, for the verdict and for tracking alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tools.scene.layout import Detection
from tools.scene.lexicon import attribute, family, implies

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from tools.scene.box import Box
    from tools.scene.layout import Layout
    from tools.scene.spec import Query

SAME = 0.45  # IoU from which two boxes of one name are one thing
INSIDE = 0.8  # or this share of the smaller one lies in the larger one ...
PART = 0.25  # ... that is not more than four times as large
TWINS = 0.9  # two boxes of one query are two things if the weaker one scores this share of the other ...
ONE = 0.8  # ... and their IoU is below this: a detector that believes equally in both means both
CLASH = 0.7  # IoU from which two names are taken for readings of one object ...
WEAK = 0.75  # ... of which one is dropped that scores less than this share of the other,
# or less at all, if only an attribute was seen: "red cat" on a red dog
FAVOUR = 0.05  # head start of an attribute that is looked for, over its rivals


@dataclass(frozen=True)
class Thing:
    """One object: what it is, which attributes were found on it, and the detections behind that."""

    name: str
    attributes: tuple[str, ...]
    box: Box
    score: float
    detections: tuple[Detection, ...]
    alone: bool = False
    """Only an attribute that nobody asks for was seen: "purple car", a rival of "red car", is no evidence of a car."""

    def fits(self, query: Query) -> bool:
        """Return whether it has the name, every attribute was found on it, and none that it must lack."""
        lacking = not any(covers([word], self.attributes) for word in query.lacks)
        return self.name == query.name and lacking and covers(query.attributes, self.attributes)

    def contradicts(self, query: Query) -> bool:
        """Return whether it has another name, or an attribute that excludes one of the query's."""
        return self.name != query.name or _rivals(self.attributes, query.attributes)

    @property
    def detection(self) -> Detection:
        """The thing as evidence: one detection with all that was found."""
        return Detection(name=self.name, attributes=self.attributes, box=self.box, score=self.score)


def things(detections: Iterable[Detection], wanted: Collection[Query] = ()) -> tuple[Thing, ...]:
    """Merge detections into the things that count as evidence: not those of which only a rival attribute was seen."""
    return tuple(thing for thing in merge(detections, wanted) if not thing.alone)


def merge(detections: Iterable[Detection], wanted: Collection[Query] = ()) -> tuple[Thing, ...]:
    """Merge detections into things, best score first.

    Boxes of one name on one place are one thing with the best one's box, unless one query found both and is
    equally sure of them (`TWINS`): those are objects that overlap. Of attributes that exclude
    each other (colours, materials) the best scoring one wins; one in ``wanted`` has a small head start,
    so that a tie does not cause an edit. With ``wanted`` given, an attributed box that stands by itself and
    is not wanted is marked ``alone``.
    Of two names on one place the much weaker one is dropped, for it is a misreading.
    """
    groups: list[list[Detection]] = []
    # Plain names first: of overlapping objects each gets its own colour.
    for detection in sorted(
        (_plain(seen) for seen in detections), key=lambda candidate: (bool(candidate.attributes), -candidate.score)
    ):
        fitting = [group for group in groups if _belongs(detection, group)]
        if fitting:
            max(fitting, key=lambda group: group[0].box.iou(detection.box)).append(detection)
        else:
            groups.append([detection])
    groups = sorted(
        (sorted(group, key=lambda candidate: -candidate.score) for group in groups), key=lambda group: -group[0].score
    )
    asked = frozenset(wanted)
    found = [_thing(group, asked) for group in groups]
    return tuple(
        thing
        for thing in found
        if not any(_outshines(other, thing) for other in found if thing.alone or not other.alone)
    )


def as_detections(layout: Layout) -> tuple[Detection, ...]:
    """Return what a perfect detector would say of a picture that looks like the layout."""
    return tuple(
        Detection(name=placed.name, attributes=attributes, box=placed.box, score=1.0)
        for placed in layout.objects
        for attributes in dict.fromkeys(((), placed.attributes))
    )


def _plain(detection: Detection) -> Detection:
    spelled = tuple(attribute(word) for word in detection.attributes)
    return detection if spelled == detection.attributes else detection.model_copy(update={"attributes": spelled})


def _belongs(detection: Detection, group: list[Detection]) -> bool:
    """Return whether a detection, not stronger than the group's own of its query, is about the same object."""
    first = group[0]
    if first.name != detection.name or not _overlap(first.box, detection.box):
        return False
    return not any(
        other.query == detection.query and detection.score >= TWINS * other.score and detection.box.iou(other.box) < ONE
        for other in group
    )


def _overlap(first: Box, second: Box) -> bool:
    small, large = sorted((first.area, second.area))
    inside = first.intersection(second) >= INSIDE * small and small >= PART * large
    return inside or first.iou(second) >= SAME


def _thing(group: list[Detection], wanted: frozenset[Query]) -> Thing:
    def strength(detection: Detection) -> float:
        return detection.score + (FAVOUR if detection.query in wanted else 0.0)

    accepted: list[Detection] = []
    for detection in sorted(
        (detection for detection in group if detection.attributes), key=lambda detection: -strength(detection)
    ):
        if not any(_rivals(detection.attributes, other.attributes) for other in accepted):
            accepted.append(detection)
    words = dict.fromkeys(word for detection in accepted for word in detection.attributes)
    alone = bool(wanted) and not any(not detection.attributes or detection.query in wanted for detection in group)
    return Thing(group[0].name, tuple(words), group[0].box, group[0].score, tuple(group), alone)


def _rivals(first: Collection[str], second: Collection[str]) -> bool:
    """Return whether both say something of one family (colour, material) that cannot be true together."""
    for kind in {family(word) for word in first} - {None}:
        mine = {word for word in first if family(word) == kind}
        others = {word for word in second if family(word) == kind}
        if others and not covers(mine, others) and not covers(others, mine):
            return True
    return False


def covers(asked: Collection[str], found: Collection[str]) -> bool:
    """Return whether every attribute that is asked for follows from one that was found."""
    return all(any(implies(has, word) for has in found) for word in asked)


def _outshines(strong: Thing, weak: Thing) -> bool:
    by_name = any(not detection.attributes for detection in weak.detections)
    limit = strong.score * (WEAK if by_name else 1.0)
    return strong.name != weak.name and weak.score < limit and strong.box.iou(weak.box) >= CLASH


def can_be_told_apart(first: Box, second: Box) -> bool:
    """Return whether two objects of one name in these boxes are seen as two."""
    return not _overlap(first, second)


def restyled(attributes: Collection[str], wish: Collection[str]) -> tuple[str, ...]:
    """Return the attributes of an object that is given ``wish``: those that it excludes are gone."""
    kept = (word for word in attributes if not _rivals([word], wish) and not covers([word], wish))
    return tuple(dict.fromkeys([*kept, *wish]))
