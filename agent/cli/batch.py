"""Works through a batch file, one run folder per item, going on where an earlier call stopped."""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from agent.cli.batch_file import BatchError, Item, read_items
from agent.cli.console import SafeConsole, print_notes, redactor, write, write_json
from agent.cli.options import ExitCode, Mode, Options, fail, in_words
from agent.cli.progress import LiveProgress
from agent.cli.run import announce_chat
from agent.cli.seed_config import SeedConfig
from agent.models.backend import make_backend
from agent.models.preset_choice import DEFAULT, choose_preset
from agent.report.render import write_report
from agent.run.driver import Job, run_correction
from agent.run.folder import RunFolder
from configs.settings import Settings, load_settings
from tools.images import open_picture

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from langchain_core.language_models import BaseChatModel

    from agent.cli.options import Cluster
    from agent.run.elsewhere import Elsewhere
    from tools.backend.local import LocalBackend
    from tools.backend.remote.client import RemoteBackend

SUFFIXES = ("", ".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif")


@dataclass(frozen=True)
class Work:
    """An item with all that it takes."""

    item: Item
    picture: Path
    folder: RunFolder
    preset: str
    settings: Settings
    overrides: dict[str, Any]


def run_batch(
    options: Options,
    file: Path,
    mode: Mode,
    input_dir: Path,
    output_dir: Path,
    *,
    overwrite: bool = False,
    config: SeedConfig | None = None,
    cluster: Cluster | None = None,
    there: Elsewhere | None = None,
) -> int:
    """Do every item that is not finished yet, here or on a ``cluster``, and return the exit code.

    ``config`` is what an .ini file of SLD's says; options go before it. A failing item is reported and the others go
    on. The code is 1 if one failed, else 3 if one ended without agreement, else 0. ``there`` is where the runs really
    lie, if ``output_dir`` holds copies of them.

    Raises:
        UserMistake: the file, an item or a picture is not usable; nothing was done.
    """
    work = _prepare(options, file, input_dir, output_dir, config or SeedConfig({}))
    if options.seed is None and config is not None:
        options = replace(options, seed=config.seed)
    _announce(options, config, work)
    chat = announce_chat(work[0].settings if work else options.load(), as_json=options.as_json)
    seed = options.seed or 0
    if cluster is None:
        outcomes = _do_here(work, options, mode, seed, chat, overwrite=overwrite, there=there)
    else:
        from agent.cli.batch_cluster import do_on_cluster

        jobs = ((each, job_of(each, mode, seed), options.load(each.preset)) for each in work)
        outcomes = do_on_cluster(jobs, len(work), cluster, overwrite=overwrite, there=there)
    return _summary(outcomes, there.place if there else str(output_dir), as_json=options.as_json)


def _do_here(
    work: Sequence[Work],
    options: Options,
    mode: Mode,
    seed: int,
    chat: BaseChatModel,
    *,
    overwrite: bool,
    there: Elsewhere | None,
) -> list[dict[str, Any]]:
    console, outcomes = SafeConsole(sys.stderr), list[dict[str, Any]]()
    bases: dict[str, LocalBackend | RemoteBackend] = {}
    for number, job in enumerate(work, start=1):
        console.print(f"{number}/{len(work)} {job.item.output_dir}", markup=False)
        try:
            if job.preset not in bases:
                bases[job.preset] = make_backend(job.settings)
            if there is not None:
                (there.clear if overwrite else there.fetch)(job.item.output_dir)
            if overwrite:
                job.folder.clear()
            with LiveProgress(sys.stderr) as progress:
                result = run_correction(
                    job_of(job, mode, seed),
                    job.settings,
                    job.folder,
                    backend=bases[job.preset].with_settings(job.settings),
                    chat=chat,
                    preset=job.preset,
                    overrides=job.overrides,
                    listener=progress,
                )
            print_notes(console, result.notes)
            write_report(job.folder)
            if there is not None:
                there.push(job.item.output_dir)
            outcomes.append({"item": job.item.output_dir, **result.to_json()})
        except Exception as error:  # noqa: BLE001 - one item's failure must not lose the others
            message = redactor().text(in_words(error))
            console.print(f"  failed: {message}", markup=False)
            outcomes.append({"item": job.item.output_dir, "error": message})
            if there is not None:
                with suppress(OSError):  # its trouble was told already
                    there.push(job.item.output_dir)
    return outcomes


