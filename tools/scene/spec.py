"""What a sentence asks for: `SceneSpec`, and the `Query` that names objects of one kind.

Knows nothing of pictures; a spec is compared with detections in `tools.scene.verdict`.
"""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

Word = Annotated[str, StringConstraints(strip_whitespace=True, to_lower=True, min_length=1, max_length=80)]
Quote = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)]

PicturePredicate = Literal[  # of one object; Relation.object is ""
    "on the left",
    "on the right",
    "at the top",
    "at the bottom",
    "in the middle",
    "in the top left corner",
    "in the top right corner",
    "in the bottom left corner",
    "in the bottom right corner",
    "in the left half",
    "in the right half",
    "in the top half",
    "in the bottom half",
    "in the left third",
    "in the right third",
    "in the top third",
    "in the bottom third",
    "halfway across",
    "halfway down",
]
PairPredicate = Literal[
    "left of",
    "right of",
    "above",
    "below",
    "on top of",
    "next to",  # side by side
    "near",
    "inside",
    "between",  # object is "A and B"
]
SizePredicate = Literal["bigger than", "smaller than", "as big as"]
GroupPredicate = Literal["in a row", "in a column", "stacked", "of the same size"]  # object is ""
NumberPredicate = Literal["more than", "fewer than", "as many as", "no more than", "no fewer than"]
Predicate = PicturePredicate | PairPredicate | SizePredicate | GroupPredicate | NumberPredicate

PICTURE_PREDICATES: frozenset[Predicate] = frozenset(get_args(PicturePredicate))
SIZE_PREDICATES: frozenset[Predicate] = frozenset(get_args(SizePredicate))
GROUP_PREDICATES: frozenset[Predicate] = frozenset(get_args(GroupPredicate))
NUMBER_PREDICATES: frozenset[Predicate] = frozenset(get_args(NumberPredicate))

Size = Literal["tiny", "small", "large", "huge"]
SIZES: dict[str, Size] = {
    "tiny": "tiny",
    "miniature": "tiny",
    "mini": "tiny",
    "small": "small",
    "little": "small",
    "big": "large",
    "large": "large",
    "huge": "huge",
    "giant": "huge",
    "enormous": "huge",
    "gigantic": "huge",
    "massive": "huge",
}
"""Words that say how large something is."""

Bound = Literal["exactly", "at least", "at most", "a"]


class Frozen(BaseModel):
    """Base of every scene type: immutable, and unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Query(Frozen):
    """Objects of one kind: a name, attributes they have or lack, a size.

    A detector is asked for names and attributes alone (`asked`); what is lacking and how large things are
    is found by looking at its answers.
    """

    name: Word
    attributes: tuple[Word, ...] = ()
    lacks: tuple[Word, ...] = ()
    size: Size | None = None

    @property
    def phrase(self) -> str:
        """The words as a person says them: ``"large red car"``, ``"not brown dog"``."""
        size = [self.size] if self.size else []
        return " ".join([*size, *(f"not {word}" for word in self.lacks), *self.attributes, self.name])

    @property
    def asked(self) -> Query:
        """What a detector can be asked for."""
        return Query(name=self.name, attributes=self.attributes) if self.lacks or self.size else self


class SceneObject(Frozen):
    """Objects that must be in the picture: ``count`` of them (see ``bound``), all with these attributes."""

    name: Word = Field(description="singular noun, such as 'car'")
    attributes: tuple[Word, ...] = Field(default=(), max_length=8, description="such as ['red', 'wooden']")
    lacks: tuple[Word, ...] = Field(default=(), max_length=8, description="attributes that they must not have")
    size: Size | None = Field(default=None, description="only where the sentence says one")
    count: int = Field(default=1, ge=1, le=50)
    bound: Bound = Field(default="exactly", description="'a' for 'a' and 'an' and a bare noun in singular")
    every: bool = Field(default=False, description="everything of that name has the attributes: 'every cup is blue'")

    @property
    def query(self) -> Query:
        return Query(name=self.name, attributes=self.attributes, lacks=self.lacks, size=self.size)

    @property
    def phrase(self) -> str:
        return self.query.phrase


class Relation(Frozen):
    """Where something is, or how it compares: ``subject predicate object``.

    ``subject`` and ``object`` are phrases of objects in the spec ("large red car"). For the predicates of
    one object in the picture ("on the left", ...) and of a group ("in a row") ``object`` is empty. A group's
    subject, and the object of "between", may be several phrases: "A and B".
    """

    subject: Annotated[str, StringConstraints(strip_whitespace=True, to_lower=True, min_length=1, max_length=300)]
    predicate: Predicate
    object: Annotated[str, StringConstraints(strip_whitespace=True, to_lower=True, max_length=160)] = ""
    count: int | None = Field(default=None, ge=1, le=50, description="how many of the subject, if not all of them")
    factor: float | None = Field(default=None, gt=0.05, lt=20, description="for 'as big as': 2 is twice as big")

    @model_validator(mode="after")
    def _factor_is_of_sizes(self) -> Relation:
        if self.factor is not None and self.predicate != "as big as":
            raise ValueError(f"a factor belongs to 'as big as', not to {self.predicate!r}")
        return self


class SceneSpec(Frozen):
    """Everything that a sentence demands of a picture."""

    objects: tuple[SceneObject, ...] = Field(default=(), max_length=50)
    relations: tuple[Relation, ...] = Field(default=(), max_length=100)
    absent: tuple[Word, ...] = Field(default=(), max_length=50, description="phrases that must not be there")
    background: Annotated[str, StringConstraints(strip_whitespace=True, max_length=400)] = Field(
        default="", description="scene and style without the objects, such as 'a beach at night'"
    )
    unchecked: tuple[Quote, ...] = Field(
        default=(), max_length=50, description="other demands, quoted, such as 'holding hands'"
    )
    notes: tuple[Quote, ...] = Field(
        default=(), max_length=50, description="what was taken for granted in reading; nothing is demanded by it"
    )
