"""Where a session's record, trace, checkpoints and pictures are kept, and who may change them: one small protocol.

`agent.run.files.Files` keeps all of it in the session's own folder, and is the default. `agent.run.postgres.Postgres`
keeps it in a database and a store of pictures that many machines share; the folder then holds copies that can be
made again. Knows nothing of graphs or models.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator
    from pathlib import Path

    from langgraph.checkpoint.base import BaseCheckpointSaver

    from agent.run.database import Database
    from agent.trace.lines import Lines
    from tools.images import ImageStore
    from tools.redaction import Redactor

RECORD = "run.json"
TRACE = "trace.jsonl"
CHECKPOINTS = "checkpoints.sqlite"
LONGEST_RECORD = 64 * 2**20  # bytes
BIN = ".deleted"  # a folder beside the sessions; its name is no session's
LONGEST_NAME = 200


class RunError(Exception):
    """A run folder that cannot be used as asked; the message says why and what to try."""


class LeaseLost(RunError):
    """This process was silent for so long that another one goes on with the session: nothing more is written."""


class Storage(Protocol):
    """Keeps what folders hold; a folder is known by its path, whose last part is the session's name."""

    @property
    def shared(self) -> Database | None:
        """What processes on several machines have in common; None where a folder is all there is."""

    def stamp(self, path: Path) -> Hashable | None:
        """Return what is another after each change of the record; None where nothing was begun."""

    def changed(self, path: Path) -> int:
        """Return when the record or the trace was changed last, in nanoseconds since 1970."""

    def read_record(self, path: Path) -> bytes:
        """Return the record.

        Raises:
            FileNotFoundError: there is none.
        """

    def write_record(self, path: Path, text: str) -> None:
        """Write the record in one step."""

    def trace(self, path: Path) -> Lines:
        """Return where the trace lies."""

    def locked(self, path: Path, advice: str) -> AbstractContextManager[None]:
        """Hold the folder for this process alone; a killed process lets go of it, at once or after a while.

        Raises:
            RunError: another process holds it.
        """

    def checkpoints(self, path: Path, redactor: Redactor) -> AbstractContextManager[BaseCheckpointSaver[Any]]:
        """Open the checkpoints.

        Raises:
            RunError: there is something else in their place, or they are damaged.
            OSError: they cannot be written.
        """

    def has_checkpoints(self, path: Path) -> bool:
        """Whether there are any."""

    def images(self, path: Path, redactor: Redactor) -> ImageStore:
        """Return the pictures."""

    def claim(self, path: Path) -> bool:
        """Take a name that is free; False where it is not."""

    def abandon(self, path: Path) -> None:
        """Let go of a name under which nothing was begun."""

    def listed(self, base: Path, *, deleted: bool = False) -> Iterator[tuple[Path, Hashable, float]]:
        """Yield what is kept under ``base``: path, stamp, and when it was changed (seconds since 1970)."""

    def delete(self, path: Path) -> None:
        """Put a folder that is locked aside."""

    def undelete(self, path: Path) -> bool:
        """Bring it back; False where nothing of this name was put aside.

        Raises:
            RunError: the name is taken again.
        """


def is_name(name: str) -> bool:
    """Whether a name from anybody can be a session's: it never leads out of its folder."""
    return 0 < len(name) <= LONGEST_NAME and not name.startswith(".") and not set(name) & set("/\\\0")
