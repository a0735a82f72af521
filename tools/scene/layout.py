"""Named boxes: what a detector saw (`Detection`) and what a picture holds or shall hold (`Layout`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field, StringConstraints, model_validator

from tools.scene.box import Box
from tools.scene.lexicon import with_article
from tools.scene.notebook import layout_html
from tools.scene.spec import Frozen, Query, Word

if TYPE_CHECKING:
    from collections.abc import Collection

ObjectId = Annotated[str, StringConstraints(strip_whitespace=True, to_lower=True, min_length=1, max_length=100)]


class Detection(Frozen):
    """One object that a detector found for one query."""

    name: Word
    attributes: tuple[Word, ...] = ()
    box: Box
    score: float = Field(ge=0, le=1)

    @property
    def query(self) -> Query:
        return Query(name=self.name, attributes=self.attributes)

    @property
    def phrase(self) -> str:
        return self.query.phrase


class PlacedObject(Frozen):
    """An object with a stable id ("car #1"), a name, attributes and a box."""

    id: ObjectId
    name: Word
    attributes: tuple[Word, ...] = ()
    box: Box

    @property
    def query(self) -> Query:
        return Query(name=self.name, attributes=self.attributes)

    @property
    def phrase(self) -> str:
        return self.query.phrase


class Layout(Frozen):
    """Placed objects, back to front in drawing order, over a background.

    Raises (on building): ValueError when two objects share an id.
    """

    objects: tuple[PlacedObject, ...] = Field(default=(), max_length=100)
    background: str = Field(default="", max_length=400)
    absent: tuple[str, ...] = Field(
        default=(),
        max_length=50,
        exclude_if=lambda phrases: not phrases,
        description="phrases of what shall not appear",
    )

    @model_validator(mode="after")
    def _ids_are_unique(self) -> Layout:
        ids = [placed.id for placed in self.objects]
        twice = sorted({id_ for id_ in ids if ids.count(id_) > 1})
        if twice:
            raise ValueError(f"object ids must be unique, but these appear twice: {twice}")
        return self

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(placed.id for placed in self.objects)

    @property
    def queries(self) -> tuple[Query, ...]:
        """What to ask a detector for to see every object again: its plain name and its whole phrase."""
        return tuple(query for placed in self.objects for query in (Query(name=placed.name), placed.query))

    def without(self, names: Collection[str]) -> Layout:
        """Return the layout without the objects of these names."""
        return self.model_copy(update={"objects": tuple(placed for placed in self.objects if placed.name not in names)})

    def __getitem__(self, object_id: str) -> PlacedObject:
        """Return the object with this id.

        Raises:
            KeyError: there is none; the message names the known ids.
        """
        for placed in self.objects:
            if placed.id == object_id.strip().lower():
                return placed
        raise KeyError(f"no object {object_id!r}; known ids: {', '.join(self.ids) or 'none'}")

    def _repr_html_(self) -> str:
        return layout_html(self)

    def new_id(self, name: str) -> str:
        """Return the first free id for ``name``: "car #1", "car #2", ..."""
        number = 1
        while f"{name} #{number}" in self.ids:
            number += 1
        return f"{name} #{number}"


def in_words(layout: Layout) -> str:
    """Return a layout as a prompt: "a photo of a beach with a red car, a dog"."""
    objects = ", ".join(with_article(placed.phrase) for placed in layout.objects)
    return " with ".join(filter(None, [layout.background or "a photo of a scene", objects]))
