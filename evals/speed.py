"""How much faster the batched editor is than SLD's own schedule, and whether the pictures are as good.

Both edit the same pictures with the same operations (two Add, one Move, one Restyle) and the same
weights, one after the other in one process. Run ``sld eval speed``.
"""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

import torch

from configs.settings import DetectorSettings, EditorSettings, SegmenterSettings
from evals.edit_cases import EditCase, edit_cases
from evals.edits import operations_right
from evals.parts import needed
from evals.seed_schedule import (
    DIFFEDIT_GUIDANCE,
    DIFFEDIT_STRENGTH,
    FROZEN_RATIO,
    GROUNDING_RATIO,
    GUIDANCE,
    OBJECT_GUIDANCE,
    STEPS,
    SeedSchedule,
)
from iconworld.renderer import SIDE
from tools.backend.detector import ZeroShotDetector
from tools.backend.editor.composer import Composer
from tools.backend.editor.engines.grounded import GroundedEngine
from tools.backend.gligen import GroundedDiffusion
from tools.backend.segmenter import Segmenter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from PIL.Image import Image

    from configs.settings import Settings
    from evals.edits import Heldout
    from tools.backend.protocol import Cost, Segmented
    from tools.backend.segmenter import Masker
    from tools.scene.box import Box

SIDES = ("ours", "alike", "reference")


class _Forgetful:
    """A segmenter that embeds the picture for every box anew, as SLD's does."""

    def __init__(self, masker: Masker) -> None:
        self.masker = masker

    def segment(self, image: Image, boxes: Sequence[Box]) -> Segmented:
        """Return one mask per box."""
        return Segmenter(self.masker).segment(image, boxes)


