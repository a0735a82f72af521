"""`sld eval lmd` from the command line."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from configs.settings import load_settings
from evals.lmd import command
from evals.lmd.prompts import TASKS, choose
from sld.cli import app
from tests.evals.lmd.guessing import make_services

if TYPE_CHECKING:
    from pathlib import Path

HASH = "05333f912cfba8603f153d53593f8524172627f28baaae462ae05235058eec9b"


def invoke(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["eval", "lmd", *arguments])


@pytest.fixture
def guessing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "make_services", lambda settings, images, threads: make_services(images.parent))
    monkeypatch.setattr(command, "weights_digest", lambda settings, **_: "none")


def test_the_prompts_can_be_listed() -> None:
    listed = invoke("--list-prompts")
    assert hashlib.sha256(listed.stdout.rstrip("\n").encode()).hexdigest() == HASH
    rows = json.loads(invoke("--list-prompts", "--json", "--limit", "4").stdout)
    assert [row["task"] for row in rows] == list(TASKS)


def test_a_smaller_choice_is_part_of_a_larger_one() -> None:
    few, more = choose(limit=40), choose(limit=100)
    assert set(few) <= set(more)
    assert [sum(one.task == task for one in few) for task in TASKS] == [10] * 4
    assert [one.number for one in choose()] == list(range(400))


@pytest.mark.usefixtures("guessing")
def test_json_is_one_object_with_everything(tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = invoke("--limit", "4", "--rounds", "2", "--workers", "1", "--out", str(out), "--json")
    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout)
    assert found == json.loads((out / "summary.json").read_text())
    assert found["rates"]["heldout"]["2 rounds"]["overall"]["rate"] == 100
    assert {"prompts", "rounds", "gains", "costs", "causes", "disagreement_at_end", "changed_pixels"} <= set(found)
    assert found["layout_first"] == json.loads((out / "layout" / "summary.json").read_text())
    assert "| layout first, 2 rounds |" in (out / "table.md").read_text()

    again = invoke("--limit", "4", "--rounds", "2", "--workers", "1", "--out", str(out))
    assert again.exit_code == 0
    assert "right pictures by the held-out detector" in again.stdout
    other = invoke("--limit", "4", "--rounds", "2", "--workers", "1", "--out", str(out), "--seed", "5")
    assert other.exit_code == 2
    assert "another seed" in other.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--tasks", "spatial,painting"], "painting"),
        (["--start", "sketch"], "sketch"),
        (["--start", "layout", "--set", "generator.layout=false"], "generator.layout"),
        (["--images", "nowhere", "--limit", "4"], "initial_image.png"),
    ],
)
def test_mistakes_are_named(arguments: list[str], message: str) -> None:
    done = invoke(*arguments)
    assert done.exit_code == 2
    assert message in done.stderr


def test_missing_weights_are_one_message(tmp_path: Path) -> None:
    done = invoke(
        "--set", f"heldout_detector.path={tmp_path / 'nothing'}", "--set", f"detector.path={tmp_path / 'nothing'}"
    )
    assert done.exit_code == 1
    assert "nothing" in done.stderr
    assert len(done.stderr.splitlines()) <= 3


def test_settings_are_told_apart_but_not_where_they_run() -> None:
    digests = [
        command.settings_digest(load_settings("iconworld", changes, environment={}))
        for changes in ({}, {"editor.device": "cpu"}, {"chat.api_key": "secret"}, {"loop.rounds": 1})
    ]
    assert digests[0] == digests[1] == digests[2] != digests[3]
