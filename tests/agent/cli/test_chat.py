"""``sld chat`` and ``sld sessions`` as a user meets them, through pipes and on a terminal."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.completion import CompleteEvent, WordCompleter
from prompt_toolkit.document import Document
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput
from typer.testing import CliRunner, Result

from agent.cli import chat as chat_cli
from agent.session.proposal import change
from agent.session.session import Session
from sld.cli import app
from tests.agent.conversation import START
from tests.world import World, draw, scene
from tools.images import open_picture
from tools.scene.box import Box
from tools.scene.operations import Add, Move, Remove, Restyle


class Bench:
    """A command line on the exact world, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.world = World(scene(("red car", [0.1, 0.5, 0.3, 0.3])))
        self.sessions = folder / "sessions"
        draw(START).save(folder / "start.png")
        self.picture = folder / "start.png"

    def __call__(self, *arguments: str | Path, lines: tuple[str, ...] = ()) -> Result:
        given = [str(argument) for argument in arguments]
        stdin = "".join(f"{line}\n" for line in lines)
        return CliRunner().invoke(app, [*given, "--sessions", str(self.sessions)], input=stdin)

    @property
    def session(self) -> str:
        (found,) = self.sessions.iterdir()
        return found.name


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    made = Bench(tmp_path)
    monkeypatch.setattr(chat_cli, "make_backend", lambda settings: made.world)
    return made


