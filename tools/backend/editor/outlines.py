"""Whether a mask is the whole thing and nothing else: what the segmenter and the picture say about its outline.

A segmenter's answer hangs on the box it is given: of several boxes that are nearly one, the answer it is surest of
counts, and where the sure ones disagree nobody can tell where the thing ends. A thing ends where the picture shows an
edge. Boxes that reach farther show whether it goes on beyond its mask, and one around a place that was filled shows
whether its shape can still be seen there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from scipy import ndimage
from scipy.spatial import cKDTree

from tools.backend.editor.masks import dilate, resized, trusted
from tools.backend.oklab import to_oklab
from tools.backend.protocol import Cost
from tools.scene.box import Box

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tools.backend.editor.engine import Segmenter
    from tools.backend.editor.masks import Floats, Mask, Pixels

NEARLY = (0.0, -0.03, -0.06, 0.04)  # of a box's sides, by which it is made larger
SURE = 0.06  # how much less sure than of its best answer a segmenter may be of one that still counts
SIDE = 1024  # pixels of the longer side at which large masks are looked at
RIM, ENCLOSED = 0.01, 0.5  # of the longer side: how far around a thing its rim reaches; share from which it is within
AROUND = 0.9  # share of a thing's box that lies in another's, from which that one is around it
TOUCHING, HIDING = 0.04, 0.06  # of a thing's size: how near is touching; share of its outline that is touched then
AGREED = 0.87  # IoU of sure answers under which nobody can tell where a thing ends
OPEN = 0.15  # share of a cut-out's outline without an edge in the picture, from which it shows
OPEN_COLOUR = 0.22  # ... and of a new colour's
NARROW = (
    0.07  # of a thing's shorter side: half the width of what stands before it and belongs to it when all else fades
)
EDGE = 0.05  # distance in OKLab across an outline, from which there is an edge
WIDER = (  # of a box's sides, added on the left, at the top, on the right and at the bottom
    (0.75, 0, 0, 0), (0, 0.75, 0, 0), (0, 0, 0.75, 0), (0, 0, 0, 0.75),
    (0.35, 1.2, 0, 0), (1.2, 0.35, 0, 0), (0, 1.2, 0.35, 0), (0, 0.35, 1.2, 0),
    (0.35, 0, 0, 1.2), (1.2, 0, 0, 0.35), (0, 0, 0.35, 1.2), (0, 0, 1.2, 0.35),
)  # fmt: skip
KEPT, CERTAIN = 0.95, 0.9  # share of a mask that a wider one holds, and how sure the segmenter is of it
MORE = (0.05, 0.6)  # share of a mask's size that the rest of a thing has
SAME, MOSTLY = 0.035, 0.9  # distance in OKLab up to which two colours are one; share of the rest that has such


@dataclass(frozen=True)
class Outline:
    """A mask, bool ``[height, width]``, and how well the segmenter's sure answers agree on it, in [0, 1]."""

    mask: Mask
    agreement: float


def surest(
    segmenter: Segmenter,
    image: Image.Image,
    boxes: Sequence[Box],
    beside: Sequence[Box] = (),
    nearly: Sequence[float] = NEARLY,
) -> tuple[list[Outline], Cost]:
    """Return, for each of ``boxes``, the mask that the segmenter is surest of among those of nearly that box.

    The masks of ``beside``, asked for once each, follow.
    """
    tried = [_grown(box, (share / 2,) * 4) for box in boxes for share in nearly]
    found = segmenter.segment(image, [*tried, *beside])
    outlines = []
    for place, box in enumerate(boxes):
        rows = range(place * len(nearly), (place + 1) * len(nearly))
        best = max(rows, key=lambda row: (found.scores[row], -row))
        masks = [trusted(found.masks[row], box) for row in rows if found.scores[row] >= found.scores[best] - SURE]
        mask = trusted(found.masks[best], box)
        outlines.append(Outline(mask, min(_iou(mask, other) for other in masks)))
    rest = zip(found.masks[len(tried) :], beside, strict=True)
    return [*outlines, *(Outline(trusted(mask, box), 1.0) for mask, box in rest)], found.cost


