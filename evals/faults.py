"""How often the whole loop puts right a picture with planted faults, and how often its verdict is right.

Every picture goes through the same graph as ``sld correct``, into a run folder whose report can be read.
"""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from agent.run.driver import Job, run_correction
from agent.run.folder import RunFolder
from evals.fault_cases import FAULTS
from tools.images import open_picture
from tools.scene.merge import as_detections
from tools.scene.requirements import queries, requirements
from tools.scene.verdict import verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from langchain_core.language_models import BaseChatModel
    from PIL.Image import Image

    from configs.settings import Settings
    from evals.edits import Heldout
    from evals.fault_cases import FaultCase
    from tools.backend.protocol import Backend
    from tools.scene.layout import Layout
    from tools.scene.requirement import Requirement


def run_faults(
    backend: Backend,
    heldout: Heldout | None,
    chat: BaseChatModel,
    settings: Settings,
    cases: Sequence[FaultCase],
    *,
    out: Path,
    seed: int = 0,
    progress: Callable[[str, int, int], None] | None = None,
) -> dict[str, float]:
    """Correct every picture and measure what comes out.

    Flat result:

    - ``agreed``: share that the loop's verdict agrees to in the end; ``agreed_1`` .. ``agreed_3``: of those with
      so many faults; ``agreed_K`` with a fault of kind K among them;
    - ``judged``: share that the held-out detector, too, finds right in the end (when there is a held-out detector);
    - ``verdict``: share of requirements that the loop's detector decides as the truth does, over the pictures
      with and without the faults; ``verdict_pictures``: share of pictures with every requirement so;
    - ``rounds``: mean number of edits; ``seconds``: median of a picture; ``scenes``.

    Each run is a folder of ``out``, named by its case's place.
    """
    agreed, judged, decided, rounds, seconds = [], [], [], [], []
    for done, case in enumerate(cases, 1):
        demands = requirements(case.spec)
        for image, layout in ((case.image, case.layout), (case.expected, case.expected_layout)):
            decided.append(_decided_rightly(backend, image, layout, demands))
        folder = RunFolder(out / f"{done:03d}")
        job = Job(prompt=case.prompt, image=case.image, seed=seed)
        result = run_correction(job, settings, folder, backend=backend, chat=chat)
        agreed.append(result.agreed)
        rounds.append(result.rounds)
        seconds.append(result.usage["wall_seconds"])
        if heldout is not None and result.image is not None:
            found = heldout.detect(open_picture(result.image), queries(demands)).detections
            judged.append(verdict(demands, found).agreed)
        if progress:
            progress("faults", done, len(cases))
    by_number = {f"agreed_{n}": [len(case.faults) == n for case in cases] for n in (1, 2, 3)}
    by_kind = {f"agreed_{kind}": [kind in case.faults for case in cases] for kind in FAULTS}
    return {
        "agreed": statistics.fmean(agreed),
        **{
            name: statistics.fmean(value for value, counts in zip(agreed, which, strict=True) if counts)
            for name, which in (by_number | by_kind).items()
            if any(which)
        },
        **({"judged": statistics.fmean(judged)} if judged else {}),
        "verdict": statistics.fmean(right for decision in decided for right in decision),
        "verdict_pictures": statistics.fmean(all(decision) for decision in decided),
        "rounds": statistics.fmean(rounds),
        "seconds": statistics.median(seconds),
        "scenes": len(cases),
    }


def _decided_rightly(backend: Backend, image: Image, layout: Layout, demands: Sequence[Requirement]) -> list[bool]:
    """Return, for every requirement, whether the detector's verdict is the truth's."""
    found = backend.detect(image, queries(demands))
    seen = verdict(demands, found.detections, found.doubtful)
    true = verdict(demands, as_detections(layout))
    return [result.passed == other.passed for result, other in zip(seen.results, true.results, strict=True)]
