"""Workers on a Ray cluster for ``sld worker --ray`` and ``sld serve --ray``: how many, and how they are reached."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.cli.console import write
from agent.cli.options import fail
from agent.models.backend import make_backend
from agent.run.cluster import ANY, connected
from configs.settings import BackendSettings

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Replicas:
    """What was asked for; ``number`` is "2", or "1:8" where the queue decides between the two."""

    address: str = ANY
    number: str = "1"
    gpus: float = 0
    lanes: int = 1
    rows: int = 0
    presets: int = 2

    def bounds(self) -> tuple[int, int]:
        """Return the least and the largest number of replicas.

        Raises:
            UserMistake: they are none.
        """
        least, _, most = self.number.partition(":")
        if not (least.isdigit() and (most or least).isdigit() and 1 <= int(least) <= int(most or least)):
            fail(f"--replicas {self.number!r} is neither a number nor LEAST:MOST, such as 1:8")
        return int(least), int(most or least)


@contextmanager
def on_cluster(wanted: Replicas) -> Iterator[BackendSettings]:
    """Have replicas on the cluster for the time of the block; gives where calls to them go.

    Raises:
        SettingsError: Ray is not installed, or there is no cluster at the address.
    """
    least, most = wanted.bounds()
    if "://" in wanted.address:
        fail(f"--ray {wanted.address!r}: workers are called from inside the cluster; give auto, local or HOST:6379")
    with connected(wanted.address):
        from tools.backend.remote.replica import Plan, deployed

        plan = Plan(wanted.lanes, wanted.rows, wanted.presets, wanted.gpus, least, most)
        with deployed(plan, make_backend) as new:
            if not new:
                write("the cluster has workers already: they are used as they are, and stay", sys.stderr)
            yield BackendSettings(url=f"ray:{wanted.address}")
