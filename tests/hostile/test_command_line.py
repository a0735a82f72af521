"""What goes wrong at the command line, each in one sentence: damaged runs, odd paths, races, escapes."""

from __future__ import annotations

import json
import os
import re
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner, Result

from agent.cli import batch
from agent.cli import run as commands
from agent.cli.app import app
from agent.cli.console import SafeConsole, write, write_json
from agent.run.folder import RunError, RunFolder, new_folder
from agent.trace.events import read_trace
from agent.trace.wording import visible
from configs.errors import SettingsError
from configs.settings import load_settings
from tests.agent.jobs import LOOK, PROMPT, SCRIPT, SPEC, START
from tests.agent.jobs import run as run_job
from tests.scripted import ScriptedChat, ScriptEnded, calls
from tests.world import World, draw
from tools.files import remove_leftovers, write_text
from tools.scene.box import Box
from tools.scene.layout import PlacedObject

if TYPE_CHECKING:
    from collections.abc import Callable

ESCAPE = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202e"


def sld(*arguments: str | Path, stdin: str | bytes | None = None) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], input=stdin)


@pytest.fixture(autouse=True)
def _bench(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(batch, "choose_preset", lambda picture: "iconworld")  # these pictures are of neither kind
    for module in (commands, batch):
        monkeypatch.setattr(module, "make_backend", lambda settings: World(START))
    monkeypatch.setattr(commands, "make_chat_model", lambda settings: ScriptedChat(script=list(SCRIPT)))


def one_sentence(result: Result, code: int = 2) -> str:
    lines = [line for line in result.stderr.splitlines() if line.startswith("sld: ")]
    assert result.exit_code == code, result.output
    assert len(lines) == 1, result.stderr
    assert "SLD_DEBUG" not in lines[0]
    assert "Traceback" not in result.stderr
    return lines[0]


# -- damaged runs -----------------------------------------------------------------------------

DAMAGE: dict[str, Callable[[Path], Any]] = {
    "half a record": lambda run: (run / "run.json").write_text((run / "run.json").read_text()[:200]),
    "a deep record": lambda run: (run / "run.json").write_text("[" * 100_000),
    "a record of bytes": lambda run: (run / "run.json").write_bytes(b"\xff\xfe\x00"),
    "a record without input": lambda run: change(run, lambda record: record.pop("input")),
    "a record with odd input": lambda run: change(run, lambda record: record.update(input={"prompt": 7})),
    "a record with an odd result": lambda run: change(run, lambda record: record.update(result=["agreed"])),
    "a record that is a pipe": lambda run: ((run / "run.json").unlink(), os.mkfifo(run / "run.json")),
    "a record of another version": lambda run: change(run, lambda record: record.update(version=99)),
}


def change(run: Path, how: Callable[[dict[str, Any]], Any]) -> None:
    record = json.loads((run / "run.json").read_text())
    how(record)
    (run / "run.json").write_text(json.dumps(record))


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_record_is_named(damage: str) -> None:
    run_job(Path("run"))
    DAMAGE[damage](Path("run"))
    for command in (["trace", "show", "run"], ["trace", "report", "run"], ["correct", "--resume", "run"]):
        if damage == "a record that is a pipe" and command[0] == "correct":
            continue  # no run was ever begun there
        assert "run.json" in one_sentence(sld(*command))
    assert sld("trace", "list", ".").exit_code == 0, "one broken run does not hide the others"


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(b'{"v": 99, "seq": 1, "event": "start"}\n', id="another version"),
        pytest.param(b'{"v": 2, "event": "start"}\n{"v": 1, "event": "start"}\n', id="no number"),
        pytest.param(b"[" * 50_000 + b"\n", id="deep"),
        pytest.param(b"\xff\xfe garbage \x00\n", id="bytes"),
        pytest.param(b'{"v": 2, "seq": 3, "event": "node"}\n{"v": 1, "seq": 3, "event": "node"}\n', id="half a node"),
    ],
)
def test_a_damaged_trace_does_not_keep_a_sound_run_from_going_on(damage: bytes) -> None:
    with pytest.raises(ScriptEnded):
        run_job(Path("run"), chat=ScriptedChat(script=[SPEC, LOOK]))
    with Path("run/trace.jsonl").open("ab") as trace:
        trace.write(damage)
    shown = sld("trace", "show", "run")
    assert shown.exit_code == 0 or one_sentence(shown)

    assert run_job(Path("run"), chat=ScriptedChat(script=list(SCRIPT[2:]))).agreed

    assert read_trace(Path("run/trace.jsonl"))[-1]["event"] == "end"


