"""kill -9 at any moment of a batch or a generation, then the same command again: as if nothing had happened."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from agent.run.folder import RunFolder
from tests.agent.jobs import START
from tests.world import draw

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
    with subprocess.Popen(
        [sys.executable, "-m", "tests.hostile.killable"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield Server(process)
        assert process.stdin is not None
        process.stdin.close()


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
@pytest.mark.parametrize("kills", [1, pytest.param(20, marks=pytest.mark.slow)])
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
