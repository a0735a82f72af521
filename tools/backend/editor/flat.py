"""Composing on smooth ground, exactly: what goes is painted over with the ground, what stays a thing keeps its pixels.

Objects are cut out by their difference from the ground, moved, scaled, recoloured and set down; new ones come drawn
alone and are cut out in the same way. Nothing is denoised that is already there, so nothing gets dirty. Pixels in,
pixels out; knows nothing of models.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage
from scipy.spatial import ConvexHull

from tools.backend.editor.engine import Painted
from tools.backend.editor.ground import completed, cut_from_ground, estimate_ground, told_apart
from tools.backend.editor.masks import box_mask, dilate, fill
from tools.backend.editor.recolour import Change, read_change, repaint
from tools.backend.editor.setting_down import composed, set_down
from tools.backend.oklab import to_oklab
from tools.backend.protocol import BackendError
from tools.scene.box import Box

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tools.backend.editor.engine import Job
    from tools.backend.editor.ground import Ground
    from tools.backend.editor.masks import Floats, Mask, Pixels
    from tools.backend.editor.matting import Cut
    from tools.backend.editor.plan import NetEdit, Touched
    from tools.backend.editor.setting_down import Layer
    from tools.scene.layout import PlacedObject

    Fit = Callable[[Image.Image, PlacedObject], float]
    """How much an object looks in a picture like what it shall be; 1 is perfect, below 0 is something else."""

CLEAN = 0.9  # fit from which an object needs no other candidate
DRAWN = 0.5  # of the view's side: how long a new object is drawn at least, to be made smaller where it is set down
STRETCH = 1.2  # by which a new object's shape may be changed to fill its box
WIPED = 3  # pixels around what goes that it may have coloured
BEFORE = 0.12  # share of what surrounds a thing that another one covers which it stood before
LEAST_HULL = 30  # pixels that an object shows at least, to be completed
UNLIKE, DETAILS = 0.15, 0.35  # distance in OKLab from a drawing's colour; share of it that may be as far from that
LESS_LIGHT = 0.1  # lightness added or taken for "lighter" and "darker"
SEEN = 0.04  # distance in OKLab between most of an object's old and new colours that an eye notices
FADE = 1.5  # pixels (sigma) over which the ground that was put in passes into the ground that was there


def busy_places(plan: NetEdit, masks: Mapping[str, Mask], size_wh: tuple[int, int]) -> Mask:
    """Return what objects cover, known by a mask or by a box alone."""
    busy = np.zeros(size_wh[::-1], dtype=bool)
    for mask in masks.values():
        busy |= mask
    for placed in plan.untouched:
        if placed.id not in masks:
            busy |= box_mask(placed.box.clipped(), size_wh)
    return busy


def can_recolour(plan: NetEdit) -> bool:
    """Return whether every new look of the plan is one of colour."""
    return all(read_change(new_words(touched)) is not None for touched in plan.touched if touched.restyled)


def new_words(touched: Touched) -> tuple[str, ...]:
    """Return the attributes that an object shall have and does not have yet."""
    before = touched.source.attributes if touched.source is not None else ()
    return tuple(word for word in touched.placed.attributes if word not in before)


def drawing_box(box: Box) -> Box:
    """Return the box to draw a new object in: of the same shape, in the middle, and large enough for a good drawing."""
    longest = max(box.w, box.h)
    factor = max(longest, DRAWN) / longest
    return Box(0.5 - box.w * factor / 2, 0.5 - box.h * factor / 2, box.w * factor, box.h * factor)


def set_drawing_down(pixels: Pixels, mask: Mask, box: Box) -> Layer:
    """Cut a new object out of the picture it was drawn in, and set it down so that it fills ``box``.

    Raises:
        ValueError: the mask is empty.
    """
    height, width = mask.shape
    cut = cut_from_ground(pixels, mask, estimate_ground(pixels, mask).pixels, np.zeros_like(mask))
    body = cut.alpha > 0.5
    rows, columns = np.flatnonzero(body.any(axis=1)), np.flatnonzero(body.any(axis=0))
    if not len(rows):
        raise ValueError("the mask holds nothing")
    y0, x0 = cut.rows.start + int(rows[0]), cut.columns.start + int(columns[0])
    source = Box.from_px(
        x0, y0, x0 + int(columns[-1] - columns[0]) + 1, y0 + int(rows[-1] - rows[0]) + 1, (width, height)
    )
    across, down = box.w / source.w, box.h / source.h
    across, down = min(across, down * STRETCH), min(down, across * STRETCH)
    w, h = source.w * across, source.h * down
    return set_down(
        cut, source, (width, height), Box(box.center[0] - w / 2, box.center[1] - h / 2, w, h), (width, height)
    )


def copied(pixels: Pixels, mask: Mask, source: Box, box: Box, size_wh: tuple[int, int]) -> Layer:
    """Cut an object out of another picture, and set it down in ``box`` of a view of ``size_wh``.

    Raises:
        ValueError: the mask is empty.
    """
    cut = cut_from_ground(pixels, mask, estimate_ground(pixels, mask).pixels, np.zeros_like(mask))
    return set_down(cut, source, (mask.shape[1], mask.shape[0]), box, size_wh)


def compose(job: Job, ground: Ground, made: Mapping[str, Layer], fit: Fit | None = None) -> Painted:
    """Do a job on a smooth ground with new objects that are ``made``, by id; ``fit`` chooses how lines are recoloured.

    Objects of the plan's target are drawn in its order, the first one at the back.
    """
    plan, size_wh = job.plan, job.size_wh
    there = (*plan.erased, *plan.untouched, *(touched.source for touched in plan.touched if touched.source))
    boxes = {placed.id: placed.box for placed in there}
    masks = told_apart(job.pixels, completed(job.pixels, job.masks, boxes, ground.pixels), ground.pixels)
    cuts = {key: _cut(job, masks, key, ground) for key in masks}
    alphas = {key: _on_sheet(cut, size_wh) for key, cut in cuts.items()}
    result = job.pixels.astype(np.float32)
    region = np.zeros(result.shape[:2], dtype=bool)
    wiped = {placed.id for placed in plan.erased} | {touched.source.id for touched in plan.touched if touched.source}
    wiped -= {touched.source.id for touched in plan.touched if touched.copied and touched.source}
    gone = np.logical_or.reduce([np.zeros_like(region), *(masks[key] for key in wiped)])
    kept = np.logical_or.reduce([np.zeros_like(region), *(mask for key, mask in masks.items() if key not in wiped)])
    # beside what goes the segmenter has the last word: a line between two things is as likely part of what goes
    clear = np.zeros(region.shape, np.float32)
    staying = np.maximum.reduce([clear, *(alpha for key, alpha in alphas.items() if key not in wiped)])
    staying = np.where(dilate(gone, WIPED + 1), staying * kept, staying)
    for key in wiped:
        fade = _fade(dilate((alphas[key] > 0) | masks[key], WIPED)) * (1 - np.clip(4 * staying, 0, 1))
        result += fade[..., None] * (ground.pixels - result)
        region |= fade > 0
        for other, mask in masks.items():
            if other not in wiped:
                hidden = _hidden(masks[key], mask) & (fade > 0.5) & ~kept
                if hidden.any():
                    result[hidden] = fill(job.pixels.astype(np.float32), ndimage.binary_erosion(mask))[hidden]
    order = {object_id: place for place, object_id in enumerate(plan.target.ids)}
    shown: dict[str, Mask] = {placed.id: alphas[placed.id] > 0.5 for placed in plan.untouched if placed.id in alphas}
    for touched in sorted(plan.touched, key=lambda change: order[change.placed.id]):
        front = [alphas[other.id] for other in plan.untouched
                 if other.id in alphas and order[other.id] > order[touched.placed.id]]  # fmt: skip
        allowed = 1 - np.maximum.reduce(front) if front else None
        if touched.source is not None:
            layer = _layer(cuts[touched.source.id], touched, size_wh)
            if touched.restyled and fit is not None and _seen(layer, result, touched, fit) < CLEAN:
                variant = _layer(cuts[touched.source.id], touched, size_wh, as_drawn=True)
                layer = max((layer, variant), key=lambda one: _seen(one, result, touched, fit))
        else:
            layer = made[touched.placed.id]
        result = composed(result, layer, allowed)
        alpha = layer.alpha if allowed is None else layer.alpha * allowed
        for key in shown:
            shown[key] = shown[key] & (alpha <= 0.5)
        shown[touched.placed.id] = alpha > 0.5
        region |= alpha > 0
    pixels = np.clip(result + 0.5, 0, 255).astype(np.uint8)
    own = {
        touched.placed.id: shown[touched.placed.id]
        for touched in plan.touched
        if touched.source is not None and not touched.restyled
    }
    return Painted(pixels, region.astype(np.float32), region, own, shown, exact=True)


def _cut(job: Job, masks: Mapping[str, Mask], key: str, ground: Ground) -> Cut:
    others = np.zeros(job.pixels.shape[:2], dtype=bool)
    for other, mask in masks.items():
        if other != key:
            others |= mask
    mask = masks[key]
    return cut_from_ground(job.pixels, mask if mask.any() else ~others, ground.pixels, others)


def _change(touched: Touched) -> Change | None:
    """Return what to do to an object's colours; another shade of the one it has is told from what it has."""
    assert touched.source is not None
    words = new_words(touched)
    for word in words:
        shade, _, colour = word.rpartition(" ")
        if shade and colour in touched.source.attributes:
            light = {"light": LESS_LIGHT, "dark": -LESS_LIGHT}.get(shade)
            return Change(None, light) if light is not None else read_change([shade]) or read_change(words)
    return read_change(words)


