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

from langgraph.checkpoint.serde.types import ERROR
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import START

from agent.recorder import update_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from langchain_core.runnables import RunnableConfig
    from langgraph.graph.state import CompiledStateGraph

    from agent.recorder import Recorder
    from agent.runs import RunFolder
    from graphs.context import Context


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
def open_checkpoints(folder: RunFolder) -> Iterator[SqliteSaver]:
    """Open the folder's checkpoints; the folder must be locked."""
    with closing(sqlite3.connect(folder.checkpoints_path, check_same_thread=False)) as connection:
        yield Checkpoints(connection)


class Checkpoints(SqliteSaver):
    """SQLite checkpoints without the errors that LangGraph would keep in them: their text may echo a secret.

    The trace and run.json hold them with secrets hidden; a resume runs the failed node again anyway.
    """

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Keep what a task wrote to the state."""
        kept = [write for write in writes if write[0] != ERROR]
        if kept:
            super().put_writes(config, kept, task_id, task_path)


def places(folder: RunFolder) -> dict[str, str]:
    """Map this machine's folders to what a reader elsewhere may see."""
    return {str(folder.path.resolve()): ".", str(Path.cwd()): ".", os.path.expanduser("~"): "~"}  # noqa: PTH111 - Path.home() raises where there is none


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


def hidden(text: str, secrets: Sequence[str]) -> str:
    """Return the text without the secrets."""
    for secret in secrets:
        text = text.replace(secret, "***")
    return text
