"""Which runs ``sld trace list`` shows: by how they ended, with what, since when, and by any word in them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from agent.cli.options import fail
from agent.run.folder import RunError, RunFolder, find_runs
from agent.trace.events import read_trace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EVERYWHERE = ("settings", "overrides", "program")


@dataclass(frozen=True)
class Wanted:
    """Which runs: None and "" mean any. ``search`` is looked for, in any case, in all that a run holds in words."""

    search: str = ""
    exit: str = ""
    agreed: bool | None = None
    preset: str = ""
    since: str = ""

    def __post_init__(self) -> None:
        try:
            moment(self.since)
        except ValueError:
            fail(f"--since {self.since!r} is no date: give one such as 2026-03-01 or 2026-03-01T14:30")


def moment(text: str) -> datetime | None:
    """Return a date or a time (ISO 8601; UTC where it names no zone); None for "".

    Raises:
        ValueError: it is none.
    """
    if not text:
        return None
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def rows_of(base: Path, wanted: Wanted) -> Iterator[dict[str, Any]]:
    """Yield a row for each run right under ``base`` that is wanted, oldest first."""
    for folder in find_runs(base):
        try:
            record = folder.read_record()
        except RunError as error:  # one broken run must not hide the others
            if wanted == Wanted():
                yield {"run": str(folder.path), "exit": "not readable", "rounds": "", "asked": str(error)}
            continue
        result = record.get("result") or {}
        row = {
            "run": str(folder.path),
            "exit": result.get("exit") or record["status"],
            "rounds": result.get("rounds", ""),
            "asked": _asked(record),
            "agreed": result.get("agreed"),
            "preset": record.get("preset", ""),
            "started": record.get("started", ""),
        }
        if _matches(row, wanted) and (not wanted.search or _holds(folder, record, wanted.search)):
            yield row


def _asked(record: dict[str, Any]) -> str:
    line = record.get("session")
    if line is not None:
        return f"{line.get('last', '')} (a conversation, turn {line['turns']})"
    return str(record["input"]["prompt"] or record["input"]["instruction"])


def _matches(row: dict[str, Any], wanted: Wanted) -> bool:
    since = moment(wanted.since)
    return (
        (not wanted.exit or row["exit"] == wanted.exit.replace(" ", "_"))
        and (wanted.agreed is None or bool(row["agreed"]) is wanted.agreed)
        and (not wanted.preset or row["preset"] == wanted.preset)
        and (since is None or (bool(row["started"]) and datetime.fromisoformat(row["started"]) >= since))
    )


def _holds(folder: RunFolder, record: dict[str, Any], text: str) -> bool:
    """Return whether a run's request, result or trace holds a text; what every run holds does not count."""
    with folder.reading():
        told = [{key: value for key, value in record.items() if key not in EVERYWHERE}, *read_trace(folder.trace)]
        return any(text.casefold() in found.casefold() for found in _texts(told))


def _texts(value: Any) -> Iterator[str]:
    """Yield every text in a JSON value but what the model is told in each run alike."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        if value.get("role") != "system":
            for item in value.values():
                yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
