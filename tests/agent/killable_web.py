"""Web processes on one database, to be killed by a test: the libraries are loaded once, each process is a fork.

Reads a line of JSON for each process ("url", "base", "port", "log", "embedded") and prints the process's id; a line
"wait ID" waits for its end.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.offline.planner import OfflinePlanner
from agent.run.opening import opened_storage
from agent.studio.studio import Studio
from agent.web.access import Access
from agent.web.serve import listen
from agent.web.server import Server, make_app
from configs.settings import StorageSettings
from tests.world import World

if TYPE_CHECKING:
    from collections.abc import Sequence

    from configs.settings import Settings
    from tools.backend.protocol import Edited
    from tools.scene.operations import Operation

LEASE = 2.0  # seconds after which the others go on with what a killed process had


class Slow(World):
    """Takes a few moments, so that kills come in the middle, and notes each edit that is begun."""

    def __init__(self, log: Path) -> None:
        super().__init__()
        self.log = log

    def edit(self, image: Any, operations: Sequence[Operation], *args: Any, **kwargs: Any) -> Edited:
        with self.log.open("a") as file:
            file.write(operations[0].op + "\n")
        time.sleep(random.uniform(0.02, 0.1))
        return super().edit(image, operations, *args, **kwargs)


class Models:
    """Stands for `agent.studio.models.SharedModels`."""

    def __init__(self, world: World) -> None:
        self.world, self.planner = world, OfflinePlanner()

    def backend(self, settings: Settings) -> World:
        return self.world

    def chat(self, settings: Settings) -> OfflinePlanner:
        return self.planner


def serve(url: str, base: str, port: int, log: str, *, embedded: bool) -> None:
    """Serve until killed, or asked to stop."""
    folder = Path(base)
    settings = StorageSettings.model_validate({"url": url, "lease": LEASE, "pictures": str(folder / "pictures")})
    models: Any = None if embedded else Models(Slow(Path(log)))
    with (
        listen("127.0.0.1", port) as listening,
        opened_storage(settings, folder) as storage,
        Studio(folder / str(port), models=models, preset="iconworld", workers=2, storage=storage) as studio,
    ):
        Server(make_app(studio, Access())).run(sockets=[listening])


def main() -> None:
    """Fork a process for each line."""
    for line in sys.stdin:
        if line.startswith("wait "):
            _, status = os.waitpid(int(line.split()[1]), 0)
            answer = status
        else:
            answer = os.fork()
            if answer == 0:
                serve(**json.loads(line))
                os._exit(0)
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
