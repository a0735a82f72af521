"""The trace of a run: one JSON event per line, written as it happens, readable at any moment.

An event has ``v`` (format version), ``seq``, ``event`` ("start", "resume", "node", "llm", "tool",
"end"), ``at`` (UTC), ``seconds``, and for the work of a node its ``node``, ``step`` and ``task``
(LangGraph's id, the same after a resume). Events of a task that a kill cut short carry
``interrupted: true``: the work was done and paid for, but the task ran again later.
Knows nothing of how a trace is shown.
"""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from agent.trace.lines import FileLines, Lines
from tools.older import renamed
from tools.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

VERSION = 2  # of traces, run.json and checkpoints together
LONGEST = 20_000  # characters of one string: a model that rambles must not fill the disk


class TraceWriter:
    """Appends events to a trace (a file, or other lines); safe to use from several threads.

    ``redactor`` cleans every text of it. ``also`` is given each event as it was written.
    """

    def __init__(
        self,
        path: Path | Lines,
        redactor: Redactor | None = None,
        also: Callable[[dict[str, Any]], None] | None = None,
    ) -> None:
        self._lines, self._also = _lines(path), also
        self.redactor = redactor or Redactor()
        self._lock = threading.Lock()
        self._set_damaged_aside()
        self._seq = max((event["seq"] for event in read_trace(self._lines)), default=0)

    def _set_damaged_aside(self) -> None:
        """Go on with a new trace where the old one cannot be read: it tells of the work, but the work is elsewhere."""
        try:
            read_trace(self._lines)
        except (ValueError, RecursionError):
            self._lines.set_aside()

    def write(self, event: str, **fields: Any) -> None:
        """Append one event; on return it has left this process."""
        with self._lock:
            self._seq += 1
            line = self._line({"v": VERSION, "seq": self._seq, "event": event, "at": now(), **fields})
            self._lines.append(line)
            if self._also:
                self._also(json.loads(line))

    def reconcile(self, finished: Mapping[str, dict[str, Any]]) -> None:
        """Make the trace agree with the checkpoints after a kill.

        ``finished`` maps the id of each finished task to its ``node``, ``step`` and ``update``. Events
        of other tasks are marked as interrupted; a finished task whose own event was cut off gets one.
        A torn last line goes.
        """
        events = read_trace(self._lines)
        for event in events:
            if event.get("task") is not None and event["task"] not in finished:
                event["interrupted"] = True
        known = {event.get("task") for event in events if event["event"] == "node"}
        self._lines.replace("".join(self._line(event) for event in events))
        for task, fields in finished.items():
            if task not in known:
                self.write("node", task=task, seconds=None, recovered=True, **fields)

    def clean(self, value: Any) -> Any:
        """Return ``value`` as a reader would get it back: JSON types, and nothing that must be hidden."""
        return json.loads(self._line(value))

    def _line(self, value: Any) -> str:
        return json.dumps(plain(value, self.redactor.text), ensure_ascii=True, allow_nan=False) + "\n"


def read_trace(source: Path | Lines) -> list[dict[str, Any]]:
    """Return the events of a trace; a torn last line (a kill in the middle of a write) is left out.

    Raises:
        ValueError: it is not a trace of this version.
    """
    lines, events = _lines(source), list[dict[str, Any]]()
    for number, line in enumerate(lines.read().split(b"\n"), start=1):
        try:
            event = json.loads(line) if line else None
        except (ValueError, RecursionError):
            event = None
        if not isinstance(event, dict):
            continue  # cut off by a kill; a resume removes it, so it can only be the end or before a resume
        if event.get("v") != VERSION:
            raise ValueError(f"{lines.name}, line {number}: {other_version(event.get('v'))}")
        if not isinstance(event.get("seq"), int) or not isinstance(event.get("event"), str):
            raise ValueError(f"{lines.name}, line {number}: {event.get('event')!r} is no event of this program")
        events.append(renamed(event))
    return events


def _lines(source: Path | Lines) -> Lines:
    return FileLines(source) if isinstance(source, Path) else source


def other_version(found: Any) -> str:
    """Say that a file of version ``found`` cannot be read, and what to do."""
    return (
        f"version {found!r} is not the {VERSION} of this program, whose traces and checkpoints hold other values: "
        "look at it with the program that wrote it, or run it anew"
    )


def effective(events: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the events without those that a kill cut short: each finished step once."""
    return [event for event in events if not event.get("interrupted")]


def now() -> str:
    """Return the time as ISO 8601 in UTC, with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def plain(value: Any, clean: Callable[[str], str] = str) -> Any:
    """Return ``value`` as JSON types: models dumped, the rest by name; texts are cleaned, long ones cut."""
    if isinstance(value, BaseModel):
        return plain(value.model_dump(mode="json"), clean)
    if isinstance(value, dict):
        return {_cut(clean(str(key))): plain(item, clean) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item, clean) for item in value]
    if isinstance(value, float):
        return value if abs(value) < float("inf") else None  # also false for NaN: JSON has neither
    if value is None or isinstance(value, (bool, int)):
        return value
    return _cut(clean(str(value)))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text)} characters)"
