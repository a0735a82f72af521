"""The editor's engines side by side, on tiny models and made-up editors."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from typer.testing import CliRunner

from configs.settings import load_settings
from evals.cli import app
from evals.edit_cases import KINDS, edit_cases
from evals.engines import engines, run_engines, table
from tests.evals.truthful import TruthfulDetector
from tests.tiny_inpainters import save_sd
from tools.backend.protocol import BackendError, Cost, Edited
from tools.scene.operations import Add, Replace

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from PIL.Image import Image

    from configs.settings import Settings
    from tools.scene.layout import Layout
    from tools.scene.operations import Operation

SCENES = 2


class Editor:
    """Makes the perfect picture, but draws nothing new where its engine is paste."""

    def __init__(self, settings: Settings) -> None:
        self.draws = settings.editor.kind != "paste"
        cases = [case for kind in KINDS for case in edit_cases(kind, 0, SCENES)]
        self.results = {case.image.tobytes(): case.expected for case in cases}

    def edit(self, image: Image, operations: Sequence[Operation], scene: Layout, **_: object) -> Edited:
        if not self.draws and any(isinstance(one, Add | Replace) for one in operations):
            raise BackendError("it draws nothing")
        everywhere = np.ones(image.size[::-1], dtype=bool)
        cost = Cost(model_evaluations=7, seconds={"compose": 2.0})
        return Edited(self.results[image.tobytes()], everywhere, (), cost)


def settings() -> dict[str, Settings]:
    return {name: load_settings("iconworld", own, environment={}) for name, own in engines("/nowhere/at/all").items()}


def test_every_engine_has_its_settings() -> None:
    made = settings()
    assert {name: one.editor.kind for name, one in made.items()} == {name: name.partition(",")[0] for name in made}
    assert {one.detector.path for one in made.values()} == {made["grounded"].detector.path}


def test_each_engine_has_a_row_and_what_it_refuses_is_not_right() -> None:
    cases = [case for kind in KINDS for case in edit_cases(kind, 0, SCENES)]
    found = run_engines(settings(), Editor, TruthfulDetector(cases), scenes=SCENES)  # type: ignore[arg-type]
    assert (found["paste"]["add"], found["paste"]["add_refused"]) == (0, 1)
    assert (found["inpaint"]["add"], found["inpaint"]["add_refused"]) == (1, 0)
    lines = table(found).splitlines()
    names = [line.split(" | ")[0].removeprefix("| ") for line in lines if not line.startswith("|--")]
    assert names == ["engine", "drawn perfectly", "grounded", "inpaint", "paste", "paste, inpaint"]
    assert lines[-1].count("refused") >= 2
    assert lines[-1].endswith("| 7 | 2 |")
    assert "1.00" in lines[-1]


@pytest.mark.slow
def test_the_command_measures_and_writes_a_section(tmp_path: Path) -> None:
    weights, page = save_sd(tmp_path / "inpainter"), tmp_path / "RESULTS.md"
    page.write_text("# Results\n\nfirst\n")
    given = ["engines", "--weights", str(weights), "--scenes", "1", "--results", str(page), "--json"]
    small = ["--set", "editor.steps=2"]
    ran = CliRunner().invoke(app, [*given, *small, "--only", "inpaint"])
    assert ran.exit_code == 0, ran.output
    assert json.loads(ran.stdout)["inpaint"]["outside_identical"] == 1
    assert page.read_text().startswith("# Results\n\nfirst\n\n## Engines side by side\n\n| engine |")


def test_an_unknown_engine_is_named() -> None:
    ran = CliRunner().invoke(app, ["engines", "--only", "paste;scissors"])
    assert ran.exit_code == 2
    assert "scissors" in ran.output
