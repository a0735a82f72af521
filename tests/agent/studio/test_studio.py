"""Many sessions in one process: turns in a fair queue, what happens as events, what a kill leaves to be done."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from agent.run.folder import RunError
from agent.session.session import Session
from agent.session.turn_result import SessionError
from agent.studio.events import EventLog
from agent.studio.queue import StudioError
from agent.studio.studio import Studio
from tests.agent.sessions import begin
from tests.agent.studios import LONGEST, Held, make, said, studio, until
from tests.world import World, scene
from tools.backend.protocol import BackendError
from tools.images import PictureError
from tools.scene.operations import Add, Operation


@pytest.fixture
def open_studio(tmp_path: Path) -> Iterator[Studio]:
    with studio(tmp_path) as opened:
        yield opened


def phrases(opened: Studio, name: str) -> list[str]:
    return sorted(seen.phrase for seen in opened.view(name).layout)


def test_a_turn_is_queued_done_and_shown(open_studio: Studio) -> None:
    name = make(open_studio, origin="desk.png")
    ended = said(open_studio, name, "add a blue cup")
    view = open_studio.view(name)
    assert ended.data["agreed"]
    assert (view.agreed, view.exit, view.work, view.error) == (True, "agreed", None, "")
    assert phrases(open_studio, name) == ["blue cup", "brown dog", "red car"]
    first = view.messages[0]
    assert (first.who, first.text, first.state) == ("you", "add a blue cup", "said")
    assert view.messages[-1].picture == view.picture == ended.data["picture"]
    assert all(line.state == "pass" for line in view.verdict)
    cup = next(line for line in view.verdict if "cup #1" in line.objects)
    assert cup.boxes
    summary = open_studio.summaries()[0]
    assert (summary.name, summary.turns, summary.picture, summary.text) == (name, 1, view.picture, "add a blue cup")


def test_what_was_taken_for_granted_is_shown_beside_the_answer(open_studio: Studio) -> None:
    name = make(open_studio, origin="desk.png")
    said(open_studio, name, "add a bleu cup")
    view = open_studio.view(name)
    assert view.messages[-1].notes == view.history[-1].notes == ("reading 'bleu' as 'blue'",)


def test_events_tell_the_story_and_can_be_followed_from_any_id(open_studio: Studio) -> None:
    name = make(open_studio)
    said(open_studio, name, "add a blue cup")
    events = open_studio.events.after(name, 0)
    kinds = [event.kind for event in events]
    assert kinds[:3] == ["changed", "queued", "began"]
    assert kinds[-1] == "ended"
    assert {"node", "tool", "answer", "progress", "picture", "verdict"} <= set(kinds)
    assert [event.id for event in events] == sorted({event.id for event in events})
    assert open_studio.events.after(name, events[4].id) == events[5:]
    json.dumps([event.model_dump(mode="json") for event in events])


def test_events_are_bounded_and_what_is_gone_is_told() -> None:
    log = EventLog(kept=3, total=5)
    first = log.add("one", "queued")
    for _ in range(4):
        log.add("one", "node")
    assert [event.kind for event in log.after("one", first.id)] == ["missed", "node", "node", "node"]
    assert [event.kind for event in log.after("one", log.after("one", 0)[0].id)] == ["node", "node"]
    for _ in range(3):
        log.add("two", "node")
    assert [event.kind for event in log.after("one", first.id)] == ["missed"]
    assert len(log.after("two", 0)) == 3


def test_a_picture_begins_with_an_instruction_or_with_what_it_shall_show(open_studio: Studio) -> None:
    edited = make(open_studio, "make the car blue")
    corrected = make(open_studio, "a red car and a green cup", whole=True)
    assert until(open_studio, edited).data["agreed"]
    assert until(open_studio, corrected).data["agreed"]
    assert "blue car" in phrases(open_studio, edited)
    assert {"red car", "green cup"} <= set(phrases(open_studio, corrected))


def test_without_a_picture_the_text_is_drawn(tmp_path: Path) -> None:
    with studio(tmp_path, World(scene(("red car", [0.1, 0.1, 0.3, 0.3])))) as opened:
        name = opened.make(text="a red car")
        assert until(opened, name).data["agreed"]
        assert phrases(opened, name) == ["red car"]


def test_undo_redo_branch_and_switch_are_done_at_once(open_studio: Studio) -> None:
    name = make(open_studio)
    first = open_studio.view(name).picture
    said(open_studio, name, "add a blue cup")
    second = open_studio.view(name).picture
    open_studio.undo(name)
    assert (open_studio.view(name).picture, open_studio.view(name).can_redo) == (first, True)
    open_studio.redo(name)
    assert open_studio.view(name).picture == second
    open_studio.branch(name, "other", 0)
    view = open_studio.view(name)
    assert (view.branch, view.branches, view.picture) == ("other", ("main", "other"), first)
    assert view.messages == ()
    open_studio.switch(name, "main")
    assert open_studio.view(name).picture == second
    with pytest.raises(SessionError, match="nothing to redo"):
        open_studio.redo(name)


def test_a_turn_waits_for_what_is_done_at_once_in_another_tab(
    open_studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = make(open_studio, "add a blue cup")
    until(open_studio, name)
    inside, let_go, undo = threading.Event(), threading.Event(), Session.undo

    def slow(session: Session, times: int = 1) -> object:
        inside.set()
        assert let_go.wait(LONGEST)
        return undo(session, times)

    monkeypatch.setattr(Session, "undo", slow)
    with ThreadPoolExecutor() as tabs:
        undone = tabs.submit(open_studio.undo, name)
        assert inside.wait(LONGEST)
        since = open_studio.events.last
        open_studio.send(name, "add a green cup")
        until(open_studio, name, ("queued",), since)
        time.sleep(0.2)  # the turn's thread meets the other tab in the folder
        let_go.set()
        undone.result(LONGEST)
    assert until(open_studio, name, after=since).kind == "ended"
    assert phrases(open_studio, name) == ["brown dog", "green cup", "red car"]


def test_an_edit_waits_for_approval_and_is_done_as_changed(open_studio: Studio) -> None:
    name = make(open_studio, approve=True)
    assert said(open_studio, name, "add a blue cup").kind == "waiting"
    view = open_studio.view(name)
    assert view.proposal is not None
    assert view.messages[-1].state == "waiting"
    assert open_studio.plan(name, view.proposal.drawing).is_file()
    operation = view.proposal.operations[0]
    assert isinstance(operation, Add)
    changed: Operation = operation.model_copy(update={"attributes": ("green",)})
    with pytest.raises(StudioError, match="another edit is proposed"):
        open_studio.accept(name, proposal="0123")
    after = open_studio.events.last
    open_studio.accept(name, [changed], view.proposal.id)
    assert until(open_studio, name, after=after).data["agreed"]
    assert "green cup" in phrases(open_studio, name)
    with pytest.raises(StudioError, match="nothing waits"):
        open_studio.reject(name)


def test_a_turn_that_runs_is_stopped_and_offered_again(tmp_path: Path) -> None:
    world = Held()
    with studio(tmp_path, world) as opened:
        name = make(opened)
        before = opened.view(name)
        opened.send(name, "add a blue cup")
        assert world.begun.wait(60)
        work = opened.view(name).work
        assert work is not None
        assert (work.doing, work.place) == ("running", 0)
        with pytest.raises(StudioError, match="still works on 'add a blue cup'"):
            opened.undo(name)
        opened.cancel(name)
        until(opened, name, ["cancelled"])
        view = opened.view(name)
        assert (view.picture, view.layout, view.history) == (before.picture, before.layout, before.history)
        assert (view.stopped, view.work, view.unfinished) == ("add a blue cup", None, None)
        assert view.messages[-1].state == "stopped"
        world.let_go.set()
        after = opened.events.last
        opened.retry(name)
        assert until(opened, name, after=after).data["agreed"]
        assert (opened.view(name).stopped, phrases(opened, name)) == (None, ["blue cup", "brown dog", "red car"])


def test_a_place_in_the_queue_is_shown_and_can_be_given_up(tmp_path: Path) -> None:
    world = Held()
    with studio(tmp_path, world, most_queued=2) as opened:
        busy, second, third, late = (make(opened) for _ in range(4))
        opened.send(busy, "add a blue cup")
        assert world.begun.wait(60)
        opened.send(second, "add a red cup")
        opened.correct(third, "a red car and a white cup")
        assert [opened.view(name).work.place for name in (second, third)] == [1, 2]  # type: ignore[union-attr]
        with pytest.raises(StudioError, match="the queue is full"):
            opened.send(late, "add a cup")
        with pytest.raises(StudioError, match="has in its queue 'add a red cup'"):
            opened.send(second, "add a green cup")
        opened.cancel(second)
        assert opened.view(second).stopped == "add a red cup"
        assert opened.view(third).work.place == 1  # type: ignore[union-attr]
        world.let_go.set()
        assert until(opened, third).data["agreed"]
        after = opened.events.last
        opened.retry(second)
        assert until(opened, second, after=after).data["agreed"]
        assert "red cup" in phrases(opened, second)


def test_turns_are_done_in_the_order_of_asking_and_none_is_mixed(tmp_path: Path) -> None:
    colours = ("red", "blue", "green", "yellow", "white", "brown")
    with studio(tmp_path, workers=2) as opened:
        names = {colour: make(opened) for colour in colours}
        for text in ("add a {} cup", "add a {} cat"):
            after = opened.events.last
            for colour, name in names.items():
                opened.send(name, text.format(colour))
            for name in names.values():
                assert until(opened, name, after=after).data["agreed"]
        for colour, name in names.items():
            assert {f"{colour} cup", f"{colour} cat"} <= set(phrases(opened, name))
            assert len(opened.view(name).layout) == 4
        began = [event.session for event in opened.events.after("", 0) if event.kind == "began"]
        asked = [*names.values()] * 2
        assert sorted(began) == sorted(asked)
        # two workers take turns in order, but tell of it side by side
        assert all(name in asked[max(0, place - 1) : place + 2] for place, name in enumerate(began))


def test_a_failure_ends_no_other_turn_and_is_told(tmp_path: Path) -> None:
    class Broken(World):
        def detect(self, *args: object, **more: object) -> object:  # type: ignore[override]
            raise BackendError("the detector cannot be used: try another preset")

    with studio(tmp_path, Broken()) as opened:
        name = make(opened)
        assert said(opened, name, "add a blue cup").data["reason"] == "the detector cannot be used: try another preset"
        view = opened.view(name)
        assert (view.unfinished, view.messages[-1].state) == ("add a blue cup", "failed")
        with pytest.raises(StudioError, match="is unfinished"):
            opened.send(name, "add a red cup")
        opened.drop(name)
        assert opened.view(name).unfinished is None


def test_leaving_stops_for_now_and_the_next_process_goes_on(tmp_path: Path) -> None:
    world = Held()
    with studio(tmp_path, world) as opened:
        running, queued = make(opened), make(opened)
        opened.send(running, "add a blue cup")
        opened.send(queued, "add a red cup")
        assert world.begun.wait(60)
    world.let_go.set()
    with studio(tmp_path, world) as opened:
        assert until(opened, running).data["agreed"]
        assert until(opened, queued).data["agreed"]
        assert "blue cup" in phrases(opened, running)
        assert "red cup" in phrases(opened, queued)
        assert len(opened.view(running).history) == len(opened.view(queued).history) == 2
    with studio(tmp_path, world) as opened:
        assert opened.summaries()[0].work is None


def test_what_waited_before_a_kill_is_not_accepted_twice(tmp_path: Path) -> None:
    with studio(tmp_path) as opened:
        name = make(opened, approve=True)
        said(opened, name, "add a blue cup")
        proposal = opened.view(name).proposal
        assert proposal is not None
    order = {"session": name, "verb": "accept", "proposal": "another", "turn": 1}
    (tmp_path / ".queue.json").write_text(json.dumps([order]))
    with studio(tmp_path) as opened:
        view = opened.view(name)
        assert (view.work, view.proposal) == (None, proposal)
    (tmp_path / ".queue.json").write_text(json.dumps([order | {"proposal": proposal.id}]))
    with studio(tmp_path) as opened:
        assert until(opened, name).data["agreed"]
    (tmp_path / ".queue.json").write_text(json.dumps([order | {"proposal": proposal.id}]))
    with studio(tmp_path) as opened:
        assert opened.view(name).work is None


def test_a_turn_that_takes_the_process_down_again_and_again_is_offered_instead(tmp_path: Path) -> None:
    with studio(tmp_path) as opened:
        name = make(opened)
    order = {"session": name, "verb": "send", "text": "add a blue cup", "turn": 1, "tries": 3}
    (tmp_path / ".queue.json").write_text(json.dumps([order]))
    with studio(tmp_path) as opened:
        assert opened.view(name).work is None
        assert opened.view(name).stopped == "add a blue cup"


@pytest.mark.parametrize("text", ["", "[", '[{"session": 3}]', "{}"])
def test_a_damaged_queue_stops_nobody(tmp_path: Path, text: str) -> None:
    (tmp_path / ".queue.json").write_text(text)
    with studio(tmp_path) as opened:
        assert opened.summaries() == ()


def test_a_session_of_the_terminal_goes_on_here_and_the_other_way_round(tmp_path: Path) -> None:
    with begin(tmp_path / "desk") as session:
        session.send("add a blue cup")
        with studio(tmp_path) as opened:
            assert phrases(opened, "desk") == ["blue cup", "brown dog", "red car"]
            assert "another process is working" in said(opened, "desk", "remove the cup").data["reason"]
            with pytest.raises(RunError, match="another process"):
                opened.undo("desk")
    with studio(tmp_path) as opened:
        assert said(opened, "desk", "make it green").data["agreed"]
    with begin(tmp_path / "desk") as session:
        assert session.send("remove the dog").agreed
        assert sorted(placed.phrase for placed in session.show().layout.objects) == ["green cup", "red car"]


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({}, "give a picture, a text, or both"),
        ({"text": "x" * 10_001}, "at most 10,000"),
        ({"text": "a red car", "preset": "../../etc/evil.yaml"}, "no preset"),
        ({"text": "a red car", "preset": "nobody"}, "no preset"),
    ],
)
def test_what_cannot_begin_is_refused(open_studio: Studio, given: dict[str, str], problem: str) -> None:
    with pytest.raises(StudioError, match=problem):
        open_studio.make(**given)  # type: ignore[arg-type]
    assert open_studio.summaries() == ()


def test_a_picture_that_is_none_leaves_nothing_behind(open_studio: Studio) -> None:
    with pytest.raises(PictureError):
        open_studio.make(picture=b"<svg/>")
    assert open_studio.summaries() == ()


def test_a_stop_that_came_too_late_stops_no_later_turn(tmp_path: Path) -> None:
    with begin(tmp_path / "s") as session:
        session.send("add a blue cup")
        assert isinstance(session, Session)
        session.cancel()
        with pytest.raises(SessionError, match="was stopped"):
            session.send("remove the dog")
        assert session.retry().agreed
        assert session.send("make the cup green").agreed
