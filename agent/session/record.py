"""What a session keeps beside its checkpoints, in run.json: branches by name, their redo lines, the turn in progress.

Every change is one atomic write: whoever reads the file sees the session before it or after it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Any

from agent.models.preset_choice import DEFAULT
from agent.run.consent import consented_settings
from agent.run.redaction import hiding, recordable, shown_settings
from agent.run.sources import opened
from agent.session.turn_result import SessionError
from agent.trace.events import now
from configs.settings import Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.run.folder import RunFolder
    from agent.run.sources import Given
    from tools.images import ImageStore

MAIN = "main"
NAME = re.compile(r"[\w][\w.-]{0,39}")


@dataclass
class SessionRecord:
    """The record of a session; its folder must be locked."""

    folder: RunFolder
    data: dict[str, Any]

    @classmethod
    def begin(cls, folder: RunFolder, *, image: str | None, origin: str, seed: int) -> SessionRecord:
        """Return the record of a session that has no turn yet; nothing is written."""
        line: dict[str, Any] = {
            "picture": image,
            "branch": MAIN,
            "branches": {MAIN: {"at": None, "redo": []}},
            "turns": 0,
            "pending": None,
            "approve": False,
            "last": "",
        }
        record = {
            "status": "open",
            "started": now(),
            "program": metadata.version("sld-agent"),
            "origin": origin,
            "input": {"prompt": "", "instruction": "a conversation", "image": image, "seed": seed},
            "preset": DEFAULT,
            "overrides": {},
            "session": line,
        }
        return cls(folder, record)

    def note_settings(self, preset: str | None, overrides: Mapping[str, Any], settings: Settings) -> None:
        """Write down with what the session goes on from now, and keep its secrets out of the folder."""
        self.folder = hiding(self.folder, settings)
        kept = {**self.data["overrides"], **overrides}
        self.data |= {
            "preset": self.folder.preset_recorded(preset) if preset else self.data["preset"],
            "overrides": recordable(kept),
            "settings": shown_settings(settings),
        }

    @property
    def line(self) -> dict[str, Any]:
        """The part of the record that moves."""
        line: dict[str, Any] = self.data["session"]
        return line

    @property
    def name(self) -> str:
        """The branch that turns go to."""
        return str(self.line["branch"])

    @property
    def here(self) -> str | None:
        """The checkpoint where that branch stands; None before the first one is made."""
        return self._branch["at"]  # type: ignore[no-any-return]  # JSON

    @property
    def redo(self) -> list[str]:
        """The checkpoints that were undone, the newest last."""
        return list(self._branch["redo"])

    @property
    def pending(self) -> dict[str, Any] | None:
        """The turn in progress."""
        return self.line["pending"]  # type: ignore[no-any-return]  # JSON

    @property
    def stopped(self) -> dict[str, Any] | None:
        """The turn that was stopped last, if nothing has been done since: its text, and how it was meant."""
        return self.line.get("stopped")

    @property
    def names(self) -> dict[str, list[str]]:
        """The branches that stand at each checkpoint."""
        found: dict[str, list[str]] = {}
        for name, branch in self.line["branches"].items():
            found.setdefault(branch["at"], []).append(name)
        return found

    def move(self, checkpoint: str, redo: list[str]) -> None:
        """Stand at another checkpoint; not written until `save`."""
        self._branch.update(at=checkpoint, redo=redo)

    def add(self, name: str, checkpoint: str) -> None:
        """Begin a branch and go there; not written until `save`.

        Raises:
            SessionError: the name is taken or not one.
        """
        if not NAME.fullmatch(name):
            raise SessionError(f"{name!r} is no name for a branch: use letters, digits, '.', '_' and '-', at most 40")
        if name in self.line["branches"]:
            raise SessionError(f"there is a branch {name!r} already: switch to it, or choose another name")
        self.line["branches"][name] = {"at": checkpoint, "redo": []}
        self.line["branch"] = name

    def switch(self, name: str) -> None:
        """Go to another branch; not written until `save`.

        Raises:
            SessionError: there is no such branch.
        """
        if name not in self.line["branches"]:
            raise SessionError(f"there is no branch {name!r}: there is {', '.join(self.line['branches'])}")
        self.line["branch"] = name

    def keep_sources(self, store: ImageStore, given: Given) -> None:
        """Take other pictures along (see `agent.run.sources.opened`)."""
        kept: dict[str, str] = self.line.get("sources", {})
        added = {name: store.save(picture) for name, picture in opened(given, before=kept).items()}
        if added:
            self.save(sources={**kept, **added})

    def save(self, *, status: str | None = None, **changes: Any) -> None:
        """Write the record; ``result`` and ``error`` are the run's, other changes the session's."""
        for key in ("result", "error"):
            if key in changes:
                self.data[key] = changes.pop(key)
        self.line.update(changes)
        self.data["status"] = status or self.data["status"]
        self.folder.write_record(self.data)

    @property
    def _branch(self) -> dict[str, Any]:
        branch: dict[str, Any] = self.line["branches"][self.name]
        return branch


def note_stopped(folder: RunFolder, text: str, *, whole: bool) -> None:
    """Remember a turn that was called off before it began, so that it can be tried again.

    Raises:
        RunError: another process has the session open.
    """
    with folder.locked():
        record = SessionRecord(folder, folder.read_record())
        record.save(stopped={"text": text, "whole": whole})


def recorded_settings(
    folder: RunFolder, preset: str | None, overrides: Mapping[str, Any], allowed_host: str | None = None
) -> Settings:
    """Return the settings of the session in ``folder``, with another preset or overrides where they are given.

    Raises:
        RunError: its record names an endpoint or a model that is not the user's own (see `agent.run.consent`).
    """
    if not folder.started:
        return load_settings(preset or DEFAULT, overrides)
    return consented_settings(folder, folder.read_record(), preset, overrides, allowed_host)[0]