def alone(
    segmenter: Segmenter, image: Image.Image, box: Box, others: Sequence[Box], nearly: Sequence[float] = NEARLY
) -> tuple[Outline, Cost]:
    """Return the outline of what is in ``box`` without those smaller things that lie at its rim.

    Segmenters take such along. What is within the outline (a window's driver) stays part of it.
    """
    (outline, *smaller), cost = surest(segmenter, image, [box], others, nearly)
    mask = outline.mask
    for other in (own.mask for own in smaller):
        rim = dilate(other, max(2, round(RIM * max(image.size)))) & ~other
        if other.sum() < outline.mask.sum() and (rim & outline.mask).sum() < ENCLOSED * rim.sum():
            mask = mask & ~dilate(other, max(2, round(RIM / 3 * max(image.size))))
    return replace(outline, mask=mask) if mask.any() else outline, cost


def hidden_by(mask: Mask, neighbours: Mapping[str, Mask]) -> list[str]:
    """Return the ids of neighbours that a thing touches over so much of its outline that they may hide some of it.

    What reaches all around it (a table) is what it stands on, and hides nothing.
    """
    outline, box = mask & ~ndimage.binary_erosion(mask), extent(mask)
    near = max(2, round(TOUCHING * float(np.sqrt(mask.sum()))))
    return [
        key
        for key, other in neighbours.items()
        if extent(other).intersection(box) < AROUND * box.area
        and (dilate(other, near) & outline).sum() > HIDING * outline.sum()
    ]


def doubtful(outlines: Mapping[str, Outline]) -> tuple[str, ...]:
    """Return, in words, which outlines the segmenter itself is not sure of."""
    return tuple(
        f"where {key!r} ends cannot be told" for key, outline in outlines.items() if outline.agreement < AGREED
    )


def frayed(pixels: Pixels, masks: Mapping[str, Mask]) -> list[str]:
    """Return, in words, which cut-outs have an outline that is none in the picture."""
    shares = {key: open_share(pixels, mask) for key, mask in masks.items()}
    return [
        f"{share:.0%} of the outline of {key!r} is where the picture shows no edge"
        for key, share in shares.items()
        if share > OPEN
    ]


def unfinished(pixels: Pixels, regions: Mapping[str, Mask]) -> list[str]:
    """Return, in words, which things got a new colour that ends in the middle of them, or beyond."""
    shares = {key: open_share(pixels, region) for key, region in regions.items()}
    return [
        f"the new colour of {key!r} ends where nothing ends in the picture, on {share:.0%} of its outline"
        for key, share in shares.items()
        if share > OPEN_COLOUR
    ]


def before_it(mask: Mask) -> Mask:
    """Return a mask with what stands before the thing and is narrow beside it, such as a microphone before a face."""
    scale = min(1.0, SIDE / max(mask.shape))
    small = resized(mask, (max(1, round(mask.shape[1] * scale)), max(1, round(mask.shape[0] * scale))))
    reach = round(NARROW * min(int(np.ptp(part)) + 1 for part in np.nonzero(small))) if small.any() else 0
    if not reach:
        return mask
    closed = ~dilate(~dilate(np.pad(small, reach + 1, mode="edge"), reach), reach)
    inner = ndimage.binary_fill_holes(closed[reach + 1 : -reach - 1, reach + 1 : -reach - 1])
    return np.asarray(mask | resized(inner, (mask.shape[1], mask.shape[0])))


def open_share(pixels: Pixels, mask: Mask) -> float:
    """Return the share of a mask's outline, in [0, 1], where the picture shows no edge; its own rim does not count."""
    window = _window(mask, 4 + round(0.05 * max(mask.shape)))
    if window is None:
        return 0.0
    inside, size = mask[window], max(int(np.ptp(part)) + 1 for part in np.nonzero(mask))
    reach = max(2, round(0.012 * size))
    lab = ndimage.gaussian_filter(to_oklab(pixels[window]), (reach / 3, reach / 3, 0))
    depth = ndimage.gaussian_filter(
        ndimage.distance_transform_edt(inside) - ndimage.distance_transform_edt(~inside), reach / 2
    )
    slopes = np.stack(np.gradient(depth))
    slopes /= np.linalg.norm(slopes, axis=0) + 1e-6
    rim = np.zeros_like(mask)
    rim[2 * reach + 1 : -2 * reach - 1, 2 * reach + 1 : -2 * reach - 1] = True
    points = np.argwhere(inside & ~ndimage.binary_erosion(inside, border_value=1) & rim[window])
    if not len(points):
        return 0.0
    steps = 1.5 * reach * slopes[:, points[:, 0], points[:, 1]].T
    limits = np.array(inside.shape) - 1
    ours, theirs = (np.clip(np.rint(points + sign * steps).astype(int), 0, limits) for sign in (1, -1))
    told = inside[tuple(ours.T)] & ~inside[tuple(theirs.T)]
    if not told.any():
        return 0.0
    return float((np.linalg.norm(lab[tuple(ours.T)] - lab[tuple(theirs.T)], axis=-1)[told] < EDGE).mean())


