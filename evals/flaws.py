"""How often the verdict agrees with a picture that an eye finds wrong, and how often with its right twin."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from PIL import Image as PictureModule

from evals.flaw_cases import FLAWS
from tools.backend.leftovers import leftovers
from tools.scene.layout import Detection
from tools.scene.observation import observe
from tools.scene.requirement import LEFTOVER, Requirement
from tools.scene.requirements import queries, requirements
from tools.scene.verdict import judged

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import numpy as np
    from PIL.Image import Image

    from evals.flaw_cases import FlawCase
    from tools.backend.protocol import Backend
    from tools.scene.results import Verdict

COLUMNS = 8  # pictures side by side on a sheet


def run_flaws(
    backend: Backend,
    cases: Sequence[FlawCase],
    *,
    pictures: Path | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> dict[str, float]:
    """Judge every case's wrong picture and its twin, as the loop does.

    Flat result: ``false_agreed``, the share of wrong pictures that the verdict agrees with, and of each flaw
    ``false_agreed_FLAW``; ``right_agreed``, the share of right ones that it agrees with, and ``right_agreed_FLAW``;
    ``cases``. With ``pictures``, a sheet of the wrong ones that were agreed with is written there.
    """
    believed: list[bool] = []
    accepted: list[bool] = []
    for done, case in enumerate(cases, 1):
        believed.append(_judge(backend, case, case.image).agreed)
        accepted.append(_judge(backend, case, case.right).agreed)
        if progress:
            progress("flaws", done, len(cases))
    if pictures is not None:
        wrong = [case.image for case, agreed in zip(cases, believed, strict=True) if agreed]
        missed = [case.right for case, agreed in zip(cases, accepted, strict=True) if not agreed]
        _sheet(wrong).save(pictures / "agreed_and_wrong.png")
        _sheet(missed).save(pictures / "right_and_refused.png")
    return {
        "false_agreed": statistics.fmean(believed),
        **_by_flaw("false_agreed", cases, believed),
        "right_agreed": statistics.fmean(accepted),
        **_by_flaw("right_agreed", cases, accepted),
        "cases": len(cases),
    }


def _judge(backend: Backend, case: FlawCase, image: Image) -> Verdict:
    demands = requirements(case.spec)
    found = backend.detect(image, queries(demands))
    detections = found.detections
    if case.region is not None:
        demands = (*demands, Requirement(kind="clean"))
        detections = (*detections, *_left(image, case.region, detections))
    return judged(demands, observe(demands, detections, found.doubtful), found.unanswered)


def _left(image: Image, region: np.ndarray, detections: Sequence[Detection]) -> list[Detection]:
    boxes = [detection.box for detection in detections]
    return [Detection(name=LEFTOVER.name, box=box, score=1.0) for box in leftovers(image, region, boxes)]


def _by_flaw(name: str, cases: Sequence[FlawCase], values: Sequence[bool]) -> dict[str, float]:
    by_flaw = {flaw: [value for case, value in zip(cases, values, strict=True) if case.flaw == flaw] for flaw in FLAWS}
    return {f"{name}_{flaw}": statistics.fmean(some) for flaw, some in by_flaw.items() if some}


def _sheet(images: Sequence[Image]) -> Image:
    if not images:
        return PictureModule.new("RGB", (1, 1))
    width, height = images[0].size
    sheet = PictureModule.new("RGB", (COLUMNS * (width + 2), -(-len(images) // COLUMNS) * (height + 2)))
    for place, image in enumerate(images):
        sheet.paste(image, (place % COLUMNS * (width + 2), place // COLUMNS * (height + 2)))
    return sheet
