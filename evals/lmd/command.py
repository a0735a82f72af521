"""What ``sld eval lmd`` does, once its arguments are read: the models, the run, and what is written about it."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from agent.cli.options import DEFAULT_PRESET, ExitCode, Options, fail
from agent.cli.run import announce_chat
from agent.models.endpoint import make_chat_model
from configs.settings import DetectorSettings, EditorSettings, Part
from evals.lmd.measure import Plan, Services, find_picture
from evals.lmd.prompts import TASKS, LmdPrompt, Task, choose
from evals.lmd.report import draw_plots, write_page
from evals.lmd.runner import run_prompts
from evals.lmd.tables import SCORERS, aligned, costs_table, markdown, rates_table, remarks, summarize
from evals.parts import needed
from evals.progress import progress_bar
from tools.context import Context
from tools.files import write_text
from tools.images import ImageStore

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from configs.settings import AnyDetector, Settings

MOST_WORKERS = 8  # unless more are asked for: each holds its own models
TAIL = 2**20  # bytes of a weight file that tell it from another training of the same shape


def choose_prompts(tasks: str | None, limit: int | None) -> tuple[LmdPrompt, ...]:
    """Return the prompts that the options name."""
    names = TASKS if tasks is None else tuple(name.strip() for name in tasks.split(",") if name.strip())
    if unknown := [name for name in names if name not in get_args(Task)]:
        fail(f"--tasks {','.join(unknown)!r}: choose among {', '.join(TASKS)}")
    return choose([task for task in TASKS if task in names], limit)


def print_prompts(prompts: Sequence[LmdPrompt], *, as_json: bool) -> None:
    """Print prompts, one per line, or as one JSON list."""
    if as_json:
        rows = [{"number": one.number, "task": one.task, "prompt": one.text} for one in prompts]
        sys.stdout.write(json.dumps(rows) + "\n")
    else:
        sys.stdout.write("".join(f"{one.text}\n" for one in prompts))


def measure_lmd(
    options: Options,
    prompts: Sequence[LmdPrompt],
    *,
    workers: int | None = None,
    images: Path | None = None,
    baselines: bool = True,
) -> int:
    """Measure ``prompts``, print what came out, and return the exit code."""
    summary = run_lmd(options, prompts, workers=workers, images=images, baselines=baselines)
    if options.as_json:
        sys.stdout.write(json.dumps(summary) + "\n")
    else:
        sys.stdout.write(f"{as_text(summary)}\n\n{Path(summary['out']) / 'report.html'}\n")
    return ExitCode.FAILURE if summary["errors"] else ExitCode.AGREED


def run_lmd(
    options: Options,
    prompts: Sequence[LmdPrompt],
    *,
    workers: int | None = None,
    images: Path | None = None,
    baselines: bool = True,
) -> dict[str, Any]:
    """Measure ``prompts``, write summary, tables, plots and page into the folder, and return the summary."""
    settings = options.load()
    if images is not None:
        for prompt in prompts:
            find_picture(images, prompt)
    preset = options.preset or DEFAULT_PRESET
    out = options.out or Path("runs") / "lmd" / Path(preset).stem
    announce_chat(settings, as_json=True)
    workers = workers or default_workers(settings)
    plan = Plan(out, options.seed or 0, images, baselines)
    identity = {
        "preset": Path(preset).stem,
        "seed": plan.seed,
        "pictures": images and images.name,
        "settings": settings_digest(settings),
        "weights": weights_digest(settings, with_generator=images is None),
    }
    make = partial(make_services, settings, out / "images", 1 if workers > 1 else None)
    with progress_bar() as progress:
        records = run_prompts(prompts, plan, make, identity=identity, workers=workers, progress=progress)
    summary = summarize(records, settings.loop.rounds) | {"workers": workers, "out": str(out)}
    write_results(records, summary, out)
    return summary


def make_services(settings: Settings, images: Path, threads: int | None = None) -> Services:
    """Return the loop's services and the scorers, with models that load when they are first asked."""
    import torch

    from tools.backend.detector import ZeroShotDetector
    from tools.backend.local import LocalBackend

    if threads:
        torch.set_num_threads(threads)
    backend = LocalBackend(settings)

    def unsuppressed(part: AnyDetector) -> ZeroShotDetector:
        # the benchmark has its own suppression, which the preset's must not come before
        kind = needed(part, DetectorSettings, "detector")
        detector = needed(backend.detector_for(kind), ZeroShotDetector, "detector")
        return ZeroShotDetector(detector.head, kind.model_copy(update={"nms": 1.0, "nms_across": None}))

    scorers = {"detector": unsuppressed(settings.detector)}
    if settings.heldout_detector:
        scorers["heldout"] = unsuppressed(settings.heldout_detector)
    return Services(Context(backend, make_chat_model(settings.chat), ImageStore(images), settings), scorers)


