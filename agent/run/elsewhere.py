"""Run folders somewhere that fsspec reaches, worked on through copies in a local folder.

A run is fetched before it is worked on and pushed afterwards, its record last: whoever finds a record there finds
all that it speaks of. So what was finished anywhere is finished everywhere.
"""

from __future__ import annotations

import posixpath
from pathlib import PurePath, PurePosixPath
from typing import TYPE_CHECKING, Any

from agent.run.storage import RECORD, RunError
from tools.files import write_bytes
from tools.remote_files import filesystem, reading, remote_error

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LARGEST = 2**30  # bytes of one file
Stamps = dict[str, tuple[int, int]]


class Elsewhere:
    """The runs under a place; ``local`` holds the copies."""

    def __init__(self, place: str, local: Path) -> None:
        """Look for nothing yet.

        Raises:
            PlaceError: there is no such kind of place, or its package is missing.
        """
        self.place, self.local = place.rstrip("/"), local
        self._files, self._base = filesystem(place)
        self._known: dict[str, Stamps] = {}

    def read(self, name: str, most: int) -> bytes | None:
        """Return what is in one file, None where there is none.

        Raises:
            OSError: it cannot be read, or has more than ``most`` bytes.
        """
        with remote_error(f"{self.place}/{name}"):
            try:
                return reading(self._files, posixpath.join(self._base, name), most)
            except (FileNotFoundError, IsADirectoryError):
                return None

    def fetch(self, name: str) -> None:
        """Copy what is there of the run ``name`` into the local folder."""
        self._known[name] = {}
        with remote_error(f"{self.place}/{name}"):
            base = posixpath.join(self._base, name)
            self._files.invalidate_cache()
            found = sorted(self._files.find(base))
        for path in found:
            inside = PurePosixPath(path[len(base) :].lstrip("/"))
            if ".." in inside.parts:
                raise RunError(f"{self.place}/{name} holds {str(inside)!r}, which is no file of a run")
            if _is_hidden(inside):  # the lock of a folder of this machine, or what a process that was killed left
                continue
            data = self.read(posixpath.join(name, str(inside)), LARGEST)
            write_bytes(self.local / name / inside, data or b"")
        self._known[name] = self._stamps(name)

    def push(self, name: str) -> None:
        """Copy what has changed in the local folder to the place, the record last."""
        known, found = self._known.get(name, {}), self._stamps(name)
        changed = [inside for inside, stamp in found.items() if known.get(inside) != stamp]
        for inside in sorted(changed, key=lambda inside: inside == RECORD):
            place = posixpath.join(self._base, name, inside)
            with remote_error(f"{self.place}/{name}/{inside}"):
                self._files.makedirs(posixpath.dirname(place), exist_ok=True)
                self._files.pipe_file(place, (self.local / name / inside).read_bytes())
        self._known[name] = found

    def clear(self, name: str) -> None:
        """Remove the run ``name`` there, its record first."""
        base = posixpath.join(self._base, name)
        with remote_error(f"{self.place}/{name}"):
            for path in (posixpath.join(base, RECORD), base):
                if self._files.exists(path):
                    self._files.rm(path, recursive=True)

    def _stamps(self, name: str) -> Stamps:
        return dict(self._stamped(name))

    def _stamped(self, name: str) -> Iterator[tuple[str, tuple[int, int]]]:
        folder = self.local / name
        for path in folder.rglob("*"):
            inside = path.relative_to(folder)
            if path.is_file() and not _is_hidden(inside):
                stat: Any = path.stat()
                yield inside.as_posix(), (stat.st_size, stat.st_mtime_ns)


def _is_hidden(inside: PurePath) -> bool:
    return any(part.startswith(".") for part in inside.parts)
