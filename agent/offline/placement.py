"""Where an object goes when an instruction says so in words: a small grid search over free places.

Boxes are normalized. What "left of" and the others mean is `tools.scene.relations`' business; here they are
only aimed at, with some room to spare.
"""

from __future__ import annotations

import math
from statistics import median
from typing import TYPE_CHECKING

from tools.scene.box import Box
from tools.scene.relations import DIRECTIONS, PAIR_DIRECTIONS, holds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from agent.offline.depth import Side
    from tools.scene.spec import Predicate

EDGE = 0.03  # free border between an object and the picture's edge
GAP = 0.03  # between neighbours
STEP = 0.025  # of the grid of centres
ROOM = 0.06  # how far beyond the definition of a place is aimed at
CENTRAL = 0.12  # how far from the picture's centre an object is put that shall be in the middle
CROWDED = 0.05  # share of the smaller of two boxes that both may cover: things are seldom drawn to a box's corners
FILLING = 0.65  # of the picture: what is as large as that has everything else before it
TOUCHED = 0.2  # the same where something has to go to a place and there is no other room
LEVEL = 0.3  # of the smaller one's height (or width) that an object put beside (above, below) another shares with it
CORNER = 0.1  # free space at most to the edge, where something is too large for its centre to lie in a corner's third
SIZES = (1.0, 0.85, 0.7, 0.55, 0.4)  # shares of the wanted size that are tried
LEAST = 0.4
OVERLAP = 0.18  # of what stands in front of or behind another thing that overlaps it
SHARED = (0.08, 0.25)  # share of the smaller box that overlaps then: enough to tell, and both can still be named
TIGHT = 0.08  # how far something rather goes than be nearer to another than `GAP`
STEPS = 50  # in which an approach is made
NEARBY = 0.7  # of its own longest side, by which an object that grows may step aside
STEP_ASIDE = 0.4  # of the picture, by which an object may step aside for another
SIZE = 0.3  # of an object's sides where nothing is there to compare with

Point = tuple[float, float]


class NoPlaceError(ValueError):
    """There is no box in the picture that is where it should be."""


def usual_size(same: Sequence[Box], others: Sequence[Box], shape: float | None = None) -> tuple[float, float]:
    """Return (w, h) for a new object: like its own kind, else as large as what is there (or `SIZE`).

    ``shape`` is its usual width over height, for when nothing of its kind is there.
    """
    boxes = same or others
    width, height = (median(box.w for box in boxes), median(box.h for box in boxes)) if boxes else (SIZE, SIZE)
    if same or shape is None:
        return width, height
    side, stretch = math.sqrt(width * height), math.sqrt(shape)
    # of the same area, but no longer than what is there: a bottle next to a car is as tall as that at most
    factor = min(1.0, max(width, height, SIZE) / (side * max(stretch, 1 / stretch)))
    return side * stretch * factor, side / stretch * factor


def at(center: Point, size_wh: tuple[float, float]) -> Box:
    """Return the box of this size around ``center``, pushed into the picture."""
    width, height = min(size_wh[0], 1.0), min(size_wh[1], 1.0)
    x = min(max(center[0] - width / 2, 0.0), 1.0 - width)
    y = min(max(center[1] - height / 2, 0.0), 1.0 - height)
    return Box(x, y, width, height)


def free_place(
    size_wh: tuple[float, float],
    wishes: Sequence[Point],
    others: Sequence[Box],
    fits: Callable[[Box], bool] = lambda _: True,
    *,
    least: float = LEAST,
    crowded: float = CROWDED,
) -> Box:
    """Return the box nearest to one of the ``wishes`` (centres) that ``fits`` and is clear of ``others``.

    Where there is no room smaller sizes are tried, down to ``least`` of it. ``crowded``: the share of the smaller of
    two boxes that both may cover.

    Raises:
        NoPlaceError: nothing fits.
    """
    best: tuple[float, Box] | None = None
    for factor in (size for size in SIZES if size >= least):
        found = _best((size_wh[0] * factor, size_wh[1] * factor), wishes, others, fits, crowded)
        if found is None:
            continue
        cost = found[0] + 2 * (1 - factor)
        if best is None or cost < best[0]:
            best = cost, found[1]
    if best is None:
        raise NoPlaceError
    return best[1]


def is_crowded(box: Box, others: Sequence[Box]) -> bool:
    """Return whether ``box`` and one of ``others`` hide anything of each other."""
    return _covered(box, others) > CROWDED


