"""kill -9 at any moment of a batch, a generation or a conversation, then on again: as if nothing had happened."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from agent.offline.planner import OfflinePlanner
from agent.run.folder import RunFolder, find_runs
from agent.session.session import Session
from agent.trace.events import effective, read_trace
from tests.agent.jobs import START
from tests.killing import serving
from tests.world import World, draw

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
ITEMS = [
    {"input_fname": "a", "output_dir": "one", "prompt": "two red cars and no dog"},
    {"input_fname": "a", "output_dir": "two", "prompt": "a red car and two green dogs"},
]
COMMANDS = {
    "batch": ["batch", "items.json", "--mode", "self_correction", "--input-dir", ".", "--output-dir", "out"],
    "generate": ["generate", "two red cars", "--out", "out/one"],
}
RESUME = ["generate", "two red cars", "--resume", "out/one"]
CHAT = ["chat", "a.png", "--preset", "iconworld", "--sessions", "talks"]
LINES = ("add a blue cup", "make it green", "how many cups are there?", "move it to the top", "remove the dog")


class Server:
    """Starts commands in processes of their own and kills them."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.requests, self.answers = process.stdin, process.stdout

    def __call__(self, folder: Path, command: list[str], seconds: float | None = None) -> int:
        self.requests.write("\t".join([str(folder), *command]) + "\n")
        self.requests.flush()
        child = int(self.answers.readline())
        if seconds is not None:
            time.sleep(seconds)
            os.kill(child, signal.SIGKILL)
        self.requests.write("\n")
        self.requests.flush()
        return int(self.answers.readline())


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving("tests.hostile.killable") as process:
        yield Server(process)


MANY = pytest.mark.parametrize("kills", [1, pytest.param(34, marks=pytest.mark.slow)])


def prepare(folder: Path) -> Path:
    folder.mkdir()
    draw(START).save(folder / "a.png")
    (folder / "items.json").write_text(json.dumps(ITEMS))
    return folder


def left_behind(folder: Path) -> dict[str, Any]:
    """Return what a user gets: results without times, and pictures byte by byte."""
    found: dict[str, Any] = {}
    for run in sorted((folder / "out").iterdir()):
        record = RunFolder(run).read_record()
        result = {key: record["result"][key] for key in ("agreed", "exit", "rounds", "image", "verdict", "spec")}
        found[run.name] = (record["status"], result, (run / "final.png").read_bytes(), (run / "report.html").exists())
        assert not list(run.rglob("*.part"))
    return found


@pytest.mark.timeout(3600)
@MANY
@pytest.mark.parametrize("name", COMMANDS)
def test_a_killed_command_ends_as_one_that_was_not(server: Server, tmp_path: Path, name: str, kills: int) -> None:
    again = COMMANDS[name] if name == "batch" else RESUME
    whole, began = prepare(tmp_path / "whole"), time.monotonic()
    assert server(whole, COMMANDS[name]) in (0, 3 << 8)
    duration, moments = time.monotonic() - began, random.Random(kills)
    for number in range(kills):
        folder = prepare(tmp_path / str(number))
        server(folder, COMMANDS[name], moments.uniform(0, duration))
        begun = (folder / "out" / "one").is_dir()
        server(folder, again if begun else COMMANDS[name])
        assert left_behind(folder) == left_behind(whole)


def converse(server: Server, folder: Path, seconds: float | None = None) -> int:
    """Say in ``folder`` what was not said yet, as a person would who looks at what is there."""
    begun = find_runs(folder / "talks")
    said = begun[0].read_record()["session"]["turns"] if begun else 0
    (folder / "typed.txt").write_text("\n".join([*LINES[said:], "/save saved.png", ""]))
    return server(folder, [*CHAT[:1], "--session", begun[0].path.name, *CHAT[4:]] if begun else CHAT, seconds)


def talk_left_behind(folder: Path) -> dict[str, Any]:
    """Return what a conversation leaves, by its own account and byte by byte; nothing in its story is told twice."""
    (run,) = find_runs(folder / "talks")
    record, events = run.read_record(), effective(read_trace(run.trace_path))
    nodes = [event["task"] for event in events if event["event"] == "node"]
    assert len(set(nodes)) == len(nodes)
    assert not list(run.path.rglob("*.part"))
    with Session.open(run.path, backend=World(START), chat=OfflinePlanner()) as session:
        tree = [(one.turn, one.parent, one.text, one.exit, one.image and one.image.stem) for one in session.history()]
    ends = [event["turn"] for event in events if event["event"] == "end"]
    pictures = {path.name for path in run.images_path.iterdir()}
    return {"tree": tree, "ends": ends, "status": record["status"], "pending": record["session"]["pending"]} | {
        "pictures": pictures,
        "final": run.final_path.read_bytes(),
        "saved": (folder / "saved.png").read_bytes(),
    }


@pytest.mark.timeout(3600)
@MANY
def test_a_killed_conversation_ends_as_one_that_was_not(server: Server, tmp_path: Path, kills: int) -> None:
    whole, began = prepare(tmp_path / "whole"), time.monotonic()
    assert converse(server, whole) == 0, (whole / "said.txt").read_text()
    duration, moments = time.monotonic() - began, random.Random(kills)
    expected = talk_left_behind(whole)
    assert [text for _, _, text, _, _ in expected["tree"]] == ["", *LINES]
    for number in range(kills):
        folder = prepare(tmp_path / str(number))
        converse(server, folder, moments.uniform(0, duration))
        assert converse(server, folder) == 0, (folder / "said.txt").read_text()
        assert talk_left_behind(folder) == expected
