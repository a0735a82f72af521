from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from evals.geneval.prompts import TASKS, GenevalPrompt, Wanted, choose, geneval_prompts
from evals.geneval.scoring import best_colour, boxes_by_name, sides, what_is_wrong
from sld.cli import app
from tests.tiny_models import save_gligen, save_grounding_dino, save_owl, save_sam
from tools.scene.box import Box
from tools.scene.layout import Detection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tools.scene.spec import Query

PUBLISHED = "4de60dfc3c29f9d3db69ec45cf03a964627c2d82f2c224c3f75645e137f7126b"  # of the list joined by newlines
LEFT, RIGHT, LOW = Box(0.1, 0.3, 0.2, 0.2), Box(0.7, 0.3, 0.2, 0.2), Box(0.1, 0.7, 0.2, 0.2)


def test_the_prompts_are_the_published_ones() -> None:
    prompts = geneval_prompts()
    assert hashlib.sha256("\n".join(prompt.text for prompt in prompts).encode()).hexdigest() == PUBLISHED
    assert Counter(prompt.task for prompt in prompts) == {
        "single_object": 80,
        "two_object": 99,
        "counting": 80,
        "colors": 94,
        "position": 100,
        "color_attr": 100,
    }
    assert [prompt.number for prompt in prompts] == list(range(553))
    assert all(name in prompt.text for prompt in prompts for name in prompt.names)
    assert all(prompt.exact == (prompt.task == "counting") for prompt in prompts)


def test_a_few_are_spread_over_the_tasks() -> None:
    assert {prompt.task for prompt in choose(limit=24)} == set(TASKS)
    assert [prompt.task for prompt in choose(("colors",), limit=3)] == ["colors"] * 3


CASES = {
    "there": (("single_object", (Wanted("cat"),)), {"cat": [LEFT]}, True),
    "not there": (("single_object", (Wanted("cat"),)), {"dog": [LEFT]}, False),
    "more than one is one": (("single_object", (Wanted("cat"),)), {"cat": [LEFT, RIGHT]}, True),
    "both": (("two_object", (Wanted("cat"), Wanted("dog"))), {"cat": [LEFT], "dog": [LEFT]}, True),
    "one of two": (("two_object", (Wanted("cat"), Wanted("dog"))), {"cat": [LEFT, RIGHT]}, False),
    "counted": (("counting", (Wanted("cat", 2),)), {"cat": [LEFT, RIGHT]}, True),
    "one too many": (("counting", (Wanted("cat", 2),)), {"cat": [LEFT, RIGHT, LOW]}, False),
    "one too few": (("counting", (Wanted("cat", 2),)), {"cat": [LEFT]}, False),
    "its colour": (("colors", (Wanted("cat", colour="red"),)), {"cat": [LEFT]}, True),
    "the most certain one's colour": (("colors", (Wanted("cat", colour="blue"),)), {"cat": [LEFT, RIGHT]}, False),
    "left": (("position", (Wanted("dog"), Wanted("cat", side="left of"))), {"cat": [LEFT], "dog": [RIGHT]}, True),
    "not left": (("position", (Wanted("dog"), Wanted("cat", side="left of"))), {"cat": [RIGHT], "dog": [LEFT]}, False),
    "not above": (("position", (Wanted("dog"), Wanted("cat", side="above"))), {"cat": [LEFT], "dog": [RIGHT]}, False),
    "above": (("position", (Wanted("dog"), Wanted("cat", side="above"))), {"cat": [LEFT], "dog": [LOW]}, True),
    "left of nothing": (("position", (Wanted("dog"), Wanted("cat", side="left of"))), {"cat": [LEFT]}, False),
    "each its own": (
        ("color_attr", (Wanted("cat", colour="red"), Wanted("dog", colour="blue"))),
        {"cat": [LEFT], "dog": [RIGHT]},
        True,
    ),
    "swapped": (
        ("color_attr", (Wanted("cat", colour="blue"), Wanted("dog", colour="red"))),
        {"cat": [LEFT], "dog": [RIGHT]},
        False,
    ),
}


@pytest.mark.parametrize(("asked", "found", "right"), CASES.values(), ids=CASES.keys())
def test_its_rules(asked: tuple[str, tuple[Wanted, ...]], found: dict[str, list[Box]], right: bool) -> None:
    task, wanted = asked
    prompt = GenevalPrompt(0, task, "", wanted, exact=task == "counting")  # type: ignore[arg-type]
    wrong = what_is_wrong(prompt, found, lambda name, box: "red" if box == LEFT else "blue", (512, 512))
    assert (not wrong) == right, wrong


