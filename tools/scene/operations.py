"""The edit operations, as the language model, the layout difference and the editor know them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from tools.scene.box import Box
from tools.scene.layout import Layout, ObjectId, PlacedObject
from tools.scene.spec import Frozen, Word

if TYPE_CHECKING:
    from collections.abc import Iterable


class Source(Frozen):
    """An object of this or another picture that shall be copied."""

    picture: str = Field(default="", max_length=200, description="name of the other picture; empty is this one")
    box: Box = Field(description="where the object is in that picture")
    attributes: tuple[Word, ...] = Field(default=(), max_length=8, description="the looks it has there")


class _Making(Frozen):
    """What Add and Replace have in common: the new object may be a copy."""

    source: Source | None = Field(default=None, description="what to copy; empty draws it anew")

    @model_serializer(mode="wrap")
    def _without_empty_source(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        dumped: dict[str, Any] = handler(self)
        if dumped.get("source") is None:
            dumped.pop("source", None)
        return dumped


class Add(_Making):
    """Put a new object into the box."""

    op: Literal["add"] = "add"
    name: Word = Field(description="singular noun without attributes, such as 'car'")
    attributes: tuple[Word, ...] = Field(default=(), max_length=8)
    box: Box


class Remove(Frozen):
    """Take an object away and fill in the background."""

    op: Literal["remove"] = "remove"
    id: ObjectId


class Move(Frozen):
    """Move an object into the box; a box of another size resizes it."""

    op: Literal["move"] = "move"
    id: ObjectId
    box: Box


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
    box: Box | None = Field(default=None, description="its box; empty keeps the old one")


Operation = Annotated[Add | Remove | Move | Restyle | Replace, Field(discriminator="op")]


def apply(layout: Layout, operations: Iterable[Operation]) -> Layout:
    """Return the layout that ``operations`` aim at.

    Untouched objects keep id, box and drawing order; added ones come last (in front); a replaced
    object takes its predecessor's place in the order and a new id of its own name.

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
    return result
