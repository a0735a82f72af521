"""The goal of an edit: what must hold once a layout has become another, as single demands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.scene.box import Box
from tools.scene.difference import IN_PLACE, KEPT, match
from tools.scene.lexicon import attribute
from tools.scene.operations import CUTTING, Add, Adjust, Replace, Restyle, before_cut, in_new_light, source_of
from tools.scene.requirement import Requirement
from tools.scene.spec import Query

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from tools.scene.layout import Layout, PlacedObject
    from tools.scene.operations import Operation


WITHIN = 0.8  # share of the smaller of two boxes that they share, from which the old place is not left


def wish_requirements(current: Layout, operations: Sequence[Operation], target: Layout) -> tuple[Requirement, ...]:
    """Return what must hold after ``operations``, which turn ``current`` into ``target``.

    Wishes for the whole picture alone draw nothing and take nothing away: that they show is measured where they are
    done, and the object they are about must still be seen. A crop is a cut and no more: what is left of the picture may
    be too little for a detector to tell what it is. What stands in a background that is blurred need not be seen, nor
    what has got another light alone, where nothing but colours is changed.
    """
    wishes = [operation for operation in operations if isinstance(operation, Adjust)]
    if len(wishes) < len(operations):
        target = _any_looks_of_copies(target, operations)
        demands = edit_requirements(before_cut(in_new_light(current, operations), operations), target)
        sharp = {wish.id for wish in wishes if wish.wish == "blur the background"}
        if not sharp and any(wish.wish not in CUTTING for wish in wishes):
            looks: set[str | None] = {operation.id for operation in operations if isinstance(operation, Restyle)}
            sharp = looks if len(looks) + len(wishes) == len(operations) else sharp
        return tuple(demand for demand in demands if not sharp or demand.kind != "kept" or demand.id in sharp)
    about = dict.fromkeys(current[wish.id].name for wish in wishes if wish.id is not None and wish.wish != "crop")
    return tuple(Requirement(kind="count", query=Query(name=name), bound="at least") for name in about)


def _any_looks_of_copies(target: Layout, operations: Sequence[Operation]) -> Layout:
    """Return a target in which copies from other pictures may look as they do: they take on the light of the place."""
    copies = {
        (operation.name, operation.box or Box(0, 0, 0, 0))
        for operation in operations
        if (source := source_of(operation)) is not None and source.picture and isinstance(operation, Add | Replace)
    }
    objects = tuple(
        placed.model_copy(update={"attributes": ()}) if (placed.name, placed.box) in copies else placed
        for placed in target.objects
    )
    return target.model_copy(update={"objects": objects})


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


def as_seen(demands: Iterable[Requirement], sees: Collection[str] | None) -> tuple[Requirement, ...]:
    """Return demands whose looks a detector can tell that ``sees`` these words only (None: any).

    Every look that it cannot tell stays unchecked, and so does a shade: a dark red car may be a brown one to it.
    """
    if sees is None:
        return tuple(demands)
    result: list[Requirement] = []
    for demand in demands:
        looks = demand.query.attributes
        known = tuple(word for word in looks if word in sees)
        if known == looks:
            result.append(demand)
            continue
        result.append(demand.model_copy(update={"query": demand.query.model_copy(update={"attributes": known})}))
        if demand.kind in {"attribute", "placed"}:
            result.append(Requirement(kind="unchecked", said=demand.query.phrase))
    return tuple(dict.fromkeys(result))


def layout_requirements(target: Layout) -> tuple[Requirement, ...]:
    """Return that each object of a given layout stands in its box."""
    return tuple(Requirement(kind="placed", query=_query(placed), box=placed.box) for placed in target.objects)


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
        if old.box.intersection(new.box) >= WITHIN * min(old.box.area, new.box.area):  # smaller or larger on the spot
            return [Requirement(kind="placed", query=query, box=new.box, was=old.box, id=old.id)]
        return [Requirement(kind="placed", query=query, box=new.box, was=old.box, id=old.id), _gone(old)]
    if restyled:
        return [Requirement(kind="attribute", query=_query(new), box=new.box, id=old.id)]
    return [Requirement(kind="kept", query=_query(old), box=old.box, id=old.id)]
