"""SLD's own stack at full size with random weights: it loads as on the hub, and every operation runs within 12 GB."""

from __future__ import annotations

import importlib.util
import resource
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from configs.settings import load_settings
from tools.backend.local import LocalBackend
from tools.scene.box import Box
from tools.scene.layout import Layout, PlacedObject
from tools.scene.operations import Add, Move, Remove, Replace, Restyle
from tools.scene.spec import Query

if TYPE_CHECKING:
    pass

MOST = 12 * 2**30  # bytes of main memory


def thing(name: str, x: float, y: float, *attributes: str) -> PlacedObject:
    return PlacedObject(id=f"{name} #1", name=name, attributes=attributes, box=Box(x, y, 0.2, 0.25))


SCENE = Layout(
    objects=(thing("car", 0.05, 0.05, "red"), thing("dog", 0.4, 0.1), thing("cup", 0.7, 0.1), thing("cat", 0.1, 0.6)),
    background="an oil painting of a beach",
    absent=("people",),
)
OPERATIONS = [
    Add(name="umbrella", attributes=("yellow",), box=Box(0.65, 0.5, 0.3, 0.4)),
    Remove(id="dog #1"),
    Move(id="cup #1", box=Box(0.72, 0.12, 0.25, 0.3)),
    Restyle(id="car #1", attributes=("blue",)),
    Replace(id="cat #1", name="teddy bear"),
]


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> LocalBackend:
    from tests.full_size import save_stack

    folder = save_stack(tmp_path_factory.mktemp("full"))
    changes = {
        "detector.path": str(folder / "owl"),
        "segmenter.path": str(folder / "sam"),
        "generator.path": str(folder / "gligen"),
        "editor.path": str(folder / "gligen"),
        "generator.steps": 2,
        "editor.steps": 2,
    }
    changes |= {f"{part}.{key}": value for part in ("detector", "segmenter", "generator", "editor")
                for key, value in (("dtype", "bfloat16"), ("device", "cpu"), ("revision", None))}  # fmt: skip
    return LocalBackend(load_settings("gligen-sd14", changes, environment={}))


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.skipif(importlib.util.find_spec("open_clip") is None, reason="CLIP's words come from open_clip_torch")
@pytest.mark.parametrize("size_wh", [(512, 512), (640, 448)])
def test_every_operation_at_full_size(backend: LocalBackend, size_wh: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (size_wh[1], size_wh[0], 3), dtype=np.uint8)
    image = Image.fromarray(pixels)
    edited = backend.edit(image, OPERATIONS, SCENE, seed=1)
    assert edited.image.size == size_wh
    assert edited.cost.model_evaluations > 0
    assert not [warning for warning in edited.warnings if "truncated" not in warning]
    differs = (np.asarray(edited.image) != pixels).any(axis=-1)
    assert differs.any()
    assert not (differs & ~edited.region).any()
    backend.detect(edited.image, [Query(name="umbrella", attributes=("yellow",)), Query(name="car")])
    if size_wh[0] == size_wh[1]:
        assert backend.generate("a photo of a cat", layout=SCENE, seed=1).images[0].size == size_wh
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 < MOST
