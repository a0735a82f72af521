"""Running the graph with its trace: what a single run and a session have in common.

Knows nothing of jobs, folders' records or conversations.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from agent.trace.recorder import update_of

if TYPE_CHECKING:
    from collections.abc import Generator

    from langchain_core.runnables import RunnableConfig
    from langgraph.graph.state import CompiledStateGraph

    from agent.trace.recorder import Recorder
    from tools.context import Context


@dataclass(frozen=True)
class Event:
    """A node begins or has ended (``update`` is what it wrote), or a phase in it has come to ``done`` of ``total``."""

    kind: Literal["started", "finished", "progress"]
    name: str
    update: dict[str, Any] = field(default_factory=dict)
    done: int = 0
    total: int = 0


Listener = Callable[[Event], None]
"""Is told what happens while a run goes on; called from the caller's thread."""


def stream_events(
    graph: CompiledStateGraph[Any, Any, Any, Any],
    given: Any,
    config: RunnableConfig,
    context: Context,
    recorder: Recorder,
    step: int,
) -> Generator[Event]:
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
                yield Event("finished", data["name"], recorder.clean(update_of(data.get("result"))))
        elif isinstance(data, dict) and "phase" in data:
            yield Event("progress", str(data["phase"]), {}, int(data.get("done", 0)), int(data.get("total", 0)))
