"""The edit operations, as the language model, the layout difference and the editor know them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from tools.scene.box import Box
from tools.scene.layout import Layout, ObjectId, PlacedObject
from tools.scene.lexicon import family
from tools.scene.spec import Frozen, Word

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


UNASKED: dict[str, Any] = {"unasked": True}
"""Marks a field that schemas for language models leave out: it is read where somebody gives it."""


class Source(Frozen):
    """An object of this or another picture that shall be copied."""

    picture: str = Field(default="", max_length=200, description="name of the other picture; empty is this one")
    box: Box = Field(description="where the object is in that picture")
    attributes: tuple[Word, ...] = Field(default=(), max_length=8, description="the looks it has there")


class Depth(Frozen):
    """Which object another is drawn before or behind."""

    side: Literal["in front of", "behind"]
    id: ObjectId


class _Sparse(Frozen):
    """Leaves what is seldom said out of its JSON."""

    @model_serializer(mode="wrap")
    def _without_what_is_not_said(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        dumped: dict[str, Any] = handler(self)
        return {key: value for key, value in dumped.items() if value is not None or key not in {"source", "depth"}}


class _Making(_Sparse):
    """What Add and Replace have in common: the new object may be a copy."""

    source: Source | None = Field(
        default=None, description="what to copy; empty draws it anew", json_schema_extra=UNASKED
    )


class Add(_Making):
    """Put a new object into the box."""

    op: Literal["add"] = "add"
    name: Word = Field(description="singular noun without attributes, such as 'car'")
    attributes: tuple[Word, ...] = Field(default=(), max_length=8)
    box: Box
    depth: Depth | None = Field(
        default=None, description="before or behind which object; empty is before all", json_schema_extra=UNASKED
    )


class Remove(Frozen):
    """Take an object away and fill in the background."""

    op: Literal["remove"] = "remove"
    id: ObjectId


class Move(_Sparse):
    """Move an object into the box; a box of another size resizes it."""

    op: Literal["move"] = "move"
    id: ObjectId
    box: Box
    depth: Depth | None = Field(
        default=None, description="before or behind which object; empty keeps the order", json_schema_extra=UNASKED
    )


class Restyle(Frozen):
    """Give an object other attributes (a colour, a material) where it stands."""

    op: Literal["restyle"] = "restyle"
    id: ObjectId
    attributes: tuple[Word, ...] = Field(min_length=1, max_length=8, description="all attributes it shall have")


class Replace(_Making):
    """Put another kind of object in the place of one that is there."""

    op: Literal["replace"] = "replace"
    id: ObjectId
    name: Word = Field(description="the new object's noun")
    attributes: tuple[Word, ...] = Field(default=(), max_length=8)
    box: Box | None = Field(default=None, description="its box; empty keeps the old one", json_schema_extra=UNASKED)


Wish = Literal[
    "brighter",
    "darker",
    "warmer",
    "cooler",
    "more contrast",
    "less contrast",
    "more saturated",
    "less saturated",
    "black and white",
    "blur the background",
    "crop",
    "cut out",
]
CUTTING: frozenset[Wish] = frozenset({"crop", "cut out"})
AROUND: frozenset[Wish] = CUTTING | {"blur the background"}
"""Wishes that are about one object and what is around it."""
CROP_MARGIN = 0.08  # of an object's size, kept around it by a crop


class Adjust(Frozen):
    """Change the look of the whole picture, or cut the picture to an object; nothing is drawn or taken away."""

    op: Literal["adjust"] = "adjust"
    wish: Wish = Field(description="'crop' cuts the picture to the object, 'cut out' leaves the object alone")
    id: ObjectId | None = Field(default=None, description="the object that crop, cut out and blur are about")
    amount: float = Field(default=1.0, gt=0, le=4, description="1 is what a person would do; 0.5 is 'a bit'")

    @model_validator(mode="after")
    def _knows_its_object(self) -> Adjust:
        if (self.wish in AROUND) != (self.id is not None):
            raise ValueError(f"{self.wish!r} {'needs' if self.id is None else 'takes no'} object: give id accordingly")
        return self


Operation = Annotated[Add | Remove | Move | Restyle | Replace | Adjust, Field(discriminator="op")]


def apply(layout: Layout, operations: Iterable[Operation]) -> Layout:
    """Return the layout that ``operations`` aim at.

    Untouched objects keep id, box and drawing order; added ones come last (in front); a depth puts an object just
    before or behind another; a replaced object takes its predecessor's place in the order and a new id of its own name.

    Raises:
        KeyError: an operation names an id that is not in the layout.
    """
    result = layout
    for operation in operations:
        if isinstance(operation, Add):
            added = PlacedObject(
                id=result.new_id(operation.name),
                name=operation.name,
                attributes=operation.attributes,
                box=operation.box,
            )
            result = result.model_copy(update={"objects": (*result.objects, added)})
            if operation.depth is not None:
                result = _in_order(result, added.id, operation.depth)
            continue
        if isinstance(operation, Adjust):
            result = _adjusted(result, operation)
            continue
        old = result[operation.id]
        new: PlacedObject | None
        match operation:
            case Remove():
                new = None
            case Move():
                new = old.model_copy(update={"box": operation.box})
            case Restyle():
                new = old.model_copy(update={"attributes": operation.attributes})
            case Replace():
                new = PlacedObject(
                    id=result.new_id(operation.name),
                    name=operation.name,
                    attributes=operation.attributes,
                    box=operation.box or old.box,
                )
        objects = (new if placed.id == old.id else placed for placed in result.objects)
        result = result.model_copy(update={"objects": tuple(placed for placed in objects if placed is not None)})
        if isinstance(operation, Move) and operation.depth is not None:
            result = _in_order(result, operation.id, operation.depth)
    return result


def _in_order(layout: Layout, object_id: str, depth: Depth) -> Layout:
    """Return a layout with an object just before or behind another in the drawing order."""
    moved, other = layout[object_id], layout[depth.id]
    pair = (other, moved) if depth.side == "in front of" else (moved, other)
    rest = (placed for placed in layout.objects if placed.id != object_id)
    objects = [one for placed in rest for one in (pair if placed.id == other.id else (placed,))]
    return layout.model_copy(update={"objects": tuple(objects)})


def source_of(operation: Operation) -> Source | None:
    """Return what an operation copies, if it is told to copy anything."""
    return operation.source if isinstance(operation, Add | Replace) else None


def in_new_light(layout: Layout, operations: Iterable[Operation]) -> Layout:
    """Return a layout without the colours that wishes for the picture's light may change: they prove nothing then."""
    return apply(
        layout,
        [operation for operation in operations if isinstance(operation, Adjust) and operation.wish not in AROUND],
    )


