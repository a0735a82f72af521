"""The queue before the models: first come, first served, one turn of a session at a time, written down on disk.

As no session has two turns in it, first come is fair: whoever talks much waits behind everybody else each time.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from agent.studio.views import Doing, Verb, Work
from agent.trace.events import now
from tools.files import read_file, write_text
from tools.stopping import Stop

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

LONGEST = 16 * 2**20  # bytes of the file


class StudioError(Exception):
    """Something that a studio cannot do as things stand; the message says why and what to do.

    ``status``: "missing" for what is not there, "busy" for what can be asked again later, "conflict" for what
    contradicts what is going on, "mistake" for what is asked in a wrong way.
    """

    def __init__(self, message: str, status: Literal["missing", "busy", "conflict", "mistake"] = "conflict") -> None:
        super().__init__(message)
        self.status = status


class Order(BaseModel):
    """What shall be done in a session, as it is kept on disk."""

    model_config = ConfigDict(frozen=True)

    session: str
    verb: Verb
    text: str = ""
    operations: list[dict[str, Any]] | None = None
    proposal: str = ""
    """Id of the proposal that `accept` and `reject` are about."""
    replay: dict[str, Any] | None = None
    """Of the verb "replay": what shall be run again (`agent.studio.replays.Replay`); ``session`` is the new run."""
    turn: int
    """Number of the turn that this begins or goes on with: after a kill it tells whether that was done."""
    tries: int = 0
    """How often it was begun."""


ORDERS = TypeAdapter(list[Order])


@dataclass
class Job:
    """An order in the queue or under way."""

    order: Order
    since: str = field(default_factory=now)
    running: bool = False
    again: bool = False
    """Another process had begun it, and died."""
    stop: Stop = field(default_factory=Stop)


class Queue:
    """Safe from any thread. ``path``: where it is written down at each change, so that a kill loses nothing."""

    def __init__(self, path: Path, most: int) -> None:
        self._path, self._most = path, most
        self._jobs: list[Job] = []  # those that run are among them until they are done
        self._changed = threading.Condition()
        self._closed = False

    def read(self) -> list[Order]:
        """Return what an earlier process left; nothing where the file is missing or damaged."""
        try:
            return ORDERS.validate_json(read_file(self._path, LONGEST))
        except (OSError, ValidationError):
            return []

    def put(self, order: Order, *, limited: bool = True) -> int:
        """Append an order and return its place (1 is next).

        Raises:
            StudioError: the session has one already, or the queue is full.
        """
        with self._changed:
            if self._closed:
                raise StudioError("the server is shutting down: try again in a moment", "busy")
            if job := self._find(order.session):
                doing = "works on" if job.running else "has in its queue"
                raise StudioError(f"the session still {doing} {job.order.text!r}: wait for it, or cancel it")
            waiting = sum(not job.running for job in self._jobs)
            if limited and waiting >= self._most:
                raise StudioError(f"the queue is full ({self._most} turns): try again in a moment", "busy")
            self._jobs.append(Job(order))
            self._write()
            self._changed.notify()
            return self._place(order.session)

    def take(self) -> Job | None:
        """Wait for the next job and mark it as running; None when the queue is closed."""
        with self._changed:
            while True:
                if self._closed:
                    return None
                for job in self._jobs:
                    if not job.running:
                        job.running = True
                        job.order = job.order.model_copy(update={"tries": job.order.tries + 1})
                        self._write()
                        return job
                self._changed.wait()

    def done(self, job: Job) -> None:
        """Forget a job that has ended."""
        with self._changed:
            self._jobs.remove(job)
            self._write()

    def owns(self, job: Job) -> bool:
        """Whether the job is this process's: there is no other one."""
        return True

    def hand_back(self, job: Job) -> None:
        """Keep a job that was stopped for now written down: the next process goes on with it."""

    def withdraw(self, session: str) -> Job | None:
        """Take back the session's order if it has not begun, and return it; ask a running one to stop."""
        with self._changed:
            job = self._find(session)
            if job and not job.running:
                self._jobs.remove(job)
                self._write()
            elif job:
                job.stop.ask()
            return job

    def work(self, session: str) -> Work | None:
        """Return what the session is busy with."""
        with self._changed:
            job = self._find(session)
            if job is None:
                return None
            doing: Doing = "stopping" if job.stop.asked else "running" if job.running else "queued"
            place = 0 if job.running else self._place(session)
            return Work(verb=job.order.verb, text=job.order.text, doing=doing, place=place, since=job.since)

    def sessions(self) -> tuple[str, ...]:
        """Return the sessions in it: those at work, then those that wait, in order."""
        with self._changed:
            return tuple(job.order.session for job in sorted(self._jobs, key=lambda job: not job.running))

    def counts(self) -> tuple[int, int]:
        """Return how many turns wait, and how many run."""
        with self._changed:
            running = sum(job.running for job in self._jobs)
            return len(self._jobs) - running, running

    @property
    def closed(self) -> bool:
        """Whether nothing is given out any more."""
        return self._closed

    def close(self) -> None:
        """Give out nothing more, and ask what runs to stop for now; it stays written down."""
        with self._changed:
            self._closed = True
            for job in self._jobs:
                job.stop.ask(pause=True)
            self._changed.notify_all()

    def _find(self, session: str) -> Job | None:
        return next((job for job in self._jobs if job.order.session == session), None)

    def _place(self, session: str) -> int:
        waiting = [job.order.session for job in self._jobs if not job.running]
        return waiting.index(session) + 1

    def _write(self) -> None:
        write_text(self._path, json.dumps(_dumped(job.order for job in self._jobs)))


def _dumped(orders: Iterable[Order]) -> list[dict[str, Any]]:
    return [order.model_dump(mode="json", exclude_defaults=True) for order in orders]
