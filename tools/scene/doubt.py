"""Objects that a detector is not sure of, where the verdict fails because of them: they are to be drawn anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.scene.merge import can_be_told_apart, covers, things
from tools.scene.requirements import wanted
from tools.scene.verdict import is_open_to_doubt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tools.scene.layout import Detection, Layout, PlacedObject
    from tools.scene.merge import Thing
    from tools.scene.spec import Query
    from tools.scene.verdict import Verdict


def unsettled(outcome: Verdict, detections: Sequence[Detection], doubtful: Sequence[Detection]) -> list[Detection]:
    """Return the doubtful traces below the threshold that a failure is about: they belong in the layout."""
    names = {query.name for query in _at_stake(outcome)}
    return [one for one in doubtful if one.name in names and one not in detections]


def doubted(
    outcome: Verdict, scene: Layout, detections: Sequence[Detection], doubtful: Sequence[Detection]
) -> list[str]:
    """Return the ids of objects in ``scene`` that fit what failed only if doubtful detections count."""
    if not doubtful:
        return []
    asked = _at_stake(outcome)
    firm = things([one for one in detections if one not in doubtful], asked)
    return [
        placed.id
        for placed in scene.objects
        if any(query.name == placed.name for query in asked) and not any(_backs(one, placed, asked) for one in firm)
    ]


def _at_stake(outcome: Verdict) -> tuple[Query, ...]:
    if not is_open_to_doubt(result.requirement for result in outcome.results):
        return ()
    return wanted(result.requirement for result in outcome.failures)


def _backs(thing: Thing, placed: PlacedObject, asked: Sequence[Query]) -> bool:
    """Return whether a thing seen without doubt is the object, with all that is asked of it."""
    if thing.name != placed.name or can_be_told_apart(thing.box, placed.box):
        return False
    claimed = (one for one in asked if one.name == placed.name and covers(one.attributes, placed.attributes))
    return all(thing.fits(query) for query in claimed)
