"""What came out of the benchmark: figures by part, and the tables that are kept of each model."""

from __future__ import annotations

import statistics
from collections import Counter
from typing import TYPE_CHECKING, Any

from evals.lmd.tables import markdown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROWS = {
    "cases": "cases",
    "right": "read rightly, %",
    "first_right": "the first answer alone, %",
    "agreed": "of runs that need an edit: agreed, %",
    "alone": "agreed without the solver's help, %",
    "rounds": "rounds",
    "calls": "calls of the language model",
    "refused": "tool calls that were refused",
    "tokens": "tokens",
    "one_round": "tokens of a run of one round",
    "cached": "tokens that the server still knew",
    "seconds": "seconds (median)",
}


def summarize(records: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, dict[str, Any]]:
    """Return, by part, the shares and means that `ROWS` names, and how often each ``exits``."""
    return {part: _figures(known) for part, known in records.items() if known}


def _figures(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    edits = [record for record in records if "agreed" in record and not record["question"]]
    short = [record["tokens"] for record in edits if record["rounds"] == 1]
    found: dict[str, Any] = {
        "cases": len(records),
        **{name: _share(record[name] for record in records) for name in ("right", "first_right")},
        **{name: statistics.fmean(record[name] for record in records) for name in ("calls", "tokens", "cached")},
        "seconds": statistics.median(record["seconds"] for record in records),
        "exits": dict(Counter(record["exit"] for record in records).most_common()),
    }
    if edits:
        found |= {name: _share(record[name] for record in edits) for name in ("agreed", "alone")}
        found |= {name: statistics.fmean(record[name] for record in edits) for name in ("rounds", "refused")}
    return found | ({"one_round": statistics.fmean(short)} if short else {})


def _share(values: Any) -> float:
    return 100 * statistics.fmean(values)


def table(summary: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the figures of one model as a Markdown table."""
    rows = [["", *summary]]
    for name, said in ROWS.items():
        if any(name in figures for figures in summary.values()):
            rows.append([said, *(_number(figures.get(name)) for figures in summary.values())])
    exits = [", ".join(f"{said} {times}" for said, times in figures["exits"].items()) for figures in summary.values()]
    return markdown([*rows, ["ended", *exits]])


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.1f}"


def with_section(page: str, title: str, body: str) -> str:
    """Return a Markdown page whose section ``## title`` has this body; a new one stands at the end."""
    head, found, rest = page.partition(f"\n## {title}\n")
    following = rest.find("\n## ")
    tail = rest[following:] if found and following >= 0 else ""
    return f"{head.rstrip()}\n\n## {title}\n\n{body.strip()}\n{tail}"
