"""The queue of many processes: rows of one table, in the order of asking; whoever is free takes the next.

What a process that died had taken is taken again by another one. Each process knows the jobs that it runs itself;
all else is read where it is asked for.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, LiteralString

from agent.run.storage import RunError
from agent.studio.queue import Job, Order, StudioError
from agent.studio.views import Doing, Work
from agent.trace.events import now

if TYPE_CHECKING:
    from agent.run.database import Database

POLL = 1.0  # seconds after which a free process looks for itself, where news was lost or a process died

ALIVE: LiteralString = (
    "EXISTS (SELECT 1 FROM sld_processes AS living"
    " WHERE living.id = sld_orders.process AND living.until > clock_timestamp())"
)


class SharedQueue:
    """As `agent.studio.queue.Queue`, for all processes of one database. Safe from any thread."""

    def __init__(self, database: Database, most: int) -> None:
        self._database, self._most = database, most
        self._mine: dict[str, tuple[int, Job]] = {}
        self._changed = threading.Condition()
        self._closed = False
        database.on_beat(self._look_for_stops)

    def read(self) -> list[Order]:
        """Return nothing: what others left is taken when its turn comes."""
        return []

    def put(self, order: Order, *, limited: bool = True) -> int:
        """Append an order and return its place; raises as `Queue.put` does."""
        if self._closed:
            raise StudioError("the server is shutting down: try again in a moment", "busy")
        body = order.model_dump_json(exclude_defaults=True)
        with self._database.transaction() as connection:
            waiting = connection.execute(f"SELECT count(*) AS many FROM sld_orders WHERE NOT {ALIVE}").fetchone()
            added = connection.execute(
                "INSERT INTO sld_orders (session, body, since) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING RETURNING id",
                (order.session, body, now()),
            ).fetchone()
            if added and limited and waiting and waiting["many"] >= self._most:
                connection.rollback()
                raise StudioError(f"the queue is full ({self._most} turns): try again in a moment", "busy")
        if not added:
            work = self.work(order.session)
            doing = "has in its queue" if work and work.doing == "queued" else "works on"
            raise StudioError(f"the session still {doing} {work.text if work else ''!r}: wait for it, or cancel it")
        self.wake()
        self._tell({"order": order.session})
        return self._place(order.session)

    def take(self) -> Job | None:
        """Wait for the next job; None when the queue is closed."""
        while True:
            with self._changed:
                if self._closed:
                    return None
            with suppress(OSError, RunError):  # the database may be back for the next look
                if job := self._take():
                    return job
            with self._changed:
                if not self._closed:
                    self._changed.wait(POLL)

    def _take(self) -> Job | None:
        with self._database.transaction() as connection:
            row = connection.execute(
                f"SELECT id FROM sld_orders WHERE NOT {ALIVE} AND process IS DISTINCT FROM %s"
                " ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED",
                (self._database.process,),
            ).fetchone()
            if row is None:
                return None
            taken = connection.execute(
                "UPDATE sld_orders SET process = %s, tries = tries + 1 WHERE id = %s"
                " RETURNING body, tries, since, stop",
                (self._database.process, row["id"]),
            ).fetchone()
        assert taken is not None
        order = Order.model_validate_json(taken["body"]).model_copy(update={"tries": taken["tries"]})
        job = Job(order, taken["since"], running=True, again=order.tries > 1)
        if taken["stop"]:
            job.stop.ask()
        with self._changed:
            self._mine[order.session] = row["id"], job
        return job

    def owns(self, job: Job) -> bool:
        """Whether the job is this process's still: it may have been silent for so long that another one took it."""
        with self._changed:
            order = self._mine[job.order.session][0]
        kept = "SELECT 1 FROM sld_orders WHERE id = %s AND process = %s"
        return bool(self._database.run(kept, (order, self._database.process)))

    def done(self, job: Job) -> None:
        """Forget a job that has ended."""
        order = self._mine_no_more(job)
        self._database.run("DELETE FROM sld_orders WHERE id = %s AND process = %s", (order, self._database.process))

    def hand_back(self, job: Job) -> None:
        """Let another process go on with a job at once; it does not count as one more try."""
        order = self._mine_no_more(job)
        self._database.run(
            "UPDATE sld_orders SET process = NULL, tries = tries - 1 WHERE id = %s AND process = %s",
            (order, self._database.process),
        )
        self._tell({"order": job.order.session})

    def withdraw(self, session: str) -> Job | None:
        """Take back the session's order if it has not begun, and return it; ask a running one to stop."""
        with self._database.transaction() as connection:
            gone = connection.execute(
                f"DELETE FROM sld_orders WHERE session = %s AND NOT {ALIVE} RETURNING body, since", (session,)
            ).fetchone()
            if gone:
                return Job(Order.model_validate_json(gone["body"]), gone["since"])
            asked = connection.execute(
                "UPDATE sld_orders SET stop = true WHERE session = %s RETURNING body, since", (session,)
            ).fetchone()
        if asked is None:
            return None
        self.stop(session)
        self._tell({"stop": session})
        return Job(Order.model_validate_json(asked["body"]), asked["since"], running=True)

    def work(self, session: str) -> Work | None:
        """Return what the session is busy with, in whichever process."""
        rows = self._database.run(
            f"SELECT body, since, stop, {ALIVE} AS runs FROM sld_orders WHERE session = %s", (session,)
        )
        if not rows:
            return None
        row, order = rows[0], Order.model_validate_json(rows[0]["body"])
        doing: Doing = "queued" if not row["runs"] else "stopping" if row["stop"] else "running"
        place = 0 if row["runs"] else self._place(session)
        return Work(verb=order.verb, text=order.text, doing=doing, place=place, since=row["since"])

    def sessions(self) -> tuple[str, ...]:
        """Return the sessions in it: those at work, then those that wait, in order."""
        rows = self._database.run(f"SELECT session FROM sld_orders ORDER BY NOT {ALIVE}, id")
        return tuple(row["session"] for row in rows)

    def counts(self) -> tuple[int, int]:
        """Return how many turns wait, and how many run, in all processes."""
        rows = self._database.run(f"SELECT {ALIVE} AS runs, count(*) AS many FROM sld_orders GROUP BY runs")
        found = {row["runs"]: int(row["many"]) for row in rows}
        return found.get(False, 0), found.get(True, 0)

    @property
    def closed(self) -> bool:
        """Whether nothing is taken here any more."""
        return self._closed

    def close(self) -> None:
        """Take nothing more, and ask what runs here to stop for now, to be handed back."""
        with self._changed:
            self._closed = True
            for _, job in self._mine.values():
                job.stop.ask(pause=True)
            self._changed.notify_all()

    def wake(self) -> None:
        """Look for orders now."""
        with self._changed:
            self._changed.notify_all()

    def stop(self, session: str) -> None:
        """Ask the session's job to stop, if it runs here."""
        with self._changed:
            found = self._mine.get(session)
        if found is not None:
            found[1].stop.ask()

    def _look_for_stops(self) -> None:
        asked = "SELECT session FROM sld_orders WHERE process = %s AND stop"
        for row in self._database.run(asked, (self._database.process,)):
            self.stop(row["session"])

    def _place(self, session: str) -> int:
        rows = self._database.run(
            f"SELECT count(*) AS place FROM sld_orders WHERE NOT {ALIVE}"
            " AND id <= (SELECT id FROM sld_orders WHERE session = %s)",
            (session,),
        )
        return max(1, int(rows[0]["place"]))

    def _mine_no_more(self, job: Job) -> int:
        with self._changed:
            return self._mine.pop(job.order.session)[0]

    def _tell(self, message: dict[str, Any]) -> None:
        with suppress(OSError, RunError):  # whoever does not hear it looks by itself
            self._database.tell(message)
