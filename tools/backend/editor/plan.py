"""What an edit has to do, object by object: a list of operations folded into its net effect.

Pure bookkeeping on layouts; knows nothing of pixels or models.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tools.backend.protocol import BackendError
from tools.scene.operations import Add, Move, Remove, Replace, apply

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from tools.scene.box import Box
    from tools.scene.layout import Layout, PlacedObject
    from tools.scene.operations import Operation, Source

EDGE = 0.012  # of a picture: a box that comes so near to its edge is cut off there
SAME = 2e-4  # boxes closer than this are one box: JSON carries four digits


@dataclass(frozen=True)
class Copied:
    """What an added object may be copied from: a box of this picture (``picture`` is empty) or of another one.

    ``id`` is that of the object there, where it is one of the current layout; ``wanted`` says whether the copy was
    asked for, or is only what looks like the new object.
    """

    picture: str
    box: Box
    id: str = ""
    attributes: tuple[str, ...] = ()
    wanted: bool = False


@dataclass(frozen=True)
class Touched:
    """An object of the target layout that the edit makes or changes.

    ``source`` is the object of the current layout whose pixels it keeps, its own or those that it shall be a copy
    of; None where it is made from noise, or by an engine that cannot, from ``copied``.
    """

    placed: PlacedObject
    source: PlacedObject | None
    copied: Copied | None = None
    lifted: bool = False  # in front of or behind what it was behind or in front of before

    @property
    def moved(self) -> bool:
        """Whether its pixels go to another box, or to another depth."""
        return self.source is not None and (self.lifted or not _same(self.source.box, self.placed.box))

    @property
    def restyled(self) -> bool:
        """Whether it stays the same kind of thing in another style."""
        return self.source is not None and self.source.attributes != self.placed.attributes


@dataclass(frozen=True)
class NetEdit:
    """The net effect of a list of operations.

    ``target`` is the layout aimed at; ``touched`` and ``untouched`` are its objects, back to front;
    ``erased`` are objects of the current layout whose old place becomes background.
    """

    target: Layout
    touched: tuple[Touched, ...]
    untouched: tuple[PlacedObject, ...]
    erased: tuple[PlacedObject, ...]

    @property
    def made(self) -> tuple[PlacedObject, ...]:
        """Objects to make from noise (added ones and replacements)."""
        return tuple(touched.placed for touched in self.touched if touched.source is None)

    @property
    def canvas_layout(self) -> Layout:
        """The picture half-way: erased objects gone, moved ones at their new place, nothing new yet."""
        sources = {touched.placed.id: touched.source for touched in self.touched}
        objects = []
        for placed in self.target.objects:
            source = sources.get(placed.id, placed)
            if source is not None:
                objects.append(placed.model_copy(update={"attributes": source.attributes}))
        return self.target.model_copy(update={"objects": tuple(objects)})


def plan_edit(scene: Layout, operations: Sequence[Operation]) -> NetEdit:
    """Fold ``operations``, done in the order given, into what has to change.

    Several operations on one object add up (Move then Restyle: the object at its new place in the new
    style; Add then Move: added at the last box; Add then Remove: nothing). A Move to the same box or a
    Restyle to the same attributes changes nothing.

    Raises:
        BackendError: there are no operations, an id is unknown, or a box cannot be used.
    """
    if not operations:
        raise BackendError("nothing to edit: the list of operations is empty; give at least one")
    layout = scene
    origin: dict[str, PlacedObject | None] = {placed.id: placed for placed in scene.objects}
    given: dict[str, Source] = {}
    for operation in operations:
        if isinstance(operation, Add | Move | Replace) and operation.box is not None:
            _check_box(operation.box, operation)
        known = set(layout.ids)
        try:
            layout = apply(layout, [operation])
        except KeyError as error:
            raise BackendError(f"cannot {operation.op}: {error.args[0]}") from None
        if isinstance(operation, Remove | Replace):
            origin.pop(operation.id)
        origin.update(dict.fromkeys(set(layout.ids) - known))
        if isinstance(operation, Replace) and operation.id in layout.ids:
            origin[operation.id] = None
        if isinstance(operation, Add | Replace) and operation.source is not None:
            # a replacement may keep the id of what it replaces
            given |= dict.fromkeys(set(layout.ids) - known or {operation.id}, operation.source)  # type: ignore[union-attr]
    touched, untouched = [], []
    lifted = {operation.id for operation in operations if isinstance(operation, Move) and operation.depth is not None}
    for placed in layout.objects:
        change = _touched(placed, origin[placed.id], given.get(placed.id), scene)
        change = replace(change, lifted=placed.id in lifted)
        if change.source is None or change.moved or change.restyled:
            touched.append(change)
        else:
            untouched.append(change.source)
    staying = {source.id for source in (origin[placed.id] for placed in layout.objects) if source is not None}
    leaving = {was.id for change in touched if (was := origin[change.placed.id]) is not None and change.moved}
    erased = tuple(placed for placed in scene.objects if placed.id not in staying or placed.id in leaving)
    return NetEdit(layout, tuple(touched), tuple(untouched), erased)


def cut_off(plan: NetEdit, cut_at: Callable[[Copied], Collection[str]]) -> tuple[str, ...]:
    """Return, in words, which copies show where the edge of their picture cut them off: away from such an edge.

    ``cut_at`` says at which of `edges`' sides a copied object is cut off there.
    """
    doubts = []
    for touched in plan.touched:
        copied = touched.copied
        if copied is None or not copied.wanted:
            continue
        near = edges(copied.box)
        shown = [side for side in (cut_at(copied) if near else ()) if side not in edges(touched.placed.box)]
        if shown:
            where = " and ".join(shown)
            doubts.append(f"{touched.placed.id!r} is cut off {where}, where its own picture ended")
    return tuple(doubts)


def edges(box: Box) -> list[str]:
    """Return the sides at which a box reaches the edge of its picture."""
    near = {
        "on the left": box.x < EDGE,
        "on the right": box.x + box.w > 1 - EDGE,
        "at the top": box.y < EDGE,
        "at the bottom": box.y + box.h > 1 - EDGE,
    }
    return [side for side, reached in near.items() if reached]


def _touched(placed: PlacedObject, own: PlacedObject | None, given: Source | None, scene: Layout) -> Touched:
    """Return how an object of the target comes about; a copy keeps pixels as if it had moved."""
    copied = None if own else _copied(placed, given, scene)
    model = scene[copied.id] if copied is not None and copied.wanted and copied.id else None
    return Touched(placed, own or model, copied)


def _copied(placed: PlacedObject, given: Source | None, scene: Layout) -> Copied | None:
    """Return what a new object may be copied from: what is given, or else the object that is most like it."""
    if given is not None:
        there = [item for item in scene.objects if not given.picture and _same(item.box, given.box)]
        attributes = given.attributes or (there[0].attributes if there else ())
        return Copied(given.picture, given.box, there[0].id if there else "", attributes, wanted=True)
    alike = [item for item in scene.objects if item.name == placed.name]
    if not alike:
        return None
    best = max(alike, key=lambda old: (len(set(old.attributes) & set(placed.attributes)), old.box.area))
    return Copied("", best.box, best.id, best.attributes)


def _same(box: Box, other: Box) -> bool:
    return max(abs(a - b) for a, b in zip(box, other, strict=True)) <= SAME


def _check_box(box: Box, operation: Operation) -> None:
    try:
        box.checked()
    except ValueError as error:
        raise BackendError(f"cannot {operation.op}: {error}; give a box inside the picture") from None