# -- paths and settings -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ["generate", PROMPT, "--out", "x" * 300],
        ["generate", PROMPT, "--out", "/proc/nowhere/run"],
        ["generate", PROMPT, "--out", "file/run"],
        ["generate", PROMPT, "--resume", "nope"],
        ["generate", PROMPT, "--preset", "pipe.yaml"],
        ["generate", PROMPT, "--preset", "bytes.yaml"],
        ["trace", "show", "nope"],
        ["trace", "export", "run", "--format", "zip", "--out", "/proc/nowhere/x.zip"],
        ["trace", "export", "run", "--format", "jsonl", "--out", "file/x.jsonl"],
        ["batch", "pipe.yaml", "--mode", "self_correction", "--input-dir", ".", "--output-dir", "out"],
    ],
    ids=lambda arguments: " ".join(arguments)[:50],
)
def test_what_cannot_be_is_refused_in_a_sentence(arguments: list[str]) -> None:
    run_job(Path("run"))
    Path("file").write_text("")
    Path("bytes.yaml").write_bytes(b"\xff\xfe")
    os.mkfifo("pipe.yaml")
    assert one_sentence(sld(*arguments))


@pytest.mark.parametrize("url", ["http://h:99999/v1", "http://h:x", "ftp://h/v1", "h:80", "http://", "http://[::1/v1"])
def test_an_address_that_is_none_is_refused_without_its_login(url: str) -> None:
    with pytest.raises(SettingsError, match="must be an address") as caught:
        load_settings(overrides={"chat.base_url": url.replace("//", "//user:hunter2@", 1)})
    assert "hunter2" not in str(caught.value)


def test_a_line_that_is_no_text_is_refused_and_the_others_are_read() -> None:
    result = sld("parse", stdin=b"\xff\xfe a car\n")
    assert result.exit_code == 2
    assert "not valid UTF-8" in json.loads(result.stdout)["error"]


def test_a_box_at_the_very_edge_can_be_read_again() -> None:
    for x in (1 - 1e-9, 0.9999999, 0.99999):
        placed = PlacedObject(id="a #1", name="a", box=Box(x, x, 1 - x, 1 - x))
        again = PlacedObject.model_validate_json(placed.model_dump_json())
        assert again == placed
        x0, y0, x1, y1 = again.box.to_px((7, 7))
        assert x0 < x1 <= 7
        assert y0 < y1 <= 7


def test_a_refusal_says_why_in_json() -> None:
    Path("start.png").touch()
    draw(START).save("start.png")
    result = sld("correct", "start.png", PROMPT, "--preset", "iconworld", "--json", "--set", "loop.rounds=0")
    answer = json.loads(result.stdout)
    assert answer["exit"] == "round_limit"
    assert answer["detail"] == "0 of 0 rounds used"


# -- batches ----------------------------------------------------------------------------------


def do_batch(*items: dict[str, str], **options: str) -> Result:
    Path("in").mkdir(exist_ok=True)
    draw(START).save("in/a.png")
    Path("items.json").write_text(
        json.dumps([{"input_fname": "a", "prompt": PROMPT, "llm_parsed_prompt": SPEC, **item} for item in items])
    )
    extra = [argument for pair in options.items() for argument in pair]
    return sld("batch", "items.json", "--mode", "self_correction", "--input-dir", "in", "--output-dir", "out", *extra)


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        ("x", "./x", "is the same folder as 'x'"),
        ("x", "y/../x", "is the same folder as 'x'"),
        ("x", "x/images", "lies inside 'x'"),
        ("x/a/b", "x", "lies inside 'x'"),
        ("x", "link", "is the same folder as 'x'"),
    ],
)
def test_folders_are_compared_as_places_before_anything_starts(first: str, second: str, told: str) -> None:
    Path("out").mkdir()
    Path("out/link").symlink_to("x")
    assert told in sld_text(do_batch({"output_dir": first}, {"output_dir": second}))
    assert not Path("out/x").exists()


def sld_text(result: Result) -> str:
    assert result.exit_code == 2, result.output
    return result.stderr


def test_an_item_does_not_go_into_a_run_that_is_there() -> None:
    run_job(Path("out/old"))
    before = sorted(Path("out/old").rglob("*"))
    assert "lies inside the run" in sld_text(do_batch({"output_dir": "old/images"}))
    assert sorted(Path("out/old").rglob("*")) == before


