"""kill -9 in the middle of a conversation, then the same again: no turn lost, none done twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agent.offline.planner import OfflinePlanner
from agent.session.session import Session
from agent.trace.events import effective, read_trace
from tests.agent.killable_session import SETTINGS, TEXTS
from tests.killing import serving
from tests.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[3]
LONGEST = 60.0  # seconds for a whole conversation on a busy machine


class Server:
    """Holds the conversation in processes of their own and kills them."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.requests, self.answers = process.stdin, process.stdout

    def __call__(self, folder: Path, seconds: float = LONGEST) -> int:
        """Talk in ``folder``, killed after ``seconds``; return the process's status."""
        folder.mkdir(exist_ok=True)
        self.requests.write(f"{folder}\n")
        self.requests.flush()
        child, end = int(self.answers.readline()), time.monotonic() + seconds
        if seconds < LONGEST:
            time.sleep(max(0.0, end - time.monotonic()))
            os.kill(child, signal.SIGKILL)
        self.requests.write("\n")
        self.requests.flush()
        return int(self.answers.readline())


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving("tests.agent.killable_session") as process:
        yield Server(process)


def outcome(folder: Path) -> dict[str, object]:
    """Return what must be the same however often the conversation was killed."""
    with Session.open(folder / "session", settings=SETTINGS, backend=World(), chat=OfflinePlanner()) as session:
        tree = session.history()
        current = next(moment for moment in tree if moment.current)
        assert current.image is not None
        return {
            "tree": [(moment.turn, moment.parent, moment.text, moment.exit, moment.branches) for moment in tree],
            "pictures": [moment.image and moment.image.stem for moment in tree],
            "here": current.turn,
            "branch": session.branch_name,
            "unfinished": session.unfinished,
            "saved": (folder / "saved.png").read_bytes() == current.image.read_bytes(),
        }


def check(folder: Path, whole: dict[str, object]) -> None:
    assert outcome(folder) == whole
    events = effective(read_trace(folder / "session" / "trace.jsonl"))
    nodes = [event for event in events if event["event"] == "node"]
    assert len({node["task"] for node in nodes}) == len(nodes), "no node twice"
    assert [event["turn"] for event in events if event["event"] == "start"] == list(range(1, 11))
    edited = [node for node in nodes if node["node"] == "edit"]
    assert len(edited) == 9, "one edit for each turn but the question"


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kills", [4, pytest.param(20, marks=pytest.mark.slow)])
def test_a_conversation_killed_at_random_moments_goes_on(server: Server, tmp_path: Path, kills: int) -> None:
    started = time.monotonic()
    assert server(tmp_path / "whole") == 0
    took, moments = time.monotonic() - started, random.Random(kills)
    whole = outcome(tmp_path / "whole")
    assert [text for _, _, text, _, _ in whole["tree"]] == ["", *TEXTS, TEXTS[-1]]  # type: ignore[attr-defined]  # a list
    check(tmp_path / "whole", whole)

    for number in range(kills):
        folder = tmp_path / str(number)
        assert server(folder, moments.uniform(0, took)) in (0, signal.SIGKILL)
        assert server(folder) == 0
        check(folder, whole)
        # An edit that the kill cut off before it was kept is drawn again; one that was kept never is.
        assert len((folder / "edits").read_text().split()) <= 10


@pytest.mark.timeout(600)
def test_a_conversation_killed_again_and_again_gets_there(server: Server, tmp_path: Path) -> None:
    started = time.monotonic()
    assert server(tmp_path / "whole") == 0
    took = time.monotonic() - started
    for _ in range(6):
        server(tmp_path / "again", took / 5)
    assert server(tmp_path / "again") == 0
    check(tmp_path / "again", outcome(tmp_path / "whole"))
