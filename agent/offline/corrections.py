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
from tools.scene.lexicon import plural
from tools.scene.operations import Add, Move, Remove, apply

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.offline.workbench import Memory
    from tools.scene.layout import Layout, PlacedObject
    from tools.scene.operations import Operation

_NO = re.compile(
    r"^(?:(?:no|nope|hmm|hm|well|actually|wait|sorry|not quite|not like that|almost|ok|okay|but|rather|better|instead|"
    r"preferably|i said|i mean|i meant|i wanted|not there|not here|"
    r"(?:that is|that's)? ?not what i (?:meant|wanted))\b[\s,.!:;-]*)+"
)
_FURTHER = re.compile(
    r"(?:(?:move|push|go|put)?\s*(?:it|that|them)?\s*)(?P<degree>a bit|a little|even|much|a lot|still)?\s*"
    r"(?:further|farther|more|again|once more|the same again|keep going|one more time)(?:\s+please)?"
)
_LESS = re.compile(
    r"(?:that is |that's |it is |that was )?(?:(?:a bit |a little |way |much )?too (?:far|much)|"
    r"not so far|not so much|not that far|not that much|less|"
    r"a bit less|back a bit|a bit back|a little back|go back a bit|back a little|"
    r"a little less|half of that|only half as much|half as much|not as far|not as much|half as far)"
)
_BACKWARD = re.compile(r"(?:(?:in |into )?the )?(?:other|opposite|wrong) (?:way|direction)(?: round| around)?")
_MEANT = re.compile(r"(?P<what>the (?:(?!should|must|is|needs|has|could)[a-z#0-9]+ ?){1,4}?)(?: ?instead)?")
_OTHER = re.compile(r"(?:i meant? |not that one,? |not this one,? )*(?:the )?other (?P<name>one|[a-z]+)(?:,? please)?")
_TOO = re.compile(
    r"(?:(?P<what>it|that|this|the [a-z #0-9]+?|they|those)(?: is|'s| are|'re| looks| look| was| were)?)?"
    r"(?: ?still| ?now)?(?P<degree> ?a bit| ?a little| ?slightly| ?much| ?way| ?far)? ?too (?P<how>[a-z ]+)"
)
_SAME = re.compile(
    r"(?:and |please )*(?:do |make |apply )?(?:exactly )?the same (?:thing )?(?:to|with|for|on) (?P<what>.+?)(?: too)?"
    r"|(?:and |please )*same (?:thing )?(?:to|with|for|on) (?P<what2>.+?)(?: too)?"
    r"|(?:and |also )*(?P<what3>the [a-z #0-9]+?|it|them)(?: too| as well| also)"
    r"|(?:and )?also (?P<what4>the [a-z #0-9]+)"
)
_WHICH = re.compile(r"did not understand '(?P<said>[^']+)' in .*: say which ")
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
_PLACE = re.compile(r"(?:on|at|in|into) the (?:left|right|top|bottom|middle|center|centre|upper|lower|corner)\b|"
                    r"(?:next to|above|below|under|beside|between|closer to|near|behind|in front of) ")  # fmt: skip
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
    if last and (which := _answered(bare, layout, memory, last)) is not None:
        return which
    if found := _DISLIKED.fullmatch(bare):
        return parse_instruction(f"remove {found['what']}", layout, memory)
    if (share := _share(bare)) is not None:
        return _again(text, layout, memory, share)
    if found := _TOO.fullmatch(bare):
        return _cured(found, layout, memory)
    if last and (found := _SAME.fullmatch(bare)):
        return _same_for(next(filter(None, found.groups())), text, layout, memory, last)
    if (found := _OTHER.fullmatch(bare)) and (said_no or last):
        return _other(text, layout, memory, last)
    if said_no and last and (found := _MEANT.fullmatch(bare)):
        return _retargeted(found["what"], text, layout, memory, last)
    if _is_elliptic(bare, last) or (said_no and bare and not bare.startswith(("don't", "do not"))):
        return _completed(re.sub(r"^(?:even|still) ", "", bare), layout, memory)
    return None


def _share(bare: str) -> float | None:
    """Return how much of the last change "further", "not so far", "the other way" ask for; None for other words."""
    if found := _FURTHER.fullmatch(bare):
        return _BIT if found["degree"] in {"a bit", "a little"} else 1.0
    if _LESS.fullmatch(bare):
        return -_BIT
    return -2.0 if _BACKWARD.fullmatch(bare) else None


