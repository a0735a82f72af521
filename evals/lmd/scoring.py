"""The benchmark's own rules: which phrases a detector is asked for, and what it must have found.

The rules of "LLM-grounded Diffusion" (arXiv 2305.13655, section 4) with the suppression of SLD (arXiv
2311.16090, appendix): counts must be equal for negation and numeracy, at least one of each attributed
object for attribution, and for spatial the centres of the two best boxes are compared, without a margin.
Knows nothing of detectors: their thresholds are their own (0.2 for plain names and 0.45 for attributed
ones unless a preset says otherwise).
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tools.scene.relations import DIRECTIONS
from tools.scene.spec import Query

if TYPE_CHECKING:
    from collections.abc import Iterable

    from evals.lmd.prompts import LmdPrompt
    from tools.scene.layout import Detection

NMS = 0.15  # IoU above which two boxes of one phrase are one object


def queries(prompt: LmdPrompt) -> tuple[Query, ...]:
    """Return what the detector is asked for."""
    absent = (Query(name=name) for name in prompt.truth.absent)
    return tuple(dict.fromkeys([*(item.query for item in prompt.truth.objects), *absent]))


def suppress(detections: Iterable[Detection], iou: float = NMS) -> tuple[Detection, ...]:
    """Return the detections that no better one of the same phrase overlaps by more than ``iou``, best first."""
    kept: list[Detection] = []
    for detection in sorted(detections, key=lambda detection: -detection.score):
        if all(detection.query != better.query or detection.box.iou(better.box) <= iou for better in kept):
            kept.append(detection)
    return tuple(kept)


def count(detections: Iterable[Detection]) -> Counter[str]:
    """Return how many objects of each phrase there are, after suppression."""
    return Counter(detection.phrase for detection in suppress(detections))


def is_right(prompt: LmdPrompt, detections: Iterable[Detection]) -> bool:
    """Return whether what was found for ``queries(prompt)`` is what the prompt demands."""
    kept = suppress(detections)
    found = Counter(detection.query for detection in kept)
    truth = prompt.truth
    match prompt.task:
        case "negation":
            return not any(found[Query(name=name)] for name in truth.absent)
        case "numeracy":
            return all(found[item.query] == item.count for item in truth.objects)
        case "attribution":
            return all(found[item.query] >= 1 for item in truth.objects)
        case "spatial":
            if not all(found[item.query] for item in truth.objects):
                return False
            first, second = (next(it for it in kept if it.query == item.query) for item in truth.objects)
            axis, sign = DIRECTIONS[truth.relations[0].predicate]
            return sign * (first.box.center[axis] - second.box.center[axis]) > 0
