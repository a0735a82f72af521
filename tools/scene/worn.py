"""What people wear and carry: it lies within its wearer, and goes where the wearer goes.

Pure geometry on layouts and operations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.scene.box import Box
from tools.scene.lexicon import singular
from tools.scene.operations import Move, Remove

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from tools.scene.layout import Layout, PlacedObject
    from tools.scene.operations import Operation

WEARERS = frozenset({"person", "man", "woman", "child", "boy", "girl", "baby", "lady", "guy", "gentleman", "kid"})
WORN = frozenset(
    {"tie", "necktie", "handbag", "purse", "bag", "backpack", "rucksack", "umbrella", "suitcase", "cell phone", "hat",
     "cap", "glasses", "sunglasses", "scarf", "belt", "watch", "helmet", "baseball glove"}
)  # fmt: skip
INSIDE = 0.8  # share of a worn thing's box that lies in its wearer's
SMALLER = 0.35  # of the wearer's area at most: else it is the wearer that is before a large thing


def wearer_of(thing: PlacedObject, layout: Layout) -> PlacedObject | None:
    """Return the person who wears or carries a thing; the smallest one that it lies in. None where nobody does."""
    if singular(thing.name) not in WORN or thing.box.area <= 0:
        return None
    around = [
        person
        for person in layout.objects
        if singular(person.name) in WEARERS
        and thing.box.intersection(person.box) >= INSIDE * thing.box.area
        and thing.box.area <= SMALLER * person.box.area
    ]
    return min(around, key=lambda person: person.box.area, default=None)


def worn_by(layout: Layout) -> dict[str, str]:
    """Return the id of the wearer for each worn thing's id."""
    pairs = ((thing.id, wearer_of(thing, layout)) for thing in layout.objects)
    return {thing: wearer.id for thing, wearer in pairs if wearer is not None}


def with_worn(layout: Layout, operations: Sequence[Operation], spoken: Collection[str] = ()) -> tuple[Operation, ...]:
    """Return operations in which what is worn goes, or goes away, with its wearer.

    Left as they are: things that an operation names already, and those whose noun is ``spoken`` of.
    """
    named = {one for operation in operations if (one := getattr(operation, "id", None)) is not None}
    result = list(operations)
    for thing_id, wearer_id in worn_by(layout).items():
        thing = layout[thing_id]
        if thing_id in named or thing.name in spoken:
            continue
        for operation in operations:
            if isinstance(operation, Remove) and operation.id == wearer_id:
                result.append(Remove(id=thing_id))
            elif isinstance(operation, Move) and operation.id == wearer_id:
                result.append(Move(id=thing_id, box=_carried(thing.box, layout[wearer_id].box, operation.box)))
    return tuple(result)


def _carried(box: Box, old: Box, new: Box) -> Box:
    """Return where a box inside ``old`` comes to lie when ``old`` becomes ``new``."""
    x, y = new.w / old.w, new.h / old.h
    return Box(new.x + (box.x - old.x) * x, new.y + (box.y - old.y) * y, box.w * x, box.h * y).clipped()
