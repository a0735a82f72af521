"""A real server on a loopback port, in a thread, over a studio on the exact world."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx

from agent.web.access import Access
from agent.web.serve import listen
from agent.web.server import Server, make_app
from tests.agent.studios import LONGEST, studio

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from agent.studio.studio import Studio
    from tests.world import World


@dataclass
class Served:
    """Where a server is, and what is behind it."""

    url: str
    port: int
    studio: Studio

    def client(self, **given: Any) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=LONGEST, **given)


@contextmanager
def served(base: Path, world: World | None = None, token: str | None = None, **given: Any) -> Iterator[Served]:
    """Serve for the time of the block."""
    listening = listen("127.0.0.1", 0)
    port, ready = listening.getsockname()[1], threading.Event()
    with listening, studio(base, world, **given) as opened:
        server = Server(make_app(opened, Access.of("127.0.0.1", token)), ready.set)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            assert ready.wait(LONGEST)
            yield Served(f"http://127.0.0.1:{port}", port, opened)
        finally:
            server.should_exit = True
            thread.join()