def _is_elliptic(bare: str, last: str) -> bool:
    """Whether it only says what shall be: "a bit darker"; after an instruction "on the left" too."""
    return _ELLIPTIC.match(bare) is not None or (last != "" and _PLACE.match(bare) is not None)


def _answered(bare: str, layout: Layout, memory: Memory, last: str) -> tuple[Operation, ...] | None:
    """Read "the taller one" after an instruction that could have meant several; None where it answers nothing."""
    if not re.match(r"(?:the|both|all|this|that)\b", bare) or " should " in bare:
        return None
    try:
        parse_instruction(last, layout, memory)
    except CannotParse as refusal:
        asked = _WHICH.search(str(refusal))
    else:
        return None
    if asked is None or not re.search(re.escape(asked["said"]), last, re.IGNORECASE):
        return None
    name = asked["said"].split()[-1]
    which = re.sub(r"\bone$", name, re.sub(r"\bones$", plural(name), bare))
    if which in {"both", "all", "both of them", "all of them"}:
        which = f"{which.split()[0]} {plural(name)}"
    try:
        return parse_instruction(re.sub(re.escape(asked["said"]), which, last, count=1, flags=re.I), layout, memory)
    except CannotParse:
        return None


def _same_for(what: str, text: str, layout: Layout, memory: Memory, last: str) -> tuple[Operation, ...]:
    """Do the last change to other objects too: "the same with the cup"."""
    _, done, wrong = _last_done(text, memory, last)
    return tuple(
        operation.model_copy(update={"id": id_} | _box_of(operation, wrong, layout[id_]))
        for id_ in _ids_of(what, layout, memory)
        for operation in done
    )


def _completed(bare: str, layout: Layout, memory: Memory) -> tuple[Operation, ...]:
    """Read "to the left", "a bit darker", "red" as what shall be done to what was changed last."""
    if bare.startswith(("the ", "it ")):
        return parse_instruction(bare, layout, memory)
    for sentence in (bare, f"move it {bare}"):
        try:
            return parse_instruction(sentence, layout, memory)
        except CannotParse:
            continue
    return parse_instruction(f"make it {bare}", layout, memory)


def _cured(found: re.Match[str], layout: Layout, memory: Memory) -> tuple[Operation, ...] | None:
    """Read "it's much too big" as "make it much smaller"."""
    how, what = found["how"].strip(), found["what"] or "it"
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
    before, done, wrong = _last_done(text, memory, last)
    others = [placed for placed in before.objects if placed.name == wrong.name and placed.id != wrong.id]
    if len(others) != 1:
        raise CannotParse(f"cannot do {text!r}: there are {len(others)} others; say which one is meant")
    return _redone(layout, before, done, wrong, others[0])


def _retargeted(what: str, text: str, layout: Layout, memory: Memory, last: str) -> tuple[Operation, ...]:
    """Take the last change back and do it to what was meant: "no, I meant the car"."""
    before, done, wrong = _last_done(text, memory, last)
    meant = _ids_of(what, before, memory)
    if len(meant) != 1 or meant[0] == wrong.id:
        raise CannotParse(f"cannot do {text!r}: say what to do with {what!r}")
    return _redone(layout, before, done, wrong, before[meant[0]])


def _last_done(text: str, memory: Memory, last: str) -> tuple[Layout, tuple[Operation, ...], PlacedObject]:
    """Return the layout before the last change, what was done, and the one object that it was about."""
    before = memory.before
    if before is None or not last:
        raise CannotParse(f"cannot do {text!r}: nothing was changed before")
    done = parse_instruction(last, before, memory)
    ids = list(dict.fromkeys(operation.id for operation in done if not isinstance(operation, Add) and operation.id))
    if len(ids) != 1 or len(done) > 2:
        raise CannotParse(f"cannot do {text!r}: {last!r} was about {len(ids) or 'no'} objects; say which one is meant")
    return before, done, before[ids[0]]


def _ids_of(what: str, layout: Layout, memory: Memory) -> list[str]:
    """Return the ids of what "the left dog" or "it" means."""
    done = parse_instruction(f"remove {what}", layout, memory)
    return [operation.id for operation in done if isinstance(operation, Remove)]


def _redone(
    layout: Layout, before: Layout, done: Sequence[Operation], wrong: PlacedObject, right: PlacedObject
) -> tuple[Operation, ...]:
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
