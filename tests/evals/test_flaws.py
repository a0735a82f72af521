"""Flaws are in the wrong picture and not in its twin, as far as boxes can say so."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from evals.flaw_cases import FLAWS, flaw_cases
from evals.flaws import run_flaws
from tests.world import World
from tools.backend.protocol import Detected
from tools.scene.box import Box
from tools.scene.layout import Detection
from tools.scene.requirements import requirements
from tools.scene.spec import Query

CASES = flaw_cases(seed=3, number=2 * len(FLAWS))


def test_cases_are_fresh_alike_and_of_every_flaw() -> None:
    assert [case.flaw for case in CASES[: len(FLAWS)]] == list(FLAWS)
    again = flaw_cases(seed=3, number=len(FLAWS))
    assert all(one.image.tobytes() == two.image.tobytes() for one, two in zip(CASES, again, strict=False))
    assert {case.number for case in CASES}.isdisjoint(case.number for case in flaw_cases(seed=4, number=7))
    for case in CASES:
        assert requirements(case.spec)
        assert not np.array_equal(np.asarray(case.image), np.asarray(case.right))
        assert (case.region is not None) == (case.flaw == "leftover")


class Credulous(World):
    """Finds one of everything it is asked for, each in a place of its own; except cars."""

    def detect(self, image: Image.Image, queries: Sequence[Query], threshold: float | None = None) -> Detected:
        names = sorted({query.name for query in queries})
        found = [
            Detection(name=query.name, attributes=query.attributes, box=_box(names.index(query.name)), score=0.9)
            for query in queries
            if query.name != "car"
        ]
        return Detected(tuple(found))


def _box(place: int) -> Box:
    return Box(0.1 + 0.4 * place, 0.3, 0.2, 0.2)


def test_what_is_believed_is_counted_and_shown(tmp_path: Path) -> None:
    found = run_flaws(Credulous(), CASES, pictures=tmp_path)
    assert found["cases"] == len(CASES)
    assert found["false_agreed_half"] == found["right_agreed_half"]  # it cannot tell them apart
    assert found["false_agreed_merged"] == 0  # it never sees two
    assert (tmp_path / "agreed_and_wrong.png").is_file()
    assert (tmp_path / "right_and_refused.png").is_file()