def in_picture(predicates: Iterable[Predicate], size_wh: tuple[float, float], center: Point) -> Point:
    """Return the centre that fulfils picture predicates, keeping what they do not speak of from ``center``."""
    x, y = center
    for predicate in predicates:
        if predicate == "in the middle":
            return 0.5, 0.5
        axis, sign = DIRECTIONS[predicate]
        half = size_wh[axis] / 2 + EDGE
        value = half if sign < 0 else 1 - half
        x, y = (value, y) if axis == 0 else (x, value)
    return x, y


def fits_picture(predicates: Sequence[Predicate]) -> Callable[[Box], bool]:
    """Return the test for "in the top left corner" and the like."""

    def fits(box: Box) -> bool:
        return all(_beyond(predicate, box) for predicate in predicates) and (len(predicates) < 2 or cornered(box))

    def cornered(box: Box) -> bool:
        return all(
            sign * (box.center[axis] - 0.5) >= 1 / 6
            or (box[axis] if sign < 0 else 1 - box[axis] - box[2 + axis]) <= CORNER
            for axis, sign in (DIRECTIONS[predicate] for predicate in predicates)
        )

    return fits


def grown(box: Box, factors: tuple[float, float], others: Sequence[Box]) -> Box | None:
    """Return ``box`` scaled where there is room for it, about its centre or as near to that as may be; else None.

    What covered it before may go on doing so.
    """
    wanted = scaled(box, *factors)
    allowed = [other for other in others if not is_crowded(box, [other])]
    if not is_crowded(wanted, allowed):
        return wanted
    found = _best((wanted.w, wanted.h), [box.center], allowed, lambda _: True)
    return found[1] if found is not None and found[0] <= NEARBY * max(wanted.w, wanted.h) else None


def room_beside(predicate: Predicate, size_wh: tuple[float, float], ref: Box, others: Sequence[Box]) -> Box | None:
    """Return where ``ref`` could step aside to, so that something of this size fits beside it; None for nowhere."""
    if predicate not in PAIR_DIRECTIONS | {"on top of"}:
        return None
    axis, sign = DIRECTIONS["above" if predicate == "on top of" else predicate]
    free = ref[axis] if sign < 0 else 1 - ref[axis] - ref[2 + axis]
    shift = size_wh[axis] + (0 if predicate == "on top of" else GAP) + EDGE - free
    center = list(ref.center)
    center[axis] -= sign * shift
    moved = at((center[0], center[1]), (ref.w, ref.h))
    aside = abs(moved.center[axis] - ref.center[axis])
    return moved if 0 < shift <= aside + 1e-6 and aside <= STEP_ASIDE and not is_crowded(moved, others) else None


def room_between(
    size_wh: tuple[float, float], first: Box, second: Box, others: Sequence[Box]
) -> tuple[Box, Box] | None:
    """Return where two things could step apart to, so that something of this size fits between them; else None."""
    (x0, y0), (x1, y1) = first.center, second.center
    axis = 0 if abs(x1 - x0) >= abs(y1 - y0) else 1
    low, high = sorted((first, second), key=lambda box: box.center[axis])
    missing = size_wh[axis] + 2 * GAP - (high[axis] - low[axis] - low[2 + axis])
    before, after = low[axis], 1 - high[axis] - high[2 + axis]
    if missing <= 0 or missing > before + after or missing > STEP_ASIDE:
        return None
    down = min(before, max(missing / 2, missing - after))
    steps = (-down, missing - down)
    moved = [
        Box(box.x + step, box.y, box.w, box.h) if axis == 0 else Box(box.x, box.y + step, box.w, box.h)
        for box, step in zip((low, high), steps, strict=True)
    ]
    if any(is_crowded(box, others) for box in moved):
        return None
    return (moved[0], moved[1]) if low is first else (moved[1], moved[0])


def approached(box: Box, goal: Box, part: float) -> Box:
    """Return ``box`` moved by ``part`` of the way to ``goal``, no further than until they nearly touch."""
    (x, y), (to_x, to_y) = box.center, goal.center
    kept = Box(goal.x - GAP, goal.y - GAP, goal.w + 2 * GAP, goal.h + 2 * GAP)
    reached = box
    for step in range(1, STEPS + 1):
        share = part * step / STEPS
        moved = at((x + share * (to_x - x), y + share * (to_y - y)), (box.w, box.h))
        if moved.intersection(kept) > max(0.0, box.intersection(kept)):
            break
        reached = moved
    return reached


