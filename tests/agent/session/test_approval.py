"""A person is asked before anything is edited: yes, no, another plan, a reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.session.turn_result import SessionError
from agent.trace.events import effective, read_trace
from tests.agent.conversation import START, one
from tests.agent.sessions import begin, seen
from tests.scripted import ScriptedChat, edit
from tests.world import World
from tools.images import open_picture
from tools.scene.box import Box
from tools.scene.operations import Add


def test_nothing_is_edited_before_it_is_accepted_and_then_once(tmp_path: Path) -> None:
    world = World()
    with begin(tmp_path, backend=world, approve=True) as session:
        waiting = session.send("remove the dog")
        assert (waiting.exit, world.edits) == ("waiting", [])
        assert waiting.proposal is not None
        assert waiting.proposal.words == ("will remove 'dog #1'",)
        assert open_picture(waiting.proposal.drawing).size > open_picture(waiting.proposal.image).size
        for forbidden in (lambda: session.send("add a cup"), session.undo, session.retry):
            with pytest.raises(SessionError, match="unfinished"):
                forbidden()
    with begin(tmp_path, backend=world) as session:  # a restart while it waits
        assert session.unfinished == "remove the dog"
        assert session.proposal == waiting.proposal
        assert session.resume().exit == "waiting"
        result = session.accept()
        assert (result.agreed, seen(result), len(world.edits)) == (True, ["red car"], 1)
        assert session.unfinished is None
        with pytest.raises(SessionError, match="no turn is unfinished"):
            session.accept()
    nodes = [event["node"] for event in effective(read_trace(tmp_path / "trace.jsonl")) if event["event"] == "node"]
    assert (nodes.count("approve"), nodes.count("edit")) == (1, 1)


def test_a_person_may_change_the_plan_and_the_verdict_is_about_that(tmp_path: Path) -> None:
    with begin(tmp_path, approve=True) as session:
        proposal = session.send("add a blue cup").proposal
        assert proposal is not None
        changed = Add(name="cup", attributes=("green",), box=Box(0.4, 0.05, 0.2, 0.2))
        result = session.accept([changed])
        cup = one(result.layout, "green cup")
        assert result.agreed
        assert list(cup.box) == pytest.approx([0.4, 0.05, 0.2, 0.2])


def test_a_change_that_cannot_be_done_is_asked_for_again(tmp_path: Path) -> None:
    with begin(tmp_path, approve=True) as session:
        session.send("add a blue cup")
        again = session.accept([Add(name="cup", box=START["dog #1"].box)])
        assert again.proposal is not None
        assert "would cover 'dog #1'" in again.proposal.problem
        assert session.accept().agreed


def test_a_reason_goes_back_to_the_model_which_may_propose_something_else(tmp_path: Path) -> None:
    operation = {"op": "remove", "id": "dog #1"}
    other = {"op": "replace", "id": "dog #1", "name": "cat", "attributes": []}
    chat = ScriptedChat(script=[{"operations": [operation]}, edit(operation), edit(other)])
    with begin(tmp_path, chat=chat, approve=True) as session:
        session.send("remove the dog")
        second = session.reject("a cat would be nice there")
        assert "a cat would be nice there" in chat.seen[-1][-1].text
        assert second.proposal is not None
        assert second.proposal.words == ("will replace 'dog #1' by 'cat #1' (cat)",)


def test_the_offline_planner_takes_a_no_for_a_no(tmp_path: Path) -> None:
    world = World()
    with begin(tmp_path, backend=world, approve=True) as session:
        session.send("remove the dog")
        result = session.reject("keep it")
        assert (result.exit, world.edits, result.image) == ("model_stopped", [], session.show().image)
        assert "keep it" in result.detail
        session.send("remove the dog")
        session.drop()
        session.approve = False
        assert session.send("remove the car").agreed


# -- trouble
