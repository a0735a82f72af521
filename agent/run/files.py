"""Everything in the folder itself: run.json, trace.jsonl, checkpoints in SQLite, pictures; locked by a file.

Files are written to a temporary name, then renamed. Nothing in a folder leads out of it.
"""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from agent.run.storage import BIN, CHECKPOINTS, LONGEST_RECORD, RECORD, TRACE, RunError, is_name
from agent.trace.lines import FileLines
from tools.files import read_file, remove_leftovers, write_text
from tools.images import ImageStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from langgraph.checkpoint.base import BaseCheckpointSaver

    from tools.redaction import Redactor

Stamp = tuple[int, int]  # time of change in nanoseconds, and inode


class Files:
    """`agent.run.storage.Storage` in folders; it holds nothing itself."""

    shared = None

    def stamp(self, path: Path) -> Stamp | None:
        """See the protocol, as for every method here."""
        record = path / RECORD
        return (stat.st_mtime_ns, stat.st_ino) if record.is_file() and (stat := record.stat()) else None

    def changed(self, path: Path) -> int:
        return max(file.stat().st_mtime_ns for file in (path / RECORD, path / TRACE) if file.is_file())

    def read_record(self, path: Path) -> bytes:
        self._check_links(path)
        return read_file(path / RECORD, LONGEST_RECORD)

    def write_record(self, path: Path, text: str) -> None:
        write_text(path / RECORD, text)

    def trace(self, path: Path) -> FileLines:
        return FileLines(path / TRACE)

    @contextmanager
    def locked(self, path: Path, advice: str) -> Iterator[None]:
        path.mkdir(parents=True, exist_ok=True)
        self._check_links(path)
        try:
            with FileLock(path / ".lock", timeout=0):
                for place, _, _ in os.walk(path):
                    remove_leftovers(Path(place))
                yield
        except Timeout:
            raise RunError(f"another process is working in {str(path)!r}: {advice}") from None

    @contextmanager
    def checkpoints(self, path: Path, redactor: Redactor) -> Iterator[BaseCheckpointSaver[Any]]:
        from agent.run.checkpoints import open_sqlite  # brings LangGraph along: not every command needs it

        with open_sqlite(path / CHECKPOINTS, redactor) as saver:
            yield saver

    def has_checkpoints(self, path: Path) -> bool:
        return (path / CHECKPOINTS).is_file()

    def images(self, path: Path, redactor: Redactor) -> ImageStore:
        return ImageStore(path / "images", redactor)

    def claim(self, path: Path) -> bool:
        with suppress(FileExistsError):  # another process may have taken the name a moment ago
            path.mkdir(parents=True)
            return True
        return False

    def abandon(self, path: Path) -> None:
        with suppress(OSError):
            (path / ".lock").unlink(missing_ok=True)
            path.rmdir()

    def listed(self, base: Path, *, deleted: bool = False) -> Iterator[tuple[Path, Stamp, float]]:
        place = base / BIN if deleted else base
        if not place.is_dir():
            return
        for path in sorted(place.iterdir()):
            if not is_name(path.name) or path.is_symlink():
                continue
            with suppress(FileNotFoundError, NotADirectoryError):  # no run, or deleted a moment ago
                stat = (path / RECORD).stat()
                yield path, (stat.st_mtime_ns, stat.st_ino), stat.st_mtime

    def delete(self, path: Path) -> None:
        target = path.parent / BIN / path.name
        target.parent.mkdir(exist_ok=True)
        if target.exists():  # deleted once before, and made anew under the same name
            shutil.rmtree(target)
        path.rename(target)

    def undelete(self, path: Path) -> bool:
        source = path.parent / BIN / path.name
        if source.is_symlink() or not (source / RECORD).is_file():
            return False
        if path.exists():
            raise RunError(f"there is another {path.name!r} by now: delete that one first")
        source.rename(path)
        return True

    def _check_links(self, path: Path) -> None:
        """Refuse a folder with a link in it: what is written there would land somewhere else."""
        for place, folders, files in os.walk(path):
            for name in (*folders, *files):
                if (found := Path(place, name)).is_symlink():
                    raise RunError(
                        f"{str(found)!r} is a link: nothing in a run leads out of it. Replace it with a copy"
                    )
