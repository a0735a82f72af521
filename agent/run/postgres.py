"""Sessions in Postgres, for as many processes and machines as there are: `agent.run.storage.Storage`.

A session is held by a lease: whoever holds it gives signs of life, and who is silent too long loses it to the next.
Each write of a record, a trace or a checkpoint is made under the lease's own number (a fence), in one transaction
with looking at it: a process that wakes up late writes nothing. Pictures are in a content-addressed store beside
the database (`agent.run.shared_images`).
"""

from __future__ import annotations

import threading
import time
import uuid
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from agent.run.postgres_checkpoints import SessionCheckpoints
from agent.run.shared_images import PictureStore, SharedImages
from agent.run.storage import LONGEST_RECORD, LeaseLost, RunError, is_name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from langgraph.checkpoint.base import BaseCheckpointSaver
    from psycopg import Connection
    from psycopg.rows import DictRow

    from agent.run.database import Database
    from tools.redaction import Redactor

POLL = 0.1  # seconds between two tries to get a lease


class Postgres:
    """`Storage` in a database; used as a context manager, which keeps its leases alive."""

    def __init__(self, database: Database, pictures: str) -> None:
        self.shared, self._pictures = database, PictureStore(pictures)
        self._held: dict[str, uuid.UUID] = {}
        self._lock = threading.Lock()
        self._left: set[tuple[str, uuid.UUID]] = set()  # leases that could not be given back when they should
        database.on_beat(self._give_back_left)

    def __enter__(self) -> Self:
        self.shared.open()
        return self

    def __exit__(self, *error: object) -> None:
        self.shared.close()

    def stamp(self, path: Path) -> int | None:
        """See the protocol, as for every method here."""
        rows = self.shared.run(
            "SELECT revision FROM sld_sessions WHERE name = %s AND record IS NOT NULL AND NOT deleted", (path.name,)
        )
        return rows[0]["revision"] if rows else None

    def changed(self, path: Path) -> int:
        rows = self.shared.run(
            "SELECT extract(epoch FROM greatest(changed, (SELECT max(at) FROM sld_trace WHERE session = name))) AS at"
            " FROM sld_sessions WHERE name = %s",
            (path.name,),
        )
        return int(rows[0]["at"] * 10**9) if rows else 0

    def read_record(self, path: Path) -> bytes:
        rows = self.shared.run("SELECT record FROM sld_sessions WHERE name = %s", (path.name,))
        if not rows or rows[0]["record"] is None:
            raise FileNotFoundError
        return bytes(rows[0]["record"].encode())

    def write_record(self, path: Path, text: str) -> None:
        if len(text) > LONGEST_RECORD:
            raise RunError(f"the record of {path.name!r} has grown to {len(text):,} bytes: begin a new session")
        with self.fenced(path.name) as connection:
            connection.execute(
                "UPDATE sld_sessions SET record = %s, revision = revision + 1, changed = clock_timestamp()"
                " WHERE name = %s",
                (text, path.name),
            )

    def trace(self, path: Path) -> TableLines:
        return TableLines(self, path.name)

    @contextmanager
    def locked(self, path: Path, advice: str) -> Iterator[None]:
        name, token = path.name, uuid.uuid4()
        if not is_name(name):
            raise RunError(f"{name[:40]!r} is no name of a session")
        until = time.monotonic() + 1.5 * self.shared.lease  # long enough for a killed process's lease to run out
        while not self._take(name, token):
            if time.monotonic() > until:
                raise RunError(f"another process is working in {name!r}: {advice}")
            time.sleep(POLL)
        path.mkdir(parents=True, exist_ok=True)
        with self._lock:
            self._held[name] = token
        try:
            yield
        finally:
            with self._lock:
                self._held.pop(name, None)
                self._left.add((name, token))
            with suppress(OSError):  # else at the next sign of life
                self._give_back_left()

    @contextmanager
    def checkpoints(self, path: Path, redactor: Redactor) -> Iterator[BaseCheckpointSaver[Any]]:
        yield SessionCheckpoints(self, path.name, redactor)

    def has_checkpoints(self, path: Path) -> bool:
        return bool(self.shared.run("SELECT 1 FROM checkpoints WHERE thread_id = %s LIMIT 1", (path.name,)))

    def images(self, path: Path, redactor: Redactor) -> SharedImages:
        return SharedImages(path / "images", redactor, self._pictures, self.shared, path.name)

    def claim(self, path: Path) -> bool:
        added = "INSERT INTO sld_sessions (name) VALUES (%s) ON CONFLICT DO NOTHING RETURNING name"
        return bool(self.shared.run(added, (path.name,)))

    def abandon(self, path: Path) -> None:
        self.shared.run("DELETE FROM sld_sessions WHERE name = %s AND record IS NULL", (path.name,))

    def listed(self, base: Path, *, deleted: bool = False) -> Iterator[tuple[Path, int, float]]:
        rows = self.shared.run(
            "SELECT name, revision, extract(epoch FROM changed)::float8 AS at FROM sld_sessions"
            " WHERE record IS NOT NULL AND deleted = %s ORDER BY name",
            (deleted,),
        )
        yield from ((base / row["name"], row["revision"], row["at"]) for row in rows)

    def delete(self, path: Path) -> None:
        with self.fenced(path.name) as connection:
            connection.execute("UPDATE sld_sessions SET deleted = true WHERE name = %s", (path.name,))

    def undelete(self, path: Path) -> bool:
        brought = "UPDATE sld_sessions SET deleted = false WHERE name = %s AND deleted RETURNING name"
        return bool(self.shared.run(brought, (path.name,)))

    @contextmanager
    def fenced(self, name: str) -> Iterator[Connection[DictRow]]:
        """Yield a connection in a transaction that only the session's holder gets to, until its end.

        Raises:
            LeaseLost: another process has taken it, or this one never did.
        """
        with self.shared.transaction() as connection:
            self.check_held(connection, name)
            yield connection

    def check_held(self, connection: Connection[DictRow], name: str) -> None:
        """Say whether this process holds the session still; nobody takes it before the transaction's end.

        Raises:
            LeaseLost: it does not.
        """
        held = "SELECT 1 FROM sld_sessions WHERE name = %s AND holder = %s FOR SHARE"
        with self._lock:
            token = self._held.get(name)
        if token is None or connection.execute(held, (name, token)).fetchone() is None:
            raise LeaseLost(f"another process goes on with {name!r}: nothing more is written here")

    def _take(self, name: str, token: uuid.UUID) -> bool:
        with self.shared.transaction() as connection:
            connection.execute("INSERT INTO sld_sessions (name) VALUES (%s) ON CONFLICT DO NOTHING", (name,))
            taken = connection.execute(
                "UPDATE sld_sessions SET holder = %s, process = %s WHERE name = %s"
                " AND (holder IS NULL OR process <> %s AND NOT EXISTS (SELECT 1 FROM sld_processes AS living"
                "  WHERE living.id = sld_sessions.process AND living.until > clock_timestamp()))",
                (token, self.shared.process, name, self.shared.process),
            )
            return taken.rowcount == 1

    def _give_back_left(self) -> None:
        with self._lock:
            left = list(self._left)
        for name, token in left:
            self.shared.run(
                "UPDATE sld_sessions SET holder = NULL, process = NULL WHERE name = %s AND holder = %s", (name, token)
            )
            with self._lock:
                self._left.discard((name, token))