def default_workers(settings: Settings) -> int:
    """Return one worker for each core where the models run on the CPU, else one."""
    from tools.backend.checkpoints import choose_device

    if choose_device(needed(settings.editor, EditorSettings, "editor").device).type != "cpu":
        return 1
    return min(os.cpu_count() or 1, MOST_WORKERS)


def settings_digest(settings: Settings) -> str:
    """Return what tells these settings from others; no secret goes into it, nor where things run."""
    tree = settings.model_dump(mode="json")
    tree["chat"].pop("api_key")
    for section in tree.values():
        if isinstance(section, dict):
            section.pop("device", None)
    return hashlib.sha256(json.dumps(tree, sort_keys=True).encode()).hexdigest()[:16]


def weights_digest(settings: Settings, *, with_generator: bool = True) -> str:
    """Return what tells these weights from others: name, size and last mebibyte of each file.

    Raises:
        BackendError: a checkpoint is missing.
    """
    from tools.backend.checkpoints import resolve

    parts: list[object] = [settings.detector, settings.segmenter, settings.editor, settings.heldout_detector]
    if with_generator and settings.generator is not None and settings.generator.kind == "diffusers":
        parts.append(settings.generator)
    digest = hashlib.sha256()
    for folder in dict.fromkeys(resolve(part) for part in parts if isinstance(part, Part)):
        for path in sorted(folder.rglob("*.safetensors")):
            size = path.stat().st_size
            with path.open("rb") as file:
                file.seek(max(0, size - TAIL))
                digest.update(f"{path.relative_to(folder)} {size} ".encode() + file.read())
    return digest.hexdigest()[:16]


def write_results(records: Sequence[Mapping[str, Any]], summary: Mapping[str, Any], out: Path) -> None:
    """Write summary.json, table.md, the plots and the page."""
    write_text(out / "summary.json", json.dumps(summary, indent=1) + "\n")
    write_text(out / "table.md", as_markdown(summary))
    try:
        plots = draw_plots(summary, out)
    except ImportError:
        sys.stderr.write('sld: no plots: they need matplotlib (pip install "sld-agent[eval]")\n')
        plots = []
    write_page(records, summary, out, plots)


def as_text(summary: Mapping[str, Any]) -> str:
    """Return the summary for a terminal."""
    blocks = [
        f"right pictures by the {SCORERS[scorer]}, %\n{aligned(rates_table(summary, scorer))}"
        for scorer in summary["scorers"]
    ]
    return "\n\n".join([*blocks, f"cost of a picture\n{aligned(costs_table(summary))}", "\n".join(remarks(summary))])


def as_markdown(summary: Mapping[str, Any]) -> str:
    """Return the tables in Markdown."""
    blocks = [
        f"Right pictures by the {SCORERS[scorer]}, %\n\n{markdown(rates_table(summary, scorer))}"
        for scorer in summary["scorers"]
    ]
    said = "\n".join(f"- {line}" for line in remarks(summary))
    return "\n\n".join([*blocks, f"Cost of a picture\n\n{markdown(costs_table(summary))}", said]) + "\n"
