"""What happens in one process, told to those who follow it in another: events travel through the database.

They are sent beside the work, so that a turn does not wait for it; of several steps of progress that wait to be
sent, only the last goes.
"""

from __future__ import annotations

import queue
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from agent.run.storage import RunError
from agent.studio.views import StudioEvent

if TYPE_CHECKING:
    from agent.run.database import Database
    from agent.studio.events import EventLog
    from agent.studio.shared_queue import SharedQueue


class Relay:
    """Sends the events of a log to the other processes, and puts theirs into it."""

    def __init__(self, database: Database, events: EventLog, orders: SharedQueue) -> None:
        self._database, self._events, self._orders = database, events, orders
        self._waiting: queue.SimpleQueue[StudioEvent | None] = queue.SimpleQueue()
        self._sending = threading.Thread(target=self._send, name="relay", daemon=True)

    def open(self) -> None:
        """Begin."""
        self._events.also(self._waiting.put)
        self._database.listen(self._take)
        self._sending.start()

    def close(self) -> None:
        """Send what waits, and end."""
        self._waiting.put(None)
        self._sending.join()

    def _send(self) -> None:
        open_ = True
        while open_:
            found = [self._waiting.get()]
            while not self._waiting.empty():
                found.append(self._waiting.get())
            open_ = None not in found
            events = [event for event in found if event is not None]
            last = {event.session: event.id for event in events if event.kind == "progress"}
            told = [
                event.model_dump(mode="json", include={"session", "kind", "data"})
                for event in events
                if event.kind != "progress" or last[event.session] == event.id
            ]
            if told:
                with suppress(OSError, RunError):  # what is lost here is seen at the next look
                    self._database.tell({"events": told})

    def _take(self, told: dict[str, Any]) -> None:
        for event in told.get("events", ()):
            self._events.hear(event["session"], event["kind"], event["data"])
        if "order" in told:
            self._orders.wake()
        if "stop" in told:
            self._orders.stop(told["stop"])
