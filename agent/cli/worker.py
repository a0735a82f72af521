"""``sld worker``: serves the models of a preset to agents on other machines."""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import dataclass
from importlib import metadata
from ipaddress import ip_address
from itertools import product
from typing import TYPE_CHECKING, Any

from agent.cli.console import write
from agent.cli.options import ExitCode, Options, fail
from agent.cli.replicas import Replicas, on_cluster
from agent.models.backend import make_backend
from configs.settings import load_settings
from tools.backend.remote.calls import Calls
from tools.backend.remote.terms import PARTS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

    from configs.settings import Settings
    from tools.backend.remote.worker import Worker
    from tools.backend.together import Together

TOKEN = "SLD_WORKER_TOKEN"
SHORTEST = 16  # characters of a token that is not guessed
MOST_CONNECTIONS = 300  # connections at a time; more are refused
AT_A_TIME = 256  # calls that a cluster's door lets through; its replicas have lines of their own
FINISHING = 600  # seconds that a running call has to end when the worker is asked to stop


@dataclass(frozen=True)
class Serving:
    """Where to listen, for which presets, and how many calls wait and run."""

    host: str = "127.0.0.1"
    port: int = 8765
    waiting: int = 64
    lanes: int = 1
    rows: int = 0
    also: tuple[str, ...] = ()
    """Presets that are served besides the options' own."""
    replicas: Replicas | None = None
    """On a Ray cluster, of which this process is then only the door."""


def serve(options: Options, given: Serving) -> int:
    """Serve until stopped: a first SIGTERM or Ctrl-C lets running calls end and hands the others back.

    Raises:
        UserMistake: no token for an address that others can reach, or one that is too short.
    """
    try:
        import uvicorn  # noqa: F401

        from tools.backend.remote.worker import Worker
    except ModuleNotFoundError as error:
        if error.name not in ("uvicorn", "starlette"):
            raise
        fail(f"a worker needs {error.name}, which is not installed: pip install 'sld-agent[worker]'")
    token = os.environ.get(TOKEN, "")
    if not token and not _is_loopback(given.host):
        fail(f"others can reach {given.host!r}: set {TOKEN} to a secret of {SHORTEST} or more characters first")
    if token and len(token) < SHORTEST:
        fail(f"{TOKEN} has {len(token)} characters: give at least {SHORTEST}")
    settings = options.load().model_copy(update={"backend": None})
    others = [load_settings(name, options.overrides()).model_copy(update={"backend": None}) for name in given.also]
    program = metadata.version("sld-agent")
    if given.replicas is None:
        together = _together((settings, *others), given.lanes, given.rows)
        calls, batches = Calls(given.lanes, given.waiting), None if together is None else together.batches
        worker = Worker(make_backend(settings, together), program, token, calls, batches, others)
        return _listen(worker, given.host, given.port)
    with on_cluster(given.replicas) as line:
        own, *rest = (preset.model_copy(update={"backend": line}) for preset in (settings, *others))
        calls = Calls(AT_A_TIME, given.waiting)
        return _listen(Worker(make_backend(own), program, token, calls, others=rest), given.host, given.port)


def _listen(worker: Worker, host: str, port: int) -> int:
    import uvicorn

    calls = worker.calls

    class Server(uvicorn.Server):
        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            calls.close()
            super().handle_exit(sig, frame)

        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets)
            if self.started:
                place = self.servers[0].sockets[0].getsockname()
                write(f"listening on http://{host}:{place[1]} (Ctrl-C stops)", sys.stderr)

    server = Server(
        uvicorn.Config(
            worker.app,
            host=host,
            port=port,
            log_level="warning",
            access_log=False,
            limit_concurrency=MOST_CONNECTIONS,
            timeout_graceful_shutdown=FINISHING,
            server_header=False,
        )
    )
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # uvicorn raises it once more at the end, and all went well
    server.run()
    if not server.started:
        return ExitCode.FAILURE
    return ExitCode.STOPPED if signal.SIGINT in server._captured_signals else ExitCode.AGREED


def _together(presets: Sequence[Settings], lanes: int, rows: int) -> Together | None:
    """Return what computes for several calls at a time; the processor's cores are shared out among them."""
    if lanes == 1 and not rows:
        return None
    from tools.backend.together import Together

    for settings, name in product(presets, PARTS):
        if getattr(getattr(settings, name), "offload", False):
            fail(f"--lanes and --rows need models that stay where they are: add --set {name}.offload=false")
    cores = os.cpu_count() or 1
    slots = 1 if rows else min(lanes, cores)
    os.environ.setdefault("OMP_NUM_THREADS", str(cores // slots))  # read when torch is imported, which is later
    return Together(lanes, slots, rows)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
