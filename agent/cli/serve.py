"""``sld serve`` and ``sld mcp``: the same sessions as ``sld chat``, for browsers, programs and other agents."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING

from agent.cli.console import write
from agent.cli.options import fail

if TYPE_CHECKING:
    from pathlib import Path

    from agent.cli.options import Options
    from agent.cli.replicas import Replicas


def serve(
    options: Options,
    *,
    host: str,
    port: int,
    token: str | None,
    names: tuple[str, ...],
    sessions: Path,
    runs: Path,
    workers: int,
    replicas: Replicas | None = None,
) -> None:
    """Serve until interrupted; with ``replicas`` the models run on a Ray cluster."""
    _need("fastapi", "sse_starlette", "uvicorn", extra="web")
    from agent.cli.replicas import on_cluster
    from agent.web.access import AccessError
    from agent.web.serve import Serving
    from agent.web.serve import serve as serve_on

    options.load()  # a preset or a setting that is none is said now, not in the first turn
    given = Serving(host, port, token or None, names, sessions, runs, options.preset, options.overrides(), workers)
    try:
        if replicas is None:
            serve_on(given, write)
            return
        with on_cluster(replicas) as line:
            serve_on(replace(given, overrides={**given.overrides, "backend.url": line.url}), write)
    except AccessError as error:
        fail(str(error))


def serve_mcp(options: Options, *, sessions: Path) -> None:
    """Serve other agents over standard input and output until the input ends."""
    _need("mcp", extra="mcp")
    from agent.run.opening import opened_storage
    from agent.studio.studio import Studio
    from agent.web.mcp_server import make_server

    settings = options.load()
    with (
        opened_storage(settings.storage, sessions) as storage,
        Studio(sessions, preset=options.preset, overrides=options.overrides(), storage=storage) as studio,
    ):
        make_server(studio, files=True).run("stdio")


def _need(*packages: str, extra: str) -> None:
    if any(find_spec(package) is None for package in packages):
        fail(f"this needs packages that are not here: pip install 'sld-agent[{extra}]'")
