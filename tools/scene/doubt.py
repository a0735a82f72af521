"""Objects that a detector is not sure of, where the verdict fails because of them: they are to be drawn anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.scene.merge import can_be_told_apart, covers
from tools.scene.requirements import wanted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tools.scene.layout import Layout, PlacedObject
    from tools.scene.merge import Thing
    from tools.scene.observation import Observation
    from tools.scene.results import Verdict
    from tools.scene.spec import Query


def things_in_layout(outcome: Verdict, observation: Observation) -> tuple[Thing, ...]:
    """Return what belongs in the layout: doubtful traces below the threshold too where a failure is about them."""
    return observation.with_traces({query.name for query in _at_stake(outcome)})


def doubted(outcome: Verdict, scene: Layout, observation: Observation) -> tuple[str, ...]:
    """Return the ids of objects in ``scene`` that fit what failed only if doubtful detections count."""
    if observation.is_certain:
        return ()
    asked, firm = _at_stake(outcome), [thing for thing in observation.firm if not thing.alone]
    return tuple(
        placed.id
        for placed in scene.objects
        if any(query.name == placed.name for query in asked) and not any(_backs(thing, placed, asked) for thing in firm)
    )


def _at_stake(outcome: Verdict) -> tuple[Query, ...]:
    return wanted(result.requirement for result in outcome.failures)


def _backs(thing: Thing, placed: PlacedObject, asked: Sequence[Query]) -> bool:
    """Return whether a thing seen without doubt is the object, with all that is asked of it."""
    if thing.name != placed.name or can_be_told_apart(thing.box, placed.box):
        return False
    claimed = (item for item in asked if item.name == placed.name and covers(item.attributes, placed.attributes))
    return all(thing.fits(query) for query in claimed)
