"""The run folder: everything that one turn or one batch item did, readable at any moment.

    run.json            what was asked, with what, and how it ended
    trace.jsonl         one event per line (agent.trace.events)
    images/             pictures by content hash
    checkpoints.sqlite  what a killed run goes on from
    final.png           the best picture
    report.html         the story, on one page

Files are written to a temporary name, then renamed. Nothing in a folder names a place outside it.
Knows nothing of graphs or models.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.run.files import Files
from agent.run.record import find_problem
from agent.run.storage import CHECKPOINTS, RECORD, TRACE, RunError
from agent.trace.events import VERSION, other_version
from configs.preset_files import preset_names
from tools.older import renamed
from tools.redaction import Redactor, environment_secrets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.run.storage import Storage
    from agent.trace.lines import Lines
    from tools.images import ImageStore

__all__ = ["RunError", "RunFolder", "abandoned_on_error", "find_runs", "new_folder"]


@dataclass(frozen=True)
class RunFolder:
    """Where one run lives. Building one touches nothing on disk."""

    path: Path
    redactor: Redactor = field(default=Redactor(), compare=False, repr=False)
    """Cleans whatever is written here."""
    storage: Storage = field(default=Files(), compare=False, repr=False)
    """Keeps what is not a copy: the folder itself, or a database for many machines."""

    def with_redactor(self, redactor: Redactor) -> RunFolder:
        """Return the same folder with another redactor."""
        return replace(self, redactor=redactor)

    @property
    def record_path(self) -> Path:
        """What was asked and how it ended."""
        return self.path / RECORD

    @property
    def trace_path(self) -> Path:
        """What happened, one event per line."""
        return self.path / TRACE

    @property
    def trace(self) -> Lines:
        """The lines of the trace, wherever they are kept."""
        return self.storage.trace(self.path)

    @property
    def images(self) -> ImageStore:
        """The pictures, wherever they are kept."""
        return self.storage.images(self.path, self.redactor)

    @property
    def images_path(self) -> Path:
        """Pictures by content hash."""
        return self.path / "images"

    @property
    def checkpoints_path(self) -> Path:
        """What a killed run goes on from."""
        return self.path / CHECKPOINTS

    @property
    def final_path(self) -> Path:
        """The best picture; missing until the run is finished."""
        return self.path / "final.png"

    @property
    def report_path(self) -> Path:
        """The story on one page."""
        return self.path / "report.html"

    @property
    def started(self) -> bool:
        """Whether a run was ever begun here."""
        return self.storage.stamp(self.path) is not None

    def read_record(self) -> dict[str, Any]:
        """Return run.json.

        Raises:
            RunError: there is none, or it is not one of this version.
        """
        try:
            record = renamed(json.loads(self.storage.read_record(self.path)))
        except FileNotFoundError:
            raise RunError(
                f"{str(self.path)!r} is not a run: it has no run.json; `sld trace list` shows runs"
            ) from None
        except (OSError, ValueError, RecursionError) as error:
            reason = getattr(error, "strerror", None) or error
            raise RunError(f"cannot read {str(self.record_path)!r}: {reason}") from None
        if not isinstance(record, dict) or record.get("version") != VERSION:
            found = record.get("version") if isinstance(record, dict) else type(record).__name__
            raise RunError(f"{str(self.record_path)!r}: {other_version(found)}")
        if problem := find_problem(record):
            raise RunError(f"{str(self.record_path)!r} is damaged ({problem}): nothing can be gone on with from it")
        return record

    def write_record(self, record: dict[str, Any]) -> None:
        """Write run.json in one step, creating the folder if needed."""
        text = json.dumps({"version": VERSION, **self.redactor.tree(record)}, indent=2) + "\n"
        self.storage.write_record(self.path, text)

    def clear(self) -> None:
        """Remove what an earlier run wrote, the record first: half a clearing leaves nothing that claims to be a run.

        Raises:
            RunError: another process is working here.
        """
        with self.locked():
            for path in (self.record_path, self.trace_path, self.final_path, self.report_path):
                path.unlink(missing_ok=True)
            for path in self.path.glob(f"{self.checkpoints_path.name}*"):
                path.unlink()
            shutil.rmtree(self.images_path, ignore_errors=True)

    def abandon(self) -> None:
        """Remove the folder if nothing was begun in it."""
        if not self.started:
            self.storage.abandon(self.path)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Say in one sentence that what is read here is damaged, wherever that is found out.

        Raises:
            RunError: it is.
        """
        try:
            yield
        except RunError:
            raise
        except (ValueError, LookupError, TypeError, AttributeError, AssertionError, RecursionError) as error:
            what = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
            raise RunError(
                f"what is recorded in {str(self.path)!r} cannot be read ({what[:300]}): is it damaged?"
            ) from None

    @contextmanager
    def locked(self, advice: str = "wait for it, or choose another --out") -> Iterator[None]:
        """Hold the folder for this process; a killed process lets go of it.

        Raises:
            RunError: another process holds it.
        """
        with self.storage.locked(self.path, advice):
            yield

    def preset_recorded(self, preset: str) -> str:
        """Return a preset as run.json names it: files relative to this folder, so that no absolute path is kept."""
        return preset if preset in preset_names() else os.path.relpath(preset, self.path)

    def preset_found(self, recorded: str) -> str:
        """Return the preset that run.json names.

        Raises:
            RunError: it is a file inside this folder, which may come from anybody.
        """
        if recorded in preset_names():
            return recorded
        found = self.path / recorded
        if found.resolve().is_relative_to(self.path.resolve()):
            raise RunError(
                f"{str(self.record_path)!r} names a preset inside the run itself, {recorded!r}: "
                f"read it, and agree to it with --preset {found}"
            )
        return str(found)


@contextmanager
def abandoned_on_error(folder: RunFolder) -> Iterator[None]:
    """Leave no empty folder behind when nothing could be begun in it."""
    try:
        yield
    except BaseException:
        folder.abandon()
        raise


def new_folder(title: str, base: Path = Path("runs"), storage: Storage | None = None) -> RunFolder:
    """Make a folder under ``base`` that did not exist before, named by the time and by ``title``."""
    storage = storage or Files()
    title = Redactor(environment_secrets()).text(title)
    slug = re.sub(r"[^a-z0-9]+", "-", title.lower())[:40].strip("-") or "run"
    stem = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{slug}"
    names = (stem if number == 1 else f"{stem}-{number}" for number in itertools.count(1))
    return RunFolder(next(base / name for name in names if storage.claim(base / name)), storage=storage)


def find_runs(base: Path) -> tuple[RunFolder, ...]:
    """Return the runs right under ``base``, in order of name (which begins with the time)."""
    if not base.is_dir():
        return ()
    return tuple(run for run in (RunFolder(path) for path in sorted(base.iterdir())) if run.started)
