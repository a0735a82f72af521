"""The program in an environment without the libraries of models: they are in a worker."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import sld
from tests.slim import MODELS, WITHOUT_MODELS
from tests.workers import ServedWorld, serving_here
from tests.world import scene
from tools.backend.remote.terms import described

ROOT = Path(sld.__file__).resolve().parents[1]
RUN = f"{WITHOUT_MODELS}\nfrom sld.cli import main\nmain()"


def command(place: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run ``sld`` in ``place``, where no library of models can be imported."""
    return subprocess.run(
        [sys.executable, "-c", RUN, *arguments],
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(ROOT), "SLD_CHAT__PROVIDER": "offline"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_override_leaves_out_what_only_models_need() -> None:
    lines = [line for line in (ROOT / "no-models.txt").read_text().splitlines() if not line.startswith("#")]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert [line.partition(";")[0] for line in lines] == list(MODELS)
    assert all(any(given.startswith(name) for given in project["dependencies"]) for name in MODELS)


@pytest.mark.parametrize("arguments", [("--help",), ("worker", "--help"), ("presets",), ("parse", "a red cup")])
def test_a_command_that_asks_no_model_needs_no_library_of_models(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    ended = command(tmp_path, *arguments)
    assert ended.returncode == 0, ended.stderr


def test_models_that_are_missing_are_named_in_a_sentence(tmp_path: Path) -> None:
    ended = command(tmp_path, "generate", "a red cup", "--out", "run")
    assert ended.returncode == 2
    assert "torch" in ended.stderr
    assert "backend.url" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_worker_is_asked_and_the_doctor_says_what_it_can(tmp_path: Path) -> None:
    served = ServedWorld()
    served.start = scene(("red cup", [0.1, 0.1, 0.3, 0.3]))
    preset = tmp_path / "world.yaml"
    preset.write_text(json.dumps({name: part for name, part in described(served.settings).items() if part}))
    with serving_here(served) as url:
        seen = command(tmp_path, "doctor", "--json", "--preset", str(preset), SLD_BACKEND__URL=url)
        options = ("--preset", str(preset), "--out", "run")
        drawn = command(tmp_path, "generate", "a red cup", *options, SLD_BACKEND__URL=url)
    findings = {finding["what"]: finding for finding in json.loads(seen.stdout)}
    assert (seen.returncode, findings["models"]["status"]) == (0, "ok")
    assert not {"torch", "device"} & set(findings)
    assert drawn.returncode == 0, drawn.stderr


def test_the_doctor_says_that_a_worker_does_not_answer(tmp_path: Path) -> None:
    ended = command(tmp_path, "doctor", "--json", SLD_BACKEND__URL="http://127.0.0.1:9")
    findings = {finding["what"]: finding for finding in json.loads(ended.stdout)}
    assert (ended.returncode, findings["models"]["status"]) == (1, "problem")
    assert "sld worker" in findings["models"]["advice"]
