"""Putting a picture that a model made anew back on the picture that it was made from.

Models that follow instructions tend to shift and zoom everything a little. What should not have changed tells by
how much: the enhanced correlation coefficient (Evangelidis and Psarakis, 2008) is maximized there, coarse to fine.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from tools.backend.editor.masks import resized
from tools.backend.protocol import BackendError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tools.backend.editor.masks import Floats, Mask, Pixels

SIDES = (96, 192, 384, 768)  # pixels of the longer side, coarse to fine
FIRST_ZOOMS = (1.0, 0.95, 1.05)  # a search finds no zoom that is far off
MOST_ZOOM, MOST_SHIFT = 0.15, 0.12  # beyond these it is another picture; the shift in shares of the longer side
LEAST_PX = 0.25  # a corner that lies less than that off is where it should be
LEAST_GAIN = 0.005  # of correlation, which says that the correction is none by chance
FLAT = 0.1  # of 255: pictures that vary less show nothing
LEAST_SAME = 0.1  # share of the picture that must be unchanged to tell anything
ROUNDS, PRECISION, SMOOTH = 60, 1e-5, 5  # of each level's search; SMOOTH in pixels


@dataclass(frozen=True)
class Placement:
    """Where pixels of the input came to lie: at ``zoom * (x, y) + shift``, in pixels from the top left corner."""

    zoom_wh: tuple[float, float] = (1.0, 1.0)
    shift: tuple[float, float] = (0.0, 0.0)

    def off_px(self, size_wh: tuple[int, int]) -> float:
        """Return how far off the corner lies that is farthest off."""
        moved = [
            abs((zoom - 1) * end + shift)
            for zoom, shift, side in zip(self.zoom_wh, self.shift, size_wh, strict=True)
            for end in (0, side)
        ]
        return max(moved)


def registered(made: Pixels, pixels: Pixels, same: Mask) -> tuple[Pixels, Mask, Placement]:
    """Return what a model made, shifted and scaled back onto the picture that it was given.

    Args:
        made: uint8 ``[height, width, 3]``.
        pixels: the picture it was given, of the same size.
        same: where the two should show the same.

    Returns: the picture, where it is known (what had left the frame is not), and what was found. Nothing is done
    where nothing certain is found.

    Raises:
        BackendError: OpenCV is not installed.
    """
    found = find_placement(made, pixels, same)
    if found.off_px((pixels.shape[1], pixels.shape[0])) < LEAST_PX:
        return made, np.ones(made.shape[:2], dtype=bool), Placement()
    back, known = _back(made, found)
    return back, known, found


def find_placement(made: Pixels, pixels: Pixels, same: Mask) -> Placement:
    """Return the zoom and shift that explain what differs where two pictures should be the same; else none."""
    if find_spec("cv2") is None:
        raise BackendError(
            "what the model makes is laid on the picture with OpenCV, which is not installed: "
            "pip install 'sld-agent[engines]', or set editor.align to false"
        )
    size_wh = (pixels.shape[1], pixels.shape[0])
    if same.mean() < LEAST_SAME:
        return Placement()
    starts = [_zoomed(zoom, size_wh) for zoom in FIRST_ZOOMS]
    for side in SIDES:
        scale = min(1.0, side / max(size_wh))
        tried = [_search(made, pixels, same, start, scale) for start in starts]
        better = [one for one in tried if one is not None and _believable(one[1], size_wh)]
        if not better:  # flat pictures, or another picture
            break
        starts = [max(better, key=lambda one: one[0])[1]]
        if scale == 1.0:
            break
    found = starts[0] if len(starts) == 1 else Placement()
    gain = _fit(made, pixels, same, found) - _fit(made, pixels, same, Placement())
    return found if gain > LEAST_GAIN else Placement()


def _search(made: Pixels, pixels: Pixels, same: Mask, start: Placement, scale: float) -> tuple[float, Placement] | None:
    """Return the correlation and the placement that a search from ``start`` ends at; None if it goes astray."""
    import cv2

    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, ROUNDS, PRECISION)
    size_wh = (max(1, round(same.shape[1] * scale)), max(1, round(same.shape[0] * scale)))
    old, new, mask = _grey(pixels, size_wh), _grey(made, size_wh), resized(same, size_wh).astype(np.uint8)
    try:
        fit, warp = cv2.findTransformECC(
            old, new, _matrix(_scaled(start, scale)), cv2.MOTION_AFFINE, criteria, mask, SMOOTH
        )
    except cv2.error:
        return None
    (zoom_x, _, x), (_, zoom_y, y) = warp.tolist()
    return float(fit), _scaled(Placement((zoom_x, zoom_y), (x, y)), 1 / scale)


def _zoomed(zoom: float, size_wh: tuple[int, int]) -> Placement:
    """Return a zoom about the middle."""
    width, height = size_wh
    return Placement((zoom, zoom), ((1 - zoom) * width / 2, (1 - zoom) * height / 2))


def _believable(found: Placement, size_wh: tuple[int, int]) -> bool:
    zoomed = max(abs(zoom - 1) for zoom in found.zoom_wh)
    # of the middle: a zoom alone moves the corners
    shifted = max(
        abs((zoom - 1) * side / 2 + shift)
        for zoom, shift, side in zip(found.zoom_wh, found.shift, size_wh, strict=True)
    )
    return zoomed <= MOST_ZOOM and shifted <= MOST_SHIFT * max(size_wh)


def _fit(made: Pixels, pixels: Pixels, same: Mask, placement: Placement) -> float:
    """Return the correlation of two pictures where they should be the same."""
    scale = min(1.0, SIDES[-1] / max(same.shape))
    size_wh = (max(1, round(same.shape[1] * scale)), max(1, round(same.shape[0] * scale)))
    new, known = _back(_grey(made, size_wh), _scaled(placement, scale))
    mask = resized(same, size_wh) & known
    one, two = _grey(pixels, size_wh)[mask], new[mask]
    if len(one) < 2 or min(one.std(), two.std()) < FLAT:
        return 0.0
    return float(np.corrcoef(one, two)[0, 1])


def _back(values: NDArray[Any], placement: Placement) -> tuple[NDArray[Any], Mask]:
    """Return a picture with a placement undone, and where nothing from outside its frame is mixed in."""
    import cv2

    size_wh, whole = (values.shape[1], values.shape[0]), np.full(values.shape[:2], 255, dtype=np.uint8)
    flags, matrix = cv2.WARP_INVERSE_MAP, _matrix(placement)
    back = cv2.warpAffine(values, matrix, size_wh, flags=flags | cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    known = cv2.warpAffine(whole, matrix, size_wh, flags=flags | cv2.INTER_LINEAR)
    return np.asarray(back, dtype=values.dtype), np.asarray(known == 255)


def _scaled(placement: Placement, scale: float) -> Placement:
    return Placement(placement.zoom_wh, (placement.shift[0] * scale, placement.shift[1] * scale))


def _matrix(placement: Placement) -> Floats:
    (zoom_x, zoom_y), (x, y) = placement.zoom_wh, placement.shift
    return np.array([[zoom_x, 0, x], [0, zoom_y, y]], dtype=np.float32)


def _grey(pixels: Pixels, size_wh: tuple[int, int]) -> Floats:
    grey = Image.fromarray(pixels).convert("L").resize(size_wh, Image.Resampling.BOX)
    return np.asarray(grey, dtype=np.float32)
