"""Holes filled by diffusers' inpainting pipelines, alone and in the engine that pastes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from configs.settings import (
    DetectorSettings,
    PasteSettings,
    PipelineInpainterSettings,
    SegmenterSettings,
    Settings,
)
from tests.tiny_inpainters import save_flux, save_sd, save_z_image
from tests.tiny_models import save_owl, save_pipeline, save_sam
from tests.tools.backend.editor.test_grounded import SCENE, changed, picture
from tools.backend.ahead import runs_without_torch
from tools.backend.editor.masks import box_mask
from tools.backend.inpainting import FillingPipeline, PipelineInpainter
from tools.backend.local import LocalBackend
from tools.backend.protocol import BackendError
from tools.scene.box import Box
from tools.scene.operations import Move, Remove

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SAVED: dict[str, Callable[[Path], Path]] = {
    "StableDiffusionInpaintPipeline": save_sd,
    "FluxFillPipeline": save_flux,
    "ZImageInpaintPipeline": save_z_image,
}
HOLE = box_mask(Box(0.3, 0.3, 0.3, 0.3), (96, 80))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {name: save(tmp_path_factory.mktemp("fill") / name) for name, save in SAVED.items()}


def settings(folder: Path, **changes: Any) -> PipelineInpainterSettings:
    values = {"kind": "diffusers", "path": str(folder), "device": "cpu", "steps": 2, "side": 64}
    return PipelineInpainterSettings(**(values | changes))


def inpainter(folder: Path, **changes: Any) -> PipelineInpainter:
    given = settings(folder, **changes)
    return PipelineInpainter(FillingPipeline.from_settings(given), given)


@pytest.mark.parametrize("name", SAVED)
def test_a_hole_is_filled_and_nothing_else(folders: dict[str, Path], name: str) -> None:
    filler = inpainter(folders[name], pipeline=name)
    image = picture((96, 80))
    first, second = filler.fill([image, image], [HOLE, HOLE])
    differs = (np.asarray(first) != np.asarray(image)).any(axis=-1)
    assert differs[HOLE].mean() > 0.5
    assert not differs[~HOLE].any()
    assert first.tobytes() == second.tobytes()
    assert filler.evaluations() >= 4
    assert filler.evaluations() == 0


def test_a_large_picture_is_filled_in_a_square_around_the_hole(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    filler, shown = inpainter(folders["StableDiffusionInpaintPipeline"]), list[Any]()

    def inpaint(*_: Any, image: Image.Image, mask: Image.Image, **__: Any) -> list[Image.Image]:
        shown.append((image.size, np.asarray(mask).max()))
        return [Image.new("RGB", image.size, (250, 0, 0))]

    monkeypatch.setattr(filler.pipeline, "inpaint", inpaint)
    hole = box_mask(Box(0.1, 0.1, 0.3, 0.3), (600, 400))
    (made,) = filler.fill([picture((600, 400))], [hole])
    assert shown == [((64, 64), 255)]
    assert (np.asarray(made)[hole] == (250, 0, 0)).all()


def test_an_empty_hole_and_one_that_covers_all(folders: dict[str, Path]) -> None:
    filler, image = inpainter(folders["StableDiffusionInpaintPipeline"]), picture((96, 80))
    assert filler.fill([image], [np.zeros_like(HOLE)]) == [image]
    with pytest.raises(BackendError, match="covers the whole picture"):
        filler.fill([image], [np.ones_like(HOLE)])


@pytest.mark.parametrize(
    ("pipeline", "said"),
    [
        ("StableDiffusionPipeline", "inpainter.pipeline: StableDiffusionPipeline is no inpainting pipeline"),
        ("FluxFillPipeline", "set inpainter.pipeline to a class made for it"),
        ("NoSuchPipeline", "inpainter.pipeline: diffusers .* has no pipeline 'NoSuchPipeline'"),
    ],
)
def test_a_wrong_class_is_one_sentence(folders: dict[str, Path], pipeline: str, said: str) -> None:
    with pytest.raises(BackendError, match=said) as caught:
        inpainter(folders["StableDiffusionInpaintPipeline"], pipeline=pipeline)
    assert "\n" not in str(caught.value)


def test_a_checkpoint_that_is_no_pipeline_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match="is no pipeline") as caught:
        inpainter(save_pipeline(tmp_path / "plain") / "unet", pipeline="StableDiffusionInpaintPipeline")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("dotted", [[Remove(id="car #1")], [Move(id="car #1", box=Box(0.5, 0.125, 0.25, 0.25))]])
def test_the_paste_engine_fills_with_it(folders: dict[str, Path], tmp_path: Path, dotted: list[Any]) -> None:
    given = Settings(
        detector=DetectorSettings(path=str(save_owl(tmp_path / "owl")), device="cpu"),
        segmenter=SegmenterSettings(path=str(save_sam(tmp_path / "sam")), device="cpu"),
        editor=PasteSettings(kind="paste", grow=(0.02,), grow_more=()),
        inpainter=settings(folders["StableDiffusionInpaintPipeline"]),
    )
    backend, image = LocalBackend(given), picture((96, 80))
    edited = backend.edit(image, dotted, SCENE)
    assert changed(edited, image).any()
    assert not (changed(edited, image) & ~edited.region).any()
    assert edited.cost.model_evaluations > 0
    assert any("UNet" in name for name in backend.memory())
    assert not runs_without_torch(given)
