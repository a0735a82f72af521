"""Operations as a language model asks for them: places in words, and the boxes that they come to.

Whoever reads an instruction says what shall happen and where ("left of cup #1"); arithmetic is done here. A box in
numbers is taken as it is.
"""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from tools.scene.box import Box
from tools.scene.layout import Layout, ObjectId
from tools.scene.operations import (
    UNASKED,
    Add,
    Adjust,
    Depth,
    Move,
    Operation,
    Remove,
    Replace,
    Restyle,
    Source,
    apply,
)
from tools.scene.places import Place, place, resized
from tools.scene.spec import Frozen, Word

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

USUAL = 0.25  # longest side of a new object where nothing is there to compare it with
ROOM = 0.7  # share of the thing it stands in, for a new object inside another
SHAPELESS = 1.25  # shapes less unlike than this are one
LIMITS = (0.04, 0.9)  # of an object's longest side after a resizing


class AddWish(Frozen):
    """Put a new object somewhere."""

    op: Literal["add"] = "add"
    name: Word
    attributes: tuple[Word, ...] = Field(default=(), max_length=8)
    place: Place = ""
    of: tuple[ObjectId, ...] = Field(default=(), max_length=2)
    box: Box | None = None
    source: Source | None = Field(default=None, json_schema_extra=UNASKED)
    depth: Depth | None = Field(default=None, json_schema_extra=UNASKED)


class MoveWish(Frozen):
    """Move an object; a box of another size resizes it."""

    op: Literal["move"] = "move"
    id: ObjectId
    place: Place = ""
    of: tuple[ObjectId, ...] = Field(default=(), max_length=2)
    box: Box | None = None
    depth: Depth | None = Field(default=None, json_schema_extra=UNASKED)


class Resize(Frozen):
    """Make an object larger or smaller where it stands; the factor is of its sides."""

    op: Literal["resize"] = "resize"
    id: ObjectId
    factor: float = Field(gt=0.05, lt=20)


class Swap(Frozen):
    """Let two objects change places; each keeps its size."""

    op: Literal["swap"] = "swap"
    id: ObjectId
    other: ObjectId


class ReplaceWish(Frozen):
    """Put another kind of object in the place of one that is there."""

    op: Literal["replace"] = "replace"
    id: ObjectId
    name: Word
    attributes: tuple[Word, ...] = Field(default=(), max_length=8)
    box: Box | None = Field(default=None, json_schema_extra=UNASKED)
    source: Source | None = Field(default=None, json_schema_extra=UNASKED)


Wish = Annotated[
    AddWish | Remove | MoveWish | Resize | Swap | Restyle | ReplaceWish | Adjust, Field(discriminator="op")
]


def operations_of(
    wishes: Iterable[Wish], layout: Layout, shapes: Mapping[str, float] | None = None
) -> tuple[Operation, ...]:
    """Return the operations that wishes come to on a layout, one after the other.

    ``shapes``: width over height that new objects usually have, as fractions of the picture.

    Raises:
        KeyError: a wish names an id that is not in the layout.
        ValueError: a place cannot be had; written for the model to mend.
    """
    found: list[Operation] = []
    for wish in wishes:
        found += _operations(wish, apply(layout, found), layout, shapes or {})
    return tuple(found)


def _operations(wish: Wish, now: Layout, before: Layout, shapes: Mapping[str, float]) -> list[Operation]:
    match wish:
        case AddWish():
            given = wish.model_dump(exclude={"place", "of", "box", "source", "depth"})
            box, depth = _placed(wish, now, _usual_box(wish, now, shapes))
            return [Add(**given, box=box, depth=wish.depth or depth, source=wish.source)]
        case MoveWish():
            box, depth = _placed(wish, now, now[wish.id].box)
            return [Move(id=wish.id, box=box, depth=wish.depth or depth)]
        case Resize():
            return [Move(id=wish.id, box=resized(now[wish.id].box, wish.factor, LIMITS))]
        case Swap():
            one, other = before[wish.id].box, before[wish.other].box
            return [Move(id=wish.id, box=_centred(one, other)), Move(id=wish.other, box=_centred(other, one))]
        case ReplaceWish():
            shaped = wish.box or _reshaped(now[wish.id].box, shapes.get(wish.name))
            return [Replace.model_validate(wish.model_dump() | {"box": shaped})]
        case _:
            return [wish]


def _placed(wish: AddWish | MoveWish, now: Layout, old: Box) -> tuple[Box, Depth | None]:
    """Return where a wish puts its object, and before or behind what."""
    if not wish.place and wish.box is not None:
        return wish.box, None
    others = {one: now[one].box for one in wish.of if one != getattr(wish, "id", None)}
    if isinstance(wish, MoveWish) and not wish.place:
        raise ValueError(f"move {wish.id!r}: say where, with a place, and what it is a place of")
    own = getattr(wish, "id", None)
    around = [placed.box for placed in now.objects if placed.id not in {own, *others}]
    box = place(wish.place, old, tuple(others.values()), around, moves=isinstance(wish, MoveWish))
    side: Any = wish.place
    depth = Depth(side=side, id=next(iter(others))) if wish.place in {"in front of", "behind"} and others else None
    return box, depth


def _usual_box(wish: AddWish, now: Layout, shapes: Mapping[str, float]) -> Box:
    """Return a box of the size that a new object should have, in the middle of the picture."""
    alike = [placed.box for placed in now.objects if placed.name == wish.name]
    longest = statistics.median([max(placed.box.w, placed.box.h) for placed in now.objects] or [USUAL])
    shape = shapes.get(wish.name, 1.0)
    if alike:
        w, h = (statistics.fmean(box[side] for box in alike) for side in (2, 3))
    else:
        w, h = (longest, longest / shape) if shape >= 1 else (longest * shape, longest)
    if wish.place == "inside" and wish.of:
        holder = now[wish.of[0]].box
        scale = min(1.0, ROOM * holder.w / w, ROOM * holder.h / h)
        w, h = w * scale, h * scale
    return Box(0.5 - w / 2, 0.5 - h / 2, w, h)


def _reshaped(box: Box, shape: float | None) -> Box | None:
    """Return a box as large as another around its centre, of the shape (width over height) that a thing usually has."""
    if shape is None or 1 / SHAPELESS <= box.w / box.h / shape <= SHAPELESS:
        return None
    area = box.w * box.h
    w, h = min(math.sqrt(area * shape), 1.0), min(math.sqrt(area / shape), 1.0)
    return _centred(Box(0.0, 0.0, round(w, 4), round(h, 4)), box)


def _centred(box: Box, on: Box) -> Box:
    """Return a box around another's centre, inside the picture."""
    x, y = (min(max(on.center[axis] - box[2 + axis] / 2, 0.0), 1 - box[2 + axis]) for axis in (0, 1))
    return Box(x, y, box.w, box.h)
