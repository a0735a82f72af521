"""A backend whose calls are counted, and their costs added up, for Prometheus; without the extra, nothing is."""

from __future__ import annotations

import time
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable

    from prometheus_client import CollectorRegistry

    from tools.backend.protocol import Backend, Capabilities, Cost, Drawing
    from tools.backend.remote.calls import Calls

SECONDS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300)
ROWS = (1, 2, 4, 8, 16, 32, 64)
COUNTED = ("model_evaluations", "encoder_passes", "decoder_passes", "detector_passes", "segmenter_passes")
TYPE = "text/plain; version=0.0.4; charset=utf-8"


class ModelMetrics:
    """What is counted of models, in a registry of its own; safe from any thread."""

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, Counter, Histogram

        self.registry: CollectorRegistry = CollectorRegistry()
        self._calls = Histogram(
            "sld_model_call_seconds", "Calls of the models, waits for them left out.", ["call"],
            buckets=SECONDS, registry=self.registry,
        )  # fmt: skip
        self._failed = Counter("sld_model_calls_failed", "Calls that raised.", ["call"], registry=self.registry)
        self._phases = Counter("sld_model_seconds", "Seconds in models, by phase.", ["phase"], registry=self.registry)
        self._spent = Counter("sld_model_evaluations", "Passes through models.", ["model"], registry=self.registry)
        self._rows = Histogram("sld_batch_size", "Rows of one pass of a model.", buckets=ROWS, registry=self.registry)

    def call(self, name: str, do: Callable[[], Any]) -> Any:
        """Do a call and count it."""
        begun = time.perf_counter()
        try:
            result = do()
        except BaseException:
            self._failed.labels(name).inc()
            raise
        self._calls.labels(name).observe(time.perf_counter() - begun)
        self.spend(getattr(result, "cost", None))
        return result

    def spend(self, cost: Cost | None) -> None:
        """Add what a call took."""
        if cost is None:
            return
        for phase, seconds in cost.seconds.items():
            self._phases.labels(phase).inc(seconds)
        for counted in COUNTED:
            self._spent.labels(counted.partition("_")[0]).inc(getattr(cost, counted))

    def rows(self, sizes: deque[int]) -> None:
        """Take the sizes of batches that were computed since, out of a list."""
        while sizes:
            self._rows.observe(sizes.popleft())

    def text(self) -> bytes:
        """Return all of it as Prometheus reads it."""
        from prometheus_client import generate_latest

        return generate_latest(self.registry)


class Watched:
    """A `Backend`, watched."""

    def __init__(self, backend: Backend, metrics: ModelMetrics) -> None:
        self._backend, self._metrics = backend, metrics

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        return self._backend.capabilities

    def detect(self, *args: Any, **given: Any) -> Any:
        """See the protocol, as for every method here."""
        return self._metrics.call("detect", lambda: self._backend.detect(*args, **given))

    def score(self, *args: Any, **given: Any) -> Any:
        return self._metrics.call("score", lambda: self._backend.score(*args, **given))

    def segment(self, *args: Any, **given: Any) -> Any:
        return self._metrics.call("segment", lambda: self._backend.segment(*args, **given))

    def generate(self, *args: Any, **given: Any) -> Any:
        return self._metrics.call("generate", lambda: self._backend.generate(*args, **given))

    def edit(self, *args: Any, **given: Any) -> Any:
        return self._metrics.call("edit", lambda: self._backend.edit(*args, **given))

    def refine(self, *args: Any, **given: Any) -> Any:
        return self._metrics.call("refine", lambda: self._backend.refine(*args, **given))

    def fingerprint(self, drawing: Drawing) -> str:
        return self._backend.fingerprint(drawing)


def worker_metrics(calls: Calls) -> ModelMetrics | None:
    """Return what counts in a worker, with how many calls are in its line; None without the package for it."""
    if not find_spec("prometheus_client"):
        return None
    from prometheus_client import Gauge

    metrics = ModelMetrics()
    line = Gauge("sld_queue_calls", "Calls that wait or run.", registry=metrics.registry)
    line.set_function(lambda: calls.open)
    return metrics