def before_cut(layout: Layout, operations: Sequence[Operation]) -> Layout:
    """Return a layout as it is seen through what ``operations`` cut away, which come last; nothing else is done."""
    cuts = [operation for operation in operations if isinstance(operation, Adjust) and operation.wish in CUTTING]
    goal = apply(layout, [operation for operation in operations if operation not in cuts])
    for cut in cuts:
        assert cut.id is not None
        layout, goal = _cut(layout, cut, goal[cut.id]), _adjusted(goal, cut)
    return layout


def crop_frame(box: Box) -> Box:
    """Return what a crop to an object in ``box`` leaves of the picture."""
    margin_x, margin_y = box.w * CROP_MARGIN, box.h * CROP_MARGIN
    return Box(box.x - margin_x, box.y - margin_y, box.w + 2 * margin_x, box.h + 2 * margin_y).clipped()


def _adjusted(layout: Layout, operation: Adjust) -> Layout:
    """Return what a wish for the whole picture leaves: what is cut off is gone, and colours are no longer known."""
    objects = layout.objects
    if operation.wish not in AROUND:
        objects = tuple(
            placed.model_copy(
                update={"attributes": tuple(word for word in placed.attributes if family(word) != "colour")}
            )
            for placed in objects
        )
    if operation.wish in CUTTING and operation.id is not None:
        return _cut(layout, operation, layout[operation.id])
    return layout.model_copy(update={"objects": objects})


def _cut(layout: Layout, operation: Adjust, chosen: PlacedObject) -> Layout:
    """Return what is left of a layout when the picture is cut to an object, which may stand elsewhere in it."""
    frame = crop_frame(chosen.box) if operation.wish == "crop" else Box(0, 0, 1, 1)
    objects = tuple(
        placed.model_copy(update={"box": shown})
        for placed in layout.objects
        if (operation.wish == "crop" or placed.id == chosen.id)
        and (shown := _inside(placed.box, frame)).area * frame.area > 0.5 * placed.box.area
    )
    return layout.model_copy(update={"objects": objects})


def _inside(box: Box, frame: Box) -> Box:
    """Return a box as a box of ``frame``, what lies outside clipped away."""
    return Box((box.x - frame.x) / frame.w, (box.y - frame.y) / frame.h, box.w / frame.w, box.h / frame.h).clipped()
