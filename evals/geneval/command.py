"""What ``sld eval geneval`` does, once its arguments are read: the models, the run, and the table."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from agent.cli.options import ExitCode, Options, fail
from agent.cli.run import announce_chat
from agent.models.chat import make_chat_model
from agent.models.preset_choice import DEFAULT
from configs.settings import DetectorSettings
from evals.geneval.measure import Services, measure
from evals.geneval.prompts import TASKS, GenevalPrompt, Task, choose
from evals.lmd.command import default_workers, settings_digest, weights_digest
from evals.lmd.measure import Plan
from evals.lmd.runner import run_prompts
from evals.lmd.tables import aligned, attempt_after, markdown
from evals.parts import needed
from evals.progress import progress_bar
from tools.context import Context
from tools.files import write_text
from tools.images import ImageStore

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from configs.settings import Settings

FAMILIES = ("owl", "grounding-dino", "omdet", "sam")  # in the names of kinds of model


def choose_prompts(tasks: str | None, limit: int | None, known: tuple[str, ...] = ()) -> tuple[GenevalPrompt, ...]:
    """Return the prompts that the options name; with ``known`` nouns, only those that speak of nothing else."""
    names = TASKS if tasks is None else tuple(name.strip() for name in tasks.split(",") if name.strip())
    if unknown := [name for name in names if name not in get_args(Task)]:
        fail(f"--tasks {','.join(unknown)!r}: choose among {', '.join(TASKS)}")
    wanted = tuple(task for task in TASKS if task in names)
    if not known:
        return choose(wanted, limit)
    fitting = [prompt for prompt in choose(wanted) if set(prompt.names) <= set(known)]
    return tuple(fitting[:limit])


def print_prompts(prompts: Sequence[GenevalPrompt], *, as_json: bool) -> None:
    """Print prompts, one per line, or as one JSON list."""
    if as_json:
        rows = [{"number": prompt.number, "task": prompt.task, "prompt": prompt.text} for prompt in prompts]
        sys.stdout.write(json.dumps(rows) + "\n")
    else:
        sys.stdout.write("".join(f"{prompt.text}\n" for prompt in prompts))


def measure_geneval(
    options: Options, prompts: Sequence[GenevalPrompt], *, workers: int | None = None, layout: bool = False
) -> int:
    """Measure ``prompts``, print what came out, and return the exit code."""
    settings = options.load()
    out = options.out or Path("runs") / "geneval" / Path(options.preset or DEFAULT).stem
    needed(settings.heldout_detector, DetectorSettings, "held-out detector (heldout_detector)")
    announce_chat(settings, as_json=True)
    workers = workers or default_workers(settings)
    plan = Plan(out, options.seed or 0, layout=layout, baselines=False)
    identity = {
        "benchmark": "geneval",
        "preset": Path(options.preset or DEFAULT).stem,
        "seed": plan.seed,
        "start": "layout" if layout else "words",
        "settings": settings_digest(settings),
        "weights": weights_digest(settings),
    }
    make = partial(make_services, settings, out / "images", 1 if workers > 1 else None)
    with progress_bar() as progress:
        records = run_prompts(
            prompts, plan, make, identity=identity, workers=workers, progress=progress, measure=measure
        )
    summary = summarize(records, settings.loop.rounds) | {"scorer": scorer_note(settings), "out": str(out)}
    write_text(out / "summary.json", json.dumps(summary, indent=1) + "\n")
    rows = table(summary)
    write_text(out / "table.md", f"GenEval, right pictures, %\n\n{markdown(rows)}\n\n{summary['scorer']}\n")
    if options.as_json:
        sys.stdout.write(json.dumps(summary) + "\n")
    else:
        sys.stdout.write(f"GenEval, right pictures, %\n{aligned(rows)}\n\n{summary['scorer']}\n{out}\n")
    return ExitCode.FAILURE if summary["errors"] else ExitCode.AGREED


def make_services(settings: Settings, images: Path, threads: int | None = None) -> Services:
    """Return the loop's services and the scorer, with models that load when they are first asked."""
    import torch

    from tools.backend.detector import ZeroShotDetector
    from tools.backend.local import LocalBackend

    if threads:
        torch.set_num_threads(threads)
    backend = LocalBackend(settings)
    heldout = needed(settings.heldout_detector, DetectorSettings, "held-out detector (heldout_detector)")
    scorer = needed(backend.detector_for(heldout), ZeroShotDetector, "held-out detector (heldout_detector)")
    return Services(Context(backend, make_chat_model(settings.chat), ImageStore(images), settings), scorer)


def summarize(records: Sequence[Mapping[str, Any]], rounds: int) -> dict[str, Any]:
    """Return rates in % by task, before correction and after each number of rounds; their mean is GenEval's score."""
    rates: dict[str, dict[str, float]] = {}
    counts = {task: sum(record["task"] == task for record in records) for task in TASKS}
    for number in range(rounds + 1):
        name = "before correction" if number == 0 else f"{number} round{'s' if number > 1 else ''}"
        by_task = {
            task: 100 * sum(_is_right(record, number) for record in records if record["task"] == task) / counts[task]
            for task in TASKS
            if counts[task]
        }
        overall = sum(by_task.values()) / max(len(by_task), 1)
        rates[name] = {task: round(rate, 2) for task, rate in by_task.items()} | {"overall": round(overall, 2)}
    errors = [f"{record['number']:03d}: {record['error']}" for record in records if "error" in record]
    return {"prompts": len(records), "counts": counts, "rates": rates, "errors": errors}


def _is_right(record: Mapping[str, Any], rounds: int) -> bool:
    return "error" not in record and not record["wrong"][attempt_after(record, rounds)["kept"]]


def table(summary: Mapping[str, Any]) -> list[list[str]]:
    """Return the rows of the summary's table."""
    tasks = [task for task in TASKS if summary["counts"][task]]
    rows = [["", *(f"{task} ({summary['counts'][task]})" for task in tasks), "overall"]]
    rows += [
        [name, *(f"{rates[task]:.0f}" for task in tasks), f"{rates['overall']:.1f}"]
        for name, rates in summary["rates"].items()
    ]
    return rows


def scorer_note(settings: Settings) -> str:
    """Say who scored, and whether it is of the same family as the loop's own detector."""
    from tools.backend.checkpoints import model_kind

    scorer, own = settings.heldout_detector, settings.detector
    assert scorer is not None
    theirs = model_kind(scorer)
    ours = model_kind(own) if isinstance(own, DetectorSettings) else own.kind
    same = _family(theirs) == _family(ours)
    note = "of the same family as the loop's own: take the figures as a friend's" if same else "of another family"
    return f"scored by {scorer.path} ({theirs}, at {scorer.threshold:g}), {note}; the loop's own is {ours}"


def _family(kind: str) -> str:
    return next((family for family in FAMILIES if family in kind), kind)
