"""Corrections of what was done last: "no, further", "no, the other one", "it's too big".

They are put into words that the instruction grammar knows, or done again with what the last change did.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agent.offline.instructions import parse_instruction
from agent.offline.placement import at
from tools.scene.difference import difference
from tools.scene.errors import CannotParse
from tools.scene.operations import Add, Move, apply

if TYPE_CHECKING:
    from agent.offline.workbench import Memory
    from tools.scene.layout import Layout, PlacedObject
    from tools.scene.operations import Operation

_NO = re.compile(
    r"^(?:(?:no|nope|hmm|hm|well|actually|wait|sorry|not quite|not like that|almost|ok|okay|but)\b[\s,.!:;-]*)+"
)
_FURTHER = re.compile(
    r"(?:(?:move|push|go|put)?\s*(?:it|that|them)?\s*)(?P<degree>a bit|a little|even|much|a lot|still)?\s*"
    r"(?:further|farther|more|again|once more|the same again|keep going|one more time)(?:\s+please)?"
)
_LESS = re.compile(
    r"(?:that is |it is |that was )?(?:too far|too much|not so far|not so much|not that far|not that much|less|"
    r"a bit less|"
    r"a little less|half of that|only half as much|half as much|not as far|not as much|half as far)"
)
_OTHER = re.compile(r"(?:i meant? |not that one,? |not this one,? )*(?:the )?other (?P<name>one|[a-z]+)(?:,? please)?")
_TOO = re.compile(
    r"(?P<what>it|that|this|the [a-z #0-9]+?|they|those)(?: is|'s| are|'re| looks| look| was| were)?(?: still| now)?"
    r"(?P<degree> a bit| a little| slightly| much| way| far)? too (?P<how>[a-z ]+)"
)
_DISLIKED = re.compile(
    r"i (?:do not|don't|no longer|really don't) (?:like|want|need) (?P<what>(?:the|this|that|those|these) [a-z #0-9]+?)"
    r"(?: any ?more)?[,;. ]+(?:and |so |please )*(?P<verb>take|remove|delete|erase|get rid of|throw)"
    r"(?: (?:it|them|that))?(?: away| out)?(?: please)?"
)
_ELLIPTIC = re.compile(
    r"(?:(?:even|still|slightly|a bit|a little|much|a lot|more|further|farther|to the|up|down|left|right|bigger|"
    r"smaller|larger|darker|lighter|taller|wider|narrower|shorter|higher|lower|closer|"
    r"brighter)\b)"
)
_CURES = {
    "big": "smaller", "large": "smaller", "huge": "smaller", "small": "bigger", "little": "bigger", "tiny": "bigger",
    "wide": "narrower", "narrow": "wider", "thin": "wider", "tall": "shorter", "short": "taller", "dark": "lighter",
    "light": "darker", "bright": "darker", "pale": "darker",
}  # fmt: skip
_WAYS = {
    "far left": "right", "far to the left": "right", "far right": "left", "far to the right": "left", "high": "down",
    "far up": "down", "high up": "down", "low": "up", "far down": "up", "low down": "up",
}  # fmt: skip
_DEGREES = {
    "a bit": "a bit ",
    "a little": "a bit ",
    "slightly": "a bit ",
    "much": "much ",
    "way": "much ",
    "far": "much ",
}
_BIT = 0.5  # how much of the last change "a bit further" is


def parse_correction(text: str, layout: Layout, memory: Memory, last: str = "") -> tuple[Operation, ...] | None:
    """Read a correction of the last change; None when the text is none.

    ``last`` is the instruction before this one, in its own words.

    Raises:
        CannotParse: nothing was changed before, or nothing that could be done again.
    """
    plain = re.sub(r"\s+", " ", text.strip().lower().rstrip("!. ").replace("\u2019", "'"))
    bare = _NO.sub("", plain)
    said_no = bare != plain
    if found := _DISLIKED.fullmatch(bare):
        return parse_instruction(f"remove {found['what']}", layout, memory)
    if found := _TOO.fullmatch(bare):
        return _cured(found, layout, memory)
    if found := _FURTHER.fullmatch(bare):
        return _again(text, layout, memory, _BIT if found["degree"] in {"a bit", "a little"} else 1.0)
    if _LESS.fullmatch(bare):
        return _again(text, layout, memory, -_BIT)
    if (found := _OTHER.fullmatch(bare)) and (said_no or last):
        return _other(text, layout, memory, last)
    elliptic = _ELLIPTIC.match(bare) is not None
    if elliptic or (said_no and bare and not bare.startswith(("the ", "it ", "don't", "do not"))):
        return _completed(re.sub(r"^(?:even|still) ", "", bare), layout, memory)
    return None


def _completed(bare: str, layout: Layout, memory: Memory) -> tuple[Operation, ...]:
    """Read "to the left", "a bit darker", "red" as what shall be done to what was changed last."""
    for sentence in (bare, f"move it {bare}"):
        try:
            return parse_instruction(sentence, layout, memory)
        except CannotParse:
            continue
    return parse_instruction(f"make it {bare}", layout, memory)


def _cured(found: re.Match[str], layout: Layout, memory: Memory) -> tuple[Operation, ...] | None:
    """Read "it's much too big" as "make it much smaller"."""
    how, what = found["how"].strip(), found["what"]
    what = "it" if what in {"that", "this"} else "them" if what in {"they", "those"} else what
    degree = _DEGREES.get((found["degree"] or "").strip(), "")
    if how in _CURES:
        return parse_instruction(f"make {what} {degree}{_CURES[how]}", layout, memory)
    if how in _WAYS:
        way = _WAYS[how]
        towards = f"to the {way}" if way in {"left", "right"} else way
        return parse_instruction(f"move {what} {degree or 'a bit '}{towards}", layout, memory)
    if near := re.fullmatch(r"(close|near) to (.+)", how):
        return parse_instruction(f"move {what} away from {near[2]}", layout, memory)
    if far := re.fullmatch(r"far (?:away )?from (.+)", how):
        return parse_instruction(f"move {what} closer to {far[1]}", layout, memory)
    return None


def _changed(text: str, layout: Layout, memory: Memory) -> list[tuple[PlacedObject, PlacedObject]]:
    """Return the objects whose box the last change changed, before and now."""
    if memory.before is None:
        raise CannotParse(f"cannot do {text!r}: nothing was changed before")
    pairs = [(old, layout[old.id]) for old in memory.before.objects if old.id in layout.ids]
    moved = [(old, new) for old, new in pairs if old.id in memory.recent] or pairs
    found = [(old, new) for old, new in moved if old.box.iou(new.box) < 0.98]
    if not found:
        raise CannotParse(f"cannot do {text!r}: the last change moved and resized nothing; say what to do")
    return found


def _again(text: str, layout: Layout, memory: Memory, share: float) -> tuple[Operation, ...]:
    """Do the last shift or change of size once more, by ``share`` of it (below 0: back)."""
    operations = []
    for old, new in _changed(text, layout, memory):
        grown = (new.box.area / old.box.area) ** 0.5
        if abs(grown - 1) > 0.05:
            factor = grown**share
            box = at(new.box.center, (new.box.w * factor, new.box.h * factor))
        else:
            (x0, y0), (x1, y1) = old.box.center, new.box.center
            box = at((x1 + share * (x1 - x0), y1 + share * (y1 - y0)), (new.box.w, new.box.h))
        if box.iou(new.box) > 0.99:
            raise CannotParse(f"cannot do {text!r}: {new.id!r} cannot go any further that way")
        operations.append(Move(id=new.id, box=box))
    return tuple(operations)


def _other(text: str, layout: Layout, memory: Memory, last: str) -> tuple[Operation, ...]:
    """Take the last change back and do it to the other object of that name."""
    before = memory.before
    if before is None or not last:
        raise CannotParse(f"cannot do {text!r}: nothing was changed before")
    done = parse_instruction(last, before, memory)
    ids = list(dict.fromkeys(operation.id for operation in done if not isinstance(operation, Add) and operation.id))
    if len(ids) != 1 or len(done) > 2:
        raise CannotParse(f"cannot do {text!r}: {last!r} was about {len(ids) or 'no'} objects; say which one is meant")
    others = [placed for placed in before.objects if placed.name == before[ids[0]].name and placed.id != ids[0]]
    if len(others) != 1:
        raise CannotParse(f"cannot do {text!r}: there are {len(others)} others; say which one is meant")
    wrong, right = before[ids[0]], others[0]
    redone = tuple(
        operation.model_copy(update={"id": right.id} | _box_of(operation, wrong, right)) for operation in done
    )
    return difference(layout, apply(before, redone))


def _box_of(operation: Operation, wrong: PlacedObject, right: PlacedObject) -> dict[str, object]:
    """Return the box of a move as the same shift (or growth) of the other object."""
    box = getattr(operation, "box", None)
    if box is None or not isinstance(operation, Move):
        return {}
    (x0, y0), (x1, y1) = wrong.box.center, box.center
    x, y = right.box.center
    return {
        "box": at((x + x1 - x0, y + y1 - y0), (right.box.w * box.w / wrong.box.w, right.box.h * box.h / wrong.box.h))
    }