def test_a_picture_behind_a_link_out_of_the_folder_is_not_read() -> None:
    Path("in").mkdir()
    draw(START).save("secret.png")
    Path("in/b.png").symlink_to(Path("secret.png").absolute())
    assert "is not a name inside 'in'" in sld_text(do_batch({"output_dir": "x", "input_fname": "b"}))


# -- terminals --------------------------------------------------------------------------------


def obeyed(text: str) -> list[str]:
    return re.findall("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text)


def test_control_characters_are_shown_and_not_obeyed(capsys: pytest.CaptureFixture[str]) -> None:
    SafeConsole(sys.stdout).print(f"a {ESCAPE} b", markup=False)
    write(f"a {ESCAPE} b")
    write_json({"a": ESCAPE}, ascii_only=False)
    out = capsys.readouterr().out
    assert not obeyed(out)
    assert out.count("␛[2J") == 2
    assert json.loads(out.splitlines()[-1])["a"] == ESCAPE
    assert visible("a\tb\nc\ud800") == "a\tb\nc\ufffd"


def test_nothing_a_model_says_reaches_the_terminal_or_the_page_raw(monkeypatch: pytest.MonkeyPatch) -> None:
    loud = calls((f"no{ESCAPE}tool", {"a": ESCAPE}), text=ESCAPE)
    script = [SPEC, loud, LOOK, *SCRIPT[2:]]
    monkeypatch.setattr(commands, "make_chat_model", lambda settings: ScriptedChat(script=script))
    draw(START).save("start.png")
    result = sld("correct", "start.png", PROMPT, "--preset", "iconworld", "--out", "out")
    shown = result.output + sld("trace", "show", "out").output + sld("trace", "show", "out", "--step", "4").output
    assert result.exit_code == 0, result.output
    assert not obeyed(shown)
    assert not obeyed(Path("out/report.html").read_text())


def test_an_error_with_escapes_is_shown_as_it_is() -> None:
    assert not obeyed(sld("correct", f"no{ESCAPE}.png", "a car").stderr)


# -- folders and leftovers --------------------------------------------------------------------


def test_folders_made_at_the_same_moment_are_all_different(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: new_folder("a red car", tmp_path / "runs").path, range(40)))
    assert len(set(made)) == 40
    assert all(path.is_dir() for path in made)


def test_a_mistake_leaves_no_folder_behind() -> None:
    sld("correct", "missing.png", "a red car")
    sld("chat", "missing.png")
    run_job(Path("run"))
    sld("trace", "replay", "run", "--from", "999")
    assert not list(Path().glob("runs/*"))
    assert not list(Path().glob("sessions/*"))
    assert not list(Path().glob("*again*"))


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    run_job(Path("run"))
    dead, alive = f".run.json.{2**22 + 1}-00ff.part", f".run.json.{os.getpid()}-00ff.part"
    for name in (dead, alive):
        (Path("run") / name).touch()
        (Path("run/images") / name).touch()
        Path(name.replace("run.json", "run.zip")).touch()
    assert sld("trace", "export", "run", "--format", "zip").exit_code == 0
    assert [path.name for path in Path().rglob("*.part")].count(dead) == 0
    assert not Path(dead.replace("run.json", "run.zip")).exists()
    assert (Path("run") / alive).exists()
    remove_leftovers(Path("run"), "run.json")


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    write_text(tmp_path / "a", "old")
    with pytest.raises(AttributeError):
        write_text(tmp_path / "a", None)  # type: ignore[arg-type]
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


def test_an_export_takes_nothing_from_outside() -> None:
    run_job(Path("run"))
    Path("secret.txt").write_text("private")
    Path("run/images/link.png").symlink_to(Path("secret.txt").absolute())
    sld("trace", "export", "run", "--format", "zip", "--out", "x.zip")
    if Path("x.zip").exists():
        with zipfile.ZipFile("x.zip") as archive:
            assert not any(b"private" in archive.read(name) for name in archive.namelist())
    with pytest.raises(RunError, match="is a link"):
        RunFolder(Path("run")).read_record()


def test_the_page_runs_its_own_script_only() -> None:
    import base64
    import hashlib

    run_job(Path("run"))
    assert sld("trace", "report", "run").exit_code == 0
    page = Path("run/report.html").read_text()
    (policy,) = re.findall('Content-Security-Policy" content="([^"]*)"', page)
    (script,) = re.findall("<script>(.*?)</script>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert "script-src 'unsafe-inline'" not in policy
