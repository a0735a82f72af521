"""Which of several objects "the second largest", "the third from the left" and the like mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.offline.items import Item, names_of
from agent.offline.lexer import Phrases, meaning
from tools.scene.relations import compares

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.offline.lexer import Cursor


SORT: dict[str, tuple[Callable[[Item], float], bool]] = {
    "left": (lambda item: item.seen.box.center[0], False),
    "right": (lambda item: item.seen.box.center[0], True),
    "top": (lambda item: item.seen.box.center[1], False),
    "bottom": (lambda item: item.seen.box.center[1], True),
    "largest": (lambda item: item.seen.box.area, True),
    "smallest": (lambda item: item.seen.box.area, False),
    "tallest": (lambda item: item.seen.box.h, True),
    "shortest": (lambda item: item.seen.box.h, False),
    "widest": (lambda item: item.seen.box.w, True),
    "narrowest": (lambda item: item.seen.box.w, False),
    "middle": (lambda item: abs(item.seen.box.center[0] - 0.5) + abs(item.seen.box.center[1] - 0.5), False),
}  # fmt: skip
EXTREMES = Phrases(
    meaning("left|leftmost|left-most|left-hand|left hand|most left|far left", "left")
    | meaning("right|rightmost|right-most|right-hand|right hand|most right|far right", "right")
    | meaning("top|topmost|upper|uppermost|highest|top-most", "top")
    | meaning("bottom|bottommost|lower|lowermost|lowest|bottom-most", "bottom")
    | meaning("largest|biggest|larger|bigger", "largest")
    | meaning("smallest|smaller|tiniest|littlest", "smallest")
    | dict.fromkeys(("middle", "center", "central", "centre"), "middle")
    | meaning("tallest|taller", "tallest")
    | meaning("shortest|shorter", "shortest")
    | meaning("widest|wider|broadest|broader", "widest")
    | meaning("narrowest|narrower|thinnest|thinner", "narrowest")
)
ORDINALS = Phrases({"first": 0, "second": 1, "third": 2, "fourth": 3, "fifth": 4, "sixth": 5, "seventh": 6}
                    | {"last": -1, "1st": 0, "2nd": 1, "3rd": 2, "4th": 3, "5th": 4, "second to last": -2,
                       "second last": -2})  # fmt: skip
_LINES = frozenset({"left", "right", "top", "bottom"})
LEVEL = 0.03  # of the picture: middles that differ by less stand above one another, or side by side
_FROM = Phrases({f"{start} the {side}": side for start in ("from", "counting from", "on from")
                 for side in ("left", "right", "top", "bottom")})  # fmt: skip


def read_extremes(words: Cursor) -> list[str]:
    """Take "largest", "upper left", ... and return the keys of `SORT`."""
    found = []
    while (extreme := words.take(EXTREMES)) is not None:
        found.append(extreme)
    return found


def ranked(
    words: Cursor, found: list[Item], ordinal: int | None, extremes: list[str], count: int, start: int, notes: list[str]
) -> list[Item]:
    """Return the ``count`` first by the extremes, or the one that the ordinal names; reads "from the right" too.

    That of two things of about one size one was taken for the smaller goes into ``notes``.

    Raises:
        CannotParse: there are fewer than that.
    """
    side = words.take(_FROM)
    if ordinal is None:
        if len(extremes) > 1:  # "the upper left dog": nearest to that corner
            sides = [SORT[extreme] for extreme in extremes]
            order = sorted(found, key=lambda item: sum(-key(item) if back else key(item) for key, back in sides))
        else:
            key, reverse = SORT[extremes[0]]
            if extremes[0] == "middle" and len(found) % 2:
                across = _spread(found, "left") >= _spread(found, "top")
                along = sorted(found, key=SORT["left" if across else "top"][0])
                order = [along[len(along) // 2]]
            elif extremes[0] in _LINES and len(found) > 1 and _spread(found, extremes[0]) < LEVEL:
                words.unclear(f"none is farther that way: {names_of(found)}", start, words.position)
            else:
                order = sorted(found, key=key, reverse=reverse)
            _say_how_close(order, extremes[0], count, notes)
        if count > len(order):
            words.fail(f"there are only {len(found)}: {names_of(found)}", start, words.position)
        return order[:count]
    key, reverse = SORT[extremes[0] if extremes else side or "left"]
    order = sorted(found, key=key, reverse=reverse)
    if not -len(order) <= ordinal < len(order):
        words.fail(f"there are only {len(found)}: {names_of(found)}", start, words.position)
    return [order[ordinal]]


def _spread(found: list[Item], side: str) -> float:
    """Return how far apart the middles are along a side's line, as a share of the picture."""
    places = [SORT[side][0](item) for item in found]
    return max(places) - min(places)


def _say_how_close(order: list[Item], extreme: str, count: int, notes: list[str]) -> None:
    if extreme not in {"largest", "smallest"} or count >= len(order):
        return
    chosen, following = order[count - 1], order[count]
    if not compares("as big as", chosen.seen.box, following.seen.box):
        return
    notes.append(f"taking {chosen.id!r} for the {extreme}: {following.id!r} is about as large")
