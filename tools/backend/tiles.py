"""Looking at pictures that are larger or longer than a detector was trained on: the whole, and squares of it.

A detector scales whatever it gets to its own size, and what is small in it is lost. So it looks at the whole
picture and at overlapping squares of it, each half as large as those before, down to the size it knows.
Pure geometry: knows boxes, no models.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from tools.backend.detector_heads import Candidates

if TYPE_CHECKING:
    from collections.abc import Sequence

    View = tuple[int, int, int, int]
    """Left, upper, right and lower edge in pixels."""

LONG = 1.7  # longer over shorter side from which the first squares are as high as the picture
SLACK = 1.25  # a picture so much larger than the known size is still seen well
FINEST = 1.5  # of the known size: further squares are not smaller
MOST = 64  # views of one picture
INSIDE = 0.6  # share of a box that lies on a larger thing, from which it is a part of it
CUT = 0.02  # of a view's side: boxes so near to an edge that is not the picture's are cut off


def views(size_wh: tuple[int, int], known: int | None) -> list[View]:
    """Return the parts of a picture to look at, the whole first; ``known`` is the longest side seen in training."""
    width, height = size_wh
    whole = [(0, 0, width, height)]
    if known is None or max(size_wh) <= SLACK * known:
        return whole
    shorter, longer = sorted(size_wh)
    side = shorter if longer >= LONG * shorter else longer // 2
    found = whole
    while True:
        spots = [(x, y) for y in _starts(height, side) for x in _starts(width, side)]
        if len(found) + len(spots) > MOST:
            return found
        found = [*found, *((x, y, x + min(side, width), y + min(side, height)) for x, y in spots)]
        side //= 2
        if side < FINEST * known:
            return found


def _starts(length: int, side: int) -> list[int]:
    """Return where views begin along one axis: half over each other, spread evenly."""
    if length <= side:
        return [0]
    count = -(-(length - side) // max(1, side // 2)) + 1
    return [round(number * (length - side) / (count - 1)) for number in range(count)]


def joined(found: Sequence[Candidates], seen: Sequence[View], size_wh: tuple[int, int], sure: float) -> Candidates:
    """Return the candidates of all views as those of one picture.

    Left out is what a view's edge cuts off, and what lies on something larger of which a wider view was ``sure``
    (its score): a closer look at a car takes the wheel for a thing.
    """
    boxes, scores = torch.zeros(0, 4), torch.zeros(0, found[0].scores.shape[1])
    wider = side = 0
    for answer, view in zip(found, seen, strict=True):
        start = torch.tensor([*view[:2], *view[:2]], dtype=torch.float32)
        extent = torch.tensor([view[2] - view[0], view[3] - view[1]] * 2, dtype=torch.float32)
        inner = torch.tensor([view[0] > 0, view[1] > 0, view[2] < size_wh[0], view[3] < size_wh[1]])
        cut = torch.cat([answer.boxes_xyxy[:, :2] < CUT, answer.boxes_xyxy[:, 2:] > 1 - CUT], dim=1) & inner
        place = (answer.boxes_xyxy * extent + start) / torch.tensor([*size_wh, *size_wh])
        if view[2] - view[0] != side:  # the views before were wider
            side, wider = view[2] - view[0], len(boxes)
        things = boxes[:wider][(scores[:wider] > sure).any(dim=1)]
        kept = ~cut.any(dim=1) & ~_on(place, things)
        boxes, scores = torch.cat([boxes, place[kept]]), torch.cat([scores, answer.scores[kept]])
    return Candidates(boxes, scores)


def _on(boxes: torch.Tensor, things: torch.Tensor) -> torch.Tensor:
    """Return which boxes lie mostly on one of some things of at least twice their area."""
    low, high = torch.maximum(boxes[:, None, :2], things[:, :2]), torch.minimum(boxes[:, None, 2:], things[:, 2:])
    shared = (high - low).clamp(min=0).prod(dim=-1)
    areas, larger = ((some[:, 2:] - some[:, :2]).clamp(min=0).prod(dim=-1) for some in (boxes, things))
    return ((shared > INSIDE * areas[:, None]) & (larger > 2 * areas[:, None])).any(dim=1)
