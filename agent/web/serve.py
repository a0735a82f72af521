"""``sld serve``: from addresses and folders to a server that says where it is."""

from __future__ import annotations

import errno
import socket
import threading
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.models.preset_choice import DEFAULT
from agent.run.opening import opened_storage
from agent.studio.studio import Studio
from agent.web.access import Access, AccessError
from agent.web.server import Server, make_app
from configs.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable

PORT = 8080
BACKLOG = 128  # connections that wait to be taken
WARM = 3.0  # seconds after the start: the first look at the page comes before the models


@dataclass(frozen=True)
class Serving:
    """Where and what to serve."""

    host: str = "127.0.0.1"
    port: int = PORT
    """0 takes any free one."""
    token: str | None = None
    names: tuple[str, ...] = ()
    sessions: Path = Path("sessions")
    runs: Path = Path("runs")
    preset: str | None = None
    overrides: dict[str, Any] = field(default_factory=dict)
    workers: int = 1


def serve(given: Serving, say: Callable[[str], None]) -> None:
    """Serve until interrupted; what a person must know is said once the server is ready.

    Raises:
        AccessError: the address or the token cannot be used.
    """
    access, listening = Access.of(given.host, given.token, given.names), listen(given.host, given.port)
    settings = load_settings(given.preset or DEFAULT, given.overrides)
    with ExitStack() as stack:
        stack.enter_context(listening)
        studio = stack.enter_context(
            Studio(
                given.sessions,
                runs=given.runs,
                preset=given.preset,
                overrides=given.overrides,
                workers=given.workers,
                storage=stack.enter_context(opened_storage(settings.storage, given.sessions)),
            )
        )
        app = make_app(studio, access)
        page = _add_page(app, studio)
        warm = threading.Timer(WARM, studio.models.warm, [settings])
        warm.daemon = True
        lines = greeting(given, access, listening.getsockname()[1], page=page)

        def ready() -> None:
            for line in lines:
                say(line)
            warm.start()

        Server(app, ready).run(sockets=[listening])
        warm.cancel()
        left = studio.busy
    if left:
        say(f"stopped; {left} unfinished turn{'' if left == 1 else 's'} will go on at the next start")


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Raises:
        AccessError: the address is not this machine's, or the port is taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            raise AccessError(f"port {port} is taken: --port gives another, --port 0 any that is free") from None
        raise AccessError(f"cannot serve on {host!r} port {port}: {error.strerror or error}") from None
    return listening


def greeting(given: Serving, access: Access, port: int, *, page: bool) -> list[str]:
    """Return what to say at the start: where the server is, and how to talk to it."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(given.host, given.host)
    shown = f"[{host}]" if ":" in host else host
    address = f"http://{shown}:{port}"
    lines = [f"serving {given.sessions}/ (stop with Ctrl-C)"]
    if page:
        lines.append(f"page:   {address}/{f'?token={access.token}' if access.token else ''}")
    lines.append(f"API:    {address}/api (described in {address}/api/openapi.json)")
    lines.append(f"OpenAI: {address}/v1")
    if find_spec("mcp"):
        lines.append(f"MCP:    {address}/mcp")
    if access.token:
        lines.append(f"token:  {access.token} (as Authorization: Bearer TOKEN)")
    return lines


def _add_page(app: Any, studio: Studio) -> bool:
    """Add the page where it can be; return whether it was."""
    if not find_spec("nicegui") or not find_spec("agent.web.page"):
        return False
    import_module("agent.web.page").add_page(app, studio)
    return True
