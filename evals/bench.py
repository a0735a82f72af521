"""What ``make bench`` measures on the embedded models, and how it is written down.

Ratios stand first: they say the same on most machines, seconds do not.
"""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from configs.settings import DetectorSettings, EditorSettings
from evals.lmd.command import as_markdown, run_lmd, settings_digest, weights_digest
from evals.lmd.prompts import choose
from evals.lmd.tables import RIVAL, START, markdown, method_name
from evals.parts import needed
from evals.progress import progress_bar
from evals.speed import run_speed
from tools.backend.checkpoints import choose_device
from tools.backend.detector import ZeroShotDetector
from tools.files import write_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.cli.options import Options


def run_bench(options: Options, *, prompts: int, scenes: int, results: Path) -> None:
    """Measure, print and write the results. ``options.out``: where the LMD runs are kept."""
    settings = options.load()
    part, editor = settings.heldout_detector, needed(settings.editor, EditorSettings, "editor")
    heldout = ZeroShotDetector.from_settings(needed(part, DetectorSettings, "held-out detector")) if part else None
    with progress_bar() as progress:
        speed = run_speed(settings, scenes=scenes, heldout=heldout, progress=progress)
    runs = (options.out or Path("runs") / "bench") / f"{settings_digest(settings)}-{weights_digest(settings)}"
    lmd = run_lmd(replace(options, out=runs), choose(limit=prompts))
    page = results_page(speed, lmd, machine(editor.device))
    write_text(results, page)
    sys.stdout.write(f"{page}\n{results}\n")


def machine(device: str) -> str:
    """Return this machine in general words."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30 if hasattr(os, "sysconf") else 0
    chosen = choose_device(device)
    accelerator = (
        torch.cuda.get_device_name(chosen) if chosen.type == "cuda" else f"models on the {chosen.type.upper()}"
    )
    parts = [f"{os.cpu_count()} {platform.machine()} cores", f"{memory:.0f} GiB of memory", accelerator]
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("torch", "diffusers", "transformers"))
    return f"{', '.join(parts)}; Python {platform.python_version()}, {versions}"


def results_page(speed: Mapping[str, float], lmd: Mapping[str, Any], where: str) -> str:
    """Return RESULTS.md."""
    names = [name.removeprefix("ours_") for name in speed if name.startswith("ours_")]
    rows = [["of an edit", "SLD's schedule", "this editor at its settings", "this editor at the preset's"]] + [
        [name.replace("_", " "), *(f"{speed[f'{side}_{name}']:.2f}" for side in ("reference", "alike", "ours"))]
        for name in names
    ]
    looks = [
        f"{speed[f'{part}_passes']:.0f} of the {part} for every {what} ({1000 * speed[f'{part}_seconds']:.0f} ms)"
        for part, what in (("detector", "phrase"), ("segmenter", "object"))
    ]
    best = method_name(lmd["rounds"])
    judged = lmd["rates"].get("heldout") or lmd["rates"]["detector"]
    gains = [
        f"- LMD, {other}: {judged[other]['overall']['rate']:.1f} % right; with up to {best} of correction: "
        f"{judged[best]['overall']['rate']:.1f} %"
        for other in (START, RIVAL)
        if other in judged and other != best
    ]
    return f"""# Results

Written by `make bench`. {where}.

- one edit (two Add, one Move, one Restyle) against SLD's schedule at equal steps, guidance and strengths:
  {speed["alike_wall_ratio"]:.1f} times less time, {speed["alike_unet_ratio"]:.1f} times fewer evaluations
- the same at the preset's own settings (fewer steps):
  {speed["wall_ratio"]:.1f} times less time, {speed["unet_ratio"]:.1f} times fewer evaluations
- a look at a picture, passes of a model: {" and ".join(looks)}
{chr(10).join(gains)}

## Speed of an edit

{speed["scenes"]:.0f} pictures, both ways with the same weights and operations, {speed["threads"]:.0f} threads.
SLD's schedule takes the released steps, guidance and strengths. Of this editor one column has those too, and one the
preset's own.

{markdown(rows)}

## LMD benchmark, {lmd["prompts"]} prompts

A fixed part of the 400 prompts, each task alike; 95 % confidence intervals by bootstrap. The held-out detector is a
detector that the loop never sees; the detector is the loop's own. All 400: `sld eval lmd`.

{as_markdown(lmd)}"""
