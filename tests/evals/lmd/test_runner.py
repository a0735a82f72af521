"""Whole runs of the benchmark in a world where truth is known: the real graph, the offline planner, both scorers."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from agent.run.folder import RunError
from evals.lmd.command import write_results
from evals.lmd.measure import Plan, find_picture
from evals.lmd.prompts import choose, lmd_prompts
from evals.lmd.runner import run_prompts
from evals.lmd.tables import RIVAL, START, cause, summarize
from tests.evals.lmd.guessing import PRICE, Guessing, guess, make_services
from tests.world import draw, scene
from tools.backend.protocol import BackendError, Generated

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evals.lmd.prompts import LmdPrompt

ROOT = Path(__file__).resolve().parents[3]
LIMIT = 12
IDENTITY = {"preset": "guessing"}


def run(out: Path, prompts: Sequence[LmdPrompt] | None = None, **more: Any) -> list[dict[str, Any]]:
    plan = Plan(out, **{key: more.pop(key) for key in ("images", "baselines", "seed") if key in more})
    make = partial(make_services, out, out / "log")
    return run_prompts(prompts or choose(limit=LIMIT), plan, make, identity=IDENTITY, **more)


def timeless(summary: dict[str, Any]) -> dict[str, Any]:
    """Leave out what depends on the clock."""
    kept = {key: value for key, value in summary.items() if "minutes" not in key}
    kept["costs"] = {name: {**cost, "seconds": 0} for name, cost in summary["costs"].items()}
    return kept


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    out = tmp_path_factory.mktemp("lmd")
    return out, run(out)


def test_correction_helps_and_right_pictures_are_left_alone(whole: tuple[Path, list[dict[str, Any]]]) -> None:
    _, records = whole
    summary = summarize(records, 2)
    overall = {method: by_task["overall"]["rate"] for method, by_task in summary["rates"]["heldout"].items()}
    assert set(overall) == {START, RIVAL, "1 round", "2 rounds"}
    assert 0 < overall[START] < 100
    assert overall["2 rounds"] == 100
    assert summary["gains"]["heldout"][f"over {START}"]["rate"] == pytest.approx(100 - overall[START], abs=0.02)
    assert summary["agreed_at_start_untouched"] == summary["agreed_at_start"] > 0
    assert summary["right_at_start_spoiled_heldout"] == 0
    assert summary["met_at_start_untouched_heldout"] == summary["met_at_start_heldout"] > 0
    assert summary["disagreement_at_end"] == 0
    assert summary["causes"]["heldout"] == {}
    assert set(summary["rates"]["heldout"][START]) == {"negation", "numeracy", "attribution", "spatial", "overall"}


def test_the_rival_has_the_budget_of_the_correction(whole: tuple[Path, list[dict[str, Any]]]) -> None:
    _, records = whole
    for record in records:
        first, last, rival = record["attempts"][0], record["attempts"][-1], record["best_of_n"]
        spent = last["model_evaluations"] - first["model_evaluations"]
        assert first["model_evaluations"] == PRICE
        assert (rival["n"] - 1) * PRICE >= spent > (rival["n"] - 2) * PRICE or spent == 0
        assert rival["tried"] <= rival["n"]
        assert rival["model_evaluations"] == rival["tried"] * PRICE


def test_what_is_finished_is_only_read(whole: tuple[Path, list[dict[str, Any]]]) -> None:
    out, records = whole
    before = (out / "log").read_text()
    assert run(out) == records
    assert (out / "log").read_text() == before


def test_more_prompts_go_on_in_the_same_folder(tmp_path: Path) -> None:
    few = run(tmp_path, choose(limit=4))
    drawn = (tmp_path / "log").read_text().splitlines()
    more = run(tmp_path, choose(limit=8))
    assert [record for record in more if record in few] == few
    assert (tmp_path / "log").read_text().splitlines()[: len(drawn)] == drawn


def test_baselines_can_follow_later_without_drawing_anew(tmp_path: Path) -> None:
    prompts = choose(limit=6)
    plain = run(tmp_path, prompts, baselines=False)
    assert all(record["best_of_n"] is None for record in plain)
    assert RIVAL not in summarize(plain, 2)["methods"]
    assert all(record["best_of_n"] for record in run(tmp_path, prompts))
    drawn = (tmp_path / "log").read_text().splitlines()
    assert len(drawn) == len(set(drawn))


def test_another_preset_does_not_mix_with_the_figures(whole: tuple[Path, list[dict[str, Any]]]) -> None:
    out, _ = whole
    with pytest.raises(RunError, match="figures of another preset"):
        run_prompts(choose(limit=1), Plan(out), partial(make_services, out), identity={"preset": "other"})


def test_a_failing_prompt_loses_no_other_and_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prompts = choose(limit=4)

    def broken(self: Guessing, prompt: str, **more: Any) -> Generated:
        if prompt == prompts[0].text:
            raise BackendError("no memory left")
        return Generated((draw(guess(prompt, 0)),))

    with monkeypatch.context() as patch:
        patch.setattr(Guessing, "generate", broken)
        records = run(tmp_path, prompts)
    assert [("error" in record) for record in records] == [True, False, False, False]
    summary = summarize(records, 2)
    assert summary["errors"] == 1
    assert summary["causes"]["heldout"][prompts[0].task] == {"error": 1}
    write_results(records, summary, tmp_path)
    assert "no memory left" in (tmp_path / "report.html").read_text()
    assert not any("error" in record for record in run(tmp_path, prompts))


def test_pictures_from_elsewhere_are_corrected_in_the_seeds_layout(tmp_path: Path) -> None:
    given = [prompt for prompt in lmd_prompts() if prompt.task == "numeracy"][:2]
    for prompt in given:
        folder = tmp_path / "images" / f"{prompt.number:03d}"
        folder.mkdir(parents=True)
        draw(scene(("red cup", [0.1, 0.1, 0.2, 0.2]))).save(folder / "initial_image.png")
    records = run(tmp_path / "out", given, images=tmp_path / "images")
    assert not (tmp_path / "out" / "log").read_text().count("generate")
    summary = summarize(records, 2)
    assert summary["rates"]["heldout"][START]["overall"]["rate"] == 0
    assert summary["rates"]["heldout"]["2 rounds"]["overall"]["rate"] == 100
    with pytest.raises(RunError, match=r"399/initial_image\.png"):
        find_picture(tmp_path / "images", lmd_prompts()[399])


def test_the_page_stands_alone_and_shows_every_failure(tmp_path: Path) -> None:
    records = run(tmp_path, rounds_never_help := choose(limit=6))
    for record in records:
        for score in record["scored"].values():
            score["right"]["heldout"] = False
    summary = summarize(records, 2)
    assert {cause(record, 2, "heldout") for record in records} == {"scorers disagree"}
    write_results(records, summary, tmp_path)
    page = (tmp_path / "report.html").read_text()
    assert all(f'id="p{prompt.number}"' in page for prompt in rounds_never_help)
    assert not re.search(r'(?:src|href)="(?!data:)', page)
    assert page.count("<figure") == sum(len(record["attempts"]) for record in records)
    assert json.loads((tmp_path / "summary.json").read_text()) == summary
    assert "| 2 rounds |" in (tmp_path / "table.md").read_text()
    for name in ("rounds", "cost", "causes"):
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_killed_runs_go_on_to_the_same_table(
    whole: tuple[Path, list[dict[str, Any]]], tmp_path: Path, workers: int
) -> None:
    _, records = whole
    log, kills = tmp_path / "log", 0
    arguments = [sys.executable, "-m", "tests.evals.lmd.guessing", str(tmp_path), str(log), str(LIMIT), str(workers)]
    for lines in (3, 8):
        with subprocess.Popen(arguments, cwd=ROOT) as process:
            while not log.exists() or log.read_text().count("\n") < lines:
                assert process.poll() is None
                time.sleep(0.01)
            process.send_signal(signal.SIGKILL)
            kills += 1
    resumed = run(tmp_path)

    assert timeless(summarize(resumed, 2)) == timeless(summarize(records, 2))
    drawn = log.read_text().splitlines()
    # a picture that the kill caught before it was on disk is drawn again; one that was there never is
    assert len(drawn) - len(set(drawn)) <= kills * workers
    assert len(set(drawn)) >= LIMIT
