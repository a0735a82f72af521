"""Conversations: no line locks one, kills lose nothing, and a long one grows slowly."""

from __future__ import annotations

import gc
import resource
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from agent.cli import chat as chat_cli
from agent.cli.app import app
from agent.offline.planner import OfflinePlanner
from agent.session.session import Session
from agent.session.turn_result import SessionError
from tests.agent.conversation import START
from tests.world import World, draw, settings

OWN = settings(detector={"vocabulary": ["car", "dog", "cup"], "attributes": ["red", "blue", "green", "brown"]})
LINES = (
    "x" * 81, "make the " + "y" * 5000 + " red", "add a " + "z" * 200, "\x1b[2J\x9b31m", "/branch " + "n" * 500,
    "/save /proc/nowhere/x.png", "/save x.nothing", "/switch nowhere", "/branch a 99999999999999999999", "/nothing",
    '/save "', "undo", "redo", "{}", "[" * 2000, "\u202e\u2066", "add 99999999999999999999 cups", "move it to nan",
    "1 2 3 4 5", "y", "n", "\ufffd", "remove car #1; remove car #1", "/resume", "/drop", "/retry", "/approve maybe",
)  # fmt: skip


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    world = World(START)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(chat_cli, "make_backend", lambda settings: world)
    draw(START).save("start.png")
    return world


def talk(*lines: str, session: str = "") -> Result:
    begin = ["--session", session] if session else ["start.png", "--preset", "iconworld"]
    given = "".join(f"{line}\n" for line in lines)
    return CliRunner().invoke(app, ["chat", *begin, "--sessions", "sessions"], input=given.encode("utf-8", "replace"))


def test_no_line_locks_a_conversation(world: World) -> None:
    result = talk(*LINES, "/approve off", "/drop", "add a blue cup")
    assert result.exit_code == 0, result.output[-2000:]
    assert "Traceback" not in result.output
    assert "picture: " in result.stdout.splitlines()[-1]


def test_an_unexpected_error_ends_the_turn_and_not_the_conversation(world: World) -> None:
    world.edit_errors.append(ZeroDivisionError("no such number"))  # type: ignore[arg-type]  # it raises what it holds
    result = talk("add a blue cup", "add a green cup")
    assert "ZeroDivisionError: no such number (the turn has ended)" in result.stdout
    assert result.exit_code == 0, result.output


def test_a_turn_that_fails_again_and_again_can_be_given_up(world: World) -> None:
    with Session.open("talk", image="start.png", settings=OWN, backend=world, chat=OfflinePlanner()) as session:
        for _ in range(2):
            world.edit_errors.append(OSError(28, "No space left on device"))  # type: ignore[arg-type]
        with pytest.raises(OSError, match="No space"):
            session.send("add a blue cup")
        with pytest.raises(OSError, match="No space"):
            session.resume()
        with pytest.raises(SessionError, match="unfinished"):
            session.send("add a green cup")
        session.drop()
        assert session.send("add a green cup").agreed


def test_text_that_is_none_is_refused(world: World) -> None:
    with Session.open("talk", image="start.png", settings=OWN, backend=world, chat=OfflinePlanner()) as session:
        with pytest.raises(SessionError, match="not valid UTF-8"):
            session.send("a \udcff cup")
        assert session.send("add a blue cup").agreed


def test_a_typed_undo_says_where_one_stands(world: World) -> None:
    result = talk("add a blue cup", "undo")
    last = result.stdout.splitlines()[-2:]
    assert last[0] == "on main, at the beginning"
    assert result.stdout.count("added 'cup #1'") <= 1


def folder_size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_five_hundred_turns_take_no_more_memory_and_grow_the_folder_steadily(world: World) -> None:
    texts = ("make the car blue", "make the car red", "what do you see?", "swap the car and the dog")
    sizes: list[int] = []
    with Session.open("talk", image="start.png", settings=OWN, backend=world, chat=OfflinePlanner()) as session:
        for turn in range(500):
            session.send(texts[turn % len(texts)])
            if turn % 100 == 99:
                gc.collect()
                sizes.append(folder_size(Path("talk")))
            if turn == 99:
                before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    steps = [after - earlier for earlier, after in pairwise(sizes)]
    kilobytes = [round(step / 100 / 1024, 1) for step in steps]
    sys.stdout.write(f"kilobytes a turn: {kilobytes}; memory in MiB: {grown / 1024:.0f}\n")
    assert grown < 60 * 1024, "kilobytes"
    assert max(steps) < 1.5 * min(steps), steps
