"""Filling the place of something that was taken away: several holes are tried, and the best fill is chosen.

A fill is good when a detector sees nothing in it, when its colours and its roughness are those of what lies
around it, and when fills of other holes look like it: where they do not, they are made up. All evidence is taken
from a copy of at most `SIDE` pixels, so that it means the same at every size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from scipy import ndimage
from scipy.spatial import cKDTree

from tools.backend.editor.masks import dilate
from tools.backend.leftovers import strange_share
from tools.backend.oklab import to_oklab

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tools.backend.editor.masks import Floats, Mask, Pixels

SIDE = 384  # pixels of the longer side at which fills are judged
RING = 0.07  # of that: how far around a hole the surroundings reach
ALIKE = 0.05  # distance in OKLab up to which two colours are one
SHADOW = (0.05, 0.30)  # how much darker a shadow is than its surroundings, in lightness of OKLab
SHADOW_TINT = 0.035  # and how little its colour differs
COLOUR_LIMIT, ROUGH_LIMIT, SEAM_LIMIT = 0.30, 1.6, 3.0
ODD_LIMIT = 0.08
SHAPE_LIMIT = 0.72  # IoU of what is seen in a filled place with what was there, from which that still shows
SPREAD_LIMIT, LARGE = 0.06, 0.2  # distance in OKLab between fills, and share of the view, from which they are made up
PLAIN = 0.05  # how much colours around a place vary, in OKLab, up to which even a large one is filled well
STEADY, DETAIL = 0.0125, 0.85  # blur, of the longer side, beyond which fills are averaged; what is kept below it
BLUR = 4.0  # pixels: texture may differ between fills, structure may not


@dataclass(frozen=True)
class Evidence:
    """What speaks against a fill.

    seen: what a detector finds in the hole, in words; foreign: share of the hole whose colour is nowhere around;
    rough: binary logarithm of its roughness over that of the surroundings; seam: the step along its rim, as a
    multiple of the steps that are usual around; spread: how far fills of other holes are from it, in OKLab; large:
    the share of the view that is made up, where what is around is not plain; odd: the share that nothing around it
    would put there; shape: how much the shape that is seen there is that of what was taken away.
    """

    seen: tuple[str, ...] = ()
    foreign: float = 0.0
    rough: float = 0.0
    seam: float = 1.0
    spread: float = 0.0
    large: float = 0.0
    odd: float = 0.0
    shape: float = 0.0

    @property
    def doubts(self) -> tuple[str, ...]:
        """What is not clean, in words; empty when all is well."""
        problems = [f"{part} is still seen there" for part in self.seen]
        if self.foreign > COLOUR_LIMIT:
            problems.append(f"{self.foreign:.0%} of the place has colours that are nowhere around it")
        if abs(self.rough) > ROUGH_LIMIT:
            problems.append(f"the place is {'rougher' if self.rough > 0 else 'smoother'} than what is around it")
        if self.odd > ODD_LIMIT:
            problems.append(f"{self.odd:.0%} of the place is like nothing that its surroundings would continue as")
        if self.shape > SHAPE_LIMIT:
            problems.append("the shape of what was there can still be seen")
        if self.seam > SEAM_LIMIT:
            problems.append("the place has a visible rim")
        if self.spread > SPREAD_LIMIT:
            problems.append("what is behind it cannot be told: every fill looks different")
        elif self.large > LARGE:
            problems.append(f"{self.large:.0%} of what is around had to be made up")
        return tuple(problems)

    @property
    def badness(self) -> float:
        """Return one number to order fills by; 0 is perfect."""
        return (
            2 * len(self.seen)
            + 2 * self.foreign
            + 0.35 * abs(self.rough)
            + 0.15 * max(self.seam - 1, 0)
            + 5 * self.spread
            + 2 * self.odd
            + max(self.shape - SHAPE_LIMIT, 0)
        )


@dataclass(frozen=True)
class Fill:
    """A filled picture, uint8 ``[height, width, 3]``, the hole that was filled, and what speaks against it."""

    pixels: Pixels
    hole: Mask
    evidence: Evidence


def holes_for(
    pixels: Pixels, object_mask: Mask, others: Mask, shares: Sequence[float], *, with_shadow: bool = True
) -> list[Mask]:
    """Return the holes to try, each larger than the mask by one of ``shares`` of the longer side.

    One more takes the object's shadow along, where one is told. ``others`` stay.
    """
    side = max(object_mask.shape)
    holes = [dilate(object_mask, max(2, round(share * side))) & ~others for share in shares]
    shadow = find_shadow(pixels, object_mask, others) if with_shadow else np.zeros_like(object_mask)
    if shadow.any():
        holes.append((holes[min(1, len(holes) - 1)] | dilate(shadow, max(2, round(0.012 * side)))) & ~others)
    return holes


def find_shadow(pixels: Pixels, object_mask: Mask, others: Mask) -> Mask:
    """Return the shadow that an object throws on what is below and beside it, as far as one can be told.

    Darker than the surroundings by as much as shadows are, hardly different in colour, and touching the object's
    lower half.
    """
    rows, columns = np.flatnonzero(object_mask.any(axis=1)), np.flatnonzero(object_mask.any(axis=0))
    nothing = np.zeros_like(object_mask)
    if not len(rows):
        return nothing
    height, width = len(rows), len(columns)
    pad_x, pad_y = int(0.7 * width) + 4, int(0.35 * height) + 4
    window = (
        slice(max(rows[0] + height // 2, 0), min(rows[-1] + pad_y, object_mask.shape[0])),
        slice(max(columns[0] - pad_x, 0), min(columns[-1] + pad_x, object_mask.shape[1])),
    )
    free = ~(object_mask | others)[window]
    if free.sum() < 50:
        return nothing
    scale = max(1, round(max(free.shape) / 320))
    lab = to_oklab(pixels[window][::scale, ::scale])
    free, body = free[::scale, ::scale], object_mask[window][::scale, ::scale]
    lab = ndimage.gaussian_filter(lab, (1.5, 1.5, 0))
    usual = np.median(lab[free], axis=0)
    darker = usual[0] - lab[..., 0]
    tint = np.hypot(lab[..., 1] - usual[1], lab[..., 2] - usual[2])
    dark = free & (darker > SHADOW[0]) & (darker < SHADOW[1]) & (tint < SHADOW_TINT)
    labels, _ = ndimage.label(ndimage.binary_closing(dark, iterations=1) & free)
    touching = np.unique(labels[dilate(body, 3) & free])
    chosen = np.isin(labels, touching[touching > 0])
    # most of the ground is no shadow, and neither are a few specks
    if not 0.02 * body.sum() < chosen.sum() < min(0.5 * free.sum(), 1.2 * object_mask[window].sum() / scale**2):
        return nothing
    large = chosen.repeat(scale, axis=0).repeat(scale, axis=1)[: free.shape[0] * scale, : free.shape[1] * scale]
    result = nothing.copy()
    view = result[window]
    view |= np.pad(large, ((0, max(0, view.shape[0] - large.shape[0])), (0, max(0, view.shape[1] - large.shape[1]))))[
        : view.shape[0], : view.shape[1]
    ]
    return result & ~(object_mask | others)


def judge_fills(
    fills: Sequence[tuple[Pixels, Mask]], others: Mask, seen: Callable[[Pixels, Mask], Sequence[str]]
) -> list[Fill]:
    """Look for what speaks against each of several fills ``(picture, hole)`` of one place.

    ``others``: pixels of objects, which say nothing of the background; ``seen`` is asked what a detector finds in
    the hole of a picture.
    """
    smalls = [_small(pixels, hole, others) for pixels, hole in fills]
    everywhere = np.logical_and.reduce([filled for _, filled, _ in smalls])
    blurred = [ndimage.gaussian_filter(lab, (BLUR, BLUR, 0)) for lab, _, _ in smalls]
    result = []
    for (pixels, hole), (lab, filled, ring), mine in zip(fills, smalls, blurred, strict=True):
        doubts, odd = tuple(seen(pixels, hole)), strange_share(pixels, hole)
        varied = float(np.linalg.norm(mine[ring].std(axis=0))) if ring.any() else 1.0
        large = float(filled.mean()) if varied > PLAIN else 0.0
        distances = [
            float(np.linalg.norm(mine[everywhere] - other[everywhere], axis=-1).mean())
            for other in blurred
            if other is not mine and everywhere.any()
        ]
        spread = float(np.mean(sorted(distances)[:2])) if distances else 0.0  # one odd fill among them says nothing
        if filled.sum() < 12 or ring.sum() < 12:
            evidence = Evidence(doubts, spread=spread, large=large, odd=odd)
        else:
            measured = _foreign(lab, filled, ring), _roughness(lab, filled, ring), _seam(lab, filled, ring)
            evidence = Evidence(doubts, *measured, spread, large, odd)
        result.append(Fill(pixels, hole, evidence))
    return result


def steadied(best: Fill, fills: Sequence[tuple[Pixels, Mask]]) -> Fill:
    """Return the best fill with the large-scale colours that all fills of its place agree on, and its own details.

    What one fill makes up alone (a dark patch, a pale one) is thinned out so; edges and texture stay as they are.
    """
    others = [np.where(best.hole[..., None], pixels, best.pixels) for pixels, hole in fills if hole[best.hole].all()]
    if len(others) < 2:
        return best
    sigma = STEADY * max(best.hole.shape)
    own = best.pixels.astype(np.float32)
    common = np.mean(others, axis=0, dtype=np.float32)
    coarse = [ndimage.gaussian_filter(some, (sigma, sigma, 0)) for some in (common, own)]
    mixed = np.clip(coarse[0] + DETAIL * (own - coarse[1]) + 0.5, 0, 255).astype(np.uint8)
    return Fill(np.where(best.hole[..., None], mixed, best.pixels), best.hole, best.evidence)


def _small(pixels: Pixels, hole: Mask, others: Mask) -> tuple[Floats, Mask, Mask]:
    """Return the picture in OKLab, the hole and the free surroundings, at most `SIDE` pixels large."""
    scale = min(1.0, SIDE / max(hole.shape))
    size = (max(1, round(hole.shape[1] * scale)), max(1, round(hole.shape[0] * scale)))
    small = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))
    inside, taken = (
        np.asarray(Image.fromarray(part.astype(np.float32)).resize(size, Image.Resampling.BOX))
        for part in (hole, others)
    )
    filled, busy = inside > 0.5, (inside > 0.02) | (taken > 0.02)
    return to_oklab(small), filled, dilate(filled, max(4, round(RING * max(size)))) & ~busy


def _foreign(lab: Floats, filled: Mask, ring: Mask) -> float:
    smooth = ndimage.gaussian_filter(lab, (1, 1, 0))
    tree = cKDTree(np.concatenate([smooth[ring], lab[ring]]))
    distances, _ = tree.query(smooth[filled])
    return float((distances > ALIKE).mean())


def _roughness(lab: Floats, filled: Mask, ring: Mask) -> float:
    light = lab[..., 0]
    detail = np.abs(light - ndimage.gaussian_filter(light, 1.5))
    core = ndimage.binary_erosion(filled, iterations=2)
    inside, outside = float(detail[core if core.any() else filled].mean()), float(detail[ring].mean())
    return float(np.log2((inside + 1.5e-3) / (outside + 1.5e-3)))


def _seam(lab: Floats, filled: Mask, ring: Mask) -> float:
    steps = np.concatenate([_steps(lab, filled, ring, axis) for axis in (0, 1)])
    usual = np.concatenate([_steps(lab, ring, ring, axis) for axis in (0, 1)])
    if not len(steps) or not len(usual):
        return 1.0
    return float((steps.mean() + 2e-3) / (usual.mean() + 2e-3))


def _steps(lab: Floats, part: Mask, other: Mask, axis: int) -> Floats:
    """Return the distances of colours two pixels apart, one of them in ``one`` and the other in ``other``."""
    first, second = [slice(None), slice(None)], [slice(None), slice(None)]
    first[axis], second[axis] = slice(None, -2), slice(2, None)
    a, b = tuple(first), tuple(second)
    pairs = (part[a] & other[b]) | (other[a] & part[b])
    return np.asarray(np.linalg.norm(lab[a][pairs] - lab[b][pairs], axis=-1))
