"""Bounded connections: a stranger who opens a thousand and says nothing keeps nobody out.

uvicorn itself waits for a request's first line for ever. Here a connection has some seconds to come to one, and
when there are too many, the one that has been silent longest makes room.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import asyncio

MOST = 256  # connections; each takes a file handle, and so may what is being served
SECONDS = 10.0  # from the connection to the end of its first request's headers


class GuardedProtocol(H11Protocol):
    """HTTP/1.1 with a bound on connections, and a deadline for the headers of the first request of each."""

    most, seconds = MOST, SECONDS
    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Take a connection, or make room for it, or close it."""
        if len(self.connections) >= self.most:
            silent = next((other for other in self._in_order() if other.is_silent), None)
            if silent is None:
                transport.abort()
                self.transport = transport
                return
            silent.transport.abort()
            self.connections.discard(silent)
        super().connection_made(transport)
        self._late = self.loop.call_later(self.seconds, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        if self._late is not None:
            self._late.cancel()
        if self.flow is not None:  # it was taken
            super().connection_lost(exc)

    @property
    def is_silent(self) -> bool:
        """Whether no request is being answered: none has come, or the last one has been."""
        return self.cycle is None or self.cycle.response_complete

    def _in_order(self) -> list[GuardedProtocol]:
        """Return the connections, those first that were made first."""
        guarded = [other for other in self.connections if isinstance(other, GuardedProtocol)]
        return sorted(guarded, key=lambda other: other._late.when() if other._late else 0.0)

    def _give_up(self) -> None:
        if self.cycle is None and self in self.connections:
            self.transport.abort()
