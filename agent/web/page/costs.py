"""What runs took: model calls, tokens, seconds, evaluations; as a table and a plot."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agent.trace.events import read_trace
from agent.trace.timeline import turns_of
from agent.trace.wording import duration
from agent.web.page.dom import link, tag
from agent.web.page.shell import empty

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agent.run.folder import RunFolder
    from agent.studio.views import Summary

KINDS = {
    "model": ("language model", "#d9822b"),
    "generate": ("generating", "#7a6ff0"),
    "edit": ("editing", "#4f8fdc"),
    "judge": ("judging", "#2d9d78"),
    "rest": ("the rest", "#8b8b96"),
}
PLOTTED = 30  # runs; the table has all of them


@dataclass(frozen=True)
class Cost:
    """What one run took; ``seconds`` by `KINDS`."""

    calls: int
    tokens_in: int
    tokens_out: int
    evaluations: int
    detections: int
    rounds: int
    dollars: float
    """Of the language model, as far as its price is known."""
    seconds: dict[str, float]

    @property
    def total(self) -> float:
        """All seconds."""
        return sum(self.seconds.values())


def cost_of(folder: RunFolder) -> Cost:
    """Add up what the run in ``folder`` took, work that a kill cut short included where it was recorded.

    Raises:
        RunError: its trace cannot be read.
    """
    with folder.reading():
        events = read_trace(folder.trace)
        turns = turns_of(events)
    calls = [event for event in events if event["event"] == "llm"]
    seconds = Counter[str]()
    for turn in turns:
        for step in turn.steps:
            asked = sum(call.get("seconds") or 0.0 for call in step.calls if "tool" not in call)
            kind = step.node if step.node in KINDS else "rest"
            seconds["model"] += asked  # type: ignore[assignment]  # a Counter of seconds
            seconds[kind] += max((step.seconds or 0.0) - asked, 0.0)  # type: ignore[assignment]
    used: list[dict[str, Any]] = [
        next((s.update["usage"] for s in reversed(turn.steps) if "usage" in s.update), {}) for turn in turns
    ]
    return Cost(
        calls=len(calls),
        tokens_in=sum(event.get("input_tokens", 0) for event in calls),
        tokens_out=sum(event.get("output_tokens", 0) for event in calls),
        evaluations=sum(usage.get("model_evaluations", 0) for usage in used),
        detections=sum(usage.get("detector_passes", 0) for usage in used),
        dollars=sum(usage.get("cost") or 0.0 for usage in used),
        rounds=sum(max(len(turn.attempts) - 1, 0) for turn in turns),
        seconds=dict(seconds),
    )


def cost_page(runs: Sequence[tuple[Summary, str, Cost]]) -> None:
    """Draw the costs of runs, each given with its summary and its address, the newest first."""
    with tag("div", None, "page-head"):
        tag("h1", "What it cost")
    if not runs:
        empty(
            "cost",
            "No runs yet",
            "Every run and conversation is listed here with its calls, tokens, seconds and evaluations.",
        )
        return
    _plot(runs[:PLOTTED])
    _table(runs)


def _plot(runs: Sequence[tuple[Summary, str, Cost]]) -> None:
    longest = max((cost.total for _, _, cost in runs), default=0.0) or 1.0
    with tag("section", None, "card plot-card"):
        with tag("div", None, "row wrap"):
            tag("h2", "Seconds of the last run" if len(runs) == 1 else f"Seconds of the last {len(runs)} runs")
            for words, colour in KINDS.values():
                with tag("span", None, "row soft"):
                    tag("i", None, "dot").style(f"background: {colour}")
                    tag("span", words)
        with tag("div", None, "plot"):
            for summary, to, cost in runs:
                with tag("div", None, "line"):
                    link(summary.text, to, "ellipsis", title=summary.text)
                    with tag("span", None, "track", role="img", aria_label=_spoken(cost)):
                        for kind, (_, colour) in KINDS.items():
                            share = 100 * cost.seconds.get(kind, 0.0) / longest
                            tag("i").style(f"width: {share:.2f}%; background: {colour}")
                    tag("span", duration(cost.total), "number soft")


def _table(runs: Sequence[tuple[Summary, str, Cost]]) -> None:
    columns: dict[str, Callable[[Cost], float]] = {
        "model calls": lambda cost: cost.calls,
        "tokens in": lambda cost: cost.tokens_in,
        "tokens out": lambda cost: cost.tokens_out,
        "seconds": lambda cost: cost.total,
        "model evaluations": lambda cost: cost.evaluations,
        "detector passes": lambda cost: cost.detections,
        "rounds": lambda cost: cost.rounds,
    }
    if any(cost.dollars for _, _, cost in runs):
        columns["dollars"] = lambda cost: cost.dollars
    with tag("div", None, "scroll card", tabindex=0, role="region", aria_label="Costs"), tag("table", None, "grid"):
        with tag("thead"), tag("tr"):
            tag("th", "run", scope="col")
            for name in columns:
                tag("th", name, "number", scope="col")
        with tag("tbody"):
            for summary, to, cost in runs:
                with tag("tr"):
                    with tag("td"):
                        link(summary.text, to)
                    for name, value in columns.items():
                        tag("td", _number(name, value(cost)), "number")
        with tag("tfoot"), tag("tr"):
            tag("th", "in all", scope="row")
            for name, value in columns.items():
                tag("td", _number(name, sum(value(cost) for _, _, cost in runs)), "number")


def _number(column: str, value: float) -> str:
    digits = {"seconds": 1, "dollars": 4}.get(column, 0)
    return f"{value:,.{digits}f}"


def _spoken(cost: Cost) -> str:
    parts = [f"{words} {duration(cost.seconds[kind])}" for kind, (words, _) in KINDS.items() if cost.seconds.get(kind)]
    return ", ".join(parts) or "no time"
