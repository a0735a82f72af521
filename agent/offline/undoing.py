""" "Undo the last change but keep the colour": from the layout before the last change, as operations on this one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agent.offline.placement import at
from tools.scene.difference import difference
from tools.scene.errors import CannotParse
from tools.scene.layout import Layout

if TYPE_CHECKING:
    from tools.scene.layout import PlacedObject
    from tools.scene.operations import Operation

_UNDO = re.compile(
    r"(?:please\s+)?(?:undo|revert|take\s+back)\s*(?:that|it|this|(?:the|my|your)\s+last\s+(?:change|edit|step|one))?"
    r"\s*,?\s*(?:(?:but|and|except|only)\s+)+(?:(?:please\s+)?keep(?:ing)?|leave|for)\s+(?P<kept>.+?)\s*[.!]?",
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
