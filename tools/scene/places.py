"""Where "left of", "in the top left corner", "further up" put a box of a known size: the best of a grid of places.

Knows boxes only. What the words mean is defined in `tools.scene.relations`; a place is wanted where they stay true
when a detector's boxes jitter.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal, get_args

from tools.scene.box import Box
from tools.scene.relations import REGIONS, holds
from tools.scene.spec import PairPredicate, PicturePredicate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Direction = Literal["further left", "further right", "further up", "further down"]
Place = PicturePredicate | PairPredicate | Direction | Literal["in front of", "behind", ""]

STEPS = 25  # of the grid, along each side of the picture
JITTER = 0.02  # by which a box may be seen elsewhere, as a share of the picture
STRIDE = 0.25  # "further left", where there is room; as a share of the picture
LEAST = 0.08  # ... and at least this much
GAP = 0.02  # of the picture, that is left between a thing and what it stands beside, where there is room
HIDING = 4.0  # an overlap's price, in lengths of the picture, for a share of the smaller box
SHRINKS = (1.0, 0.8, 0.6, 0.45, 0.35)  # sizes that are tried where there is no room
SMALL = 0.6  # ... down to which what is new rather shrinks than hides something
WAYS: dict[str, tuple[int, int]] = {
    "further left": (0, -1),
    "further right": (0, 1),
    "further up": (1, -1),
    "further down": (1, 1),
}
PAIRS: frozenset[str] = frozenset(get_args(PairPredicate))


def place(where: Place, old: Box, of: Sequence[Box], around: Sequence[Box], *, moves: bool) -> Box:
    """Return a box of the size of ``old`` at a place, clear of what is ``around`` as far as there is room.

    ``of`` are the boxes that the place is of. What ``moves`` stays as near to where it was as may be, and becomes
    smaller only where it would not fit; what is new takes free ground, rather smaller than hiding something.

    Raises:
        ValueError: the place is of something and nothing is named, or there is no such place in the picture.
    """
    needs = 2 if where == "between" else 1 if where in PAIRS or where in {"in front of", "behind"} else 0
    if len(of) < needs:
        raise ValueError(f"the place {where!r} is of {'two things' if needs == 2 else 'a thing'}: name the ids in 'of'")
    for scale in SHRINKS:
        box = Box(old.x, old.y, old.w * scale, old.h * scale)
        for jitter in (JITTER, 0.0):
            fits = [spot for spot in _spots(box, where, of) if _is_there(where, spot, old, of, jitter)]
            best = min(fits, key=lambda spot: _price(where, spot, old, of, around, moves=moves), default=None)
            crowded = best is not None and not moves and scale > SMALL and _hidden(best, around) > 0.1
            if best is not None and not crowded:
                return Box(*(round(side, 4) for side in best))
    raise ValueError(f"there is no room {where!r}: choose another place")


def resized(box: Box, factor: float, limits: tuple[float, float]) -> Box:
    """Return a box with its sides times ``factor``, the longest within ``limits``, around its centre if it can be."""
    longest = max(box.w, box.h)
    factor = min(max(factor, limits[0] / longest), limits[1] / longest)
    w, h = box.w * factor, box.h * factor
    x, y = (min(max(box.center[axis] - side / 2, 0.0), 1 - side) for axis, side in ((0, w), (1, h)))
    return Box(round(x, 4), round(y, 4), round(w, 4), round(h, 4))


def _spots(box: Box, where: Place, of: Sequence[Box]) -> Iterator[Box]:
    """Yield boxes of a size all over the picture, and those that are level with what the place is of."""
    xs, ys = ([(1 - box[2 + axis]) * step / (STEPS - 1) for step in range(STEPS)] for axis in (0, 1))
    for other in of:
        xs += [other.center[0] - box.w / 2]
        ys += [other.center[1] - box.h / 2, other.y + other.h - box.h, other.y - box.h, other.y - box.h - GAP]
    if where in WAYS:
        xs, ys = (xs, [box.y]) if WAYS[where][0] == 0 else ([box.x], ys)
    for x in xs:
        for y in ys:
            if 0 <= x <= 1 - box.w + 1e-9 and 0 <= y <= 1 - box.h + 1e-9:
                yield Box(x, y, box.w, box.h)


def _is_there(where: Place, spot: Box, old: Box, of: Sequence[Box], jitter: float) -> bool:
    if where in WAYS:
        axis, sign = WAYS[where]
        return sign * (spot.center[axis] - old.center[axis]) >= LEAST
    if not where:
        return True
    if where in {"in front of", "behind"}:
        return 0.3 <= spot.intersection(of[0]) / min(spot.area, of[0].area) <= 0.7
    predicate: Any = where
    shifts = [(0.0, 0.0), (jitter, 0.0), (-jitter, 0.0), (0.0, jitter), (0.0, -jitter)] if jitter else [(0.0, 0.0)]
    return all(holds(predicate, Box(spot.x + dx, spot.y + dy, spot.w, spot.h), *of) for dx, dy in shifts)


def _price(where: Place, spot: Box, old: Box, of: Sequence[Box], around: Sequence[Box], *, moves: bool) -> float:
    """Return how little a place is wanted: hiding things, then the way to it."""
    target = old.center
    if where in WAYS:
        axis, sign = WAYS[where]
        target = (target[0] + sign * STRIDE, target[1]) if axis == 0 else (target[0], target[1] + sign * STRIDE)
    elif where in PAIRS:  # near what it is of
        target = tuple(sum(other.center[axis] for other in of) / len(of) for axis in (0, 1))  # type: ignore[assignment]
    elif where in REGIONS and not moves:
        x0, x1, y0, y1 = REGIONS[where]
        target = (x0 + x1) / 2, (y0 + y1) / 2
    apart = () if where in {"inside", "on top of", "in front of", "behind"} else tuple(of)
    wider = Box(spot.x - GAP, spot.y - GAP, spot.w + 2 * GAP, spot.h + 2 * GAP)
    return HIDING * (_hidden(spot, around) + _hidden(wider, apart)) + math.dist(spot.center, target)


def _hidden(spot: Box, around: Sequence[Box]) -> float:
    return sum(spot.intersection(other) / min(spot.area, other.area) for other in around)
