"""A plan that waits for a person: its operations in words, and what is changed in it before it is accepted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from tools.scene.box import Box
from tools.scene.operations import Add, Adjust, Move, Operation, Remove, Replace, Restyle

if TYPE_CHECKING:
    from collections.abc import Sequence

    class Named(Protocol):
        """An object with its id, noun, whole phrase and box."""

        @property
        def id(self) -> str: ...
        @property
        def name(self) -> str: ...
        @property
        def phrase(self) -> str: ...
        @property
        def box(self) -> Box: ...


DIGITS = 4


@dataclass
class Plan:
    """Proposed operations as they stand on the page. ``changed`` once a person has touched them."""

    operations: list[Operation]
    objects: Sequence[Named]
    """What is in the picture."""
    changed: bool = False
    words: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self.words = [plan_words(operation, self.objects) for operation in self.operations]

    @property
    def places(self) -> dict[str, Box]:
        """Where the objects are."""
        return {one.id: one.box for one in self.objects}

    def move(self, number: int, box: Sequence[float]) -> None:
        """Give operation ``number`` (from 1) another box, cut to the picture.

        Raises:
            ValueError: there is no such operation, it has no box, or the box is none.
        """
        operation = self._at(number)
        if not isinstance(operation, (Add, Move, Replace)):
            raise ValueError(f"operation {number} ({operation.op}) has no box")
        changed = operation.model_copy(update={"box": fitting(box)})
        self.operations[number - 1] = type(operation).model_validate(changed.model_dump())
        self.changed = True

    def place_at(self, box: Sequence[float]) -> None:
        """Put the first operation that has a place into ``box``: where a person has said that it shall be.

        Raises:
            ValueError: the box is none, or no operation has a place.
        """
        numbers = [n for n, one in enumerate(self.operations, 1) if isinstance(one, (Add, Move, Replace))]
        if not numbers:
            raise ValueError("nothing in this plan has a place: leave the box out, or say what to add or move there")
        self.move(numbers[0], box)

    def leave_out(self, number: int) -> None:
        """Do all but operation ``number``.

        Raises:
            ValueError: there is no such operation.
        """
        self._at(number)
        del self.operations[number - 1], self.words[number - 1]
        self.changed = True

    def _at(self, number: int) -> Operation:
        if not 1 <= number <= len(self.operations):
            raise ValueError(f"there is no operation {number}: they are numbered from 1 to {len(self.operations)}")
        return self.operations[number - 1]


def fitting(box: Sequence[float]) -> Box:
    """Return a box from a browser as one of the picture: four numbers, cut to its edges.

    Raises:
        ValueError: there are not four numbers, or nothing of it is in the picture.
    """
    try:
        x, y, w, h = (float(value) for value in box)
    except (TypeError, ValueError):
        raise ValueError(f"{box!r} is no box: x, y, width and height are wanted") from None
    x0, y0, x1, y1 = (min(max(value, 0.0), 1.0) for value in (x, y, x + w, y + h))
    if not (x1 > x0 and y1 > y0):
        raise ValueError(f"the box {[x, y, w, h]} holds nothing of the picture")
    return Box(*(round(value, DIGITS) for value in (x0, y0, x1 - x0, y1 - y0)))


def plan_words(operation: Operation, objects: Sequence[Named]) -> str:
    """Say what an operation will do."""
    match operation:
        case Add():
            return f"add {_a(' '.join([*operation.attributes, operation.name]))}"
        case Remove():
            return f"remove {naming(operation.id, objects)}"
        case Move():
            return f"move {naming(operation.id, objects)}"
        case Restyle():
            return f"make {naming(operation.id, objects)} {' '.join(operation.attributes)}"
        case Replace():
            new = _a(" ".join([*operation.attributes, operation.name]))
            return f"replace {naming(operation.id, objects)} with {new}"
        case Adjust():
            named = naming(operation.id, objects) if operation.id else "the picture"
            return f"{operation.wish}: {named}"


def naming(object_id: str, objects: Sequence[Named]) -> str:
    """Return words that mean this object alone: "the dog", "the red car", or its id "car #2"."""
    one = next((placed for placed in objects if placed.id == object_id), None)
    if one is None:
        return object_id
    for words, same in (
        (one.name, sum(other.name == one.name for other in objects)),
        (one.phrase, sum(other.phrase == one.phrase for other in objects)),
    ):
        if same == 1:
            return f"the {words}"
    return object_id


def _a(words: str) -> str:
    return f"{'an' if words[:1] in 'aeiou' else 'a'} {words}"
