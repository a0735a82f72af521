"""How well each kind of edit works, on fresh icon-world scenes, judged by an independent detector.

The held-out detector was trained apart from the detector that the loop uses, so that a weakness which editor and
detector share does not hide. It makes mistakes itself: every rate has a ``ceiling``, the same
measure on pictures drawn perfectly.
"""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Protocol

import numpy as np
from PIL import Image as PillowImage

from evals.edit_cases import KINDS, EditCase, edit_cases
from iconworld.renderer import CLASSES, COLORS
from tools.backend.protocol import BackendError
from tools.scene.operations import Move, Remove, Replace
from tools.scene.spec import Query

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from PIL.Image import Image

    from tools.backend.protocol import Backend, Detected
    from tools.scene.box import Box
    from tools.scene.layout import Detection, PlacedObject

FOUND = 0.5  # IoU from which a detection is at the place
THERE = 0.3  # IoU from which something is still at an old place
_CLASSES = tuple(Query(name=name) for name in CLASSES)


class Heldout(Protocol):
    """What is needed of the judging detector; `ZeroShotDetector` is one."""

    def detect(self, image: Image, queries: Sequence[Query], threshold: float | None = None) -> Detected:
        """Find every query."""
        ...

    def score(self, image: Image, box: Box, queries: Sequence[Query]) -> tuple[float, ...]:
        """Say how well each query fits what is in the box."""
        ...


def run_edits(
    backend: Backend,
    heldout: Heldout,
    *,
    seed: int = 0,
    scenes_per_operation: int = 100,
    kinds: Sequence[str] = KINDS,
    pictures: Path | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> dict[str, float]:
    """Edit ``scenes_per_operation`` fresh scenes for each of ``kinds`` and measure the results.

    Flat result, for each kind ``K`` of add, remove, move, restyle, replace, mixed:

    - ``K``: share of scenes whose every operation is right (see `operation_right`); one that the editor refuses is not;
    - ``K_refused``: share of scenes that it refuses;
    - ``K_ceiling``: the same for pictures drawn perfectly, which is the held-out detector's own limit;
    - ``K_scenes``, ``K_model_evaluations`` (mean of an edit), ``K_seconds`` (median of an edit);

    and over all kinds ``untouched``: share of objects that no operation names, and that the held-out detector found
    before, found after with the same class, colour and place; ``untouched_objects``: their number;
    ``outside_identical``: share of pictures that equal the input outside the edited region;
    ``changed``: mean share of pixels that differ; ``region``: mean share that was free to.
    With ``pictures``, before / after / drawn perfectly is saved there side by side for each scene.
    """
    result: dict[str, float] = {}
    kept, identical, changed, regions = [], [], [], []
    for kind in kinds:
        right, ceiling, refused, evaluations, seconds = [], [], [], [], []
        cases = edit_cases(kind, seed, scenes_per_operation)
        for done, case in enumerate(cases, 1):
            ceiling.append(all(operations_right(heldout, case.expected, case)))
            try:
                edited = backend.edit(case.image, case.operations, case.layout, seed=seed)
            except BackendError:  # such as of an engine that draws nothing new
                refused.append(True)
                right.append(False)
                continue
            refused.append(False)
            right.append(all(operations_right(heldout, edited.image, case)))
            kept += _kept(heldout, edited.image, case)
            differs = (np.asarray(edited.image) != np.asarray(case.image)).any(axis=-1)
            identical.append(not (differs & ~edited.region).any())
            changed.append(float(differs.mean()))
            regions.append(float(edited.region.mean()))
            evaluations.append(edited.cost.model_evaluations)
            seconds.append(sum(edited.cost.seconds.values()))
            if pictures:
                name = f"{kind}-{case.number}-{'right' if right[-1] else 'wrong'}.png"
                _side_by_side(case.image, edited.image, case.expected).save(pictures / name)
            if progress:
                progress(kind, done, len(cases))
        result |= {
            kind: statistics.fmean(right),
            f"{kind}_ceiling": statistics.fmean(ceiling),
            f"{kind}_scenes": len(cases),
            f"{kind}_refused": statistics.fmean(refused),
            f"{kind}_model_evaluations": statistics.fmean(evaluations) if evaluations else 0.0,
            f"{kind}_seconds": statistics.median(seconds) if seconds else 0.0,
        }
    return result | {
        "untouched": statistics.fmean(kept) if kept else 1.0,
        "untouched_objects": len(kept),
        "outside_identical": statistics.fmean(identical) if identical else 1.0,
        "changed": statistics.fmean(changed) if changed else 0.0,
        "region": statistics.fmean(regions) if regions else 0.0,
    }


def _kept(heldout: Heldout, image: Image, case: EditCase) -> list[bool]:
    """Return, for each untouched object that was found before, whether it still is."""
    found_before = [placed for placed in case.untouched if is_there(heldout, case.image, placed)]
    return [is_there(heldout, image, placed) for placed in found_before]


def operations_right(heldout: Heldout, image: Image, case: EditCase) -> list[bool]:
    """Return, for each operation of the case, whether it can be seen to be done in ``image``."""
    found = heldout.detect(image, _CLASSES).detections
    return [operation_right(heldout, image, found, case, index) for index in range(len(case.operations))]


def operation_right(heldout: Heldout, image: Image, found: Sequence[Detection], case: EditCase, index: int) -> bool:
    """Return whether one operation is done: the new thing there, the old one gone.

    The new thing: right class at IoU >= 0.5 with its box, and right colour. The old one gone (Remove,
    Move, Replace): nothing of its class at its old place; for Remove nothing at all there that was not
    there before.
    """
    operation, target = case.operations[index], case.targets[index]
    if target is not None and not is_there(heldout, image, target, found):
        return False
    old = case.layout[operation.id] if isinstance(operation, (Remove, Move, Replace)) else None
    if old is None:
        return True
    expected = [placed for placed in case.target.objects]
    leftovers = [
        detection
        for detection in found
        if detection.box.iou(old.box) >= THERE
        and not any(detection.box.iou(placed.box) >= FOUND for placed in expected)
    ]
    if isinstance(operation, Remove):
        return not leftovers
    if isinstance(operation, Replace):
        return not any(detection.name == old.name and detection.box.iou(old.box) >= FOUND for detection in found)
    return not any(detection.name == old.name for detection in leftovers)


def is_there(heldout: Heldout, image: Image, placed: PlacedObject, found: Sequence[Detection] | None = None) -> bool:
    """Return whether the held-out detector sees an object: class, place and colour."""
    found = heldout.detect(image, _CLASSES).detections if found is None else found
    near = [
        detection for detection in found if detection.name == placed.name and detection.box.iou(placed.box) >= FOUND
    ]
    if not near:
        return False
    colors = list(COLORS)
    scores = heldout.score(image, placed.box, [Query(name=placed.name, attributes=(color,)) for color in colors])
    return colors[int(np.argmax(scores))] in placed.attributes


def _side_by_side(*images: Image) -> Image:
    sheet = PillowImage.new("RGB", (sum(image.width + 4 for image in images), images[0].height), "white")
    for place, image in enumerate(images):
        sheet.paste(image, (place * (image.width + 4), 0))
    return sheet