def _seen(layer: Layer, below: Floats, touched: Touched, fit: Fit) -> float:
    pixels = np.clip(composed(below, layer) + 0.5, 0, 255).astype(np.uint8)
    return fit(Image.fromarray(pixels), touched.placed)


def _layer(cut: Cut, touched: Touched, size_wh: tuple[int, int], *, as_drawn: bool = False) -> Layer:
    """Return an object of the picture where it shall be and as it shall look."""
    assert touched.source is not None
    change = _change(touched) if touched.restyled else None
    if change is not None:
        pixels = np.clip(cut.colours + 0.5, 0, 255).astype(np.uint8)
        colours = repaint(pixels, cut.alpha > 0.5, change, as_drawn=as_drawn)
        shift = np.linalg.norm(to_oklab(np.clip(colours + 0.5, 0, 255).astype(np.uint8)) - to_oklab(pixels), axis=-1)
        if change.target is None and np.median(shift[cut.alpha > 0.5]) < SEEN:
            looks = " ".join(touched.placed.attributes)
            raise BackendError(f"{touched.placed.id!r} can hardly be any more {looks}: ask for another colour")
        cut = type(cut)(cut.rows, cut.columns, colours, cut.alpha)
    return set_down(cut, touched.source.box, size_wh, touched.placed.box, size_wh)


