"""A Postgres that several processes share: its connections, its tables, and which of the processes are alive.

Every statement has bound parameters, and every error is told without the address's login.
"""

from __future__ import annotations

import errno
import json
import threading
import time
import uuid
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, LiteralString

import psycopg
from langgraph.checkpoint.postgres import PostgresSaver
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import dict_row, tuple_row
from psycopg.sql import SQL, Identifier
from psycopg_pool import ConnectionPool, PoolTimeout

from agent.run.storage import RunError
from tools.redaction import Redactor, login_secrets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from psycopg import Connection
    from psycopg.rows import DictRow

VERSION = 1  # of the tables below
SETUP_LOCK = 0x5C1D_2316  # Postgres' advisory lock of whoever makes them
PATIENCE = 10.0  # seconds for a free connection
MOST = 16  # connections of one process
FORGOTTEN = "1 hour"  # after which a process that died, and what was told, are forgotten
IDLE = 5.0  # seconds after which a connection is looked at before it is used
CHANNEL = "sld"
LONGEST_NOTE = 7900  # bytes; Postgres passes on 8000
CLOSING = 0.5  # seconds until a thread that waits notices the end

TABLES: tuple[LiteralString, ...] = (
    "CREATE TABLE IF NOT EXISTS sld_version (version integer PRIMARY KEY)",
    "CREATE TABLE IF NOT EXISTS sld_processes (id uuid PRIMARY KEY, until timestamptz NOT NULL)",
    """CREATE TABLE IF NOT EXISTS sld_sessions (
        name text PRIMARY KEY,
        record text,
        revision bigint NOT NULL DEFAULT 0,
        changed timestamptz NOT NULL DEFAULT clock_timestamp(),
        deleted boolean NOT NULL DEFAULT false,
        holder uuid,
        process uuid)""",
    """CREATE TABLE IF NOT EXISTS sld_trace (
        session text NOT NULL,
        number bigserial,
        at timestamptz NOT NULL DEFAULT clock_timestamp(),
        lines text NOT NULL,
        PRIMARY KEY (session, number))""",
    "CREATE TABLE IF NOT EXISTS sld_pictures (session text, id text, PRIMARY KEY (session, id))",
    "CREATE TABLE IF NOT EXISTS sld_made (session text, key text, record text NOT NULL, PRIMARY KEY (session, key))",
    """CREATE TABLE IF NOT EXISTS sld_orders (
        id bigserial PRIMARY KEY,
        session text NOT NULL UNIQUE,
        body text NOT NULL,
        since text NOT NULL,
        tries integer NOT NULL DEFAULT 0,
        stop boolean NOT NULL DEFAULT false,
        process uuid)""",
    """CREATE TABLE IF NOT EXISTS sld_told (
        id bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp(), body text NOT NULL)""",
)


