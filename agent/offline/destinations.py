"""Where to: places ("in the top left corner", "next to the car") and shifts ("a bit to the left")."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.offline import amounts
from agent.offline.depth import read_depth
from agent.offline.lexer import Phrases, meaning, phrases
from agent.offline.placement import (
    CROWDED,
    LEAST,
    approached,
    at,
    beside,
    fits_beside,
    fits_depth,
    fits_picture,
    free_place,
    in_picture,
    overlapping,
)
from agent.offline.positions import PICTURE_SIDES, TWO_SIDED
from agent.offline.selectors import read_selection, sides_length
from tools.scene.box import Box, enclosing
from tools.scene.errors import CannotParse

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agent.offline.depth import Side
    from agent.offline.items import Item, Scene
    from agent.offline.lexer import Cursor
    from agent.offline.placement import Point
    from tools.scene.spec import Predicate

    Shift = Callable[[Box], Box]

STEPS = {"bit": 0.1, None: 0.25, "much": 0.4}  # of the picture, for "to the left" and the like
TOWARDS = {"bit": 0.25, None: 0.5, "much": 0.75}  # of the way

_DIRECTIONS: Phrases[Point] = Phrases(
    dict.fromkeys(("left", "to the left", "leftwards", "leftward", "towards the left", "toward the left", "to left",
                   "further left", "further to the left", "more to the left", "over to the left"), (-1.0, 0.0))
    | dict.fromkeys(("right", "to the right", "rightwards", "rightward", "towards the right", "toward the right",
                     "to right", "further right", "further to the right", "more to the right", "over to the right"),
                    (1.0, 0.0))
    | dict.fromkeys(("up", "upwards", "upward", "higher", "higher up", "further up", "towards the top",
                     "toward the top"), (0.0, -1.0))
    | dict.fromkeys(("down", "downwards", "downward", "lower", "further down", "lower down", "towards the bottom",
                     "toward the bottom"), (0.0, 1.0))
)  # fmt: skip
_ALL_THE_WAY = phrases("all the way")
_HALFWAY = phrases("halfway|half way|half the way|midway")
_TOWARDS = phrases("towards|toward|closer to|nearer to|nearer|in the direction of|closer towards|to|near to")
_AWAY = phrases("away from|further away from|farther from|further from|farther away from")
_OF_PICTURE = phrases(
    "of the picture|of the image|of the width|of the height|of its width|of the way|of the picture width"
)
_CORNERS: dict[str, tuple[Predicate, ...]] = {
    **meaning("top left|top left corner|upper left|upper left corner", ("at the top", "on the left")),
    **meaning("top right|top right corner|upper right|upper right corner", ("at the top", "on the right")),
    **meaning("bottom left|bottom left corner|lower left|lower left corner", ("at the bottom", "on the left")),
    **meaning("bottom right|bottom right corner|lower right|lower right corner", ("at the bottom", "on the right")),
}
_MORE_SIDES: Phrases[tuple[Predicate, ...]] = Phrases(
    _CORNERS
    | {"to the top": ("at the top",), "to the bottom": ("at the bottom",), "to the center": ("in the middle",),
       "to the middle": ("in the middle",), "all the way to the left": ("on the left",),
       "all the way to the right": ("on the right",), "all the way to the top": ("at the top",),
       "all the way to the bottom": ("at the bottom",), "all the way left": ("on the left",),
       "all the way right": ("on the right",), "all the way up": ("at the top",),
       "all the way down": ("at the bottom",), "in the foreground": ("at the bottom",)}
)  # fmt: skip
_TO = phrases("to be|so that it is|so that they are|so it is|to stand|to sit|until it is|directly|right|just|to|over|"
              "over to|back|to a place|to a position|to the place|to the position|that is|which is|standing|sitting|"
              "somewhere|onto|up to|down to|up|down")  # fmt: skip
_WHERE = phrases("where|to where|to the place of|to the position of|in place of|in the place of|at the position of|"
                 "at the place of|into the place of")  # fmt: skip
_NEAREST = Phrases(
    meaning("in the corner|into the corner|to the corner|in a corner|into a corner|to a corner|to the nearest corner|"
            "in the nearest corner|into the nearest corner", "corner")
    | meaning("to the edge|to the side|to the border|to the nearest edge|to the edge of the picture|at the edge|"
              "to one side|to an edge", "edge")
)  # fmt: skip
_OTHER_SIDE = phrases("to the other side of|on the other side of|over to the other side of|across from|"
                      "to the opposite side of|on the opposite side of|onto the other side of")  # fmt: skip
_OTHER_SIDE_ALONE = phrases("to the other side|on the other side|over to the other side|to the opposite side|"
                            "on the opposite side")  # fmt: skip
_ONTO = phrases("onto|on to|up onto")


def read_nearest(words: Cursor, box: Box) -> Place | None:
    """Take "into the corner", "to the edge": of the picture, the one that is nearest to ``box``."""
    kind = words.take(_NEAREST)
    if kind is None:
        return None
    x, y = box.center
    across: Predicate = "on the left" if x < 0.5 else "on the right"
    down: Predicate = "at the top" if y < 0.5 else "at the bottom"
    if kind == "corner":
        return Place("", sides=(down, across))
    return Place("", sides=(across if min(x, 1 - x) <= min(y, 1 - y) else down,))


def read_other_side(words: Cursor, scene: Scene, box: Box) -> Place | None:
    """Take "to the other side of the laptop": where ``box`` is not."""
    if not words.accept(_OTHER_SIDE):
        alone = words.accept(_OTHER_SIDE_ALONE)
        side: Predicate = "on the right" if box.center[0] < 0.5 else "on the left"
        return Place("", sides=(side,)) if alone else None
    focus, name = scene.focus, scene.last_name
    host = read_selection(words, scene, places=False)[0].box
    scene.focus, scene.last_name = focus, name
    return Place("right of" if box.center[0] < host.center[0] else "left of", (host,))


@dataclass(frozen=True)
class Place:
    """A predicate or a depth towards boxes, or predicates of the picture, or exactly the middle of a box ("at")."""

    predicate: Predicate | str
    refs: tuple[Box, ...] = ()
    sides: tuple[Predicate, ...] = ()
    depth: Side | None = None
    host: str = ""
    """Id of the object that it is in front of or behind, where the picture holds it."""

    def box(
        self,
        size_wh: tuple[float, float],
        center: Point,
        others: Sequence[Box],
        *,
        least: float = LEAST,
        crowded: float = CROWDED,
    ) -> Box:
        """Return where an object of this size goes that is at ``center`` now; see `free_place` for the rest.

        Raises:
            NoPlaceError: nowhere.
        """
        if self.predicate == "at":
            return at(self.refs[0].center, size_wh)
        if self.sides:
            wish = in_picture(self.sides, size_wh, center)
            return free_place(size_wh, [wish], others, fits_picture(self.sides), least=least, crowded=crowded)
        if self.depth is not None:
            ref = self.refs[0]
            others, wishes = [box for box in others if box != ref], overlapping(size_wh, ref, self.depth)
            return free_place(size_wh, wishes, others, fits_depth(ref, self.depth), least=least, crowded=crowded)
        predicate: Predicate = self.predicate  # type: ignore[assignment]
        if predicate == "on top of":
            others = [box for box in others if box not in self.refs]
        wishes = beside(predicate, size_wh, self.refs)
        return free_place(size_wh, wishes, others, fits_beside(predicate, self.refs), least=least, crowded=crowded)


def read_place(words: Cursor, scene: Scene, *, sides: bool = False) -> Place | None:
    """Take a place; None where none follows. With ``sides``, "to the left" alone is one."""
    return read_depth_place(words, scene) or _read_flat(words, scene, sides=sides)


def sees_place(words: Cursor, scene: Scene) -> bool:
    """Whether the rest of the clause is a place: "I want the cat | on the left of the laptop"."""
    here, focus, name = words.position, scene.focus, scene.last_name
    try:
        found = read_place(words, scene) is not None and (words.done or words.word() in {",", ".", "and", "then"})
    except CannotParse:
        found = False
    words.position, scene.focus, scene.last_name = here, focus, name
    return found


def _read_flat(words: Cursor, scene: Scene, *, sides: bool) -> Place | None:
    start = words.position
    if words.accept(_WHERE):
        chosen = _one(words, scene, start)
        words.take_word("is", "was", "stands")
        return Place("at", (chosen.box,))
    found = _read_sides(words, scene)
    if found is not None:
        return Place("", sides=found)
    predicate = words.take(TWO_SIDED)
    if predicate is None and words.accept(_TO):
        found = _read_sides(words, scene)
        if found is not None:
            return Place("", sides=found)
        predicate = words.take(TWO_SIDED)
    if predicate is None:
        words.position = start
        if words.accept(_ONTO):
            predicate = "on top of"
        elif sides and (way := words.take(_DIRECTIONS)) is not None:
            named: dict[Point, Predicate] = {(-1.0, 0.0): "left of", (1.0, 0.0): "right of", (0.0, -1.0): "above"}
            return Place(named.get(way, "below"), tuple(item.box for item in scene.focus[-1:]))
        else:
            return None
    focus, name = scene.focus, scene.last_name
    first = read_selection(words, scene, places=False) if predicate != "between" else _read_pair(words, scene, start)
    if predicate == "between" and len(first) != 2:
        words.fail("'between' needs two objects to compare with", start, words.position)
    scene.focus, scene.last_name = focus, name
    boxes = tuple(item.box for item in first)
    return Place(predicate, boxes if predicate == "between" or len(boxes) == 1 else (enclosing(boxes),))


def read_depth_place(words: Cursor, scene: Scene) -> Place | None:
    """Take "behind the car"; None where nothing of that kind follows."""
    start = words.position
    words.take_word("to", "back", "over", "right")
    found = read_depth(words, scene)
    if found is None:
        words.position = start
        return None
    side, host = found
    return Place("", (host.box,), depth=side, host=host.original.id if host.original else "")


def read_shift(words: Cursor, scene: Scene, chosen: Sequence[Item], spoken: str) -> Shift | None:
    """Take "a bit to the left", "20% up", "towards the dog"; return what it does to a box, or None."""
    start = words.position
    degree = amounts.read_degree(words)
    share = _read_share(words)
    if share is None and degree is None:
        degree = amounts.read_degree(words)
    half = words.accept(_HALFWAY)
    way = None
    length = words.length(_DIRECTIONS)
    if length >= max(words.length(PICTURE_SIDES), words.length(_MORE_SIDES)) and length > words.length(TWO_SIDED):
        way = _read_ways(words)
    elif spoken in {"raise", "lift", "lower"}:
        way = (0.0, 1.0 if spoken == "lower" else -1.0)
    if way is not None:
        degree = degree or amounts.read_degree(words)
        share = share if share is not None else _read_share(words)
        step = 0.5 if half else share if share is not None else STEPS[degree]
        return lambda box: at((box.center[0] + way[0] * step, box.center[1] + way[1] * step), (box.w, box.h))
    if spoken in {"center", "centre"} and (
        words.done or not words.word()[0].isalpha() or words.word() in {"and", "then"}
    ):
        return lambda box: at((0.5, 0.5), (box.w, box.h))
    away = words.accept(_AWAY)
    towards = not away and words.sees(_TOWARDS) and (
        words.word() != "to" or half or share is not None
    )  # fmt: skip
    if away or towards:
        if towards:
            words.take(_TOWARDS)
        goal = _goal(words, scene, start)
        degree = degree or amounts.read_degree(words)
        share = share if share is not None else _read_share(words)
        part = 0.5 if half else share if share is not None else TOWARDS[degree]
        return _away(goal, part) if away else _closer(goal, part)
    if degree is not None or share is not None or half:
        words.fail("say which way, such as 'to the left'", start)
    words.position = start
    return None


def _read_ways(words: Cursor) -> Point:
    x = y = 0.0
    while True:
        way = words.take(_DIRECTIONS)
        if way is None:
            break
        x, y = x + way[0], y + way[1]
        before = words.position
        if words.take_word("and", "then") and words.sees(_DIRECTIONS) and not words.sees(TWO_SIDED):
            continue
        words.position = before
        if not words.sees(_DIRECTIONS):
            break
    return x, y


def _read_share(words: Cursor) -> float | None:
    before = words.position
    words.take_word("by")
    share = amounts.read_percent(words)
    if share is None:
        words.position = before
        return None
    words.take(_OF_PICTURE)
    if share > 1:
        words.fail("a shift is at most 100% of the picture", before, words.position)
    return share


def _read_sides(words: Cursor, scene: Scene) -> tuple[Predicate, ...] | None:
    usual, more = sides_length(words, scene), sides_length(words, scene, _MORE_SIDES)
    if not max(usual, more) or words.length(TWO_SIDED) > max(usual, more):
        return None
    if usual >= more:
        return words.take(PICTURE_SIDES)
    return words.take(_MORE_SIDES)


def _read_pair(words: Cursor, scene: Scene, start: int) -> list[Item]:
    pair = read_selection(words, scene, places=False)
    if len(pair) != 2:
        words.fail("'between' needs two objects joined by 'and'", start, words.position)
    return pair


def _one(words: Cursor, scene: Scene, start: int) -> Item:
    focus = scene.focus
    chosen = read_selection(words, scene, places=False)
    scene.focus = focus
    if len(chosen) != 1:
        words.fail("name one object there", start, words.position)
    return chosen[0]


def _goal(words: Cursor, scene: Scene, start: int) -> Box:
    """Take an object or a place of the picture, which is a box without extent."""
    middle = phrases("the middle|the center|the centre|the middle of the picture|the center of the picture")
    if words.accept(middle):
        return _point((0.5, 0.5))
    corner = phrases("the")
    here = words.position
    words.take(corner)
    found = words.take(Phrases(_CORNERS))
    if found is not None:
        return _point(in_picture(found, (0.0, 0.0), (0.5, 0.5)))
    words.position = here
    return _one(words, scene, start).box


def _point(place: Point) -> Box:
    return Box(*place, 0.0, 0.0)


def _closer(goal: Box, part: float) -> Shift:
    if goal.area:
        return lambda box: approached(box, goal, part)
    x1, y1 = goal.center
    return lambda box: at(
        (box.center[0] + part * (x1 - box.center[0]), box.center[1] + part * (y1 - box.center[1])), (box.w, box.h)
    )


def _away(goal: Box, part: float) -> Shift:
    def shift(box: Box) -> Box:
        x, y = box.center
        dx, dy = x - goal.center[0], y - goal.center[1]
        length = (dx * dx + dy * dy) ** 0.5 or 1.0
        return at((x + part / 2 * dx / length, y + part / 2 * dy / length), (box.w, box.h))

    return shift