def beside(predicate: Predicate, size_wh: tuple[float, float], refs: Sequence[Box]) -> list[Point]:
    """Return the centres that fulfil ``predicate`` towards ``refs`` best."""
    width, height = size_wh
    ref = refs[0]
    x, y = ref.center
    left, right = (ref.x - GAP - width / 2, y), (ref.x + ref.w + GAP + width / 2, y)
    above, below = (x, ref.y - GAP - height / 2), (x, ref.y + ref.h + GAP + height / 2)
    match predicate:
        case "left of":
            return [left]
        case "right of":
            return [right]
        case "above":
            return [above]
        case "below":
            return [below]
        case "on top of":
            return [(x, ref.y - height / 2)]
        case "between":
            (x1, y1), (x2, y2) = refs[0].center, refs[1].center
            return [((x1 + x2) / 2, (y1 + y2) / 2)]
        case _:
            return [right, left]


def fits_beside(predicate: Predicate, refs: Sequence[Box]) -> Callable[[Box], bool]:
    """Return the test for "left of the car" and the like."""

    def fits(box: Box) -> bool:
        return holds(predicate, box, *refs) and _beyond(predicate, box, *refs) and level(box)

    def level(box: Box) -> bool:
        if predicate not in PAIR_DIRECTIONS:
            return True
        across = 1 - DIRECTIONS[predicate][0]
        low = max(box[across], refs[0][across])
        high = min(box[across] + box[2 + across], refs[0][across] + refs[0][2 + across])
        return high - low >= LEVEL * min(box[2 + across], refs[0][2 + across])

    return fits


def overlapping(size_wh: tuple[float, float], ref: Box, depth: Side) -> list[Point]:
    """Return the centres at which something is seen to stand in front of ``ref``, or behind it: partly overlapping.

    What is nearer stands lower in the picture.
    """
    (width, height), (x, y) = size_wh, ref.center
    if depth == "in front of":
        line, level = ref.y + ref.h - OVERLAP * height + height / 2, ref.y + ref.h + EDGE - height / 2
    else:
        line, level = ref.y + OVERLAP * height - height / 2, ref.y - EDGE + height / 2
    left, right = ref.x - width / 2 + OVERLAP * width, ref.x + ref.w + width / 2 - OVERLAP * width
    return [(x, line), (left, level), (right, level), (left, y), (right, y)]


def fits_depth(ref: Box, depth: Side) -> Callable[[Box], bool]:
    """Return the test for "in front of the car" and "behind the car"."""

    def fits(box: Box) -> bool:
        shared = box.intersection(ref)
        nearer = box.y + box.h - ref.y - ref.h if depth == "in front of" else ref.y - box.y
        return (
            SHARED[0] * min(box.area, ref.area) <= shared <= SHARED[1] * min(box.area, ref.area)
            and nearer >= -EDGE
            and shared <= SHARED[1] * ref.area
        )

    return fits


def scaled(box: Box, width: float, height: float) -> Box:
    """Return ``box`` scaled about its centre, pushed into the picture and cut to its size."""
    return at(box.center, (box.w * width, box.h * height))


def _beyond(predicate: Predicate, box: Box, *refs: Box) -> bool:
    """Whether the predicate holds with `ROOM` to spare, so that a detector's tolerance does not undo it."""
    if predicate == "in the middle":
        return max(abs(value - 0.5) for value in box.center) <= CENTRAL
    if predicate not in DIRECTIONS:
        return holds(predicate, box, *refs)
    axis, sign = DIRECTIONS[predicate]
    if not refs:
        return sign * (box.center[axis] - 0.5) >= min(2 * ROOM, 0.5 - (box.w, box.h)[axis] / 2)
    return sign * (box.center[axis] - refs[0].center[axis]) >= ROOM


def _best(
    size: tuple[float, float],
    wishes: Sequence[Point],
    others: Sequence[Box],
    fits: Callable[[Box], bool],
    crowded: float = CROWDED,
) -> tuple[float, Box] | None:
    steps = [number * STEP for number in range(int(1 / STEP) + 1)]
    centres = [*wishes, *((x, y) for x in steps for y in steps)]
    best: tuple[float, Box] | None = None
    for box in dict.fromkeys(at(centre, size) for centre in centres):
        if not fits(box) or _covered(box, others) > crowded:
            continue
        x, y = box.center
        distance = min(((x - wish[0]) ** 2 + (y - wish[1]) ** 2) ** 0.5 for wish in wishes)
        wide = Box(x - box.w / 2 - GAP, y - box.h / 2 - GAP, box.w + 2 * GAP, box.h + 2 * GAP)
        cost = distance + 2 * _covered(box, others) + TIGHT * (_covered(wide, others) > 0)
        if best is None or cost < best[0] - 1e-9:
            best = cost, box
    return best


def _covered(box: Box, others: Sequence[Box]) -> float:
    """Return the largest share that ``box`` and another one hide of each other; what fills a picture is no bar."""
    things = (other for other in others if 0 < other.area < FILLING)
    return max((box.intersection(other) / min(box.area, other.area) for other in things), default=0.0)