def run_speed(
    settings: Settings,
    *,
    seed: int = 0,
    scenes: int = 5,
    steps: int = STEPS,
    size_wh: tuple[int, int] = (SIDE, SIDE),
    reload: bool = False,
    attention_guidance: bool = True,
    heldout: Heldout | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> dict[str, float]:
    """Edit ``scenes`` icon-world pictures both ways and compare.

    The reference takes ``steps`` DDIM steps (SLD's are 50), the editor those of its settings, and "alike" is this
    editor at the reference's settings (`like_the_reference`).
    ``reload`` lets the reference load the diffusion model anew for every Restyle, as SLD does;
    ``attention_guidance`` lets it guide attention while composing, as SLD does. One more picture is
    edited before, unmeasured, to load and warm everything up.

    Flat result, for S in ours, alike, reference: ``S_seconds`` (median of an edit), ``S_model_evaluations``,
    ``S_segmenter_passes``, ``S_encoder_passes`` and ``S_decoder_passes`` (means), and with a held-out detector
    ``S_right`` (share of operations it finds done); ``wall_ratio`` and ``unet_ratio``, reference over
    ours, and ``alike_wall_ratio`` and ``alike_unet_ratio``, reference over alike; of what a round of the loop
    looks at, ``detector_passes`` and ``detector_seconds`` (every phrase of the scene asked) and
    ``segmenter_passes`` and ``segmenter_seconds`` (every object); ``scenes`` and ``threads``.
    """
    editor = needed(settings.editor, EditorSettings, "editor")
    segmenter = Segmenter.from_settings(needed(settings.segmenter, SegmenterSettings, "segmenter"))
    detector = ZeroShotDetector.from_settings(needed(settings.detector, DetectorSettings, "detector"))
    model, forgetful = GroundedDiffusion.load(editor), _Forgetful(segmenter.masker)
    batched, equal = (
        Composer(GroundedEngine(model, segmenter, given), segmenter)
        for given in (editor, like_the_reference(editor, steps))
    )
    reference = SeedSchedule(
        model,
        forgetful,
        steps=steps,
        attention_guidance=attention_guidance,
        reload=(lambda: GroundedDiffusion.load(editor)) if reload else None,
    )

    def ours(case: EditCase) -> tuple[Image, Cost]:
        edited = batched.edit(case.image, case.operations, case.layout, seed=seed)
        return edited.image, edited.cost

    def alike(case: EditCase) -> tuple[Image, Cost]:
        edited = equal.edit(case.image, case.operations, case.layout, seed=seed)
        return edited.image, edited.cost

    def theirs(case: EditCase) -> tuple[Image, Cost]:
        return reference.edit(case.image, case.operations, case.layout, seed=seed)

    cold, *cases = edit_cases("speed", seed, scenes + 1, size_wh)
    ours(cold)
    measured: dict[str, list[tuple[float, Cost, float]]] = {side: [] for side in SIDES}
    for done, case in enumerate(cases, 1):
        for side, edit in zip(SIDES, (ours, alike, theirs), strict=True):
            start = time.perf_counter()
            picture, cost = edit(case)
            seconds = time.perf_counter() - start
            measured[side].append(
                (seconds, cost, statistics.fmean(operations_right(heldout, picture, case)) if heldout else 0.0)
            )
        if progress:
            progress("speed", done, len(cases))
    result = _compared(measured, rated=heldout is not None) | _looks(detector, forgetful, cold, cases)
    return result | {"scenes": len(cases), "threads": torch.get_num_threads()}


def _looks(
    detector: ZeroShotDetector, segmenter: _Forgetful, cold: EditCase, cases: Sequence[EditCase]
) -> dict[str, float]:
    """Return what a round looks at costs, by part; ``cold`` warms the detector up, unmeasured."""
    looks = {
        "detector": [detector.detect(case.image, case.layout.queries).cost for case in (cold, *cases)][1:],
        "segmenter": [
            segmenter.segment(case.image, [placed.box for placed in case.layout.objects]).cost for case in cases
        ],
    }
    result: dict[str, float] = {}
    for part, costs in looks.items():
        result[f"{part}_passes"] = statistics.fmean(getattr(cost, f"{part}_passes") for cost in costs)
        result[f"{part}_seconds"] = statistics.median(sum(cost.seconds.values()) for cost in costs)
    return result


def _compared(measured: Mapping[str, Sequence[tuple[float, Cost, float]]], *, rated: bool) -> dict[str, float]:
    """Return the figures of each side's (seconds, cost, share that is right), and how the sides compare."""
    result: dict[str, float] = {}
    for side, runs in measured.items():
        result[f"{side}_seconds"] = statistics.median(seconds for seconds, _, _ in runs)
        for name in ("model_evaluations", "segmenter_passes", "encoder_passes", "decoder_passes"):
            result[f"{side}_{name}"] = statistics.fmean(getattr(cost, name) for _, cost, _ in runs)
        if rated:
            result[f"{side}_right"] = statistics.fmean(right for _, _, right in runs)
    for side, prefix in (("ours", ""), ("alike", "alike_")):
        result[f"{prefix}wall_ratio"] = result["reference_seconds"] / result[f"{side}_seconds"]
        result[f"{prefix}unet_ratio"] = result["reference_model_evaluations"] / result[f"{side}_model_evaluations"]
    return result


def like_the_reference(editor: EditorSettings, steps: int) -> EditorSettings:
    """Return an editor's settings with the steps, guidance and strengths of the reference, and no tries over."""
    return editor.model_copy(
        update={
            "steps": steps,
            "guidance": GUIDANCE,
            "object_guidance": OBJECT_GUIDANCE,
            "restyle_guidance": DIFFEDIT_GUIDANCE,
            "restyle_strength": DIFFEDIT_STRENGTH,
            "erase_strength": 1.0,
            "frozen_step_ratio": FROZEN_RATIO,
            "grounding_ratio": GROUNDING_RATIO,
            "smooth": 0.0,
            "candidates": 1,
        }
    )


def table(result: dict[str, float]) -> str:
    """Lay a result out as text."""
    names = [name.removeprefix("ours_") for name in result if name.startswith("ours_")]
    rows: list[tuple[str, ...]] = [("", "reference", "ours", "ratio", "ours at equal settings", "ratio")]
    for name in names:
        theirs, both = result[f"reference_{name}"], (result[f"ours_{name}"], result[f"alike_{name}"])
        cells = [text for mine in both for text in (f"{mine:.2f}", f"{theirs / mine:.2f}" if mine else "")]
        rows.append((name.replace("_", " "), f"{theirs:.2f}", *cells))
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
