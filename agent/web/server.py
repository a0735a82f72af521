"""The app: the API, OpenAI's protocol, MCP and the page where they are installed, all behind one guard; and its server.

Knows nothing of the command line.
"""

from __future__ import annotations

import signal
import threading
from contextlib import asynccontextmanager, contextmanager
from importlib import metadata
from importlib.util import find_spec
from typing import TYPE_CHECKING

import uvicorn
from fastapi import FastAPI
from fastapi.middleware import Middleware

from agent.web import api, images, status
from agent.web.connections import GuardedProtocol
from agent.web.errors import add_errors
from agent.web.guard import Guard

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator, Callable, Iterator

    from starlette.routing import BaseRoute

    from agent.studio.studio import Studio
    from agent.web.access import Access

GRACE = 5  # seconds that open requests have after the server was asked to stop
KEPT = 15  # seconds that a connection is kept open for its next request
HEADERS = 32 * 1024  # bytes of a request's headers
MCP_BODY = 16 * 2**20  # bytes of one call: a picture in base64 among them


def make_app(studio: Studio, access: Access) -> FastAPI:
    """Return the app; the studio must be begun before the first request."""
    tools = _Tools(studio) if find_spec("mcp") else None
    app = FastAPI(
        title="sld-agent",
        version=metadata.version("sld-agent"),
        description="Pictures that are made, corrected and edited by talking, until a detector agrees.",
        openapi_url="/api/openapi.json",
        docs_url=None,  # their pages are loaded from elsewhere
        redoc_url=None,
        middleware=[Middleware(Guard, access=access)],
        lifespan=tools.running if tools else None,
    )
    app.state.studio, app.state.access = studio, access
    add_errors(app)
    app.include_router(api.router, tags=["sessions"])
    app.include_router(images.router, tags=["OpenAI"])
    app.include_router(status.router, tags=["running it"])
    if tools:
        app.router.routes.extend(tools.routes)
    return app


class _Tools:
    """The MCP server under ``/mcp``."""

    def __init__(self, studio: Studio) -> None:
        from mcp.server.transport_security import TransportSecuritySettings

        from agent.web.mcp_server import make_server

        self._server = make_server(studio, files=False)
        # names and origins are the guard's business
        security = TransportSecuritySettings(enable_dns_rebinding_protection=False)
        app = self._server.streamable_http_app(max_request_body_size=MCP_BODY, transport_security=security)
        self.routes: list[BaseRoute] = list(app.routes)

    @asynccontextmanager
    async def running(self, app: FastAPI) -> AsyncIterator[None]:
        """Serve for the time of the block."""
        async with self._server.session_manager.run():
            yield


class Server(uvicorn.Server):
    """Says when it is ready, ends the streams of events before it waits for open requests, and then just returns."""

    def __init__(self, app: FastAPI, ready: Callable[[], None] = lambda: None) -> None:
        config = uvicorn.Config(
            app,
            http=GuardedProtocol,
            log_level="warning",
            access_log=False,  # addresses may hold a token
            timeout_keep_alive=KEPT,
            timeout_graceful_shutdown=GRACE,
            server_header=False,
            proxy_headers=False,
            h11_max_incomplete_event_size=HEADERS,
        )
        super().__init__(config)
        self._studio: Studio = app.state.studio
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to take requests."""
        await super().startup(sockets)
        self._ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take a signal to stop as a wish; uvicorn itself would raise it again, before the turns could stop."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop taking requests and let those that are open end."""
        self._studio.events.close()
        await super().shutdown(sockets)
