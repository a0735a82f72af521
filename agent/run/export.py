"""Takes a run out of its folder: as lines of JSON, or as one file that can be opened elsewhere."""

from __future__ import annotations

import json
import sqlite3
import tempfile
import zipfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from agent.trace.events import read_trace
from agent.trace.timeline import with_messages
from tools.files import remove_leftovers, replacing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.run.folder import RunFolder


def as_lines(folder: RunFolder) -> Iterator[str]:
    """Yield the run's record, then its events, each as one line of JSON.

    Unlike in the trace itself, a language model call has all messages that the model was shown (``asked``).
    """
    yield json.dumps({"event": "record", **folder.read_record()})
    events = read_trace(folder.trace)
    asked = {id(event): messages for event, messages in with_messages(events)}
    for event in events:
        kept = {key: value for key, value in event.items() if key not in ("keep", "new")}
        yield json.dumps(kept | ({"asked": asked[id(event)]} if id(event) in asked else {}))


def write_zip(folder: RunFolder, target: Path) -> None:
    """Write the whole run to one zip file; unpacked anywhere it is a run folder again.

    Raises:
        RunError: the folder holds no run, or another process is working in it.
    """
    folder.read_record()
    name = folder.path.resolve().name
    remove_leftovers(target.parent, target.name)
    with (
        folder.locked("wait for it"),
        replacing(target) as part,
        zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for path in sorted(folder.path.rglob("*")):
            inside = path.relative_to(folder.path)
            hidden = any(piece.startswith(".") for piece in inside.parts)
            # SQLite keeps recent changes beside the file, where a copy would miss them.
            if path.is_file() and not hidden and not path.name.startswith(folder.checkpoints_path.name):
                archive.write(path, f"{name}/{inside.as_posix()}")
        if folder.checkpoints_path.is_file():
            with tempfile.TemporaryDirectory() as place:
                copy = Path(place) / "copy"
                with (
                    closing(sqlite3.connect(folder.checkpoints_path)) as old,
                    closing(sqlite3.connect(copy)) as new,
                ):
                    old.backup(new)
                archive.write(copy, f"{name}/{folder.checkpoints_path.name}")