def test_lines_are_instructions_questions_and_commands(bench: Bench, tmp_path: Path) -> None:
    saved = tmp_path / "out.png"
    result = bench(
        "chat", bench.picture,
        lines=(
            "add a blue cup", "what do you see?", "/undo", "/redo", "/branch second", "", "make it red", "/show",
            "/history", f"/save {saved}", "/switch main", "/quit", "never read",
        ),
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    out = result.stdout
    assert out.startswith("Using the offline planner")
    assert re.search(r"  added 'cup #1' \(blue cup\) (at|in) the [a-z ]+\nagreed after 1 round\n  ✓ ", out)
    assert not re.search(r"\[\d", out + result.stderr), "no box is shown as numbers"
    assert "I see 'car #1' (red car) on the left at the bottom" in out
    assert "on main, at the beginning" in out
    assert re.search(r"cup #1: red cup (at|in) the", out)
    tree = "  0 the beginning\n  1 add a blue cup\n  2 what do you see? answered (main)\n> 3 make it red (second)\n"
    assert tree in out, out
    assert "never read" not in out
    for path in re.findall(r"picture: (\S+\.png)", out):
        assert Path(path).is_file()
    assert open_picture(saved).size == (64, 64)
    assert "calls edit" in result.stderr, "progress goes to standard error"


def test_verbose_shows_boxes_and_small_pictures(bench: Bench) -> None:
    result = bench("chat", bench.picture, "--verbose", lines=("add a blue cup", "/show", "/history"))
    assert len(re.findall(r"\[0\.\d", result.stdout)) >= 4
    assert re.search(r"> 1 add a blue cup \(main\) \S+\.png", result.stdout)


def test_a_picture_is_saved_into_a_folder_that_is_there_only(bench: Bench, tmp_path: Path) -> None:
    result = bench("chat", bench.picture, lines=(f"/save {tmp_path / 'no' / 'such' / 'out.png'}",))
    assert "there is no folder" in result.stdout
    assert not (tmp_path / "no").exists()


def test_a_session_goes_on_where_it_was(bench: Bench) -> None:
    assert bench("chat", bench.picture, lines=("remove the dog",)).exit_code == 0
    again = bench("chat", "--session", bench.session, lines=("put back the dog", "/undo", "/undo", "/undo"))
    assert "added 'dog #1' (brown dog)" in again.stdout
    assert "nothing to undo" in again.stdout
    assert again.exit_code == 2
    listed = bench("sessions").stdout
    assert re.search(rf"{bench.session} +2 +ready +main +put back the dog", listed)


def test_a_picture_can_be_asked_for_first(bench: Bench) -> None:
    result = bench("chat", "--prompt", "a red car and a blue cup", "--seed", "3", lines=("remove it",))
    assert result.stdout.count("agreed after 1 round") == 2
    assert bench.world.generated == 1
    assert min(bench.world.seeds) == 3


def test_an_edit_waits_for_approval_over_a_restart(bench: Bench) -> None:
    first = bench("chat", bench.picture, "--approve", lines=("remove the dog",))
    drawing = re.search(r"drawn on the picture: (\S+)", first.stdout)
    assert first.exit_code == 3
    assert drawing is not None
    assert Path(drawing[1]).is_file()
    assert f"sld chat --session {bench.session}" in first.stdout
    assert re.search(r"waits for approval", bench("sessions").stdout)
    assert bench.world.edits == []

    second = bench("chat", "--session", bench.session, lines=("hm", "y", "remove the car", "n I like it", "/drop"))
    assert "planned:\n  1 will remove 'dog #1'" in second.stdout
    assert "an edit waits: [y] do it" in second.stdout
    assert len(bench.world.edits) == 1
    assert "not agreed (model stopped)" in second.stdout
    assert "I like it" in second.stdout


def test_a_plan_can_be_changed(bench: Bench) -> None:
    lines = ("add a blue cup", "1 0.4 0.05 0.2 0.2", "add a cup", "1 green dog", "2 x", "/approve off", "remove it")
    result = bench("chat", bench.picture, "--approve", lines=lines)
    assert result.exit_code == 0, result.stdout
    assert "will add 'cup #1' (blue cup) in the middle" in result.stdout
    assert "  added 'cup #1' (blue cup) at the top\n" in result.stdout
    assert "(green dog)" in result.stdout
    assert "approval is off" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--session", "nowhere"), "there is no session 'nowhere'"),
        (("start.png", "--prompt", "a dog"), "not both"),
        (("missing.png",), "no file 'missing.png'"),
        (("start.png", "--set", "loop.rounds=many"), "loop.rounds"),
    ],
)
def test_mistakes_are_named(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = bench("chat", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr


@pytest.mark.parametrize("line", ["/nope", "/branch", "/branch x y", "/switch nowhere", "/save", "/undo it", '/save "'])
def test_commands_that_make_no_sense_are_refused_and_the_conversation_goes_on(bench: Bench, line: str) -> None:
    result = bench("chat", bench.picture, lines=(line, "/help", "how many cars are there?"))
    assert "There is one car: 'car #1' (red car)." in result.stdout
    assert "/retry" in result.stdout


def test_a_second_process_is_refused(bench: Bench) -> None:
    bench("chat", bench.picture)
    with Session.open(bench.sessions / bench.session, backend=bench.world):
        result = bench("chat", "--session", bench.session, lines=("remove the dog",))
    assert result.exit_code == 2
    assert "another process is working in" in result.stderr


def test_a_session_that_has_begun_takes_no_other_picture(bench: Bench) -> None:
    bench("chat", bench.picture)
    result = bench("chat", bench.picture, "--session", bench.session)
    assert result.exit_code == 2
    assert "has begun already" in result.stderr


def test_no_sessions(bench: Bench) -> None:
    assert "no sessions in" in bench("sessions").stdout


def test_on_a_terminal_lines_are_remembered_and_commands_completed(
    bench: Bench,
) -> None:
    with (
        Session.open(bench.sessions / "s", image=bench.picture, backend=bench.world) as session,
        create_pipe_input() as keys,
        create_app_session(input=keys, output=DummyOutput()),
    ):
        session.branch("second")
        keys.send_text("make it\x03")  # Ctrl-C clears the line
        keys.send_text("/show\rwhat do you see?\r\x04")  # Ctrl-D ends
        lines = list(chat_cli._typed(session))
        assert lines == ["/show", "what do you see?"]
        words = WordCompleter(chat_cli.completions(session), sentence=True)
        offered = [one.text for one in words.get_completions(Document("/sw"), CompleteEvent())]
        assert offered == ["/switch", "/switch main", "/switch second"]
    assert "what do you see?" in (bench.sessions / "s" / "typed.txt").read_text()


BOX = Box(0.1, 0.1, 0.2, 0.2)


@pytest.mark.parametrize(
    ("operation", "text", "expected"),
    [
        (Add(name="cup", box=BOX), "0.5 0.5 0.1 0.1", Add(name="cup", box=Box(0.5, 0.5, 0.1, 0.1))),
        (Move(id="cup #1", box=BOX), "[0.5, 0.5, 0.1, 0.1]", Move(id="cup #1", box=Box(0.5, 0.5, 0.1, 0.1))),
        (Add(name="cup", box=BOX), "dark red bowl", Add(name="bowl", attributes=("dark red",), box=BOX)),
        (Restyle(id="cup #1", attributes=("red",)), "green", Restyle(id="cup #1", attributes=("green",))),
    ],
)
def test_a_box_or_a_word_of_an_operation_is_changed(operation: Any, text: str, expected: Any) -> None:
    other = Remove(id="dog #1")
    assert change((other, operation), 2, text) == (other, expected)


@pytest.mark.parametrize(
    ("number", "text", "message"),
    [
        (2, "red", "no operation 2"),
        (0, "red", "no operation 0"),
        (1, "red", "no words"),
        (1, "0.1 0.1 0.1 0.1", "no box"),
    ],
)
def test_a_change_that_does_not_fit_is_refused(number: int, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        change((Remove(id="dog #1"),), number, text)
