"""What ``sld eval lmd`` does, once its arguments are read: the models, the run, and what is written about it."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from agent.cli.options import ExitCode, Options, fail
from agent.cli.run import announce_chat
from agent.models.chat import make_chat_model
from agent.models.preset_choice import DEFAULT
from configs.settings import DetectorSettings, Part
from evals.lmd.cluster import Errands
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

    from agent.cli.options import Cluster
    from configs.settings import Settings

Start = Literal["both", "words", "layout"]
"""Where the first pictures come from: the words alone, a layout, or once from each."""
MOST_WORKERS = 8  # unless more are asked for: each holds its own models
TAIL = 2**20  # bytes of a weight file that tell it from another training of the same shape


def choose_prompts(tasks: str | None, limit: int | None) -> tuple[LmdPrompt, ...]:
    """Return the prompts that the options name."""
    names = TASKS if tasks is None else tuple(name.strip() for name in tasks.split(",") if name.strip())
    if unknown := [name for name in names if name not in get_args(Task)]:
        fail(f"--tasks {','.join(unknown)!r}: choose among {', '.join(TASKS)}")
    return choose([task for task in TASKS if task in names], limit)


def choose_start(name: str) -> Start:
    """Return the starting point that an option names."""
    chosen: dict[str, Start] = {start: start for start in get_args(Start)}
    if name not in chosen:
        fail(f"--start {name!r}: choose one of {', '.join(chosen)}")
    return chosen[name]


def print_prompts(prompts: Sequence[LmdPrompt], *, as_json: bool) -> None:
    """Print prompts, one per line, or as one JSON list."""
    if as_json:
        rows = [{"number": prompt.number, "task": prompt.task, "prompt": prompt.text} for prompt in prompts]
        sys.stdout.write(json.dumps(rows) + "\n")
    else:
        sys.stdout.write("".join(f"{prompt.text}\n" for prompt in prompts))


def measure_lmd(
    options: Options,
    prompts: Sequence[LmdPrompt],
    *,
    workers: int | None = None,
    images: Path | None = None,
    baselines: bool = True,
    start: Start = "both",
    cluster: Cluster | None = None,
) -> int:
    """Measure ``prompts``, print what came out, and return the exit code."""
    summary = run_lmd(
        options, prompts, workers=workers, images=images, baselines=baselines, start=start, cluster=cluster
    )
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
    start: Start = "both",
    cluster: Cluster | None = None,
) -> dict[str, Any]:
    """Measure ``prompts`` from one starting point or both, and return the summary.

    Each writes summary, tables, plots and page into a folder: words alone, or given pictures, into the one that was
    asked for; layout first, when both are measured, into ``layout`` in it, and as ``layout_first`` into the summary.
    """
    from tools.backend.local import LocalBackend

    settings = options.load()
    if images is not None:
        for prompt in prompts:
            find_picture(images, prompt)
    can = images is None and LocalBackend(settings).capabilities.grounds
    if start == "layout" and not can:
        fail("--start layout needs a generator that takes boxes, generator.layout=true, and no --images")
    out = options.out or Path("runs") / "lmd" / Path(options.preset or DEFAULT).stem
    announce_chat(settings, as_json=True)
    if start == "layout":
        return _run_from(Plan(out, options.seed or 0, layout=True, baselines=False), options, prompts, workers, cluster)
    summary = _run_from(Plan(out, options.seed or 0, images, baselines=baselines), options, prompts, workers, cluster)
    if start == "both" and can:
        staged = Plan(out / "layout", options.seed or 0, layout=True, baselines=False)
        summary |= {"layout_first": _run_from(staged, options, prompts, workers, cluster)}
        _write_figures(summary, out)
    return summary


def _run_from(
    plan: Plan, options: Options, prompts: Sequence[LmdPrompt], workers: int | None, cluster: Cluster | None
) -> dict[str, Any]:
    settings = options.load()
    workers = workers or default_workers(settings)
    identity = {
        "preset": Path(options.preset or DEFAULT).stem,
        "seed": plan.seed,
        "pictures": plan.images and plan.images.name,
        "start": "layout" if plan.layout else "words",
        "settings": settings_digest(settings),
        "weights": weights_digest(settings, with_generator=plan.images is None),
    }
    make = partial(make_services, settings, plan.out / "images", 1 if workers > 1 else None)
    errands = None if cluster is None else Errands(cluster, partial(make_services, settings, threads=1))
    with progress_bar() as progress:
        records = run_prompts(
            prompts, plan, make, identity=identity, workers=workers, progress=progress, errands=errands
        )
    summary = summarize(records, settings.loop.rounds) | {"workers": workers, "out": str(plan.out)}
    write_results(records, summary, plan.out)
    return summary


def make_services(settings: Settings, images: Path, threads: int | None = None) -> Services:
    """Return the loop's services and the scorers, with models that load when they are first asked."""
    import torch

    from tools.backend.detector import ZeroShotDetector
    from tools.backend.local import LocalBackend

    if threads:
        torch.set_num_threads(threads)
    backend = LocalBackend(settings)

    def unsuppressed(part: DetectorSettings) -> ZeroShotDetector:
        # the benchmark has its own suppression, which the preset's must not come before
        loaded = needed(backend.detector_for(part), ZeroShotDetector, "detector")
        return ZeroShotDetector(loaded.head, part.model_copy(update={"nms": 1.0, "nms_across": None}))

    scorers = {"detector": unsuppressed(needed(settings.detector, DetectorSettings, "detector"))}
    if settings.heldout_detector:
        scorers["heldout"] = unsuppressed(needed(settings.heldout_detector, DetectorSettings, "held-out detector"))
    return Services(Context(backend, make_chat_model(settings.chat), ImageStore(images), settings), scorers)


def default_workers(settings: Settings) -> int:
    """Return one worker for each core where the models run on the CPU, else one."""
    from tools.backend.checkpoints import choose_device

    if isinstance(settings.editor, Part) and choose_device(settings.editor.device).type != "cpu":
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

    generator = settings.generator if with_generator and settings.generator else None
    drawing = generator if generator and generator.kind == "diffusers" else None
    named = (settings.detector, settings.segmenter, settings.editor, settings.heldout_detector, drawing)
    parts = [part for part in named if isinstance(part, Part)]
    digest = hashlib.sha256()
    for folder in dict.fromkeys(resolve(part) for part in parts):
        for path in sorted(folder.rglob("*.safetensors")):
            size = path.stat().st_size
            with path.open("rb") as file:
                file.seek(max(0, size - TAIL))
                digest.update(f"{path.relative_to(folder)} {size} ".encode() + file.read())
    return digest.hexdigest()[:16]


def write_results(records: Sequence[Mapping[str, Any]], summary: Mapping[str, Any], out: Path) -> None:
    """Write summary.json, table.md, the plots and the page."""
    _write_figures(summary, out)
    try:
        plots = draw_plots(summary, out)
    except ImportError:
        sys.stderr.write('sld: no plots: they need matplotlib (pip install "sld-agent[eval]")\n')
        plots = []
    write_page(records, summary, out, plots)


def _write_figures(summary: Mapping[str, Any], out: Path) -> None:
    write_text(out / "summary.json", json.dumps(summary, indent=1) + "\n")
    write_text(out / "table.md", as_markdown(summary))


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
    notes = "\n".join(f"- {line}" for line in remarks(summary))
    return "\n\n".join([*blocks, f"Cost of a picture\n\n{markdown(costs_table(summary))}", notes]) + "\n"
