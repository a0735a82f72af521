"""The ground behind objects, where it is smooth: estimated from what is seen of it, and objects told from it.

Pictures of flat things on plain ground (sky above land, a wall above a table) are made of rows of about one colour
each, with slow changes along them. There pixels can be composed exactly: what lies behind an object is known, and so
is, by the difference from it, how much of a pixel is the object. Where the ground is anything else, `Ground.misfit`
says so. Knows nothing of models.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage
from scipy.cluster.vq import kmeans2

from tools.backend.editor.masks import box_mask, dilate
from tools.backend.editor.matting import Cut

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tools.backend.editor.masks import Floats, Mask, Pixels
    from tools.scene.box import Box

AROUND = 3  # pixels around objects that may still be theirs
ODD = 24.0  # RGB distance from its row's usual colour from which a pixel is no ground
SPREAD = 0.05  # of the picture's side: how far apart slow changes along a row are told
STEADY = 5  # rows, of which the middle one's colour counts
LEAST = 0.06  # share of a row that has to be seen
UNLIKE = 20.0  # RGB distance from the estimate that an eye notices
REACH = 3  # pixels by which an object may stand out of a segmenter's mask
TOUCHING = 3  # pixels between the masks of two objects that touch
ALIKE, APART = 40.0, 40.0  # RGB distance within which a pixel shows an object's colours; how much less that is
SHRED = 1  # pixels of half the thickness of what is no part of a thing of its own
OFTEN = 0.12  # share of an object from which a colour is one of its own
DEEP = 2  # pixels inside a segmenter's mask, from which a pixel that is a little unlike the ground is the object
CRUMB = 0.02  # share of the mask under which a separate piece is none of the object
HIDDEN = 0.3  # share of the mask that has to differ from the ground
FAR_MORE = 2.0  # times its share in one object: what a colour has in another, whose it then is
PER_PIXEL = 10.0  # RGB distance from an object's colours that counts like a pixel between it and a piece
UNEVEN = 0.04  # of the height: a horizon lies so much higher or lower in places than its row says
CLEAR = (14.0, 44.0)  # RGB distance from the ground at which a pixel begins to be an object, and is nothing else


@dataclass(frozen=True)
class Ground:
    """``pixels``: float32 ``[height, width, 3]``, everywhere; ``misfit``: share of the seen ground unlike it."""

    pixels: Floats
    misfit: float


def estimate_ground(pixels: Pixels, busy: Mask) -> Ground:
    """Estimate the ground of a picture, uint8 ``[height, width, 3]``, from what lies outside ``busy``."""
    known = ~dilate(busy, AROUND)
    picture = pixels.astype(np.float32)
    rows = _row_colours(picture, known)
    if rows is None:
        return Ground(picture, 1.0)
    rest = picture - rows[:, None]
    fits = known & (np.linalg.norm(rest, axis=-1) < ODD)
    sigma = SPREAD * max(busy.shape)
    weight = ndimage.gaussian_filter(fits.astype(np.float32), sigma) + 1e-4
    slow = np.stack(
        [ndimage.gaussian_filter(np.where(fits, rest[..., channel], 0), sigma) / weight for channel in range(3)],
        axis=-1,
    )
    ground = np.clip(rows[:, None] + slow, 0, 255).astype(np.float32)
    unlike = np.linalg.norm(ndimage.uniform_filter(picture - ground, size=(3, 3, 1)), axis=-1) > UNLIKE
    return Ground(ground, float(unlike[known].mean()) if known.any() else 1.0)


def _row_colours(picture: Floats, known: Mask) -> Floats | None:
    """Return each row's usual colour ``[height, 3]``; rows that are hardly seen get it from those around."""
    seen = np.flatnonzero(known.mean(axis=1) >= LEAST)
    if not len(seen):
        return None
    colours = np.stack([np.median(picture[row][known[row]], axis=0) for row in seen])
    colours = ndimage.median_filter(colours, size=(STEADY, 1), mode="nearest")  # edges stay, odd rows go
    every = np.arange(len(known))
    return np.stack([np.interp(every, seen, colours[:, channel]) for channel in range(3)], axis=-1).astype(np.float32)


