from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from evals.edit_cases import KINDS, SPEED, edit_cases
from evals.edits import run_edits
from iconworld.renderer import COLORS
from tests.evals.truthful import TruthfulDetector
from tools.backend.protocol import Cost, Edited

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from PIL.Image import Image

    from evals.edit_cases import EditCase
    from tools.scene.layout import Layout

SCENES = 4


class Editor:
    """Returns the perfect picture, or the old one."""

    def __init__(self, cases: Sequence[EditCase], perfect: bool) -> None:
        self.results = {case.image.tobytes(): case.expected if perfect else case.image for case in cases}

    def edit(self, image: Image, operations: object, scene: Layout, **_: object) -> Edited:
        everywhere = np.ones(image.size[::-1], dtype=bool)
        return Edited(
            self.results[image.tobytes()], everywhere, (), Cost(model_evaluations=7, seconds={"compose": 2.0})
        )


@pytest.mark.parametrize("perfect", [True, False])
def test_what_is_right_is_told_from_what_is_not(perfect: bool, tmp_path: Path) -> None:
    cases = [case for kind in KINDS for case in edit_cases(kind, 0, SCENES)]
    heldout, editor = TruthfulDetector(cases), Editor(cases, perfect)
    result = run_edits(editor, heldout, seed=0, scenes_per_operation=SCENES, pictures=tmp_path)  # type: ignore[arg-type]
    assert {kind: result[kind] for kind in KINDS} == dict.fromkeys(KINDS, float(perfect))
    assert all(result[f"{kind}_ceiling"] == 1 for kind in KINDS)
    assert all(result[f"{kind}_scenes"] == SCENES for kind in KINDS)
    assert result["add_model_evaluations"] == 7
    assert result["add_seconds"] == 2
    assert result["untouched"] == 1
    assert result["untouched_objects"] > SCENES
    assert (result["changed"] > 0) is perfect
    assert len(list(tmp_path.glob("*.png"))) == SCENES * len(KINDS)


def test_a_change_outside_the_region_is_noticed() -> None:
    cases = edit_cases("add", 0, 2)

    class Sloppy(Editor):
        def edit(self, image: Image, operations: object, scene: Layout, **more: object) -> Edited:
            edited = super().edit(image, operations, scene, **more)
            return Edited(edited.image, np.zeros_like(edited.region), (), edited.cost)

    heldout, editor = TruthfulDetector(cases), Sloppy(cases, True)
    result = run_edits(editor, heldout, seed=0, scenes_per_operation=2, kinds=["add"])  # type: ignore[arg-type]
    assert result["outside_identical"] == 0


@pytest.mark.parametrize("kind", [*KINDS, "speed"])
def test_cases_are_fresh_reproducible_and_possible(kind: str) -> None:
    cases, again, other = edit_cases(kind, 0, SCENES), edit_cases(kind, 0, SCENES), edit_cases(kind, 1, SCENES)
    assert [case.image.tobytes() for case in cases] == [case.image.tobytes() for case in again]
    assert not {case.number for case in cases} & {case.number for case in other}
    for case in cases:
        assert len(case.operations) == {"mixed": 3, "speed": len(SPEED)}.get(kind, 1)
        assert case.image.tobytes() != case.expected.tobytes()
        assert all(set(placed.attributes) <= set(COLORS) for placed in case.target.objects)
        assert all(placed is None or placed in case.target.objects for placed in case.targets)
