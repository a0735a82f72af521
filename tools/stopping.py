"""Stopping work that is under way, from another thread: who asks sets a flag, and the work looks at it often.

A `Stop` travels in the `tools.context.Context`. While a node works it is also the current one of its thread, so
that what lies deep (a denoising step, a tile of a picture, a wait for a server) need not be handed it.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Stopped(BaseException):
    """The work ends here because somebody asked for it; nothing is wrong.

    Like a cancelled task of asyncio it is no `Exception`: what mends or retries failures lets it through.
    """


class Stop:
    """A flag that asks for an end."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        self._ends: list[Callable[[], None]] = []
        self.pausing = False
        """Whether the work shall be gone on with later, instead of being given up."""

    @property
    def asked(self) -> bool:
        """Whether the work shall end."""
        return self._asked.is_set()

    def ask(self, *, pause: bool = False) -> None:
        """Ask for the end (``pause``: for now); safe from any thread."""
        self.pausing = pause
        self._asked.set()
        for end in tuple(self._ends):
            end()

    def clear(self) -> None:
        """Forget that anybody asked."""
        self._asked.clear()

    def check(self) -> None:
        """Raise `Stopped` if somebody asked."""
        if self.asked:
            raise Stopped("stopped")

    @contextmanager
    def calling(self, end: Callable[[], None]) -> Iterator[None]:
        """For the time of the block, call ``end`` when somebody asks, in the thread that asks."""
        self._ends.append(end)
        try:
            if self.asked:
                end()
            yield
        finally:
            self._ends.remove(end)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Make this the current one of the thread for the time of the block."""
        token = _CURRENT.set(self)
        try:
            yield
        finally:
            _CURRENT.reset(token)


_CURRENT: ContextVar[Stop | None] = ContextVar("the stop of the work in this thread", default=None)


def current_stop() -> Stop | None:
    """Return the stop of the work that this thread does."""
    return _CURRENT.get()


def check_stop() -> None:
    """Raise `Stopped` if the work that this thread does shall end."""
    stop = _CURRENT.get()
    if stop is not None:
        stop.check()


@contextmanager
def ended_by(end: Callable[[], None]) -> Iterator[None]:
    """For the time of the block, call ``end`` when the work of this thread shall end: it cuts short what is called."""
    stop = _CURRENT.get()
    if stop is None:
        yield
        return
    with stop.calling(end):
        yield
