"""The command line as a user meets it: exit codes, output, messages. Models are the test world's."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from agent.cli import run as commands
from agent.models import chat as chat_models
from sld.cli import app
from tests.agent.endpoint import Server, failed, said
from tests.agent.jobs import FIRST, PROMPT, SCRIPT, SECOND, SPEC, START
from tests.scripted import ScriptedChat
from tests.world import World, draw
from tools.backend.protocol import BackendError
from tools.scene.errors import CannotParse

if TYPE_CHECKING:
    from configs.settings import Settings


class Bench:
    """A command line whose models are replaced; ``chat`` and ``world`` may be changed by a test."""

    def __init__(self) -> None:
        self.chat: Any = ScriptedChat(script=list(SCRIPT))
        self.world = World(START)
        self.loaded = 0

    def backend(self, settings: Settings) -> World:
        self.loaded += 1
        return self.world

    def __call__(self, *arguments: str | Path, stdin: str | None = None) -> Result:
        return CliRunner().invoke(app, [str(argument) for argument in arguments], input=stdin)


@pytest.fixture
def sld(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Bench:
    bench = Bench()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(commands, "make_backend", bench.backend)
    monkeypatch.setattr(commands, "make_chat_model", lambda settings: bench.chat)
    return bench


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "start.png"
    draw(START).save(path)
    return path


def test_generate_agrees_and_says_where_everything_is(sld: Bench) -> None:
    result = sld("generate", PROMPT, "--out", "out")

    assert result.exit_code == 0, result.output
    assert "offline planner" in result.stdout.splitlines()[0]
    assert "agreed after 2 rounds" in result.stdout
    assert Path("out/final.png").is_file()
    assert Path("out/report.html").is_file()
    assert "round 1" in result.stderr


def test_a_run_gets_a_folder_of_its_own_when_none_is_named(sld: Bench) -> None:
    sld("generate", PROMPT)

    (run,) = Path("runs").iterdir()
    assert re.fullmatch(r"\d{8}-\d{6}-two-red-cars-a-blue-cup-and-no-dog", run.name)


def test_json_is_exactly_one_object_on_standard_output(sld: Bench, picture: Path) -> None:
    result = sld("correct", picture, PROMPT, "--preset", "iconworld", "--json", "--out", "out")

    answer = json.loads(result.stdout)
    told = ["agreed", "exit", "detail", "rounds", "fallbacks", "notes", "image", "run", "verdict", "unchecked", "usage"]
    assert list(answer) == told
    assert (answer["agreed"], answer["exit"], answer["rounds"]) == (True, "agreed", 2)
    assert Path(answer["image"]).is_file()
    assert "offline planner" in result.stderr.splitlines()[0]


def test_no_agreement_is_exit_code_3_with_a_picture(sld: Bench, picture: Path) -> None:
    sld.chat = ScriptedChat(script=[SPEC, FIRST])

    result = sld("correct", picture, PROMPT, "--preset", "iconworld", "--rounds", "1", "--out", "out")

    assert result.exit_code == 3
    assert "not agreed after 1 round (round limit)" in result.stdout
    assert Path("out/final.png").is_file()


def test_what_nothing_checked_is_shown_and_counted(sld: Bench) -> None:
    told = json.dumps(SPEC | {"unchecked": ["holding hands"]})
    sld.chat = ScriptedChat(script=[told, FIRST, SECOND])
    result = sld("generate", f"{PROMPT}, holding hands", "--out", "out")
    assert result.exit_code == 0, result.output
    assert "agreed after 2 rounds, 1 not checked" in result.stdout
    assert "? not checked: 'holding hands'" in result.stdout
    assert "✓ expected" in result.stdout
    report = Path("out", "report.html").read_text(encoding="utf-8")
    assert "agreed, 1 not checked" in report
    assert 'class="open"' in report
    assert "? not checked: 'holding hands'" in sld("trace", "show", "out").stdout
    sld.chat = ScriptedChat(script=[told, FIRST, SECOND])
    again = json.loads(sld("generate", f"{PROMPT}, holding hands", "--out", "again", "--json").stdout)
    assert again["unchecked"] == ["not checked: 'holding hands'"]


def test_what_was_taken_for_granted_is_said(sld: Bench) -> None:
    told = json.dumps(SPEC | {"notes": ["taking 'lumen' for an object"]})
    sld.chat = ScriptedChat(script=[told, FIRST, SECOND])
    assert "(taking 'lumen' for an object)\nagreed" in sld("generate", PROMPT, "--out", "out").stdout
    report = Path("out", "report.html").read_text(encoding="utf-8")
    assert report.count("(taking &#39;lumen&#39; for an object)") == 1
    sld.chat = ScriptedChat(script=[told, FIRST, SECOND])
    again = json.loads(sld("generate", PROMPT, "--out", "again", "--json").stdout)
    assert again["notes"] == ["taking 'lumen' for an object"]


def test_edit_follows_an_instruction(sld: Bench, picture: Path) -> None:
    operations = {"operations": [{"op": "remove", "id": "dog #1"}]}
    call = FIRST.model_copy(
        update={"tool_calls": [{"name": "edit", "args": operations, "id": "x", "type": "tool_call"}]}
    )
    sld.chat = ScriptedChat(script=[operations, call])

    result = sld("edit", picture, "remove the dog", "--preset", "iconworld", "--out", "out")

    assert result.exit_code == 0, result.output


def test_the_same_command_with_resume_goes_on(sld: Bench, picture: Path) -> None:
    sld.chat = ScriptedChat(script=[SPEC, FIRST, BackendError("the machine is on fire")])
    failed = sld("correct", picture, PROMPT, "--preset", "iconworld", "--out", "out")
    sld.chat = ScriptedChat(script=[SECOND])
    resumed = sld("correct", picture, PROMPT, "--preset", "iconworld", "--resume", "out")
    again = sld("generate", "--resume", "out", "--json")

    assert failed.exit_code == 1
    assert failed.stderr.splitlines()[-1] == "sld: the machine is on fire"
    assert resumed.exit_code == 0, resumed.output
    assert json.loads(again.stdout)["agreed"]
    assert len(sld.world.edits) == 2


def test_resuming_with_another_wish_is_refused(sld: Bench, picture: Path) -> None:
    sld("correct", picture, PROMPT, "--preset", "iconworld", "--out", "out")

    assert sld("correct", picture, "a cat", "--resume", "out").exit_code == 2
    assert sld("correct", picture, PROMPT, "--preset", "iconworld", "--resume", "out", "--seed", "9").exit_code == 2
    draw(START.model_copy(update={"objects": ()})).save(picture)
    assert sld("correct", picture, PROMPT, "--preset", "iconworld", "--resume", "out").exit_code == 2


def test_resuming_a_run_that_never_began_begins_it(sld: Bench) -> None:
    refused = sld("generate", PROMPT, "--resume", "fresh")
    Path("fresh").mkdir()

    assert refused.exit_code == 2
    assert "there is no run in 'fresh'" in refused.stderr
    assert sld("generate", PROMPT, "--resume", "fresh").exit_code == 0
    assert sld("generate", "--resume", "nowhere").exit_code == 2


def test_a_used_folder_is_not_written_over(sld: Bench) -> None:
    sld("generate", PROMPT, "--out", "out")
    result = sld("generate", PROMPT, "--out", "out")

    assert result.exit_code == 2
    assert "--resume out" in result.stderr


def test_a_sentence_that_cannot_be_read_is_the_users_mistake(sld: Bench) -> None:
    sld.chat = ScriptedChat(script=[CannotParse("cannot read 'colourless'")])

    result = sld("generate", "colourless green ideas", "--json")

    assert result.exit_code == 2
    assert json.loads(result.stdout)["exit"] == "parse_failed"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["generate", ""], "empty"),
        (["generate", "   "], "empty"),
        (["generate", "a \udcff cat"], "not valid UTF-8"),
        (["generate", "a cat", "--preset", "nope"], "no preset 'nope'"),
        (["generate", "a cat", "--set", "loop.rounds"], "KEY=VALUE"),
        (["generate", "a cat", "--set", "loop.rouns=3"], "rouns"),
        (["generate", "a cat", "--set", "loop.rounds=many"], "loop.rounds"),
        (["generate", "a cat", "--rounds", "-1"], "rounds"),
        (["correct", "start.png"], "IMAGE PROMPT"),
        (["correct", "missing.png", "a cat"], "missing.png"),
        (["edit", "start.png"], "IMAGE INSTRUCTION"),
        (["edit", "start.png", " "], "empty"),
        (["trace", "show", "nowhere"], "not a run"),
        (["trace", "report", "nowhere"], "not a run"),
        (["batch", "none.json", "--mode", "self_correction", "--input-dir", ".", "--output-dir", "o"], "none.json"),
    ],
)
def test_mistakes_are_exit_code_2_with_one_message_and_load_nothing(
    sld: Bench, picture: Path, arguments: list[str], message: str
) -> None:
    result = sld(*arguments)

    assert result.exit_code == 2, result.output
    assert message in result.stderr
    assert "Traceback" not in result.output
    assert sld.loaded == 0
    assert not Path("runs").exists()


def test_failures_with_json_are_one_object_too(sld: Bench) -> None:
    result = sld("generate", "a cat", "--preset", "nope", "--json")

    assert "no preset" in json.loads(result.stdout)["error"]


def test_a_bug_is_a_message_unless_the_stack_trace_is_asked_for(sld: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    sld.chat = ScriptedChat(script=[ZeroDivisionError("oops")])

    result = sld("generate", PROMPT)
    monkeypatch.setenv("SLD_DEBUG", "1")
    sld.chat = ScriptedChat(script=[ZeroDivisionError("oops")])
    debugged = sld("generate", PROMPT)

    assert result.exit_code == 1
    assert "ZeroDivisionError: oops; SLD_DEBUG=1 shows where" in result.stderr
    assert isinstance(debugged.exception, ZeroDivisionError)


def test_an_error_that_echoes_the_key_does_not_show_it(sld: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    sld.chat = ScriptedChat(script=[chat_models.ChatModelError("sk-very-secret is wrong: set OPENAI_API_KEY")])

    result = sld("generate", PROMPT, "--out", "out")

    assert result.exit_code == 1
    assert "*** is wrong: set OPENAI_API_KEY" in result.stderr
    for path in Path("out").rglob("*"):
        assert path.is_dir() or b"sk-very-secret" not in path.read_bytes(), path


def _save(mode: str, path: Path, **options: Any) -> None:
    Image.new(mode, (20, 30)).save(path, **options)


def _bad_pictures(folder: Path) -> None:
    (folder / "empty.png").touch()
    (folder / "text.png").write_text("not a picture")
    (folder / "folder.png").mkdir()
    draw(START).save(folder / "whole.png")
    (folder / "truncated.png").write_bytes((folder / "whole.png").read_bytes()[:200])
    Image.new("1", (30_000, 30_000)).save(folder / "huge.png")


def _good_pictures(folder: Path) -> None:
    Image.new("RGB", (1, 1)).save(folder / "dot.png")
    _save("CMYK", folder / "cmyk.jpg")
    _save("RGBA", folder / "rgba.png")
    _save("I;16", folder / "deep.png")
    frames = [Image.new("P", (9, 9), number) for number in range(3)]
    frames[0].save(folder / "animated.gif", save_all=True, append_images=frames[1:])
    exif = Image.Exif()
    exif[0x0112] = 6
    _save("RGB", folder / "turned.jpg", exif=exif)


@pytest.mark.parametrize("name", ["missing.png", "empty.png", "text.png", "folder.png", "truncated.png", "huge.png"])
def test_a_picture_that_cannot_be_used_is_refused_by_name_before_models_load(
    sld: Bench, tmp_path: Path, name: str
) -> None:
    _bad_pictures(tmp_path)

    result = sld("correct", name, "a cat")

    assert result.exit_code == 2
    assert name in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert sld.loaded == 0


class Blind(World):
    """Finds nothing, in pictures that carry no layout."""

    def detect(self, image: Any, *_: Any, **__: Any) -> Any:
        return super().detect(draw(START.model_copy(update={"objects": ()})), ())


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("dot.png", (1, 1)),
        ("cmyk.jpg", (20, 30)),
        ("rgba.png", (20, 30)),
        ("deep.png", (20, 30)),
        ("animated.gif", (9, 9)),
        ("turned.jpg", (30, 20)),
    ],
)
def test_unusual_pictures_are_taken(sld: Bench, tmp_path: Path, name: str, size: tuple[int, int]) -> None:
    _good_pictures(tmp_path)
    sld.world, sld.chat = Blind(), ScriptedChat(script=[{"objects": [], "absent": ["cat"]}])

    result = sld("correct", name, "no cat", "--out", "out")

    assert result.exit_code == 0, result.output
    with Image.open("out/final.png") as final:
        assert (final.mode, final.size) == ("RGB", size)


def test_parse_prints_the_spec(sld: Bench) -> None:
    sld.chat = ScriptedChat(script=[SPEC])

    result = sld("parse", PROMPT)

    spec = json.loads(result.stdout)
    assert result.exit_code == 0
    assert list(spec) == ["objects", "relations", "absent", "background", "unchecked", "notes"]
    assert spec["objects"][0].items() >= {"name": "car", "attributes": ["red"], "count": 2}.items()
    assert sld.loaded == 0


def test_parse_answers_each_line_with_one_line(sld: Bench) -> None:
    sld.chat = ScriptedChat(script=[SPEC, "nonsense", "nonsense", "nonsense", SPEC])

    result = sld("parse", stdin=f"{PROMPT}\n\nsecond\n{PROMPT}\n")

    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert ["error" in line for line in lines] == [False, True, False]
    assert result.exit_code == 1  # it was not the sentence's fault


def test_a_preset_is_explained_and_auto_says_what_it_takes(sld: Bench) -> None:
    said = json.loads(sld("presets", "--explain", "photo", "--json").stdout)
    assert said["about"]["licence"]
    assert "no model" in said["not_counted"]
    plain = sld("presets", "--explain", "openai").stdout
    assert "a service draws and edits" in plain
    auto = sld("parse", "a red cup", "--preset", "auto")
    assert "auto: no GPU" in auto.stderr


def test_presets_are_listed(sld: Bench) -> None:
    said = sld("presets").stdout
    assert "iconworld" in said
    assert "a GPU with 80 GB" in said


def test_traces_are_listed_shown_and_reported(sld: Bench) -> None:
    sld("generate", PROMPT, "--out", "runs/one")

    listed, shown = sld("trace", "list", "--json"), sld("trace", "show", "runs/one")
    step = sld("trace", "show", "runs/one", "--step", "2", "--json")
    Path("runs/one/report.html").unlink()
    report = sld("trace", "report", "runs/one")

    (row,) = json.loads(listed.stdout)
    assert row.items() >= {"run": "runs/one", "exit": "agreed", "rounds": 2, "asked": PROMPT, "agreed": True}.items()
    assert "round 2" in shown.stdout
    assert "tool edit" in shown.stdout
    assert {event["node"] for event in json.loads(step.stdout)} == {"parse"}
    assert report.stdout.strip() == "runs/one/report.html"
    assert Path("runs/one/report.html").is_file()


def test_a_broken_run_does_not_hide_the_others(sld: Bench) -> None:
    sld("generate", PROMPT, "--out", "runs/good")
    Path("runs/bad").mkdir()
    Path("runs/bad/run.json").write_text("{")

    assert [row["exit"] for row in json.loads(sld("trace", "list", "--json").stdout)] == ["not readable", "agreed"]


def test_the_tree_of_a_hostile_prompt_is_printed_as_it_is(sld: Bench) -> None:
    sld("generate", "[bold]two[/nonsense] cars", "--out", "runs/one")

    assert "[bold]two[/nonsense] cars" in sld("trace", "show", "runs/one").stdout
    assert "[bold]two[/nonsense] cars" in sld("trace", "list").stdout


def test_doctor_names_what_is_missing_and_what_to_do(sld: Bench) -> None:
    result = sld("doctor", "--json", "--set", "detector.path=/nowhere/at/all", "--set", "chat.provider=offline")

    findings = {one["what"]: one for one in json.loads(result.stdout)}
    assert result.exit_code == 1
    assert findings["detector"]["status"] == "problem"
    assert findings["detector"]["advice"]
    assert findings["torch"]["status"] == "ok"
    assert findings["language model"]["found"] == "the offline planner"


def test_doctor_asks_the_model_for_a_word(sld: Bench) -> None:
    server = Server()
    with closing(server), server.play(said("Hi"), said('{"zebra": true}'), failed(404, "no such model")) as endpoint:
        chat = ["--set", f"chat.base_url={endpoint.url}", "--set", "chat.model=mine"]
        works, lacks = (sld("doctor", "--json", *chat) for _ in range(2))
    assert "mine at" in works.stdout
    assert "answers (structured output: actions)" in works.stdout
    (found,) = [one for one in json.loads(lacks.stdout) if one["what"] == "language model"]
    assert found["status"] == "problem"
    assert "has no model 'mine'" in found["found"]
    assert lacks.exit_code == 1


def test_a_model_that_gives_no_answer_is_a_failure(sld: Bench) -> None:
    sld.chat = ScriptedChat(script=["nonsense"], forever=True)
    assert sld("parse", PROMPT).exit_code == 1
    assert sld("generate", PROMPT).exit_code == 1


def test_doctor_says_when_the_endpoint_does_not_answer(sld: Bench) -> None:
    result = sld("doctor", "--json", "--set", "chat.base_url=http://127.0.0.1:9/v1")

    (found,) = [one for one in json.loads(result.stdout) if one["what"] == "language model"]
    assert found["status"] == "problem"
    assert "127.0.0.1:9" in found["found"]


def test_doctor_tells_what_is_there_from_what_only_looks_like_it(sld: Bench, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "here.pth").touch()
    (tmp_path / "segment_anything").mkdir()
    (tmp_path / "segment_anything" / "__init__.py").touch()

    def found(what: str, *settings: str) -> dict[str, str]:
        result = sld("doctor", "--json", *(part for pair in settings for part in ("--set", pair)))
        return next(one for one in json.loads(result.stdout) if one["what"] == what)

    assert found("detector", f"detector.path={tmp_path / 'empty'}")["status"] == "problem"
    assert "no .safetensors" in found("detector", f"detector.path={tmp_path / 'empty'}")["advice"]
    kind = "segmenter.kind=segment-anything"
    assert "is missing" in found("segmenter", kind, f"segmenter.path={tmp_path / 'gone.pth'}")["found"]
    here = found("segmenter", kind, f"segmenter.path={tmp_path / 'here.pth'}")
    assert here["status"] == "ok" or "not installed" in here["found"]
    assert found("generator", "generator.kind=openai", "generator.path=gpt-image-1")["status"] == "ok"
    assert found("generator", "generator.kind=file", f"generator.path={tmp_path / 'a.png'}")["status"] == "problem"


def test_a_torchvision_of_another_build_is_named_by_doctor_and_by_the_models(tmp_path: Path) -> None:
    package = tmp_path / "torchvision"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('operator torchvision::nms does not exist')")
    (tmp_path / "torchvision-0.24.0.dist-info").mkdir()
    (tmp_path / "torchvision-0.24.0.dist-info" / "METADATA").write_text("Name: torchvision\nVersion: 0.24.0\n")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(Path.cwd())])}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "sld", *arguments]
        return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, check=False)

    doctor = run("doctor", "--json")
    (finding,) = [one for one in json.loads(doctor.stdout) if one["what"] == "torchvision"]
    assert (doctor.returncode, finding["status"]) == (1, "problem")
    assert "torchvision::nms" in finding["found"]
    drawn = run("generate", "a red cup", "--rounds", "0", "--out", str(tmp_path / "out"))
    assert drawn.returncode == 1
    assert "torchvision cannot be imported (RuntimeError: operator torchvision::nms" in drawn.stderr
    assert "Traceback" not in drawn.stderr
