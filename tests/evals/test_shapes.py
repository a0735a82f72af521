from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from diffusers import AutoencoderKL
from PIL import Image

import iconworld
from evals.shapes import labelled_pictures, measure_shapes
from tools.backend.protocol import Detected, Generated

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tools.scene.spec import Query


WEIGHTS = Path(iconworld.__file__).parent / "weights"


class Blank:
    """A backend that draws nothing."""

    def generate(self, _prompt: str, **_: Any) -> Generated:
        return Generated((Image.new("RGB", (128, 128)),))


class Blind:
    """A detector that sees nothing."""

    def detect(self, _image: Image.Image, _queries: Sequence[Query], _threshold: float | None = None) -> Detected:
        return Detected(())


@pytest.fixture(scope="module")
def vae() -> Any:
    return AutoencoderKL.from_pretrained(WEIGHTS / "generator" / "vae").eval()


def test_every_shape_has_a_place_a_phrase_and_a_label(vae: Any) -> None:
    shapes = [shape for _, some in labelled_pictures(Blank(), vae) for shape in some]
    assert len(shapes) >= 100
    assert {shape["eye"] for shape in shapes} == {"thing", "none"}
    assert all(0 <= value <= 1 for shape in shapes for value in shape["box"])


def test_who_sees_nothing_believes_nothing(vae: Any) -> None:
    found = measure_shapes(Blank(), vae, {"blind": Blind()})
    assert (found["blind_things"], found["blind_none"]) == (0, 0)
    assert found["things"] + found["none"] >= 100
