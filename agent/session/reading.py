"""Reading a session that somebody else may be working on: no lock, no models, nothing written but small pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agent.run.checkpoints import open_checkpoints
from agent.run.folder import RunError
from agent.session.proposal import Proposal
from agent.session.turn_result import Moment, TurnResult, moments, turn_result
from agent.session.turn_runner import THREAD
from graphs.correction import build_graph

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig

    from agent.run.folder import RunFolder


@dataclass(frozen=True)
class SessionState:
    """How a session stands on disk: its record (run.json), the turn it stands after, all turns, what waits."""

    record: dict[str, Any]
    standing: TurnResult
    moments: tuple[Moment, ...]
    proposal: Proposal | None


def read_session(folder: RunFolder) -> SessionState:
    """Return how the session in ``folder`` stands.

    Raises:
        RunError: it holds no session, or a damaged one.
    """
    record = folder.read_record()
    line = record.get("session")
    if line is None:
        raise RunError(f"{str(folder.path)!r} holds a single run, no session")
    names: dict[str, list[str]] = {}
    for name, branch in line["branches"].items():
        names.setdefault(branch["at"], []).append(name)
    here, pending = line["branches"][line["branch"]]["at"], line["pending"]
    with folder.reading(), open_checkpoints(folder) as saver:
        graph = build_graph(saver)
        latest, proposal = graph.get_state(_config(None)), None
        if pending and (latest.metadata or {}).get("turn") == pending["turn"] and latest.interrupts:
            proposal = Proposal.of(latest, folder)
        standing = turn_result(graph.get_state(_config(here)), folder)
        return SessionState(record, standing, moments(saver, THREAD, folder, names, here), proposal)


def _config(checkpoint: str | None) -> RunnableConfig:
    return {"configurable": {"thread_id": THREAD, **({"checkpoint_id": checkpoint} if checkpoint else {})}}
