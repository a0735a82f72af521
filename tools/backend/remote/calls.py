"""Calls that wait for the models and run on them, in order of arrival; each can be given up at any time."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from tools.backend.protocol import BackendError
from tools.backend.remote.frames import HEARTBEAT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tools.backend.protocol import Progress

    Work = Callable[[Progress], dict[str, Any]]


ENDS = frozenset({"result", "error", "again"})  # what the last thing told of a call is one of


class Full(Exception):
    """There is no room for another call, or no time for it: it may be made again later, or elsewhere."""


class GivenUp(BaseException):
    """Nobody waits for this call any more. Not an `Exception`: nothing that a model catches may stop it."""


class Calls:
    """A line of calls before ``lanes`` threads."""

    def __init__(self, lanes: int = 1, longest_line: int = 64) -> None:
        self._threads = ThreadPoolExecutor(lanes, "call")
        self._longest = longest_line + lanes
        self._open = 0
        self.closing = False

    @property
    def open(self) -> int:
        """How many calls wait or run."""
        return self._open

    def close(self) -> None:
        """Take no more calls; those that have not begun are handed back."""
        self.closing = True

    def check_room(self) -> None:
        """Refuse another call where there is no room.

        Raises:
            Full: there is none.
        """
        if self.closing:
            raise Full("this worker is shutting down")
        if self._open >= self._longest:
            raise Full(f"{self._open} calls are waiting here already")

    async def run(self, work: Work, seconds: float) -> AsyncIterator[dict[str, Any]]:
        """Yield what is told of a call: signs of life, its progress, and last its result or why there is none.

        Whoever stops listening gives the call up.
        """
        try:
            self.check_room()
        except Full as full:  # since it was last looked at
            yield {"again": str(full)}
            return
        call = _Call(work, seconds, self)
        self._open += 1
        future = asyncio.get_running_loop().run_in_executor(self._threads, call.begin)
        future.add_done_callback(self._done)
        try:
            while True:
                yield (frame := await call.heard())
                if frame.keys() & ENDS:
                    return
        finally:
            call.given_up = True
            future.cancel()

    def _done(self, future: asyncio.Future[None]) -> None:
        self._open -= 1
        if not future.cancelled():
            future.result()  # an error here is a bug of the line itself: the event loop shall log it


class _Call:
    """One call: it runs in a thread and is listened to in the event loop."""

    def __init__(self, work: Work, seconds: float, line: Calls) -> None:
        self._work, self._seconds, self._line = work, seconds, line
        self._end = time.monotonic() + seconds
        self._loop, self._told = asyncio.get_running_loop(), asyncio.Queue[dict[str, Any]]()
        self.given_up = False

    async def heard(self) -> dict[str, Any]:
        """Return what is told next, or a sign of life."""
        try:
            return await asyncio.wait_for(self._told.get(), HEARTBEAT)
        except TimeoutError:
            return {"alive": True}

    def begin(self) -> None:
        """Do the work, now that its turn has come."""
        if self._line.closing:
            self._tell({"again": "this worker is shutting down"})
        else:
            self._tell(self._outcome())

    def _outcome(self) -> dict[str, Any]:
        try:
            self._check()
            return {"result": self._work(self._progress)}
        except GivenUp:
            return {"error": f"the call took more than its {self._seconds:g} s", "kind": "late"}
        except BackendError as error:
            return {"error": str(error), "kind": "refused"}
        except Exception as error:  # noqa: BLE001 - a bug here is told to the one who asked, and ends no other call
            return {"error": f"{type(error).__name__}: {str(error)[:2000]}", "kind": "bug"}

    def _progress(self, phase: str, done: int, total: int) -> None:
        self._check()
        self._tell({"progress": [phase, done, total]})

    def _check(self) -> None:
        if self.given_up or time.monotonic() > self._end:
            raise GivenUp

    def _tell(self, frame: dict[str, Any]) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody listens any more
            self._loop.call_soon_threadsafe(self._told.put_nowait, frame)
