from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from agent.cli import run as commands
from agent.run.folder import RunFolder
from agent.trace.events import read_trace
from agent.trace.timeline import turns_of
from configs.settings import Settings
from sld.cli import app
from tests.agent.jobs import FIRST, SCRIPT, SECOND, SPEC, run
from tests.agent.sessions import begin
from tests.scripted import ScriptedChat, calls, edit
from tests.world import World, settings

Command = Callable[..., Result]
SECRET = "sk-never-write-this-down"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the runs "a" and "b", which part at the second edit, and "odd", in which things fail."""
    base = tmp_path_factory.mktemp("runs")
    run(base / "a")
    other = edit({"op": "add", "name": "cup", "attributes": ["blue"], "box": [0.3, 0.1, 0.1, 0.1]})
    run(base / "b", chat=ScriptedChat(script=[*SCRIPT[:-1], other]))
    wrong = calls(("edit", {"operations": [{"op": "remove", "id": "cat #1"}]}))
    with pytest.raises(RuntimeError):
        run(base / "odd", chat=ScriptedChat(script=[SPEC, wrong, RuntimeError("the cable was cut")]))
    return base


@pytest.fixture
def sld(recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    shutil.copytree(recorded, tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(app, [str(one) for one in arguments])


def test_the_tree_has_turns_rounds_steps_and_calls_with_what_they_took(sld: Command) -> None:
    lines = sld("trace", "show", "runs/a").stdout.splitlines()

    assert "turn 1: two red cars, a blue cup and no dog agreed" in lines[1]
    assert "20 model evaluations, 60 tokens" in lines[1]
    assert any("step 8 edit" in line and "10 model evaluations" in line for line in lines)
    assert any("language model → detect" in line and "10 + 5 tokens" in line for line in lines)
    assert any("✗ expected no dog" in line for line in lines)
    assert any("round 2 6 of 6 met" in line for line in lines)


def test_failures_stand_out(sld: Command) -> None:
    shown = sld("trace", "show", "runs/odd").stdout

    assert "✗ tool edit" in shown
    assert "cat #1" in shown
    assert "✗ think" in shown
    assert "RuntimeError: the cable was cut" in shown


def test_a_step_shows_everything_that_the_model_saw_and_said(sld: Command) -> None:
    text = sld("trace", "show", "runs/a", "--step", "10").stdout
    events = json.loads(sld("trace", "show", "runs/a", "--step", "10", "--json").stdout)

    assert [event["event"] for event in events] == ["llm", "node"]
    asked = events[0]["asked"]
    assert [message["role"] for message in asked] == ["system", "human", "ai", "tool", "ai", "tool", "human"]
    for message in asked:
        assert all(line in text for line in message["content"].splitlines())
    assert "blue" in text


def test_a_step_that_is_not_there_is_refused(sld: Command) -> None:
    result = sld("trace", "show", "runs/a", "--step", "99")

    assert result.exit_code == 2
    assert "no step 99" in result.stderr


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], ["a", "b", "odd"]),
        (["--agreed"], ["a", "b"]),
        (["--no-agreed"], ["odd"]),
        (["--exit", "failed"], ["odd"]),
        (["--exit", "round limit"], []),
        (["--search", "THE CABLE"], ["odd"]),
        (["--search", "cat #1"], ["odd"]),
        (["--search", "two red cars", "--no-agreed"], ["odd"]),
        (["--search", "object_stride"], []),
        (["--since", "2020-01-01"], ["a", "b", "odd"]),
        (["--since", "2999-01-01T10:00"], []),
        (["--preset", "photo"], []),
    ],
)
def test_runs_are_found_by_how_they_ended_and_by_what_they_hold(
    sld: Command, options: list[str], expected: list[str]
) -> None:
    rows = json.loads(sld("trace", "list", *options, "--json").stdout)
    assert [Path(row["run"]).name for row in rows] == expected


def test_no_date_is_refused_and_no_match_is_said(sld: Command) -> None:
    assert sld("trace", "list", "--since", "yesterday").exit_code == 2
    assert "that fit" in sld("trace", "list", "--search", "a unicorn").stdout


def test_a_step_is_that_of_one_turn_where_branches_count_alike(tmp_path: Path) -> None:
    with begin(tmp_path / "desk") as session:
        session.send("add a blue cup")
        session.undo()
        session.send("remove the dog")

    steps = [[step.number for step in turn.steps] for turn in turns_of(read_trace(tmp_path / "desk" / "trace.jsonl"))]
    common = str(max(set(steps[0]) & set(steps[-1])))

    def shown(*options: str) -> Result:
        return CliRunner().invoke(app, ["trace", "show", str(tmp_path / "desk"), "--step", common, *options])

    both, first = shown("--json"), shown("--json", "--turn", "1")
    events, earlier = json.loads(both.stdout), json.loads(first.stdout)
    assert len({event["task"] for event in events}) == 1
    assert "--turn 1 shows another turn's" in both.stderr
    assert {event["task"] for event in events}.isdisjoint(event["task"] for event in earlier)
    assert shown("--turn", "9").exit_code == 2


def test_two_runs_part_where_they_decide_differently(sld: Command) -> None:
    result = sld("trace", "diff", "runs/a", "runs/b")
    tree = json.loads(sld("trace", "diff", "runs/a", "runs/b", "--json").stdout)

    assert result.exit_code == 3
    assert "the same for 9 steps, then they part at: think (step 10)" in result.stdout
    assert tree["given"] == []
    assert tree["parted"] == [{"step": 10, "node": "think"}] * 2
    assert any(one["where"].endswith("operations[0].box[0]") for one in tree["details"])


def test_a_run_is_the_same_as_itself(sld: Command) -> None:
    result = sld("trace", "diff", "runs/a", "runs/a")

    assert result.exit_code == 0
    assert "the same in all 14 steps" in result.stdout


def test_a_run_that_ended_early_parts_from_one_that_went_on(sld: Command) -> None:
    shown = sld("trace", "diff", "runs/a", "runs/odd").stdout

    assert "part at: think (step 4)" in shown
    assert "not finished" in shown


def test_replay_by_the_command_line(sld: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[Settings] = []

    def make_backend(given: Settings) -> World:
        loaded.append(given)
        return World()

    monkeypatch.setattr(commands, "make_backend", make_backend)

    replayed = sld("trace", "replay", "runs/a", "--from", "8", "--set", "seed=9", "--set", "editor.steps=7", "--json")

    assert replayed.exit_code == 0, replayed.output
    result = json.loads(replayed.stdout)
    record = RunFolder(Path(result["run"])).read_record()
    assert Path(result["run"]).parent.name == "runs"
    assert record["replay"] == {"of": "a", "from": 8, "set": {"editor.steps": 7, "seed": 9}}
    assert record["input"]["seed"] == 9
    assert loaded[0].editor.steps == 7
    assert (Path(result["run"]) / "report.html").is_file()
    compared = json.loads(sld("trace", "diff", "runs/a", result["run"], "--json").stdout)
    assert {one["where"] for one in compared["given"]} >= {"input.seed", "settings.editor.steps"}


@pytest.mark.parametrize("given", ["seed=-1", "seed=x", "seed"])
def test_a_seed_must_be_one(sld: Command, given: str) -> None:
    assert sld("trace", "replay", "runs/a", "--set", given).exit_code == 2


def test_lines_hold_the_record_and_whole_questions(sld: Command) -> None:
    lines = [json.loads(line) for line in sld("trace", "export", "runs/a", "--format", "jsonl").stdout.splitlines()]

    assert lines[0]["event"] == "record"
    assert lines[0]["status"] == "finished"
    assert len(lines) == 1 + len(read_trace(Path("runs/a/trace.jsonl")))
    assert all(line["asked"][0]["role"] == "system" for line in lines if line["event"] == "llm")


def test_a_zip_opens_elsewhere_as_the_same_run(sld: Command, tmp_path: Path) -> None:
    exported = sld("trace", "export", "runs/a", "--format", "zip", "--out", "a.zip")
    with zipfile.ZipFile("a.zip") as archive:
        archive.extractall(tmp_path / "elsewhere")
    moved = tmp_path / "elsewhere" / "a"

    assert exported.stdout.strip() == "a.zip"
    assert sld("trace", "show", moved).stdout == sld("trace", "show", "runs/a").stdout
    assert sld("trace", "diff", "runs/a", moved).exit_code == 0
    assert sld("trace", "report", moved).exit_code == 0
    assert (moved / "final.png").read_bytes() == Path("runs/a/final.png").read_bytes()
    assert not list(moved.rglob(".*"))


def test_a_zip_holds_no_secret_and_no_place_of_this_machine(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    said = f"{SECRET} and {folder.images_path} and {Path.cwd()} and {Path.home()}/x"
    chat = ScriptedChat(script=[SPEC, FIRST.model_copy(update={"content": said}), SECOND])
    run(folder.path, settings=settings(chat={"api_key": SECRET}), chat=chat)

    CliRunner().invoke(app, ["trace", "export", str(folder.path), "--format", "zip", "--out", str(tmp_path / "a.zip")])

    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        names = archive.namelist()
        for name in names:
            data = archive.read(name)
            for text in (SECRET, str(tmp_path), str(Path.cwd()), f"{Path.home()}/"):
                assert text.encode() not in data, (name, text)
    assert {"run/run.json", "run/trace.jsonl", "run/checkpoints.sqlite", "run/final.png"} <= set(names)
