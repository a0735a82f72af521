"""Where the lines of a trace lie: a text that grows at its end."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tools.files import append_text, read_file, write_text

LONGEST_TRACE = 2**30  # bytes


class Lines(Protocol):
    """What a trace is written to and read from."""

    @property
    def name(self) -> str:
        """What a message calls it."""

    def read(self) -> bytes:
        """Return all of it; nothing where there is none."""

    def append(self, text: str) -> None:
        """Add whole lines at the end; on return they have left this process."""

    def replace(self, text: str) -> None:
        """Write all of it anew, in one step."""

    def set_aside(self) -> None:
        """Begin with nothing, where what there is cannot be read; it is kept beside."""


@dataclass(frozen=True)
class FileLines:
    """Lines in a file."""

    path: Path

    @property
    def name(self) -> str:
        """What a message calls it."""
        return self.path.name

    def read(self) -> bytes:
        """Return all of it; nothing where there is none."""
        return read_file(self.path, LONGEST_TRACE) if self.path.is_file() else b""

    def append(self, text: str) -> None:
        """Add whole lines at the end."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        append_text(self.path, text)

    def replace(self, text: str) -> None:
        """Write all of it anew, in one step."""
        write_text(self.path, text)

    def set_aside(self) -> None:
        """Begin with nothing; the old file is kept beside."""
        self.path.replace(self.path.with_name(f"{self.path.stem}.damaged{self.path.suffix}"))
