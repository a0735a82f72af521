"""Waiting for the end of a turn, for callers that want its outcome and not its story."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.studio.queue import StudioError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from agent.studio.studio import Studio
    from agent.studio.views import StudioEvent

ENDS = ("ended", "waiting", "failed", "cancelled")


async def end_of(
    studio: Studio, name: str, after: int = 0, tell: Callable[[StudioEvent], Awaitable[None]] | None = None
) -> StudioEvent:
    """Return the event that ends the session's turn, of those after an id; the others go to ``tell``.

    Raises:
        StudioError: the server shuts down before that.
    """
    async for event in studio.events.follow(name, after):
        if event.kind in ENDS:
            return event
        if tell is not None:
            await tell(event)
    raise StudioError("the server is shutting down: the turn goes on when it is started again", "busy")