@dataclass(frozen=True)
class TableLines:
    """The lines of one session's trace, as rows."""

    storage: Postgres
    session: str

    @property
    def name(self) -> str:
        """What a message calls it."""
        return f"the trace of {self.session}"

    def read(self) -> bytes:
        """Return all of it."""
        rows = self.storage.shared.run(
            "SELECT lines FROM sld_trace WHERE session = %s ORDER BY number", (self.session,)
        )
        return "".join(row["lines"] for row in rows).encode()

    def append(self, text: str) -> None:
        """Add whole lines at the end."""
        with self.storage.fenced(self.session) as connection:
            # As a file's end is not flushed either: after a crash of the database itself the checkpoints tell the rest.
            connection.execute("SET LOCAL synchronous_commit = off")
            connection.execute("INSERT INTO sld_trace (session, lines) VALUES (%s, %s)", (self.session, text))

    def replace(self, text: str) -> None:
        """Write all of it anew, in one step."""
        with self.storage.fenced(self.session) as connection:
            connection.execute("DELETE FROM sld_trace WHERE session = %s", (self.session,))
            if text:
                connection.execute("INSERT INTO sld_trace (session, lines) VALUES (%s, %s)", (self.session, text))

    def set_aside(self) -> None:
        """Begin with nothing; what there was is kept under another name."""
        with self.storage.fenced(self.session) as connection:
            aside = f"{self.session}/damaged-{uuid.uuid4().hex[:8]}"  # no session's name has a slash
            connection.execute("UPDATE sld_trace SET session = %s WHERE session = %s", (aside, self.session))
