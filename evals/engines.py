"""The editor's engines side by side on icon world's edit cases: what each does right, and what that takes.

All see the same scenes through the same detector, segmenter and judge; only what paints differs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evals.edit_cases import KINDS
from evals.edits import run_edits
from evals.lmd.tables import markdown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from configs.settings import Settings
    from evals.edits import Heldout
    from tools.backend.protocol import Backend

WEIGHTS = "package:iconworld/weights/inpainter"
FILLER = "weights:photo/migan_pipeline_v2.onnx"
_PIPELINE = {"pipeline": "StableDiffusionInpaintPipeline", "side": 128, "steps": 12, "guidance": 3.0}
_SCENE = "a realistic photo of a scene"


def engines(weights: str = WEIGHTS) -> dict[str, dict[str, Any]]:
    """Return, by the name of each engine, the sections of the preset ``iconworld`` that make it.

    ``weights``: of icon world's inpainting pipeline. Paste fills with the preset ``photo``'s network, which has never
    seen icons, and in the last one with that pipeline.
    """
    paste = {"kind": "paste", "feather": 2}
    return {
        "grounded": {},
        "inpaint": {
            "editor": {
                "kind": "inpaint",
                "path": weights,
                **_PIPELINE,
                "restyle_strength": 1.0,
                "object_prompt": f"{_SCENE} with {{phrase}}",
                "background": _SCENE,
                "grow": 4,
                "feather": 2,
            }
        },
        "paste": {"editor": paste, "inpainter": {"path": FILLER}},
        "paste, inpaint": {
            "editor": paste,
            "inpainter": {"kind": "diffusers", "path": weights, "prompt": _SCENE, **_PIPELINE},
        },
    }


def run_engines(
    settings: Mapping[str, Settings],
    backend: Callable[[Settings], Backend],
    heldout: Heldout,
    *,
    seed: int = 0,
    scenes: int = 20,
    progress: Callable[[str, int, int], None] | None = None,
) -> dict[str, dict[str, float]]:
    """Return the figures of `run_edits` for each engine, by its name."""
    found = {}
    for name, own in settings.items():
        told = None if progress is None else _named(name, progress)
        found[name] = run_edits(backend(own), heldout, seed=seed, scenes_per_operation=scenes, progress=told)
    return found


def _named(name: str, progress: Callable[[str, int, int], None]) -> Callable[[str, int, int], None]:
    return lambda kind, done, total: progress(f"{name}: {kind}", done, total)


def table(found: Mapping[str, Mapping[str, float]]) -> str:
    """Lay the figures out as Markdown."""
    head = ["engine", *KINDS, "untouched objects", "outside identical", "model evaluations", "seconds"]
    rows = [
        head,
        ["drawn perfectly", *(_share(next(iter(found.values()))[f"{kind}_ceiling"]) for kind in KINDS), *[""] * 4],
    ]
    for name, figures in found.items():
        rates = ["refused" if figures[f"{kind}_refused"] == 1 else _share(figures[kind]) for kind in KINDS]
        shares = [_share(figures["untouched"]), _share(figures["outside_identical"])]
        rows.append(
            [name, *rates, *shares, *(f"{_mean(figures, part):.3g}" for part in ("model_evaluations", "seconds"))]
        )
    return markdown(rows)


def _share(value: float) -> str:
    return f"{value:.2f}"


def _mean(figures: Mapping[str, float], part: str) -> float:
    """Return the mean over the kinds of edits that the engine does at all."""
    done: Sequence[float] = [figures[f"{kind}_{part}"] for kind in KINDS if figures[f"{kind}_refused"] < 1]
    return sum(done) / len(done) if done else 0.0
