"""Running the graph with its trace and its checkpoints: what a single run and a session have in common.

Knows nothing of jobs, folders' records or conversations.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.serde.types import ERROR
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import START
from pydantic import BaseModel

from agent.trace.recorder import update_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from langchain_core.runnables import RunnableConfig
    from langgraph.graph.state import CompiledStateGraph

    from agent.run.folder import RunFolder
    from agent.trace.recorder import Recorder
    from configs.settings import Settings
    from tools.context import Context


@dataclass(frozen=True)
class Event:
    """A node begins or has ended (``update`` is what it wrote), or a phase in it has come to ``done`` of ``total``."""

    kind: Literal["started", "finished", "progress"]
    name: str
    update: dict[str, Any] = field(default_factory=dict)
    done: int = 0
    total: int = 0


class Listener(Protocol):
    """Is told what happens while a run goes on; called from the caller's thread."""

    def node_started(self, name: str) -> None:
        """A node begins."""

    def node_finished(self, name: str, update: dict[str, Any]) -> None:
        """A node has ended and wrote ``update`` to the state."""

    def progressed(self, phase: str, done: int, total: int) -> None:
        """A long phase inside a node has come this far."""


def tell(listener: Listener | None, event: Event) -> None:
    """Pass an event on."""
    if listener is None:
        return
    match event.kind:
        case "started":
            listener.node_started(event.name)
        case "finished":
            listener.node_finished(event.name, event.update)
        case "progress":
            listener.progressed(event.name, event.done, event.total)


def play(
    graph: CompiledStateGraph[Any, Any, Any, Any],
    given: Any,
    config: RunnableConfig,
    context: Context,
    recorder: Recorder,
    step: int,
) -> Iterator[Event]:
    """Run the graph until it ends or waits; each node is in the checkpoints before its event comes out.

    ``given`` is the input, None to go on, or a `Command`; ``step`` is the one before the first.
    """
    for part in graph.stream(
        given,
        {**config, "callbacks": [recorder]},
        context=context,
        stream_mode=["tasks", "custom", "checkpoints"],
        durability="sync",
        version="v2",
    ):
        data: Any = part["data"]
        if part["type"] == "checkpoints":
            step = data["metadata"].get("step", step)
        elif part["type"] == "tasks":
            if data.get("interrupts"):
                continue  # it has not ended: the same task goes on after the answer
            recorder.node(data, step + 1)
            if "triggers" in data:
                yield Event("started", data["name"])
            elif not data.get("error"):
                yield Event("finished", data["name"], update_of(data.get("result")))
        elif isinstance(data, dict) and "phase" in data:
            yield Event("progress", str(data["phase"]), {}, int(data.get("done", 0)), int(data.get("total", 0)))


def finished_tasks(graph: CompiledStateGraph[Any, Any, Any, Any], config: RunnableConfig) -> dict[str, dict[str, Any]]:
    """Return every task that the checkpoints know as done, oldest first: a resume will not run it again."""
    finished: dict[str, dict[str, Any]] = {}
    for snapshot in reversed(list(graph.get_state_history(config))):
        for task in snapshot.tasks:
            if task.name != START and task.result is not None and task.error is None:
                step = (snapshot.metadata or {}).get("step", -1) + 1
                finished[task.id] = {"node": task.name, "step": step, "update": update_of(task.result)}
    return finished


@contextmanager
def open_checkpoints(folder: RunFolder, hide: Mapping[str, str] | None = None) -> Iterator[SqliteSaver]:
    """Open the folder's checkpoints; the folder must be locked. What is in ``hide`` is never written to them."""
    with closing(sqlite3.connect(folder.checkpoints_path, check_same_thread=False)) as connection:
        yield Checkpoints(connection, serde=HidingSerializer(hide or {}))


class Checkpoints(SqliteSaver):
    """SQLite checkpoints without the errors that LangGraph would keep in them: a resume runs the failed node again.

    The trace and run.json hold them.
    """

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Keep what a task wrote to the state."""
        kept = [write for write in writes if write[0] != ERROR]
        if kept:
            super().put_writes(config, kept, task_id, task_path)


class HidingSerializer(JsonPlusSerializer):
    """Writes stand-ins for texts that must never be written: a model or a server may have echoed a secret."""

    def __init__(self, hide: Mapping[str, str]) -> None:
        super().__init__()
        self._hide = {text: stand_in for text, stand_in in hide.items() if len(text) > 1}

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        """Return the kind of the data, and the data."""
        kind, data = super().dumps_typed(obj)
        if any(text.encode() in data for text in self._hide):
            return super().dumps_typed(self._without(obj))
        return kind, data

    def _without(self, value: Any) -> Any:
        if isinstance(value, str):
            for text, stand_in in self._hide.items():
                value = value.replace(text, stand_in)
            return value
        if isinstance(value, dict):
            return {self._without(key): self._without(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return type(value)(self._without(item) for item in value)
        if isinstance(value, BaseModel):  # messages
            return value.model_copy(update=self._without(dict(value)))
        return value


def hide_of(folder: RunFolder, settings: Settings) -> dict[str, str]:
    """Return what no file in the folder may say: secrets, and where things are on this machine; with stand-ins."""
    key = settings.chat.api_key
    secrets = {key.get_secret_value(): "***"} if key else {}
    named = [Path(text) for text in _texts(settings.model_dump(mode="json"))]
    models = {str(path): path.name for path in named if path.is_absolute()}
    home = os.path.expanduser("~")  # noqa: PTH111 - Path.home() raises where there is none
    return secrets | models | {str(folder.path.resolve()): ".", str(Path.cwd()): ".", home: "~"}


def _texts(tree: Any) -> Iterator[str]:
    if isinstance(tree, str):
        yield tree
    for item in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, (list, tuple)) else ():
        yield from _texts(item)


def shown(tree: Any) -> Any:
    """Return settings as they may be shown: no secret, no absolute path, no login in an address."""
    if isinstance(tree, dict):
        return {key: None if key == "api_key" else shown(value) for key, value in tree.items()}
    if isinstance(tree, str) and Path(tree).is_absolute():
        return Path(tree).name
    if isinstance(tree, str) and "://" in tree and "@" in tree:
        scheme, _, rest = tree.partition("://")
        return f"{scheme}://{rest.rpartition('@')[2]}"
    return tree
