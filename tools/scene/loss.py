"""Whether an edit destroyed what was there: an object that is wanted, gone, and nothing in its place."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tools.scene.operations import Replace

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tools.scene.goal import Goal
    from tools.scene.layout import Layout


def is_destroyed(goal: Goal, before: Layout, now: Layout) -> bool:
    """Return whether ``now`` holds fewer of something than ``before`` although the goal wants it.

    What is wanted are the objects of the target layout, or those that the sentence counts. What was to become
    something else counts as either: a dog that should be a cat and is neither is lost.
    """
    wanted = _wanted(goal)
    had, has = (Counter(placed.name for placed in layout.objects) for layout in (before, now))
    return any(
        _total(has, group) < min(_total(had, group), _total(wanted, group)) for group in _groups(goal, before, wanted)
    )


def _wanted(goal: Goal) -> Counter[str]:
    if goal.target is not None:
        return Counter(placed.name for placed in goal.target.objects)
    counts = Counter[str]()
    for demand in goal.requirements or ():
        if demand.kind == "count" and demand.bound != "at most":
            counts[demand.query.name] = demand.count
    return counts


def _groups(goal: Goal, before: Layout, wanted: Counter[str]) -> list[frozenset[str]]:
    """Return the names that are counted together: those that become each other, and each other one alone."""
    becoming = {
        name
        for operation in goal.operations
        if isinstance(operation, Replace) and operation.id in before.ids
        for name in (operation.name, before[operation.id].name)
    }
    return [frozenset(becoming), *(frozenset({name}) for name in wanted if name not in becoming)]


def _total(counts: Counter[str], names: Iterable[str]) -> int:
    return sum(counts[name] for name in names)