def goes_on(segmenter: Segmenter, pixels: Pixels, mask: Mask, others: Mask) -> tuple[Mask, Cost]:
    """Return what seems to be more of a thing beyond its mask; empty where it ends there.

    Wider boxes find it: with the whole mask it makes one thing, in the mask's colours, and nothing divides the two.
    ``others`` are pixels of other things.
    """
    rest = np.zeros_like(mask)
    box = extent(mask)
    boxes = [wide for added in WIDER if (wide := _grown(box, added)).area > 1.1 * box.area]
    if not mask.any() or not boxes:
        return rest, Cost()
    lab = ndimage.gaussian_filter(to_oklab(pixels), (1, 1, 0))
    palette = cKDTree(lab[mask][:: max(1, int(mask.sum()) // 3000)])
    reach = max(2, round(0.03 * float(np.sqrt(mask.sum()))))
    near, beside = dilate(mask, reach), dilate(mask, 2 * reach + 2)
    found = segmenter.segment(Image.fromarray(pixels), boxes)
    for wide, score in zip(found.masks, found.scores, strict=True):
        if score < CERTAIN or (wide & mask).sum() < KEPT * mask.sum():
            continue
        labels, number = ndimage.label(ndimage.binary_opening(wide & ~near & ~others))
        for label in range(1, number + 1):
            part = labels == label
            if MORE[0] <= part.sum() / mask.sum() <= MORE[1] and _is_same(lab, palette, part, mask, beside, reach):
                rest |= wide & ~others & dilate(part, reach + 1) & ~mask
    return rest, found.cost


def still_shows(segmenter: Segmenter, filled: Pixels, gone: Mask) -> tuple[float, Cost]:
    """Return how much the shape that is seen in a filled place is that of what was taken away, as IoU in [0, 1]."""
    found = segmenter.segment(Image.fromarray(filled), [extent(gone)])
    return (_iou(found.masks[0], gone) if found.scores[0] > 0 else 0.0), found.cost


def extent(mask: Mask) -> Box:
    """Return the box of a mask's pixels; one without area where it is empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return Box(0, 0, 0, 0)
    return Box.from_px(
        int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1, (mask.shape[1], mask.shape[0])
    )


def _is_same(lab: Floats, palette: cKDTree, part: Mask, mask: Mask, beside: Mask, reach: int) -> bool:
    distances, _ = palette.query(lab[part])
    if float((distances < SAME).mean()) < MOSTLY:
        return False
    facing, joined = dilate(part, 2 * reach + 2) & mask, part & beside
    if not facing.any() or not joined.any():
        return False
    return float(np.linalg.norm(lab[facing].mean(axis=0) - lab[joined].mean(axis=0))) < EDGE


def _grown(box: Box, added: Sequence[float]) -> Box:
    left, top, right, bottom = added
    return Box(
        box.x - left * box.w, box.y - top * box.h, box.w * (1 + left + right), box.h * (1 + top + bottom)
    ).clipped()


def _window(mask: Mask, pad: int) -> tuple[slice, slice] | None:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    return slice(max(rows[0] - pad, 0), rows[-1] + 1 + pad), slice(max(columns[0] - pad, 0), columns[-1] + 1 + pad)


def _iou(mask: Mask, other: Mask) -> float:
    union = int((mask | other).sum())
    return float((mask & other).sum()) / union if union else 1.0
