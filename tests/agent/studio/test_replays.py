"""Replaying what a session or a run did, through the queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agent.run.folder import RunFolder
from agent.studio.queue import StudioError
from agent.trace.events import read_trace
from agent.trace.timeline import turns_of
from configs.errors import SettingsError
from tests.agent.jobs import run
from tests.agent.studios import Held, make, said, studio, until

if TYPE_CHECKING:
    from pathlib import Path


def step_of(folder: RunFolder, node: str) -> int:
    steps = [step for turn in turns_of(read_trace(folder.trace_path)) for step in turn.steps]
    return next(step.number for step in steps if step.node == node and step.number is not None)


def test_a_session_is_replayed_from_a_step_as_a_new_run(tmp_path: Path) -> None:
    with studio(tmp_path / "sessions", runs=tmp_path / "runs") as opened:
        name = make(opened)
        said(opened, name, "add a blue cup")
        again = opened.replay(name, step_of(opened.folder(name), "think"), {"loop.rounds": 4}, seed=7)
        ended = until(opened, again)

        assert (ended.kind, ended.data["agreed"]) == ("ended", True)
        record = opened.folder(again).read_record()
        assert (record["replay"]["of"], record["replay"]["set"]) == (name, {"loop.rounds": 4, "seed": 7})
        assert {"queued", "began", "node", "verdict"} <= {event.kind for event in opened.events.after(again, 0)}
        assert again in {summary.name for summary in opened.summaries()}
        said(opened, name, "add a red cup")  # the recorded answers are not given to anybody else
        assert opened.view(name).agreed


def test_a_replay_is_cancelled_while_it_waits_and_while_it_runs(tmp_path: Path) -> None:
    world = Held()
    world.let_go.set()
    with studio(tmp_path / "sessions", world, runs=tmp_path / "runs") as opened:
        name = make(opened)
        said(opened, name, "add a blue cup")
        step = step_of(opened.folder(name), "think")
        world.let_go.clear()
        world.begun.clear()
        running, waiting = opened.replay(name, step, seed=7), opened.replay(name, step, seed=8)
        assert world.begun.wait(60)
        opened.cancel(waiting)
        opened.cancel(running)
        assert until(opened, running).kind == until(opened, waiting).kind == "cancelled"
        statuses = {summary.name: summary.status for summary in opened.summaries()}
        assert statuses[running] == "failed"
        assert waiting not in statuses


def test_what_cannot_be_replayed_is_said_at_once_and_leaves_nothing(tmp_path: Path) -> None:
    run(tmp_path / "runs" / "one")
    with studio(tmp_path / "sessions", runs=tmp_path / "runs") as opened:
        owners = (
            {"chat.base_url": "x"},
            {"detector.path": "x"},
            {"chat": {"api_key": "x"}},
            {"chat": {"a.base_url": 1}},
        )
        for overrides in owners:
            with pytest.raises(StudioError, match="for whoever starts the server"):
                opened.replay("run:one", 3, overrides)
        with pytest.raises(SettingsError):
            opened.replay("run:one", 3, {"editor.nothing": 1})
        again = opened.replay("run:one", 999)
        assert "no step 999" in until(opened, again).data["reason"]
        assert [path.name for path in (tmp_path / "runs").iterdir()] == ["one"]
    with studio(tmp_path / "others") as opened, pytest.raises(StudioError, match="no folder for runs"):
        opened.replay(make(opened), 1)
