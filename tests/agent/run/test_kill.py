"""kill -9, then the same command again: nothing lost, nothing done twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agent.run.driver import RunFolder, read_result
from agent.trace.events import effective, read_trace
from tests.killing import serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parents[3]
AGREED = 0


class Server:
    """Starts runs in processes of their own and kills them."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.requests, self.answers = process.stdin, process.stdout

    def __call__(self, folder: Path, until: Callable[[], bool] | None = None) -> int:
        """Run in ``folder``, killed as soon as ``until`` says so; return the process's status."""
        self.requests.write(f"{folder / 'run'}\t{folder / 'edits'}\n")
        self.requests.flush()
        child = int(self.answers.readline())
        if until is not None:
            while not until():
                time.sleep(0.002)
            os.kill(child, signal.SIGKILL)
        self.requests.write("\n")
        self.requests.flush()
        return int(self.answers.readline())


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving("tests.agent.killable") as process:
        yield Server(process)


def check(folder: Path) -> None:
    result = read_result(RunFolder(folder / "run"))
    nodes = [event for event in effective(read_trace(folder / "run" / "trace.jsonl")) if event["event"] == "node"]
    names = [node["node"] for node in nodes]
    edits = (folder / "edits").read_text().split()
    assert result.agreed
    assert (names[0], names.count("edit"), names.count("judge"), names[-1]) == ("begin", 2, 3, "finish")
    assert {event["node"] for event in nodes} == {"begin", "parse", "judge", "think", "act", "edit", "finish"}
    assert len({node["task"] for node in nodes}) == len(nodes)
    # An edit that the kill cut off before it was kept is drawn again; one that was kept never is.
    assert set(edits) == {"restyle", "add"}
    assert len(edits) <= 3


def test_a_run_killed_after_its_first_edit_goes_on_with_the_second(server: Server, tmp_path: Path) -> None:
    trace = tmp_path / "run" / "trace.jsonl"

    killed = server(tmp_path, lambda: trace.exists() and '"node": "edit"' in trace.read_text())
    resumed = server(tmp_path)

    assert (killed, resumed) == (signal.SIGKILL, AGREED)
    assert (tmp_path / "edits").read_text().split() == ["restyle", "add"]
    check(tmp_path)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("kills", [4, pytest.param(30, marks=pytest.mark.slow)])
def test_runs_killed_at_random_moments_go_on(server: Server, tmp_path: Path, kills: int) -> None:
    started = time.monotonic()
    assert server(tmp_path / "whole") == AGREED
    whole, moments = time.monotonic() - started, random.Random(kills)

    for number in range(kills):
        end = time.monotonic() + moments.uniform(0, whole)
        server(tmp_path / str(number), lambda end=end: time.monotonic() > end)  # type: ignore[misc]  # bound now
        assert server(tmp_path / str(number)) == AGREED
        check(tmp_path / str(number))


def test_a_run_killed_again_and_again_gets_there(server: Server, tmp_path: Path) -> None:
    trace, seen = tmp_path / "run" / "trace.jsonl", 0
    for _ in range(4):
        goal = seen + 3
        server(tmp_path, lambda goal=goal: lines(trace) >= goal)  # type: ignore[misc]  # bound now
        seen = lines(trace)

    assert server(tmp_path) == AGREED
    check(tmp_path)


def lines(path: Path) -> int:
    return path.read_text().count("\n") if path.exists() else 0
