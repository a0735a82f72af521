"""``sld.run``: one call does what the commands generate, correct and edit do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import sld
from agent.run.folder import RunFolder
from configs.errors import SettingsError
from tests.agent.jobs import PROMPT, SCRIPT, START
from tests.scripted import ScriptedChat
from tests.world import World, draw, scene

if TYPE_CHECKING:
    from pathlib import Path


def run(*arguments: Any, out: Path, **options: Any) -> sld.RunResult:
    return sld.run(*arguments, out=out / "run", **{"backend": World(), **options})


def test_it_corrects_a_picture_and_writes_a_report(tmp_path: Path) -> None:
    draw(START).save(tmp_path / "start.png")

    result = run(PROMPT, out=tmp_path, image=tmp_path / "start.png", chat=ScriptedChat(script=list(SCRIPT)))

    assert isinstance(result, sld.RunResult)
    assert (result.agreed, result.rounds) == (True, 2)
    assert result.image == tmp_path / "run" / "final.png"
    assert (result.run / "report.html").is_file()
    assert RunFolder(result.run).read_record()["origin"] == "start.png"


def test_it_generates_without_a_picture(tmp_path: Path) -> None:
    world = World(scene(("red car", [0.1, 0.1, 0.3, 0.3])))
    assert run("a red car", out=tmp_path, backend=world).agreed
    assert world.generated == 1


def test_it_edits_as_an_instruction_says(tmp_path: Path) -> None:
    world = World()
    assert run(out=tmp_path, instruction="remove the dog", image=draw(START), backend=world).agreed
    assert [operation["op"] for operation in world.edits[0]] == ["remove"]


def test_overrides_are_settings_and_are_written_down(tmp_path: Path) -> None:
    result = run("a zebra", out=tmp_path, image=draw(START), loop__rounds=0, detector__nms=0.4)
    record = RunFolder(result.run).read_record()
    assert record["overrides"] == {"loop.rounds": 0, "detector.nms": 0.4}
    assert record["settings"]["detector"]["nms"] == 0.4


def test_a_setting_that_does_not_exist_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"loop\.laps"):
        run("a red car", out=tmp_path, loop__laps=3)
    assert not (tmp_path / "run").exists()


def test_a_run_that_is_done_is_only_read(tmp_path: Path) -> None:
    first = run("a red car", out=tmp_path, image=draw(START))
    world = World()
    assert run("a red car", out=tmp_path, image=draw(START), backend=world) == first
    assert world.asked == []


def test_without_a_folder_a_new_one_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = sld.run("a red car", image=draw(START), backend=World())
    assert result.run.parent.name == "runs"