def told_apart(pixels: Pixels, masks: Mapping[str, Mask], ground: Floats) -> dict[str, Mask]:
    """Give pieces of one mask that clearly show a touching object's colours to that object.

    Segmenters err where things touch; flat things have few colours each, which tell whose a piece is.
    """
    known = {key: _palette(pixels, mask) for key, mask in masks.items()}
    palettes, shares = ({key: pair[place] for key, pair in known.items()} for place in (0, 1))
    result = {key: mask.copy() for key, mask in masks.items()}
    for key, mask in masks.items():
        for other, theirs in masks.items():
            border = dilate(theirs, TOUCHING)
            if other == key or not (mask & border).any():
                continue
            own, foreign = (_distance(pixels, palettes[one]) for one in (key, other))
            given = result[key] & (foreign < ALIKE) & (own > foreign + APART)
            # a thick piece in a colour that is mostly the other one's is no part of this one either
            mine = _distance(pixels, _rid_of(palettes[key], shares[key], palettes[other], shares[other]))
            given |= ndimage.binary_opening(result[key] & (foreign < ALIKE) & (mine > foreign + APART))
            labels, _ = ndimage.label(given | theirs)
            joined = np.isin(labels, np.unique(labels[theirs & (labels > 0)]))
            given &= joined & (np.linalg.norm(pixels - ground, axis=-1) > sum(CLEAR) / 2)
            result[key] &= ~given
            result[other] |= given
            # a shred of outline that sticks out beside the other one is the other one's
            shreds = result[key] & border & ~dilate(ndimage.binary_opening(result[key], iterations=SHRED), 1)
            result[key] &= ~shreds
            result[other] |= shreds
    return result


def completed(pixels: Pixels, masks: Mapping[str, Mask], boxes: Mapping[str, Box], ground: Floats) -> dict[str, Mask]:
    """Give what is clearly no ground, lies in objects' boxes and in no mask, to the nearest and most alike of those.

    Of large things segmenters tend to find a part.
    """
    height, width = pixels.shape[:2]
    taken = np.logical_or.reduce([np.zeros((height, width), dtype=bool), *masks.values()])
    unlike = _off_ground(pixels.astype(np.float32), ground) > CLEAR[1]
    free = ndimage.binary_opening(unlike) & ~taken  # a thin line is a seam of the ground
    result, nearest = dict(masks), np.full((height, width), np.inf)
    owner = np.full((height, width), -1)
    keys = [key for key in masks if key in boxes and masks[key].any()]
    for number, key in enumerate(keys):
        far = np.where(
            box_mask(boxes[key].clipped(), (width, height)), ndimage.distance_transform_edt(~masks[key]), np.inf
        )
        far = far + _distance(pixels, _palette(pixels, masks[key])[0]) / PER_PIXEL
        owner = np.where(far < nearest, number, owner)
        nearest = np.minimum(nearest, far)
    for number, key in enumerate(keys):
        given = free & (owner == number)
        labels, _ = ndimage.label(given | masks[key])
        result[key] = masks[key] | (given & np.isin(labels, np.unique(labels[masks[key]])))
    return result


def _rid_of(colours: Floats, shares: Floats, theirs: Floats, their_shares: Floats) -> Floats:
    """Return an object's colours without those that are far more another one's; all of them where that is each."""
    apart = np.linalg.norm(colours[:, None] - theirs, axis=-1)
    borrowed = (apart < ALIKE) & (their_shares > FAR_MORE * shares[:, None])
    own = colours[~borrowed.any(axis=1)]
    return own if len(own) else colours


