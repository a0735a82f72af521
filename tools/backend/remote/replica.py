"""What runs on a Ray cluster for `tools.backend.remote.cluster`: replicas with models, started and stopped by demand.

A replica has a GPU, or a share of one. It keeps the models of a few presets (those that were asked for last), does the
calls of several conversations at a time (`tools.backend.together`), and ends what it has begun before it is stopped.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Any

from tools.backend.remote.asks import pictures_of
from tools.backend.remote.calls import Calls
from tools.backend.remote.cluster import APP
from tools.backend.remote.frames import PROTOCOL, check_protocol
from tools.backend.remote.terms import Terms
from tools.backend.remote.work import Pictures, introduced, working
from tools.backend.together import Together
from tools.backend.watched import ROWS
from tools.images import open_picture

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping

    from configs.settings import Settings
    from tools.backend.remote.asks import Ask
    from tools.backend.remote.work import Served

    Load = Callable[[Settings, Together], Served]

FINISHING = 600.0  # seconds that running calls have to end when a replica is stopped
GROWING = 10.0  # seconds that a line must last before there is another replica


@dataclass(frozen=True)
class Plan:
    """How many replicas there are, what each takes, and what it does at a time."""

    lanes: int = 1
    """Calls at a time."""
    rows: int = 0
    """Of the lanes that are computed as one batch (0: side by side)."""
    presets: int = 2
    """Whose models a replica keeps."""
    gpus: float = 0
    """Of one replica; a fraction lets several share one."""
    least: int = 1
    most: int = 1
    """Replicas; between the two the queue decides."""


class Replica:
    """The models, and a line of calls before them."""

    def __init__(self, plan: Plan, load: Load) -> None:
        self._plan, self._load = plan, load
        self._calls = Calls(plan.lanes, longest_line=2 * plan.lanes)
        self._pictures = Pictures()
        self._wanted: dict[str, Settings] = {}
        self._batches = deque[int]()
        self._sizes = _sizes()

    async def connect(self, settings: Settings, program: str) -> dict[str, Any]:
        """Return what this replica says of itself and of these settings' models."""
        own = metadata.version("sld-agent")
        check_protocol(PROTOCOL, program, own, "client")
        backend, terms = await self._backend(settings), Terms.of(settings)
        return await asyncio.to_thread(introduced, backend, own, terms.id)

    async def call(
        self, settings: Settings, ask: Ask, seconds: float, sent: Mapping[str, Any], trace: str | None
    ) -> AsyncIterator[dict[str, Any]]:
        """Yield what is told of a call; see `Calls.run`. ``sent`` are its pictures in the cluster's store."""
        backend = await self._backend(settings)
        pictures, missing = self._pictures.find(pictures_of(ask))
        for key in missing:
            pictures[key] = await asyncio.to_thread(open_picture, await sent[key])
            self._pictures.keep(pictures[key])
        work = working(backend, ask, pictures, self._pictures, trace, lambda name, do: do())
        async for frame in self._calls.run(work, seconds):
            yield frame
        while self._batches:
            self._sizes.observe(self._batches.popleft())

    async def load(self, models: str) -> Served:
        """Make the backend of models that were asked for; Ray Serve lets the longest unused go."""
        together = Together(self._plan.lanes, rows=self._plan.rows)
        together.batches = self._batches
        return await asyncio.to_thread(self._load, self._wanted[models], together)

    async def _backend(self, settings: Settings) -> Served:
        models = Terms.of(settings).models
        self._wanted[models] = settings
        return (await self.load(models)).with_settings(settings)


def _sizes() -> Any:
    """Return what counts the rows of batches, among the metrics that Ray's nodes give to Prometheus."""
    from ray.util.metrics import Histogram

    return Histogram("sld_batch_size", "Rows of one pass of a model.", boundaries=[*ROWS])


@contextmanager
def deployed(plan: Plan, load: Load) -> Iterator[bool]:
    """Have replicas on the cluster that this process is connected with, for the time of the block.

    ``load`` (a function of a module, which the nodes import) makes a backend of settings. At the end replicas finish
    what they have begun. Replicas that are there already are used as they are, and stay: the block is given False.
    """
    from ray import serve

    logging.getLogger("ray.serve").setLevel(logging.ERROR)
    if APP in serve.status().applications:
        yield False
        return
    serve.start(proxy_location="Disabled", logging_config={"log_level": "ERROR", "enable_access_log": False})

    class Multiplexed(Replica):
        load = serve.multiplexed(max_num_models_per_replica=plan.presets)(Replica.load)

    deployment = serve.deployment(
        name="models",
        max_ongoing_requests=2 * plan.lanes,
        ray_actor_options={"num_cpus": 1, "num_gpus": plan.gpus},
        autoscaling_config={
            "min_replicas": plan.least,
            "max_replicas": plan.most,
            "target_ongoing_requests": plan.lanes,
            "upscale_delay_s": GROWING,
        },
        graceful_shutdown_timeout_s=FINISHING,
    )(Multiplexed)
    serve.run(deployment.bind(plan, load), name=APP, route_prefix=None)
    try:
        yield True
    finally:
        serve.delete(APP)