def _announce(options: Options, config: SeedConfig | None, work: list[Work]) -> None:
    """Say which presets were chosen, and what of an .ini file goes unused."""
    for preset in dict.fromkeys(job.preset for job in work if job.preset != (options.preset or DEFAULT)):
        names = ", ".join(job.item.output_dir for job in work if job.preset == preset)
        write(f"Using the preset {preset} for {names} (another: --preset NAME).", sys.stderr)
    for line in _unused(config, work):
        write(f"--config: {line}", sys.stderr)


def _prepare(options: Options, file: Path, input_dir: Path, output_dir: Path, config: SeedConfig) -> list[Work]:
    """Check everything before any model is loaded, and name all that is wrong at once."""
    given = options.overrides()
    try:
        items = read_items(file)
    except BatchError as error:
        fail(str(error))
    work, problems = [], []
    for number, item in enumerate(items, start=1):
        try:
            item.spec(), item.layout()
            picture = _picture(input_dir, item.input_fname)
            preset = options.preset or choose_preset(open_picture(picture))
            configured = config.fitting(options.load(preset))
            settings = options.load(preset, configured)
            thresholds = settings.generators.get(item.generator or "")
            own = {} if thresholds is None else thresholds.model_dump(exclude_none=True)
            overrides = configured | {f"detector.{name}": value for name, value in own.items()} | given
            folder = RunFolder(_inside(output_dir, item.output_dir, "output_dir"))
            settings = load_settings(preset, overrides) if own else settings
            work.append(Work(item, picture, folder, preset, settings, overrides))
        except (ValueError, OSError) as error:
            problems.append(f"item {number} ({item.output_dir!r}): {error}")
    problems += _clashes(work, output_dir)
    if problems:
        fail(f"{file.name!r} cannot be used, nothing was done:\n  " + "\n  ".join(problems))
    return work


def _unused(config: SeedConfig | None, work: Sequence[Work]) -> Iterator[str]:
    if config is None:
        return
    yield from config.unused
    for preset, settings in {job.preset: job.settings for job in work}.items():
        yield from config.strange(settings, preset)


def _clashes(work: Sequence[Work], output_dir: Path) -> Iterator[str]:
    """Yield what would let one item write into, or clear away, what is another's: names are compared as places."""
    base = output_dir.resolve()
    known: dict[Path, str] = {}
    for job in work:
        place, name = job.folder.path.resolve(), job.item.output_dir
        if place in known:
            yield f"output_dir {name!r} is the same folder as {known[place]!r}"
        known[place] = name
    for place, name in known.items():
        for above in place.parents:
            if above in known:
                yield f"output_dir {name!r} lies inside {known[above]!r}"
            elif above.is_relative_to(base) and RunFolder(above).started:
                yield f"output_dir {name!r} lies inside the run {str(above)!r}"
        if (place / "images").is_dir() and next((place / "images").rglob("run.json"), None):
            yield f"output_dir {name!r} holds another run in its images"


def job_of(job: Work, mode: Mode, seed: int) -> Job:
    """Return what is to be done for an item."""
    editing = mode is Mode.IMAGE_EDITING
    return Job(
        prompt="" if editing else job.item.prompt,
        instruction=job.item.prompt if editing else "",
        image=open_picture(job.picture),
        spec=job.item.spec(),
        places=not editing and job.item.is_placeless,
        target=job.item.layout(),
        seed=seed,
        origin=job.picture.name,
    )


def _picture(folder: Path, name: str) -> Path:
    path = _inside(folder, name, "input_fname")
    for suffix in SUFFIXES:
        if (found := path.with_name(path.name + suffix)).is_file():
            return _inside(folder, found.relative_to(folder).as_posix(), "input_fname")
    raise BatchError(f"there is no picture {name!r} (or {name + '.png'!r}) in {str(folder)!r}")


def _inside(folder: Path, name: str, field: str) -> Path:
    path = folder / name
    if path.resolve() == folder.resolve() or not path.resolve().is_relative_to(folder.resolve()):
        raise BatchError(f"{field} {name!r} is not a name inside {str(folder)!r}")
    return path


def _summary(outcomes: list[dict[str, Any]], output_dir: str, *, as_json: bool) -> int:
    agreed = sum(bool(outcome.get("agreed")) for outcome in outcomes)
    failed = sum("error" in outcome for outcome in outcomes)
    if as_json:
        write_json({"items": outcomes, "agreed": agreed, "failed": failed, "output_dir": output_dir})
    else:
        write(f"{agreed} of {len(outcomes)} agreed" + (f", {failed} failed" if failed else ""))
        write(f"pictures and reports: {output_dir}")
    if failed:
        return ExitCode.FAILURE
    return ExitCode.AGREED if agreed == len(outcomes) else ExitCode.NOT_AGREED
