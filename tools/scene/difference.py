"""What must be done to get from one layout to another (SLD, section 3.2), as a list of operations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linear_sum_assignment

from tools.scene.lexicon import attribute
from tools.scene.operations import Add, Move, Operation, Remove, Replace, Restyle

if TYPE_CHECKING:
    from collections.abc import Collection

    from tools.scene.layout import Layout, PlacedObject

KEPT = 0.9  # IoU above which a box is the same box (SLD)
IN_PLACE = 0.75  # IoU from which a restyled object is about in its place and is not moved as well
SAME_SPOT = 0.5  # IoU from which one object that goes and another that comes are one Replace

_COST = {"kept": 0.0, "move": 1.0, "restyle": 1.0, "both": 2.2, "apart": 3.2, "replace": 2.5, "add": 1.5, "remove": 1.5}
_SAME_ID = 0.3  # less than any single operation costs, so that an id decides only between equals


def difference(current: Layout, target: Layout) -> tuple[Operation, ...]:
    """Return the fewest operations that turn ``current`` into ``target``.

    Objects are paired by an optimal assignment over names, attributes and boxes; ids only decide between
    equally cheap pairings, so a model that renumbers objects causes no work. A pair becomes:

    - nothing: same name, IoU above `KEPT`;
    - Move: same name elsewhere or another size;
    - Restyle: same name, about in its place (IoU from `IN_PLACE`), other attributes; farther away it is
      also moved when the ids agree, else removed and added;
    - Replace: another name on the same spot (IoU from `SAME_SPOT`).

    The rest is Add and Remove. A target without attributes demands none. Adds come first, so that
    `apply` gives a new object no id that is still in use or just set free.
    """
    pairs = match(current, target)
    operations: list[Operation] = []
    for old, new in pairs:
        if old is None and new is not None:
            operations.append(Add(name=new.name, attributes=new.attributes, box=new.box))
        elif old is not None and new is not None:
            operations.extend(_changes(old, new))
    operations.extend(Remove(id=old.id) for old, new in pairs if old is not None and new is None)
    return tuple(operations)


def completed(target: Layout, current: Layout, known: Collection[str]) -> Layout:
    """Return the target with what its source did not know of: objects of names not ``known`` stay as they are."""
    result = target
    for placed in current.objects:
        if placed.name not in known:
            kept = (
                placed if placed.id not in result.ids else placed.model_copy(update={"id": result.new_id(placed.name)})
            )
            result = result.model_copy(update={"objects": (*result.objects, kept)})
    return result


def match(current: Layout, target: Layout) -> tuple[tuple[PlacedObject | None, PlacedObject | None], ...]:
    """Return who became whom: pairs in target order; ``(None, new)`` arrives, ``(old, None)`` leaves, last."""
    olds, news = current.objects, target.objects
    count, total = len(olds), len(olds) + len(news)
    # Square matrix: the right block lets every old object leave, the lower one every new object arrive.
    cost = np.full((total, total), 1e6)
    cost[count:, len(news) :] = 0.0
    for row, old in enumerate(olds):
        cost[row, len(news) + row] = _COST["remove"]
        for column, new in enumerate(news):
            cost[row, column] = _pair_cost(old, new)
    for column in range(len(news)):
        cost[count + column, column] = _COST["add"]
    rows, columns = linear_sum_assignment(cost)
    partner = {int(column): int(row) for row, column in zip(rows, columns, strict=True)}
    arriving = [(olds[row] if (row := partner[column]) < count else None, new) for column, new in enumerate(news)]
    leaving = [(olds[row], None) for column, row in sorted(partner.items()) if column >= len(news) and row < count]
    return (*arriving, *leaving)


def _changes(old: PlacedObject, new: PlacedObject) -> list[Operation]:
    overlap = old.box.iou(new.box)
    if old.name != new.name:
        return [Replace(id=old.id, name=new.name, attributes=new.attributes, box=None if overlap > KEPT else new.box)]
    restyled = _restyled(old, new)
    changes: list[Operation] = [Restyle(id=old.id, attributes=new.attributes)] if restyled else []
    if overlap <= (IN_PLACE if restyled else KEPT):
        changes.append(Move(id=old.id, box=new.box))
    return changes


def _pair_cost(old: PlacedObject, new: PlacedObject) -> float:
    overlap = old.box.iou(new.box)
    ids_agree = old.id == new.id
    if old.name != new.name:
        kind = "replace" if overlap >= SAME_SPOT else None
        ids_agree = False
    elif _restyled(old, new):
        kind = "restyle" if overlap >= IN_PLACE else "both" if ids_agree else "apart"
    else:
        kind = "kept" if overlap > KEPT else "move"
    if kind is None:
        return 1e5
    (x0, y0), (x1, y1) = old.box.center, new.box.center
    # Of equally many operations those with the shorter way; of equal ones those that also agree in attributes.
    nearness = 0.1 * min(abs(x0 - x1) + abs(y0 - y1), 1.0) + 0.01 * (_set(old.attributes) != _set(new.attributes))
    return _COST[kind] + nearness - (_SAME_ID if ids_agree else 0.0)


def _restyled(old: PlacedObject, new: PlacedObject) -> bool:
    return bool(new.attributes) and _set(old.attributes) != _set(new.attributes)


def _set(attributes: Collection[str]) -> frozenset[str]:
    return frozenset(attribute(word) for word in attributes)
