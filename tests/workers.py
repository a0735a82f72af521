"""Workers for tests: on loopback, in a thread of the test or in a process that can be killed."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from copy import copy
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn

from tests.world import World, settings
from tools.backend.remote.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from configs.settings import Settings
    from tools.backend.protocol import Edited
    from tools.backend.remote.calls import Calls
    from tools.scene.operations import Operation

ROOT = Path(__file__).resolve().parent.parent
STEPS, PAUSE = 20, 0.02  # of an edit of a `ServedWorld`


class ServedWorld(World):
    """A world that a worker can serve, with edits of many steps."""

    def __init__(self, pause: float = 0.0, steps: int = STEPS) -> None:
        super().__init__()
        self.settings = settings()
        self.pause, self.steps = pause, steps
        self.begun, self.stopped = threading.Event(), threading.Event()

    def with_settings(self, settings: Settings) -> ServedWorld:
        other = copy(self)
        other.settings = settings
        return other

    def edit(self, image: Any, operations: Sequence[Operation], scene: Any, **more: Any) -> Edited:
        progress = more.get("progress")
        self.begun.set()
        try:
            for step in range(self.steps):
                time.sleep(self.pause)
                if progress:
                    progress("compose", step + 1, self.steps)
        except BaseException:
            self.stopped.set()
            raise
        return super().edit(image, operations, scene, **more)


@contextmanager
def serving_here(backend: Any, token: str = "", calls: Calls | None = None) -> Iterator[str]:
    """Serve a backend in a thread until the end of the block; gives the address."""
    worker = Worker(backend, metadata.version("sld-agent"), token, calls)
    server = uvicorn.Server(uvicorn.Config(worker.app, log_level="error", timeout_graceful_shutdown=2))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


class Process:
    """A worker in a process of its own, at one address however often it is killed and started again."""

    def __init__(self, *command: str) -> None:
        self._command = command
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            self.port = taken.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, *self._command, str(self.port)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stderr=subprocess.DEVNULL,
        )

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Process:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.kill()


def main() -> None:
    """Serve a slow world at the port given as argument."""
    worker = Worker(ServedWorld(PAUSE), metadata.version("sld-agent"))
    uvicorn.run(worker.app, port=int(sys.argv[1]), log_level="error")


if __name__ == "__main__":
    main()
