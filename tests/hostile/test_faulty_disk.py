"""A disk that is full, read-only or broken: one sentence each, and everything can be gone on with once it is mended."""

from __future__ import annotations

import errno
import os
import re
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner, Result

from agent.cli import batch, chat
from agent.cli import run as commands
from agent.cli.app import app
from agent.offline.planner import OfflinePlanner
from agent.run.folder import RunFolder, find_runs
from tests.agent.jobs import PROMPT, START
from tests.agent.killable import Talker
from tests.world import World, draw

if TYPE_CHECKING:
    from collections.abc import Iterator

    from configs.settings import Settings

LINES = ("add a blue cup", "make it green")
TOLD = r"sld: ('.*': )?(Input/output error|disk I/O error)"


@pytest.fixture(autouse=True)
def _bench(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for module in (commands, chat, batch):
        monkeypatch.setattr(module, "make_backend", lambda settings: Bench(START))
    monkeypatch.setattr(commands, "make_chat_model", lambda settings: Talker())
    monkeypatch.setattr(chat, "announce_chat", lambda settings: OfflinePlanner())
    monkeypatch.setattr("tests.agent.killable.PAUSE", 0)
    draw(START).save("start.png")


class Bench(World):
    """Serves items with thresholds of their own too."""

    def with_settings(self, settings: Settings) -> Bench:
        return self


class Disk:
    """Breaks at the write number ``left``, and stays broken until it is mended."""

    def __init__(self) -> None:
        self.left = 0
        self.broken = False

    def __call__(self) -> None:
        self.broken = self.broken or self.left == 0
        self.left -= 1
        if self.broken:
            raise OSError(errno.EIO, "Input/output error")


@pytest.fixture(params=["files", "checkpoints"])
def disk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    """Every write of a file goes through `tools.files`, every checkpoint through a commit of SQLite."""
    disk, synced, opened = Disk(), os.fsync, Path.open

    class Database(sqlite3.Connection):
        def commit(self) -> None:
            try:
                disk()
            except OSError:
                self.rollback()
                raise sqlite3.OperationalError("disk I/O error") from None
            super().commit()

    def sync(handle: int) -> None:
        disk()
        synced(handle)

    def open_path(self: Path, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        if mode == "a":
            disk()
        return opened(self, mode, *args, **kwargs)

    with monkeypatch.context() as patch:
        if request.param == "files":
            patch.setattr(os, "fsync", sync)
            patch.setattr(Path, "open", open_path)
        else:
            connect = sqlite3.connect
            patch.setattr("sqlite3.connect", lambda *args, **kwargs: connect(*args, **kwargs, factory=Database))
        yield disk


def sld(*arguments: str, lines: tuple[str, ...] = ()) -> Result:
    return CliRunner().invoke(app, arguments, input="".join(f"{line}\n" for line in lines))


def outcome(run: RunFolder) -> tuple[Any, ...]:
    record = run.read_record()
    assert not list(run.path.rglob("*.part"))
    result = {key: record["result"][key] for key in ("agreed", "exit", "rounds", "image", "verdict")}
    return record["status"], result, run.final_path.read_bytes()


MOMENTS = [0, 4, pytest.param(range(2, 60), marks=[pytest.mark.slow, pytest.mark.timeout(900)])]


@pytest.mark.parametrize("moments", MOMENTS)
def test_a_run_on_a_broken_disk_ends_with_a_sentence_and_goes_on_later(disk: Disk, moments: int | range) -> None:
    disk.left = -1
    sld("generate", PROMPT, "--out", "whole")
    whole = outcome(RunFolder(Path("whole")))
    for moment in [moments] if isinstance(moments, int) else moments:
        out = f"out-{moment}"
        disk.left = moment
        ended = sld("generate", PROMPT, "--out", out)
        if disk.broken:
            said = [line for line in ended.output.splitlines() if line.startswith("sld: ")]
            assert ended.exit_code == 1, ended.output
            assert len(said) == 1, ended.output
            assert re.match(TOLD, said[0]), said
            assert "Traceback" not in ended.output
        disk.left, disk.broken = -1, False
        begun = RunFolder(Path(out)).started
        again = sld("generate", PROMPT, "--resume" if begun else "--out", out)
        assert again.exit_code == 0, again.output
        assert outcome(RunFolder(Path(out))) == whole


@pytest.mark.parametrize("moments", MOMENTS)
def test_a_conversation_on_a_broken_disk_loses_no_turn(disk: Disk, moments: int | range) -> None:
    begin = ("chat", "start.png", "--preset", "iconworld", "--sessions")
    disk.left = -1
    assert sld(*begin, "whole", lines=LINES).exit_code == 0
    whole = outcome(find_runs(Path("whole"))[0])
    for moment in [moments] if isinstance(moments, int) else moments:
        base = f"talks-{moment}"
        disk.left = moment
        ended = sld(*begin, base, lines=LINES)
        assert "Traceback" not in ended.output
        assert not disk.broken or re.search("(Input/output|disk I/O) error", ended.output), ended.output
        disk.left, disk.broken = -1, False
        begun = find_runs(Path(base))
        said = begun[0].read_record()["session"]["turns"] if begun else 0
        go_on = ("chat", "--session", begun[0].path.name, "--sessions", base) if begun else (*begin, base)
        again = sld(*go_on, lines=LINES[said:])
        assert again.exit_code == 0, again.output
        assert outcome(find_runs(Path(base))[0]) == whole


@pytest.mark.parametrize(
    "place", ["start.png", "start.png/below", "/proc/nothing/run", "/dev/null", "/sys/run", "x" * 300]
)
@pytest.mark.parametrize("command", ["generate", "chat", "batch"])
def test_a_place_where_nothing_can_be_written_is_a_sentence(command: str, place: str) -> None:
    if place.startswith(("/proc", "/sys")) and not Path(place).parent.parent.is_dir():
        pytest.skip("this system has no such place")
    Path("items.json").write_text('[{"input_fname": "start", "output_dir": "one", "prompt": "a red car"}]')
    arguments = {
        "generate": ["generate", PROMPT, "--out", place],
        "chat": ["chat", "start.png", "--preset", "iconworld", "--sessions", place],
        "batch": ["batch", "items.json", "--mode", "self_correction", "--input-dir", ".", "--output-dir", place],
    }
    ended = sld(*arguments[command])
    said = [line for line in ended.stderr.splitlines() if line.startswith(("sld: ", "  failed: "))]
    assert ended.exit_code in (1, 2), ended.output
    assert len(said) == 1, ended.output
    assert not re.search(r"SLD_DEBUG|\[Errno|Traceback", ended.output)


SMALL_DISK = """
import resource, sys
from pathlib import Path
from typer.testing import CliRunner
from agent.cli import run as commands
from agent.cli.app import app
from tests.agent.jobs import PROMPT, SCRIPT, START
from tests.scripted import ScriptedChat
from tests.world import World
commands.make_backend = lambda settings: World(START)
commands.make_chat_model = lambda settings: ScriptedChat(script=list(SCRIPT))
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
ended = CliRunner().invoke(app, ["generate", PROMPT, "--out", "out"])
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
again = CliRunner().invoke(app, ["generate", PROMPT, "--resume", "out"])
print(ended.exit_code, again.exit_code, ended.stderr.splitlines()[-1])
assert not list(Path("out").rglob("*.part"))
"""


@pytest.mark.parametrize(
    "room",
    [
        pytest.param(3_000, marks=pytest.mark.slow),
        pytest.param(100, marks=pytest.mark.slow),
        pytest.param(40_000, marks=pytest.mark.slow),
    ],
)
def test_a_run_on_a_disk_without_room_ends_with_a_sentence_and_goes_on_later(room: int) -> None:
    """No file may grow over ``room`` bytes: the record, the trace or the checkpoints do not fit."""
    root = str(Path(__file__).resolve().parents[2])
    ended = subprocess.run(
        [sys.executable, "-c", SMALL_DISK, str(room)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": root},
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    told = r"1 0 sld: '.*': (File too large|disk I/O error|database or disk is full)"
    assert re.match(told, ended.stdout), ended.stdout
