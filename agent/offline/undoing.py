""" "Undo the last change but keep the colour": from the layout before the last change, as operations on this one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agent.offline.placement import at
from tools.scene.difference import difference
from tools.scene.errors import CannotParse
from tools.scene.layout import Layout
from tools.scene.operations import Move, apply

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.offline.workbench import Memory
    from tools.scene.layout import PlacedObject
    from tools.scene.operations import Operation

_UNDO = re.compile(
    r"(?:please\s+)?(?:undo|revert|take\s+back)\s*(?:that|it|this|(?:the|my|your)\s+last\s+(?:change|edit|step|one))?"
    r"\s*,?\s*(?:(?:but|and|except|only)\s+)+(?:(?:please\s+)?keep(?:ing)?|leave|for)\s+(?P<kept>.+?)\s*[.!]?",
    re.IGNORECASE,
)
_THEN = re.compile(
    r"(?:please\s+)?(?:undo|revert|take\s+back)\s*(?:that|it|this|(?:the|my|your)\s+last\s+(?:change|edit|step|one))?"
    r"\s*,?\s*(?:and\s+then|and|then|,)\s+(?:instead\s+)?(?P<rest>.+)",
    re.IGNORECASE,
)
_BACK = re.compile(
    r"(?:please\s+)?(?:put|move|bring|set)\s+(?P<what>it|them|that|the\s+[a-z #0-9]+?)\s+"
    r"(?:back|(?:back\s+)?(?:to\s+)?where\s+(?:it|they)\s+(?:was|were)(?:\s+before)?|"
    r"back\s+to\s+(?:its|their)\s+(?:old|former|previous|original)\s+place)(?:\s+please)?\s*[.!]?",
    re.IGNORECASE,
)
_ASPECTS = {
    "colour": "looks", "color": "looks", "colours": "looks", "colors": "looks", "look": "looks", "looks": "looks",
    "size": "size", "sizes": "size",
    "place": "place", "position": "place", "places": "place", "positions": "place", "location": "place",
}  # fmt: skip
_SMALL_WORDS = frozenset({"the", "its", "their", "new", "and", "as", "is", "it", "they", "are", "of", "them", ","})
SAME_SPOT = 0.5  # IoU from which an object of another name stands in an earlier one's place


def parse_undo(text: str, layout: Layout, before: Layout | None) -> tuple[Operation, ...] | None:
    """Read a request to take back the last change in part; None when the text is none.

    ``before`` is the layout before the last change.

    Raises:
        CannotParse: unknown words for what is kept, or nothing is left to take back.
    """
    found = _UNDO.fullmatch(text.strip())
    if found is None:
        return None
    words = [word for word in re.findall(r"[\w'-]+", found["kept"].lower()) if word not in _SMALL_WORDS]
    unknown = [word for word in words if word not in _ASPECTS]
    if unknown or not words:
        raise CannotParse(
            f"did not understand {found['kept']!r} in {text!r}: the colour, the size and the place can be kept"
        )
    if before is None:
        raise CannotParse(f"cannot do {text!r}: nothing was changed before")
    kept = {_ASPECTS[word] for word in words}
    objects = tuple(_restored(old, _now(old, layout, before), kept) for old in before.objects)
    operations = difference(layout, Layout(objects=objects, background=layout.background))
    if not operations:
        raise CannotParse(f"nothing is left to do for {text!r}: the last change was of what is to be kept")
    return operations


def parse_undo_and_more(
    text: str, layout: Layout, memory: Memory, read: Callable[[str, Layout, Memory], tuple[Operation, ...]]
) -> tuple[Operation, ...] | None:
    """Read "undo that and make the car yellow": what ``read`` makes of the rest, done where the last change was not.

    Raises:
        CannotParse: nothing was changed before, or the rest is not understood.
    """
    found = _THEN.fullmatch(text.strip())
    if found is None:
        return None
    if memory.before is None:
        raise CannotParse(f"cannot do {text!r}: nothing was changed before")
    return difference(layout, apply(memory.before, read(found["rest"], memory.before, memory)))


def parse_put_back(text: str, layout: Layout, memory: Memory) -> tuple[Operation, ...] | None:
    """Read "put it back" where the last change moved or resized it; None where it did not."""
    found = _BACK.fullmatch(text.strip())
    if found is None or memory.before is None:
        return None
    what = re.sub(r"^the\s+", "", found["what"].lower())
    return (
        tuple(
            Move(id=old.id, box=old.box)
            for old in memory.before.objects
            if old.id in layout.ids
            and (old.id in memory.recent if what in {"it", "them", "that"} else what in {old.name, old.id, old.phrase})
            and old.box.iou(layout[old.id].box) < SAME_SPOT
        )
        or None
    )


def _now(old: PlacedObject, layout: Layout, before: Layout) -> PlacedObject | None:
    """Return what became of an object: itself, or what has taken its place."""
    if old.id in layout.ids:
        return layout[old.id]
    arrived = [placed for placed in layout.objects if placed.id not in before.ids]
    return next((placed for placed in arrived if placed.box.iou(old.box) >= SAME_SPOT), None)


def _restored(old: PlacedObject, now: PlacedObject | None, kept: set[str]) -> PlacedObject:
    if now is None:
        return old
    place = now.box if "place" in kept else old.box
    size = now.box if "size" in kept else old.box
    box = old.box if place == size == old.box else at(place.center, (size.w, size.h))
    return old.model_copy(update={"box": box, "attributes": now.attributes if "looks" in kept else old.attributes})
