from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner, Result

from agent.cli import batch
from agent.cli import run as commands
from sld.cli import app
from tests.agent.jobs import FIRST, SECOND, SPEC, START
from tests.scripted import ScriptedChat
from tests.world import World, draw

if TYPE_CHECKING:
    from configs.settings import Settings

PARSED = {"objects": [["car", ["red", "red"]], ["cup", ["blue"]]], "bg_prompt": "", "neg_prompt": "dogs"}


class Bench(World):
    """A backend that notes the settings it is asked to work with."""

    def __init__(self) -> None:
        super().__init__(START)
        self.chat: Any = None
        self.used: list[Settings] = []

    def with_settings(self, settings: Settings) -> Bench:
        self.used.append(settings)
        return self

    def __call__(self, mode: str, *arguments: str) -> Result:
        base = ["batch", "data.json", "--mode", mode, "--input-dir", "in", "--output-dir", "out"]
        return CliRunner().invoke(app, [*base, *arguments])


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Bench:
    monkeypatch.chdir(tmp_path)
    made = Bench()
    monkeypatch.setattr(batch, "make_backend", lambda settings: made)
    monkeypatch.setattr(batch, "choose_preset", lambda picture: "iconworld")  # these pictures are of neither kind
    monkeypatch.setattr(commands, "make_chat_model", lambda settings: made.chat)
    (tmp_path / "in").mkdir()
    for name in ("one", "two"):
        draw(START).save(tmp_path / "in" / f"{name}.png")
    return made


def write(*items: dict[str, Any]) -> None:
    Path("data.json").write_text(json.dumps(items))


def item(name: str, **more: Any) -> dict[str, Any]:
    return {"input_fname": name, "output_dir": name, "prompt": f"{name}: two red cars, a blue cup, no dog", **more}


def test_every_item_gets_a_run_folder(bench: Bench) -> None:
    write(item("one"), item("two", llm_parsed_prompt=PARSED))
    bench.chat = ScriptedChat(script=[SPEC, FIRST, SECOND, SPEC, FIRST, SECOND])

    result = bench("self_correction", "--json")

    answer = json.loads(result.stdout)
    assert result.exit_code == 0, result.output
    assert (answer["agreed"], answer["failed"]) == (2, 0)
    assert [one["item"] for one in answer["items"]] == ["one", "two"]
    assert all(Path("out", name, "final.png").is_file() for name in ("one", "two"))
    assert all(Path("out", name, "report.html").is_file() for name in ("one", "two"))


def test_what_was_taken_for_granted_is_said_under_the_item(bench: Bench) -> None:
    write(item("one"))
    bench.chat = ScriptedChat(script=[json.dumps(SPEC | {"notes": ["reading 'cra' as 'car'"]}), FIRST, SECOND])

    assert "\n(reading 'cra' as 'car')\n" in bench("self_correction").stderr


def test_a_failing_item_does_not_stop_the_others_and_is_done_next_time(bench: Bench) -> None:
    write(item("one"), item("two"))
    bench.chat = ScriptedChat(script=[SPEC, FIRST, ValueError("lost"), SPEC, FIRST, SECOND])

    first = bench("self_correction")
    edits = len(bench.edits)
    bench.chat = ScriptedChat(script=[SECOND])
    second = bench("self_correction", "--json")

    assert first.exit_code == 1
    assert "1 of 2 agreed, 1 failed" in first.stdout
    assert second.exit_code == 0, second.output
    assert len(bench.edits) == edits + 1, "only what was missing is done"


def test_a_finished_item_is_done_again_only_when_told(bench: Bench) -> None:
    write(item("one"))
    bench.chat = ScriptedChat(script=[SPEC, FIRST, SECOND])
    bench("self_correction")
    before = Path("out/one/final.png").stat().st_mtime_ns

    bench.chat = ScriptedChat(script=[])
    bench("self_correction")
    kept = Path("out/one/final.png").stat().st_mtime_ns
    bench.chat = ScriptedChat(script=[SPEC, FIRST, SECOND])
    bench("self_correction", "--overwrite")

    assert kept == before
    assert Path("out/one/final.png").stat().st_mtime_ns > before
    assert len(bench.edits) == 4


def test_given_parse_and_layout_are_used_as_they_are(bench: Bench) -> None:
    parsed = {"objects": [["car", ["blue", "red"]], ["dog", ["green"]]], "bg_prompt": "a street", "neg_prompt": None}
    target = [["red car #2", [0.4, 0.1, 0.2, 0.2]], ["blue car #1", [0.1, 0.5, 0.2, 0.2]]]
    write(item("one", llm_parsed_prompt=parsed, llm_layout_suggestions=target))
    bench.chat = ScriptedChat(script=[])

    bench("image_editing")

    given = json.loads(Path("out/one/run.json").read_text())["input"]
    assert given["instruction"].startswith("one:")
    assert given["spec"]["background"] == "a street"
    assert [one["id"] for one in given["target"]["objects"]] == ["car #2", "car #1"]


def test_thresholds_follow_the_generator_and_the_command_line_wins(bench: Bench, tmp_path: Path) -> None:
    part = "{path: nowhere}"
    (tmp_path / "p.yaml").write_text(
        f"detector: {{path: nowhere, attribute_threshold: 0.3}}\nsegmenter: {part}\ngenerator: {part}\neditor: {part}\n"
        "generators: {dalle: {attribute_threshold: 0.6, nms: 0.5}}\n"
    )
    write(item("one", generator="dalle"), item("two", generator="unheard of"))
    bench.chat = ScriptedChat(script=[SPEC, FIRST, SECOND] * 2)

    bench("self_correction", "--preset", "p.yaml", "--set", "detector.nms=0.4")

    used = [(one.detector.attribute_threshold, one.detector.nms) for one in bench.used]
    assert used == [(0.6, 0.4), (0.3, 0.4)]


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"input_fname": "nowhere"}, "there is no picture 'nowhere'"),
        ({"input_fname": "../data.json"}, "not a name inside"),
        ({"output_dir": "../escape"}, "not a name inside"),
        ({"output_dir": "."}, "not a name inside"),
        ({"llm_parsed_prompt": 7}, "llm_parsed_prompt"),
        ({"llm_layout_suggestions": [["cat", [1]]]}, "llm_layout_suggestions"),
    ],
)
def test_everything_is_checked_before_anything_is_done(bench: Bench, broken: dict[str, Any], message: str) -> None:
    write(item("one"), item("two", **broken))

    result = bench("self_correction")

    assert result.exit_code == 2
    assert "item 2" in result.stderr
    assert message in result.stderr
    assert not Path("out").exists()