@pytest.mark.parametrize(
    ("box", "size_wh", "found"),
    [
        (Box(0.4, 0.4, 0.2, 0.2), (100, 100), set()),
        (Box(0.42, 0.4, 0.2, 0.2), (100, 100), set()),  # a tenth of both together is no offset
        (Box(0.45, 0.4, 0.2, 0.2), (100, 100), set()),  # beyond a tenth of both by a fifth of itself
        (Box(0.5, 0.4, 0.2, 0.2), (100, 100), {"right of"}),
        (Box(0.7, 0.4, 0.2, 0.2), (100, 100), {"right of"}),
        (Box(0.7, 0.7, 0.2, 0.2), (100, 100), {"right of", "below"}),
        (Box(0.7, 0.7, 0.2, 0.2), (400, 100), {"right of"}),  # in pixels of the picture
        (Box(0.0, 0.4, 0.2, 0.2), (100, 100), {"left of"}),
        (Box(0.4, 0.0, 0.2, 0.2), (100, 100), {"above"}),
    ],
)
def test_sides_are_clear_offsets(box: Box, size_wh: tuple[int, int], found: set[str]) -> None:
    assert sides(box, Box(0.4, 0.4, 0.2, 0.2), size_wh) == found


def test_the_most_certain_come_first_and_the_best_colour_wins() -> None:
    found = [Detection(name="cat", box=box, score=score) for box, score in ((RIGHT, 0.4), (LEFT, 0.9))]
    assert boxes_by_name(found) == {"cat": [LEFT, RIGHT]}

    def scores(asked: Sequence[Query]) -> list[float]:
        return [0.9 if query.phrase == "pink cat" else 0.1 for query in asked]

    assert best_colour("cat", scores) == "pink"


@pytest.fixture
def preset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    save_owl(tmp_path / "owl")
    save_sam(tmp_path / "sam")
    save_gligen(tmp_path / "gligen")
    save_grounding_dino(tmp_path / "dino")
    diffusion = {"path": "./gligen", "steps": 2}
    tree = {
        "detector": {"path": "./owl", "vocabulary": ["cat", "dog", "cup"]},
        "segmenter": {"path": "./sam"},
        "generator": diffusion | {"width": 48, "height": 32},
        "editor": diffusion,
        "heldout_detector": {"path": "./dino"},
        "loop": {"rounds": 1},
    }
    Path("tiny.yaml").write_text(json.dumps(tree))
    return "tiny.yaml"


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["eval", "geneval", *arguments])
    return result.exit_code, result.stdout, result.stderr


def test_any_preset_is_measured_and_a_second_call_goes_on(preset: str) -> None:
    options = ("--preset", preset, "--known", "--limit", "2", "--out", "out", "--workers", "1", "--json")
    code, stdout, _ = run(*options)
    summary = json.loads(stdout)
    assert (code, summary["errors"]) == (0, [])
    assert summary["prompts"] == 2
    assert set(summary["rates"]) == {"before correction", "1 round"}
    assert "grounding-dino" in summary["scorer"]
    assert "of another family" in summary["scorer"]
    records = sorted(Path("out", "items").iterdir())
    known = json.loads(records[0].read_text())
    assert known["attempts"][0]["model_evaluations"] > 0
    before = [record.stat().st_mtime_ns for record in records]
    records[1].unlink()
    assert run(*options)[0] == 0
    assert records[0].stat().st_mtime_ns == before[0]
    assert json.loads(Path("out", "summary.json").read_text())["prompts"] == 2
    code, _, stderr = run(*options, "--set", "detector.threshold=0.3")
    assert (code, "another settings" in stderr) == (2, True)


def test_without_a_scorer_the_setting_is_named(preset: str) -> None:
    code, _, stderr = run("--preset", preset, "--set", "heldout_detector=null", "--limit", "1")
    assert code == 2
    assert "heldout_detector" in stderr


def test_prompts_can_be_listed_and_tasks_are_checked() -> None:
    code, stdout, _ = run("--list-prompts", "--tasks", "counting")
    assert (code, len(stdout.splitlines())) == (0, 80)
    code, _, stderr = run("--list-prompts", "--tasks", "juggling")
    assert (code, "choose among single_object" in stderr) == (2, True)
