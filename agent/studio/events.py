"""The events of every session: kept in order, a bounded number of them, to be followed from any id.

Whoever follows reads from the one list, so a slow reader takes no memory.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import OrderedDict, deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from agent.studio.views import Kind, StudioEvent
from agent.trace.events import now, plain

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

KEPT = 2000  # events of one session; a turn of sixty denoising steps makes some eighty
TOTAL = 20_000  # events of all sessions, some forty megabytes; the session that was quiet longest is forgotten first


Listener = tuple[asyncio.AbstractEventLoop, asyncio.Event]


class EventLog:
    """Safe from any thread; `follow` belongs to the event loop it is awaited in."""

    def __init__(self, kept: int = KEPT, total: int = TOTAL) -> None:
        self._kept, self._total, self._count = kept, max(total, kept), 0
        self._lock = threading.Lock()
        self._logs: OrderedDict[str, deque[StudioEvent]] = OrderedDict()
        # Microseconds since 1970: larger than every id of an earlier process, and exact in JavaScript.
        self._first = self._last = time.time_ns() // 1000
        self._closed = False
        self._also: Callable[[StudioEvent], None] | None = None
        self._gone: dict[str, int] = {}  # the newest id of each session's events that was dropped
        self._waiting: dict[str, set[Listener]] = {}

    @property
    def last(self) -> int:
        """The newest id; whoever follows from here gets what comes next."""
        return self._last

    def also(self, tell: Callable[[StudioEvent], None]) -> None:
        """Give every event that is added from now on to another place too."""
        self._also = tell

    def add(self, session: str, kind: Kind, **data: Any) -> StudioEvent:
        """Append an event and wake those who follow."""
        event = self.hear(session, kind, data)
        if self._also is not None:
            self._also(event)
        return event

    def hear(self, session: str, kind: Kind, data: dict[str, Any]) -> StudioEvent:
        """Append an event that came from another process; it is told no further."""
        with self._lock:
            self._last += 1
            event = StudioEvent(id=self._last, session=session, at=now(), kind=kind, data=plain(data))
            log = self._logs.setdefault(session, deque())
            log.append(event)
            self._count += 1
            if len(log) > self._kept:
                self._gone[session] = log.popleft().id
                self._count -= 1
            self._logs.move_to_end(session)
            while self._count > self._total:
                quiet, dropped = self._logs.popitem(last=False)
                self._gone[quiet] = dropped[-1].id
                self._count -= len(dropped)
            waiting = [*self._waiting.get(session, ()), *self._waiting.get("", ())]
        _wake(waiting)
        return event

    def close(self) -> None:
        """End every `follow`."""
        with self._lock:
            self._closed = True
            waiting = [listener for listeners in self._waiting.values() for listener in listeners]
        _wake(waiting)

    def after(self, session: str, event: int) -> list[StudioEvent]:
        """Return the events after an id, of one session or ("") of all; "missed" first where some are gone."""
        with self._lock:
            logs = list(self._logs.values()) if not session else [self._logs.get(session, deque[StudioEvent]())]
            found = sorted((each for log in logs for each in log if each.id > event), key=lambda each: each.id)
            gone = self._gone.get(session, 0) if session else max(self._gone.values(), default=0)
        if event and event < max(self._first, gone):
            last = found[0].id - 1 if found else self._last
            return [StudioEvent(id=last, session=session, at=now(), kind="missed"), *found]
        return found

    async def follow(self, session: str, event: int) -> AsyncIterator[StudioEvent]:
        """Yield the events after an id, then what comes, until the log is closed; of one session, or ("") of all."""
        woken = asyncio.Event()
        listener = (asyncio.get_running_loop(), woken)
        with self._lock:
            self._waiting.setdefault(session, set()).add(listener)
        try:
            while not self._closed:
                woken.clear()
                for each in self.after(session, event):
                    event = each.id
                    yield each
                await woken.wait()
        finally:
            with self._lock:
                listeners = self._waiting.get(session, set())
                listeners.discard(listener)
                if not listeners:
                    self._waiting.pop(session, None)


def _wake(waiting: Iterable[Listener]) -> None:
    for loop, woken in waiting:
        with suppress(RuntimeError):  # its loop has closed
            loop.call_soon_threadsafe(woken.set)
