"""GenEval's rules: what a detector must have found in a picture (Ghosh et al., arXiv 2310.11513, section 3).

At least as many objects as asked for, of a kind, and for counting no more; colours and sides are looked at on the most
certain ones. Knows nothing of detectors: their thresholds are their own. GenEval itself uses Mask2Former at 0.3, and
0.9 for counting, and tells colours with CLIP.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from evals.geneval.prompts import COLOURS
from tools.scene.spec import Query

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from evals.geneval.prompts import GenevalPrompt, Side, Wanted
    from tools.scene.box import Box
    from tools.scene.layout import Detection

MOST = 16  # objects of a kind that count
MARGIN = 0.1  # of both objects' sizes together: an offset along an axis that is no larger is none


def queries(prompt: GenevalPrompt) -> tuple[Query, ...]:
    """Return what the detector is asked for."""
    return tuple(Query(name=name) for name in prompt.names)


def boxes_by_name(detections: Iterable[Detection]) -> dict[str, list[Box]]:
    """Return the boxes of each kind of object, the most certain first."""
    boxes: dict[str, list[Box]] = {}
    for detection in sorted(detections, key=lambda detection: -detection.score):
        boxes.setdefault(detection.name, []).append(detection.box)
    return {name: some[:MOST] for name, some in boxes.items()}


def what_is_wrong(
    prompt: GenevalPrompt,
    boxes: Mapping[str, Sequence[Box]],
    colour_of: Callable[[str, Box], str],
    size_wh: tuple[int, int],
) -> list[str]:
    """Return, in words, what a picture lacks; empty when it is right. ``colour_of`` names one of the ten colours."""
    wrong: list[str] = []
    first: Sequence[Box] | None = None
    for place, wanted in enumerate(prompt.wanted):
        found = boxes.get(wanted.name, [])
        certain = found[: wanted.count]
        fault = (
            _count_fault(wanted, found, exact=prompt.exact)
            or (wanted.colour and _colour_fault(wanted, certain, colour_of))
            or (wanted.side and _side_fault(wanted, certain, first, size_wh))
        )
        if fault:
            wrong.append(fault)
        elif place == 0:
            first = certain
    return wrong


def _count_fault(wanted: Wanted, found: Sequence[Box], *, exact: bool) -> str:
    fits = len(found) == wanted.count if exact else len(found) >= wanted.count
    return "" if fits else f"{wanted.count} {wanted.name} expected, {len(found)} found"


def _colour_fault(wanted: Wanted, certain: Sequence[Box], colour_of: Callable[[str, Box], str]) -> str:
    colours = [colour_of(wanted.name, box) for box in certain]
    fits = colours.count(wanted.colour or "") >= wanted.count
    return "" if fits else f"{wanted.colour} {wanted.name} expected, {', '.join(colours)} found"


def _side_fault(wanted: Wanted, certain: Sequence[Box], first: Sequence[Box] | None, size_wh: tuple[int, int]) -> str:
    if first is None:
        return f"nothing for {wanted.name} to be {wanted.side}"
    fits = all(wanted.side in sides(box, target, size_wh) for box in certain for target in first)
    return "" if fits else f"{wanted.name} is not {wanted.side} it"


def sides(box: Box, target: Box, size_wh: tuple[int, int]) -> set[Side]:
    """Return where a box is from another one: the directions in which its centre is clearly off, none for neither."""
    size = np.array(size_wh, dtype=float)
    offset = (np.array(box.center) - np.array(target.center)) * size
    extents = (np.array([box.w, box.h]) + np.array([target.w, target.h])) * size
    clear = np.maximum(np.abs(offset) - MARGIN * extents, 0) * np.sign(offset)
    if (np.abs(clear) < 1e-3).all():
        return set()
    across, down = clear / np.linalg.norm(offset)
    found: set[Side] = set()
    found |= {"left of"} if across < -0.5 else {"right of"} if across > 0.5 else set()
    found |= {"above"} if down < -0.5 else {"below"} if down > 0.5 else set()
    return found


def best_colour(name: str, scores: Callable[[Sequence[Query]], Sequence[float]]) -> str:
    """Return the one of the ten colours that fits an object best."""
    rated = scores([Query(name=name, attributes=(colour,)) for colour in COLOURS])
    return COLOURS[int(np.argmax(rated))]