class Database:
    """Connections, and a sign of life while it is open. Safe from any thread.

    A process whose sign of life is older than ``lease`` seconds, by the database's clock, counts as dead.
    """

    def __init__(self, url: str, lease: float) -> None:
        self.lease, self.process, self._url = lease, uuid.uuid4(), url
        self._clean = Redactor((*login_secrets(url), *_passwords(url)))
        self._pool: ConnectionPool[_Kept] = ConnectionPool(
            url,
            connection_class=_Kept,
            min_size=1,
            max_size=MOST,
            timeout=PATIENCE,
            kwargs={"autocommit": True, "row_factory": dict_row, "prepare_threshold": 0},
            check=_look_after,
            open=False,
        )
        self._on_beat: list[Callable[[], None]] = []
        self._closing = threading.Event()
        self._listening: threading.Thread | None = None
        self._beating = threading.Thread(target=self._beat, name="sign of life", daemon=True)

    def open(self) -> None:
        """Connect, make the tables where they are missing, and begin to give signs of life.

        Raises:
            RunError: there is no such database, or it holds tables of another version.
        """
        try:
            with self.in_words(), psycopg.connect(self._url, connect_timeout=10, autocommit=True) as first:
                _set_up(first)
        except OSError as error:
            raise RunError(f"storage.url cannot be used: {error.strerror}") from None
        self._pool.open()
        self._give_sign()
        self._beating.start()

    def close(self) -> None:
        """Let go of everything at once: the other processes need not wait."""
        self._closing.set()
        if self._beating.ident is not None:
            self._beating.join()
            with suppress(OSError, RunError):
                self.run("DELETE FROM sld_processes WHERE id = %s", (self.process,))
        if self._listening is not None:
            self._listening.join()
        self._pool.close()

    def tell(self, message: dict[str, Any]) -> None:
        """Tell every process that listens, this one too."""
        body = json.dumps({"from": str(self.process), **message})
        if len(body) > LONGEST_NOTE:
            kept = self.run("INSERT INTO sld_told (body) VALUES (%s) RETURNING id", (body,))
            body = json.dumps({"from": str(self.process), "kept": kept[0]["id"]})
        self.run("SELECT pg_notify(%s, %s)", (CHANNEL, body))

    def listen(self, take: Callable[[dict[str, Any]], None]) -> None:
        """Give what other processes tell to ``take``, in a thread, until the end."""
        self._listening = threading.Thread(target=self._listen, args=(take,), name="news", daemon=True)
        self._listening.start()

    def _listen(self, take: Callable[[dict[str, Any]], None]) -> None:
        while not self._closing.is_set():
            with suppress(OSError, RunError, psycopg.Error), psycopg.connect(self._url, autocommit=True) as connection:
                connection.execute(SQL("LISTEN {}").format(Identifier(CHANNEL)))
                while not self._closing.is_set():
                    for note in connection.notifies(timeout=CLOSING):
                        told = json.loads(note.payload)
                        if told["from"] != str(self.process):
                            take(self._whole(told))
            self._closing.wait(CLOSING)  # the database may be starting anew

    def _whole(self, told: dict[str, Any]) -> dict[str, Any]:
        if "kept" not in told:
            return told
        rows = self.run("SELECT body FROM sld_told WHERE id = %s", (told["kept"],))
        return json.loads(rows[0]["body"]) if rows else {"from": told["from"]}

    def on_beat(self, do: Callable[[], None]) -> None:
        """Also do this at each sign of life."""
        self._on_beat.append(do)

    def run(self, statement: LiteralString, given: Sequence[Any] = ()) -> list[DictRow]:
        """Do one statement in a transaction of its own and return its rows."""
        with self.transaction() as connection:
            cursor = connection.execute(statement, given)
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def transaction(self) -> Iterator[Connection[DictRow]]:
        """Yield a connection in a transaction.

        Raises:
            OSError: the database cannot be reached, or has no room.
            RunError: anything else that it refuses.
        """
        with self.in_words(), self._pool.connection() as connection, connection.transaction():
            yield connection

    @contextmanager
    def in_words(self) -> Iterator[None]:
        """Tell the database's errors without its address."""
        try:
            yield
        except (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout) as error:
            raise OSError(errno.EIO, f"the database: {self._told(error)}") from None
        except psycopg.Error as error:
            raise RunError(f"the database refused ({self._told(error)})") from None

    def _told(self, error: Exception) -> str:
        return self._clean.text(" ".join(str(error).split()))[:300]

    def _beat(self) -> None:
        while not self._closing.wait(self.lease / 3):
            with suppress(OSError, RunError):  # a database that is away may come back in time
                self._give_sign()
                for do in self._on_beat:
                    do()

    def _give_sign(self) -> None:
        self.run(
            "INSERT INTO sld_processes VALUES (%s, clock_timestamp() + make_interval(secs => %s))"
            " ON CONFLICT (id) DO UPDATE SET until = EXCLUDED.until",
            (self.process, self.lease),
        )
        self.run("DELETE FROM sld_processes WHERE until < clock_timestamp() - %s::interval", (FORGOTTEN,))
        self.run("DELETE FROM sld_told WHERE at < clock_timestamp() - %s::interval", (FORGOTTEN,))


class _Kept(psycopg.Connection[dict[str, Any]]):
    """A connection of the pool; ``used`` is when it was given out last."""

    used = 0.0


def _look_after(connection: _Kept) -> None:
    """See whether a connection that was idle for a while lives: a database that was started anew closed them all."""
    if time.monotonic() - connection.used > IDLE:
        ConnectionPool.check_connection(connection)
    connection.used = time.monotonic()


def _set_up(connection: Connection[Any]) -> None:
    # Not a lock that waits: it would hold a snapshot, and LangGraph's concurrent indexes wait for those in turn.
    while not _value(connection, "SELECT pg_try_advisory_lock(%s)", SETUP_LOCK):
        time.sleep(0.1)
    try:
        for table in TABLES:
            connection.execute(table)
        found = _value(connection, "SELECT max(version) FROM sld_version WHERE %s > 0", VERSION)
        if found is None:
            connection.execute("INSERT INTO sld_version VALUES (%s)", (VERSION,))
        elif found != VERSION:
            raise RunError(f"the database holds sessions of version {found}: this program's is {VERSION}")
        connection.row_factory = dict_row
        PostgresSaver(connection).setup()
    finally:
        connection.execute("SELECT pg_advisory_unlock(%s)", (SETUP_LOCK,))


def _value(connection: Connection[Any], statement: LiteralString, given: Any) -> Any:
    with connection.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(statement, (given,)).fetchone()
        return row[0] if row else None


def _passwords(url: str) -> tuple[str, ...]:
    try:
        given = conninfo_to_dict(url).get("password")
    except psycopg.ProgrammingError:
        return ()
    return (str(given),) if given else ()
