"""Looking at a picture in several ways, where one look of a detector is not to be believed.

A detector scales whatever it gets to its own size, and what is small in it is lost. So it looks at the whole
picture and at overlapping squares of it, each half as large as those before, down to the size it knows. What is
larger than anything that it knows it sees from farther away; and what it sees no more
when things lie otherwise on its grid is hardly there. Pure geometry: knows boxes, no models.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image as PillowImage

from tools.backend.detector_heads import Candidates

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL.Image import Image

    View = tuple[int, int, int, int]
    """Left, upper, right and lower edge in pixels."""

LONG = 1.7  # longer over shorter side from which the first squares are as high as the picture
SLACK = 1.25  # a picture so much larger than the known size is still seen well
FINEST = 1.5  # of the known size: further squares are not smaller
MOST = 64  # views of one picture
INSIDE = 0.6  # share of a box that lies on a larger thing, from which it is a part of it
MARGIN = 0.3  # of the longer side: so far beyond the picture's edges a look from farther away goes
ALIKE = 0.5  # IoU of boxes in two looks that are about one thing
APART = 0.2  # share of the smaller of two boxes that things side by side may share
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


def farther(picture: Image) -> tuple[Image, View]:
    """Return a picture with margins, in which it goes on as it ends, and what part of the plane they show."""
    margin = round(MARGIN * max(picture.size))
    pixels = np.pad(np.asarray(picture), ((margin, margin), (margin, margin), (0, 0)), mode="edge")
    return PillowImage.fromarray(pixels), (-margin, -margin, picture.width + margin, picture.height + margin)


def only_large(found: Candidates, view: View, size_wh: tuple[int, int], share: float) -> Candidates:
    """Return the candidates of a view whose longest side is over a share of the picture's, as those of the picture."""
    start, extent = _start_and_extent(view)
    boxes = (found.boxes_xyxy * extent + start) / torch.tensor([*size_wh, *size_wh])
    boxes = boxes.clamp(0, 1)
    large = ((boxes[:, 2:] - boxes[:, :2]) > share).any(dim=1)
    return Candidates(boxes[large], found.scores[large])


def with_large(found: Candidates, large: Candidates, sure: float) -> Candidates:
    """Return candidates with those that were seen from farther away.

    What lies on one of those, of the same kind, is a part of it; but where two that do not overlap are surely seen on
    it, it is the two.
    """
    scores, theirs = found.scores.clone(), large.scores.clone()
    shared, areas, _ = _overlaps(found.boxes_xyxy, large.boxes_xyxy)
    on = shared > INSIDE * areas[:, None]
    for number, query in (large.scores > sure).nonzero().tolist():
        parts = on[:, number] & (found.scores[:, query] > sure)
        if _any_apart(found.boxes_xyxy[parts]):
            theirs[number, query] = 0
        else:
            scores[on[:, number], query] = 0
    return Candidates(torch.cat([found.boxes_xyxy, large.boxes_xyxy]), torch.cat([scores, theirs]))


def _any_apart(boxes: torch.Tensor) -> bool:
    shared, areas, _ = _overlaps(boxes, boxes)
    return bool((shared <= APART * torch.minimum(areas[:, None], areas)).any())


def against_the_grid(picture: Image, share: float) -> tuple[Image, tuple[float, float]]:
    """Return a picture with a margin at the right and below, and its own size as shares of that.

    A margin of half a cell of a model's grid, or so, moves nothing out of sight and most things over other cells.
    """
    margin = max(1, round(share * max(picture.size)))
    pixels = np.pad(np.asarray(picture), ((0, margin), (0, margin), (0, 0)), mode="edge")
    return PillowImage.fromarray(pixels), (
        picture.width / (picture.width + margin),
        picture.height / (picture.height + margin),
    )


def confirmed(found: Candidates, again: Candidates, size: tuple[float, float]) -> Candidates:
    """Return candidates with the lower of their scores in a picture and in another one that it is a part of.

    The picture begins where that one does and has ``size`` in it. A candidate's score there is that of the best
    candidate which overlaps it (`ALIKE`).
    """
    boxes = again.boxes_xyxy / torch.tensor([*size, *size])
    shared, areas, theirs = _overlaps(found.boxes_xyxy, boxes)
    alike = shared >= ALIKE * (areas[:, None] + theirs - shared).clamp(min=1e-9)
    columns = [(alike * scores).amax(dim=1) for scores in again.scores.T]  # together they would be too many
    return Candidates(found.boxes_xyxy, torch.minimum(found.scores, torch.stack(columns, dim=1)))


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
        start, extent = _start_and_extent(view)
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
    shared, areas, larger = _overlaps(boxes, things)
    return ((shared > INSIDE * areas[:, None]) & (larger > 2 * areas[:, None])).any(dim=1)


def _overlaps(boxes: torch.Tensor, others: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the areas that every two share ``[n, m]``, and their own ``[n]`` and ``[m]``."""
    low, high = torch.maximum(boxes[:, None, :2], others[:, :2]), torch.minimum(boxes[:, None, 2:], others[:, 2:])
    shared = (high - low).clamp(min=0).prod(dim=-1)
    mine, theirs = ((some[:, 2:] - some[:, :2]).clamp(min=0).prod(dim=-1) for some in (boxes, others))
    return shared, mine, theirs


def _start_and_extent(view: View) -> tuple[torch.Tensor, torch.Tensor]:
    x0, y0, x1, y1 = view
    start = torch.tensor([x0, y0, x0, y0], dtype=torch.float32)
    return start, torch.tensor([x1 - x0, y1 - y0] * 2, dtype=torch.float32)
