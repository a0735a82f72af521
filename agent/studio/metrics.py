"""What Prometheus is told of a studio: turns and how they ended, tokens, the queue; with what its models did."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.backend.watched import ModelMetrics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from prometheus_client import Metric

    from agent.session.turn_result import TurnResult

SECONDS = (0.3, 1, 3, 10, 30, 60, 120, 300, 600, 1800)


class StudioMetrics(ModelMetrics):
    """Counts turns; ``queue`` returns how many turns wait and how many run."""

    def __init__(self, queue: Callable[[], tuple[int, int]]) -> None:
        from prometheus_client import Counter, Histogram

        super().__init__()
        self._queue = queue
        self._turns = Counter("sld_turns", "Turns that have ended, by exit.", ["exit"], registry=self.registry)
        self._seconds = Histogram(
            "sld_turn_seconds", "Turns, from the queue to their end.", buckets=SECONDS, registry=self.registry
        )
        self._rounds = Counter("sld_rounds", "Rounds of correction.", registry=self.registry)
        self._tokens = Counter("sld_llm_tokens", "Tokens of language models.", ["kind"], registry=self.registry)
        self._answers = Counter("sld_llm_calls", "Answers of language models.", registry=self.registry)
        self.registry.register(self)

    def turn(self, result: TurnResult, seconds: float) -> None:
        """Count a turn that has ended, or waits."""
        self._turns.labels(result.exit or "none").inc()
        self._seconds.observe(seconds)
        self._rounds.inc(result.rounds)
        self._answers.inc(result.usage.get("llm_calls", 0))
        for kind in ("input", "output"):
            self._tokens.labels(kind).inc(result.usage.get(f"{kind}_tokens", 0))

    def failed(self, exit_: str, seconds: float) -> None:
        """Count a turn that an error or a person ended."""
        self._turns.labels(exit_).inc()
        self._seconds.observe(seconds)

    def collect(self) -> Iterable[Metric]:
        """Tell how long the queue is now."""
        from prometheus_client.core import GaugeMetricFamily

        gauge = GaugeMetricFamily("sld_queue_turns", "Turns in the queue, by state.", labels=["state"])
        for state, count in zip(("waiting", "running"), self._queue(), strict=True):
            gauge.add_metric([state], count)
        yield gauge
