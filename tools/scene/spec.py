"""What a sentence asks for: `SceneSpec`, and the `Query` that a detector is asked.

Knows nothing of pictures; a spec is compared with detections in `tools.scene.verdict`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Word = Annotated[str, StringConstraints(strip_whitespace=True, to_lower=True, min_length=1, max_length=80)]

Predicate = Literal[
    # between two objects
    "left of",
    "right of",
    "above",
    "below",
    "on top of",
    "next to",
    "between",  # object is "A and B"
    # of one object in the picture; object is ""
    "on the left",
    "on the right",
    "at the top",
    "at the bottom",
    "in the middle",
]
PICTURE_PREDICATES = frozenset({"on the left", "on the right", "at the top", "at the bottom", "in the middle"})


class Frozen(BaseModel):
    """Base of every scene type: immutable, and unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Query(Frozen):
    """What a detector is asked for: an object name, alone or with attributes."""

    name: Word
    attributes: tuple[Word, ...] = ()

    @property
    def phrase(self) -> str:
        """The words as a person says them: ``"red car"``."""
        return " ".join([*self.attributes, self.name])


class SceneObject(Frozen):
    """Objects that must be in the picture: ``count`` of them, all with these attributes."""

    name: Word = Field(description="singular noun, such as 'car'")
    attributes: tuple[Word, ...] = Field(default=(), max_length=8, description="such as ['red', 'wooden']")
    count: int = Field(default=1, ge=1, le=50)

    @property
    def query(self) -> Query:
        return Query(name=self.name, attributes=self.attributes)

    @property
    def phrase(self) -> str:
        return self.query.phrase


class Relation(Frozen):
    """Where something is: ``subject predicate object``.

    ``subject`` and ``object`` are phrases of objects in the spec ("red car"). For the predicates of
    one object in the picture ("on the left", ...) ``object`` is empty; for "between" it is "A and B".
    """

    subject: Word
    predicate: Predicate
    object: Annotated[str, StringConstraints(strip_whitespace=True, to_lower=True, max_length=160)] = ""


class SceneSpec(Frozen):
    """Everything that a sentence demands of a picture."""

    objects: tuple[SceneObject, ...] = Field(default=(), max_length=50)
    relations: tuple[Relation, ...] = Field(default=(), max_length=100)
    absent: tuple[Word, ...] = Field(default=(), max_length=50, description="phrases that must not be there")
    background: Annotated[str, StringConstraints(strip_whitespace=True, max_length=400)] = Field(
        default="", description="scene and style without the objects, such as 'a beach at night'"
    )
