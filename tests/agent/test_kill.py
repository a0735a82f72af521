"""kill -9, then the same command again: nothing lost, nothing done twice."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agent.driver import RunFolder, read_result
from agent.trace import effective, read_trace

ROOT = Path(__file__).resolve().parents[2]


def start(run: Path, log: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.agent.killable", str(run), str(log)]
    child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    return child


def check(run: Path, log: Path) -> None:
    result = read_result(RunFolder(run))
    events = effective(read_trace(run / "trace.jsonl"))
    nodes = [event for event in events if event["event"] == "node"]
    assert result.agreed
    assert [node["node"] for node in nodes].count("edit") == 2
    assert [node["node"] for node in nodes].count("judge") == 3
    assert len({node["task"] for node in nodes}) == len(nodes)
    edits = log.read_text().split()
    # An edit that the kill cut off before it was kept is drawn again; one that was kept never is.
    assert set(edits) == {"restyle", "add"}
    assert len(edits) <= 3


def kill_and_resume(tmp_path: Path, moments: list[float]) -> None:
    run, log = tmp_path / "run", tmp_path / "edits"
    for moment in moments:
        child = start(run, log)
        time.sleep(moment)
        child.send_signal(signal.SIGKILL)
        child.communicate()
    child = start(run, log)
    child.communicate(timeout=100)
    assert child.returncode == 0
    check(run, log)


def test_a_killed_run_goes_on(tmp_path: Path) -> None:
    """Kills when the trace shows that the first edit is done: the middle of the story, on any machine."""
    run, log = tmp_path / "run", tmp_path / "edits"
    child = start(run, log)
    while not log.exists() and child.poll() is None:
        time.sleep(0.005)
    child.send_signal(signal.SIGKILL)
    child.communicate()
    assert "finished" not in (run / "run.json").read_text()

    again = start(run, log)
    again.communicate(timeout=100)

    assert again.returncode == 0
    check(run, log)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_thirty_random_kills(tmp_path: Path) -> None:
    moments = random.Random(0)
    for number in range(30):
        kill_and_resume(tmp_path / str(number), [moments.uniform(0.0, 1.5)])
