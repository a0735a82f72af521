"""Work on a Ray cluster: items as tasks, on whichever node has room; what a lost node had is done on another.

Nothing but what is sent and what comes back is shared with the nodes: they need the program, and no common disk.
Knows nothing of what is done.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from contextlib import contextmanager, redirect_stdout
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from configs.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Item = TypeVar("Item")
    Sent = TypeVar("Sent")
    Result = TypeVar("Result")

LOCAL, ANY = "local", "auto"
"""Addresses: a cluster of this machine alone, for this work; a running one if there is any, else a local one."""
RETRIES = 5  # of an item whose node or process went away
QUEUE = 2  # items sent ahead for each that runs: a node shall not wait for the driver


class ClusterError(Exception):
    """An item that the cluster could not do; the message says why."""


def spread(
    do: Callable[[Sent], Result],
    items: Iterable[tuple[Item, Sent]],
    *,
    address: str = ANY,
    cpus: float = 1,
    gpus: float = 0,
) -> Iterator[tuple[Item, Result | ClusterError]]:
    """Do every item on the cluster and yield it with what came of it, in the order in which they end.

    ``do`` (a function of a module, which the nodes import) is given what is ``Sent`` with an item, and should be
    repeatable: it is done again elsewhere when its node is lost. ``items`` are taken as there is room for them.
    ``cpus`` and ``gpus`` (a fraction, too) are what one takes; an item's models compute on as many threads.

    Raises:
        SettingsError: Ray is not installed, there is no cluster at the address, or no node has room for an item.
    """
    with connected(address) as ray:
        task = ray.remote(num_cpus=cpus, num_gpus=gpus, max_retries=RETRIES)(do)
        waiting = iter(items)
        running: dict[Any, Item] = {}
        while True:
            room = QUEUE * _at_a_time(ray.cluster_resources(), cpus, gpus)
            for item, sent in islice(waiting, max(room - len(running), 0)):
                running[task.remote(sent)] = item
            if not running:
                return
            for reference in ray.wait([*running])[0]:
                item = running.pop(reference)
                try:
                    result = ray.get(reference)
                except ray.exceptions.RayTaskError as error:
                    raise error.cause from error
                except ray.exceptions.RayError as error:
                    result = ClusterError(f"the cluster gave it up ({type(error).__name__}): {str(error)[:300]}")
                yield item, result


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """Be connected with a cluster for the time of the block; gives the module ``ray``, whose messages go to stderr.

    Raises:
        SettingsError: Ray is not installed, or there is no cluster at the address.
    """
    try:
        import ray
    except ModuleNotFoundError as error:
        if error.name != "ray":
            raise
        raise SettingsError("this needs Ray, which is not installed: pip install 'sld-agent[ray]'") from None
    try:
        if address == LOCAL:  # as nice as Ray makes them, they would starve on a busy machine
            os.environ.setdefault("RAY_worker_niceness", "0")
        # ten processes that nobody would look at
        alone: dict[str, Any] = {"include_dashboard": False} if address == LOCAL else {}
        ray.init(None if address == ANY else address, logging_level=logging.ERROR, log_to_driver=False, **alone)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise SettingsError(
            f"there is no Ray cluster at {address!r} ({str(error)[:200]}): start one with `ray start --head`, or give "
            f"{LOCAL!r} for this machine alone"
        ) from None
    try:
        with redirect_stdout(sys.stderr):  # it tells of lost nodes, and standard output is for results
            yield ray
    finally:
        ray.shutdown()


class Pace:
    """How long the rest takes, from what was done since it was made."""

    def __init__(self, total: int) -> None:
        self._total, self._done, self._start = total, 0, time.monotonic()

    def step(self) -> str:
        """Count one more and return "3/200, about 2 min left"."""
        self._done += 1
        seconds = (time.monotonic() - self._start) / self._done * (self._total - self._done)
        left = f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
        return f"{self._done}/{self._total}, about {left} left" if self._done < self._total else f"{self._done} done"


def _at_a_time(resources: dict[str, float], cpus: float, gpus: float) -> int:
    rooms = [resources.get(name, 0) / each for name, each in (("CPU", cpus), ("GPU", gpus)) if each]
    most = int(min(rooms, default=1))
    if most < 1:
        raise SettingsError(f"no node of the cluster has room for one item ({cpus:g} CPUs, {gpus:g} GPUs)")
    return most
