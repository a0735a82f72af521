"""Stopping a turn from another thread: inside an edit, while a language model is asked, for good or for now."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from agent.models.chat import make_chat_model
from agent.session.turn_result import SessionError, TurnPaused, TurnStopped
from configs.settings import ChatSettings
from tests.agent.endpoint import Reply, Server
from tests.agent.sessions import begin, seen
from tests.agent.studios import Held
from tools.stopping import Stop, Stopped, check_stop, current_stop, ended_by


def test_a_turn_stops_inside_an_edit_and_leaves_the_session_as_it_was(tmp_path: Path) -> None:
    world = Held()
    with begin(tmp_path / "s", backend=world) as session:
        before = session.show()
        threading.Thread(target=lambda: (world.begun.wait(60), session.cancel())).start()
        with pytest.raises(TurnStopped, match="'add a blue cup' was stopped"):
            session.send("add a blue cup")
        assert (session.show(), session.unfinished) == (before, None)
        world.let_go.set()
        assert session.send("add a red cup").agreed
        assert seen(session.show()) == ["brown dog", "red car", "red cup"]


def test_a_stopped_turn_is_tried_again_also_by_another_process(tmp_path: Path) -> None:
    world = Held()
    with begin(tmp_path / "s", backend=world) as session:
        session.cancel()
        with pytest.raises(TurnStopped):
            session.correct("a red car and a blue cup")
    world.let_go.set()
    with begin(tmp_path / "s", backend=world) as session:
        result = session.retry()
        assert (result.agreed, result.text, result.turn) == (True, "a red car and a blue cup", 2)
        assert "blue cup" in seen(result)
        with pytest.raises(SessionError, match="no turn is unfinished"):
            session.resume()


def test_a_turn_that_pauses_goes_on_later(tmp_path: Path) -> None:
    world, stop = Held(), Stop()
    with begin(tmp_path / "s", backend=world, stop=stop) as session:
        threading.Thread(target=lambda: (world.begun.wait(60), stop.ask(pause=True))).start()
        with pytest.raises(TurnPaused):
            session.send("add a blue cup")
        assert session.unfinished == "add a blue cup"
    world.let_go.set()
    with begin(tmp_path / "s", backend=world) as session:
        assert session.resume().agreed
        assert len(session.history()) == 2


def test_a_turn_stops_while_a_language_model_thinks(tmp_path: Path) -> None:
    server = Server()
    with closing(server), server.play(Reply({}, delay=5)) as endpoint:
        chat = make_chat_model(ChatSettings(provider="openai", base_url=endpoint.url, timeout=60))
        with begin(tmp_path / "s", chat=chat) as session:

            def cancel() -> None:
                while not endpoint.requests:
                    time.sleep(0.01)
                session.cancel()

            threading.Thread(target=cancel).start()
            with pytest.raises(TurnStopped):
                session.send("add a blue cup")
            assert len(endpoint.requests) == 1


def test_a_stop_is_seen_only_by_the_work_it_belongs_to() -> None:
    stop = Stop()
    stop.ask()
    check_stop()
    with stop.watching(), pytest.raises(Stopped):
        check_stop()
    assert current_stop() is None
    stop.clear()
    with stop.watching():
        check_stop()


def test_what_is_called_is_cut_short_once() -> None:
    stop, cut = Stop(), list[str]()
    with stop.watching():
        with ended_by(lambda: cut.append("late")):
            pass
        with ended_by(lambda: cut.append("under way")):
            stop.ask()
        with ended_by(lambda: cut.append("before it began")):
            pass
    with ended_by(lambda: cut.append("nobody's")):
        pass
    assert cut == ["under way", "before it began"]
