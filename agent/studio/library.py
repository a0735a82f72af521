"""The folders of sessions and runs: finding them by name, listing them quickly, deleting them so that it can be undone.

A name comes from anybody, so it never leads out of its folder: no separators, no links, nothing hidden.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.run.files import Files
from agent.run.folder import RunError, RunFolder, new_folder
from agent.run.storage import LONGEST_NAME, is_name
from agent.studio.queue import StudioError
from agent.studio.views import Summary

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from agent.run.storage import Storage

RUN = "run:"  # before the name of a single run


class Library:
    """Sessions in one folder, or in what ``storage`` stands for, and runs in another folder. Safe from any thread."""

    def __init__(self, sessions: Path, runs: Path | None, storage: Storage | None = None) -> None:
        self._bases = {"": sessions, **({RUN: runs} if runs else {})}
        files = Files()
        self._storages: dict[str, Storage] = {"": storage or files, RUN: files}
        self._known: dict[Path, tuple[Hashable, Summary]] = {}
        self._lock = threading.Lock()

    def folder(self, name: str) -> RunFolder:
        """Return the folder of a session or a run.

        Raises:
            StudioError: there is none of this name.
        """
        prefix, base, plain = self._split(name)
        folder = RunFolder(base / plain, storage=self._storages[prefix])
        if not is_name(plain) or folder.path.is_symlink() or not folder.started:
            raise StudioError(f"there is no session {name[:LONGEST_NAME]!r}: the list shows their names", "missing")
        return folder

    def new_session(self, title: str) -> RunFolder:
        """Return a folder that did not exist before, for a session."""
        return new_folder(title, self._bases[""], self._storages[""])

    def new_run(self, title: str) -> str:
        """Make an empty folder for a run and return its name.

        Raises:
            StudioError: there is no place for single runs.
        """
        if RUN not in self._bases:
            raise StudioError("this server has no folder for runs: start it with --runs DIR", "mistake")
        return RUN + new_folder(title, self._bases[RUN]).path.name

    def target(self, name: str) -> RunFolder:
        """Return the folder that `new_run` made."""
        _, base, plain = self._split(name)
        return RunFolder(base / plain)

    def summaries(self, deleted: bool = False) -> tuple[Summary, ...]:
        """Return what there is, the newest change first."""
        found = [summary for prefix, base in self._bases.items() for summary in self._listed(prefix, base, deleted)]
        return tuple(sorted(found, key=lambda summary: (-summary.changed, summary.name)))

    def delete(self, name: str) -> None:
        """Put a session or run aside, to be undone by `undelete`.

        Raises:
            StudioError: there is none of this name.
            RunError: a process works in it.
        """
        folder = self.folder(name)
        with folder.locked("close it first"):
            folder.storage.delete(folder.path)

    def undelete(self, name: str) -> None:
        """Bring a deleted session or run back.

        Raises:
            StudioError: nothing of this name was deleted, or the name is taken again.
        """
        prefix, base, plain = self._split(name)
        try:
            found = is_name(plain) and self._storages[prefix].undelete(base / plain)
        except RunError as error:
            raise StudioError(str(error)) from None
        if not found:
            raise StudioError(f"nothing deleted is called {name[:LONGEST_NAME]!r}", "missing")

    def _split(self, name: str) -> tuple[str, Path, str]:
        prefix = RUN if name.startswith(RUN) and RUN in self._bases else ""
        return prefix, self._bases[prefix], name.removeprefix(prefix)

    def _listed(self, prefix: str, base: Path, deleted: bool) -> Iterator[Summary]:
        storage = self._storages[prefix]
        for path, stamp, changed in storage.listed(base, deleted=deleted):
            known = self._known.get(path)
            if known is None or known[0] != stamp:
                known = (stamp, _summary(prefix + path.name, RunFolder(path, storage=storage), changed))
                with self._lock:
                    self._known[path] = known
            yield known[1]


def _summary(name: str, folder: RunFolder, changed: float) -> Summary:
    kind: Any = "run" if name.startswith(RUN) else "session"
    try:
        record = folder.read_record()
    except RunError as error:  # one damaged folder must not hide the others
        return _of(name, kind, changed, text=str(error), status="unreadable")
    result, line, given = record.get("result") or {}, record.get("session"), record["input"]
    if line is None:
        return _of(
            name,
            "run",
            changed,
            record,
            text=given["prompt"] or given["instruction"],
            picture=result.get("image") or given.get("image"),
            turns=1,
        )
    waiting = record["status"] == "waiting" and line["pending"]
    status = "waiting" if waiting else "unfinished" if line["pending"] else record["status"]
    return _of(
        name,
        "session",
        changed,
        record,
        text=line.get("first") or line["last"] or record.get("origin", ""),
        last=line["last"],
        status=status,
        picture=line.get("picture") or result.get("image") or given.get("image"),
        turns=line["turns"],
        branches=len(line["branches"]),
    )


def _of(name: str, kind: Any, changed: float, record: dict[str, Any] | None = None, **known: Any) -> Summary:
    record, result = record or {}, (record or {}).get("result") or {}
    usual = {
        "last": "",
        "started": record.get("started", ""),
        "preset": record.get("preset", ""),
        "status": record.get("status", ""),
        "exit": result.get("exit", ""),
        "agreed": result.get("agreed"),
        "turns": 0,
        "branches": 1,
        "picture": None,
    }
    return Summary(**{"name": name, "kind": kind, "changed": changed, **usual, **known})