def _hidden(front: Mask, behind: Mask) -> Mask:
    """Return what an object that goes hid of one behind it: what lies within that one's outline, drawn straight."""
    nothing = np.zeros_like(front)
    around = dilate(front, 2) & ~front
    if (around & behind).sum() < BEFORE * around.sum() or behind.sum() < LEAST_HULL:
        return nothing
    points = np.argwhere(behind)[:, ::-1]
    corners = points[ConvexHull(points).vertices]
    sheet = Image.new("1", (front.shape[1], front.shape[0]))
    ImageDraw.Draw(sheet).polygon([(int(x), int(y)) for x, y in corners], fill=1)
    return np.asarray(sheet) & dilate(front, 1)


def muddle(layer: Layer) -> float:
    """Return how far a drawing is from being of one colour with details, in [0, 1]; 0 is a clean one."""
    body = layer.alpha > 0.9
    if not body.any():
        return 1.0
    lab = to_oklab(np.clip(layer.colours[body] + 0.5, 0, 255).astype(np.uint8))
    odd = float((np.linalg.norm(lab - np.median(lab, axis=0), axis=-1) > UNLIKE).mean())
    return max(0.0, odd - DETAILS)


def _on_sheet(cut: Cut, size_wh: tuple[int, int]) -> Floats:
    sheet = np.zeros(size_wh[::-1], dtype=np.float32)
    sheet[cut.rows, cut.columns] = cut.alpha
    return sheet


def _fade(mask: Mask) -> Floats:
    """Return 1 inside a mask, falling off outside it."""
    outside = ndimage.distance_transform_edt(~mask)
    fade = np.exp(-((outside / FADE) ** 2) / 2)
    return np.where(fade < 0.02, 0, fade).astype(np.float32)