def _palette(pixels: Pixels, mask: Mask) -> tuple[Floats, Floats]:
    """Return the few colours of a flat object, ``[n, 3]``, and the share of it that each has, ``[n]``."""
    inner = ndimage.binary_erosion(mask)
    colours = pixels[inner if inner.any() else mask].astype(np.float64)
    number = min(4, len(np.unique(colours, axis=0)))
    if not number:
        return np.full((1, 3), 1e4, dtype=np.float32), np.ones(1, dtype=np.float32)
    centers, labels = kmeans2(colours, number, minit="++", seed=np.random.default_rng(0))
    shares = np.bincount(labels, minlength=number) / len(labels)
    often = shares >= OFTEN
    return np.asarray(centers[often], dtype=np.float32), np.asarray(shares[often], dtype=np.float32)


def _distance(pixels: Pixels, palette: Floats) -> Floats:
    """Return each pixel's RGB distance from the nearest colour of a palette."""
    picture = pixels.astype(np.float32)
    return np.asarray(np.min([np.linalg.norm(picture - colour, axis=-1) for colour in palette], axis=0))


def _off_ground(picture: Floats, ground: Floats) -> Floats:
    """Return each pixel's RGB distance from the ground, were its horizon a little higher or lower there."""
    most = round(UNEVEN * len(picture))
    every = np.arange(len(picture))
    levels = (
        ground[np.clip(every + shift, 0, len(picture) - 1)] for shift in {-most, -(most // 2), 0, most // 2, most}
    )
    return np.asarray(np.min([np.linalg.norm(picture - level, axis=-1) for level in levels], axis=0))


def cut_from_ground(pixels: Pixels, mask: Mask, ground: Floats, others: Mask) -> Cut:
    """Cut an object out by its difference from the ground, near the segmenter's ``mask`` and off ``others``.

    What looks like the ground and lies open to the outside is no part of it (between the legs of a chair); what is
    enclosed is (the belly of a white cat in the snow).

    Raises:
        ValueError: the mask is empty.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        raise ValueError("an empty mask cuts nothing out")
    pad = REACH + 2
    window = (
        slice(max(int(rows[0]) - pad, 0), int(rows[-1]) + 1 + pad),
        slice(max(int(columns[0]) - pad, 0), int(columns[-1]) + 1 + pad),
    )
    picture, behind = pixels[window].astype(np.float32), ground[window]
    apart = _off_ground(pixels.astype(np.float32), ground)[window]
    theirs = others[window]
    inside = ndimage.binary_fill_holes(mask[window]) & ~theirs  # a screen that looks like the wall is still the screen
    depth, theirs_off = ndimage.distance_transform_edt(inside), ndimage.distance_transform_edt(~theirs)
    near = dilate(inside, REACH) & ~theirs & (ndimage.distance_transform_edt(~inside) <= theirs_off)
    unlike = near & (apart > np.where(depth > DEEP, CLEAR[0], sum(CLEAR) / 2))
    body = ndimage.binary_fill_holes(unlike | theirs) & near
    body &= inside | ndimage.binary_opening(body)  # what is thin beside it is a seam of the ground, as the horizon is
    labels, number = ndimage.label(body, structure=np.ones((3, 3)))
    sizes = ndimage.sum_labels(body & inside, labels, range(1, number + 1))
    body = np.isin(labels, 1 + np.flatnonzero(sizes >= max(4.0, CRUMB * float(inside.sum()))))
    if body.sum() < HIDDEN * inside.sum():  # it looks like the ground: the segmenter has to be believed
        body = inside & ~theirs
    core = ndimage.binary_erosion(body, border_value=1)
    rim = dilate(body, 1) & near & ~core
    alpha = np.where(core, 1.0, np.clip((apart - CLEAR[0]) / (CLEAR[1] - CLEAR[0]), 0, 1) * rim).astype(np.float32)
    share = np.maximum(alpha, 0.25)[..., None]
    clean = np.clip((picture - (1 - share) * behind) / share, 0, 255)
    return Cut(*window, np.where(core[..., None], picture, clean).astype(np.float32), alpha)
