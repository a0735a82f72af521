"""Makes, corrects and scores a picture for each prompt, in several processes, going on where it was stopped.

    OUT/run.json          what was measured with what
    OUT/items/007.json    everything about one finished prompt (see `measure.measure`, or another benchmark's)
    OUT/images/           pictures by content hash, and what it took to make them

A killed run loses at most the steps between two pictures: a picture that was made is found again in
``images`` and never made twice. Knows no models: they come by `Services`.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from multiprocessing import get_context, parent_process
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from agent.run.folder import RunError
from evals.lmd.measure import head
from evals.lmd.measure import measure as measure_lmd
from tools.files import write_text
from tools.older import renamed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from evals.lmd.cluster import Errands
    from evals.lmd.measure import Plan, Prompt

    Measure = Callable[[Any, Plan, Any], dict[str, Any]]
    """Returns everything about one prompt, as JSON types."""

POLL = 0.5  # seconds between two looks at what the workers have finished


def run_prompts(
    prompts: Sequence[Prompt],
    plan: Plan,
    make_services: Callable[[], Any],
    *,
    identity: Mapping[str, Any],
    workers: int = 1,
    progress: Callable[[str, int, int], None] | None = None,
    measure: Measure = measure_lmd,
    errands: Errands | None = None,
) -> list[dict[str, Any]]:
    """Measure every prompt that is not finished yet and return the records of all, in order.

    ``make_services`` is called once in each worker; with more than one it and ``measure`` must be picklable.
    ``identity`` (JSON types) says what the models and settings are. With ``errands`` it is a cluster that measures.

    Raises:
        RunError: the folder is in use, or holds records of another identity; or a worker died.
    """
    plan.out.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(plan.out / ".lock", timeout=0):
            _check_identity(plan.out, identity)
            open_ones = [prompt for prompt in prompts if read_record(plan, prompt) is None]

            left = list(open_ones)

            def tell() -> None:
                left[:] = [prompt for prompt in left if read_record(plan, prompt) is None]
                if progress:
                    progress("prompts", len(prompts) - len(left), len(prompts))

            if errands is not None:
                for _ in errands.run(open_ones, plan):
                    tell()
            elif workers > 1 and len(open_ones) > 1:
                _share_out(open_ones, plan, make_services, min(workers, len(open_ones)), tell, measure)
            elif open_ones:
                services = make_services()
                for prompt in open_ones:
                    finish(prompt, plan, services, measure)
                    tell()
            records = [read_record(plan, prompt, failed=True) for prompt in prompts]
    except Timeout:
        raise RunError(f"another process is measuring in {str(plan.out)!r}: wait, or choose another --out") from None
    return [record for record in records if record is not None]


def item_path(plan: Plan, prompt: Prompt) -> Path:
    """Return where a prompt's record lies."""
    return plan.out / "items" / f"{prompt.number:03d}.json"


def read_record(plan: Plan, prompt: Prompt, *, failed: bool = False) -> dict[str, Any] | None:
    """Return a prompt's record; None when it must be measured (again). ``failed`` ones are read on request."""
    try:
        record: dict[str, Any] = renamed(json.loads(item_path(plan, prompt).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return None
    if "error" in record:
        return record if failed else None
    return None if plan.baselines and record["best_of_n"] is None else record


def finish(prompt: Prompt, plan: Plan, services: Any, measure: Measure = measure_lmd) -> None:
    """Measure one prompt and write its record; a failure is written down too, and tried again by the next run."""
    try:
        record = measure(prompt, plan, services)
    except Exception as error:  # noqa: BLE001 - one prompt's failure must not lose the others
        record = head(prompt) | {"error": f"{type(error).__name__}: {error}"}
    write_text(item_path(plan, prompt), json.dumps(record, indent=1) + "\n")


# processes


def _check_identity(out: Path, identity: Mapping[str, Any]) -> None:
    given = json.loads(json.dumps({"version": 1, **identity}))
    path = out / "run.json"
    if not path.exists():
        write_text(path, json.dumps(given, indent=1) + "\n")
        return
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"cannot read {str(path)!r}: {error}; choose another --out") from None
    differing = [key for key in {**given, **known} if given.get(key) != known.get(key)]
    if differing:
        raise RunError(
            f"{str(out)!r} holds figures of another {', '.join(differing)}: choose another --out, or remove it"
        )


def _share_out(
    prompts: Sequence[Prompt],
    plan: Plan,
    make_services: Callable[[], Any],
    workers: int,
    tell: Callable[[], None],
    measure: Measure,
) -> None:
    context = get_context("spawn")
    counter = context.Value("i", 0)
    processes = [
        context.Process(target=_work, args=(counter, prompts, plan, make_services, measure), daemon=True)
        for _ in range(workers)
    ]
    try:
        for process in processes:
            process.start()
        while any(process.is_alive() for process in processes):
            time.sleep(POLL)
            tell()
    finally:
        for process in processes:
            process.terminate()
            process.join()
    dead = [process.exitcode for process in processes if process.exitcode]
    if dead:
        raise RunError(f"a worker ended with code {dead[0]} (its message stands above); the same command goes on")


def _work(
    counter: Any, prompts: Sequence[Prompt], plan: Plan, make_services: Callable[[], Any], measure: Measure
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which ends its workers
    threading.Thread(target=_end_with_parent, daemon=True).start()
    services = make_services()
    while True:
        with counter.get_lock():
            at, counter.value = counter.value, counter.value + 1
        if at >= len(prompts):
            return
        finish(prompts[at], plan, services, measure)


def _end_with_parent() -> None:
    """Stop when the parent is gone: it may have been killed, and the next run must not meet this process at work."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
