"""Pictures from words by the text-to-image pipelines of diffusers, chosen by the checkpoint or named."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from diffusers import (
    Flux2KleinPipeline,
    FluxPipeline,
    StableDiffusionXLPipeline,
    ZImagePipeline,
)

from configs.settings import ChatSettings, GeneratorSettings, GroundedPart, load_settings
from tests.tiny_inpainters import save_flux, save_sd, save_sdxl, save_z_image
from tests.tiny_instructors import save_klein
from tests.tiny_models import save_pipeline
from tools.backend.generator import PipelineGenerator, load_generator
from tools.backend.protocol import BackendError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tools.backend.gligen import GroundedDiffusion

SAVED: dict[str, Callable[[Path], Path]] = {
    "sd": save_pipeline,
    "sdxl": lambda folder: save_sdxl(folder, kind=StableDiffusionXLPipeline),
    "flux": lambda folder: save_flux(folder, kind=FluxPipeline),
    "z-image": lambda folder: save_z_image(folder, kind=ZImagePipeline),
    "klein": lambda folder: save_klein(Flux2KleinPipeline, folder),
    "inpainting": save_sd,
}
Folders = dict[str, "Path"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    return {name: save(tmp_path_factory.mktemp("drawing") / name) for name, save in SAVED.items()}


def _no_boxes(part: GroundedPart) -> GroundedDiffusion:
    pytest.fail(f"{part.path} takes no boxes")


def load(folder: Path | str, **options: Any) -> PipelineGenerator:
    given = GeneratorSettings(path=str(folder), device="cpu", **({"steps": 2, "guidance": 1.0} | options))
    generator = load_generator(given, ChatSettings(), {}, _no_boxes)
    assert isinstance(generator, PipelineGenerator)
    return generator


@pytest.mark.parametrize(
    ("name", "guidance", "twice"),
    [
        ("sd", 7.5, 2),
        ("sd", 0, 1),
        ("sdxl", 5, 2),
        ("flux", 3.5, 1),
        ("z-image", 0, 1),
        ("z-image", 4, 2),
        ("klein", 1, 1),
    ],
)
def test_any_pipeline_is_chosen_and_draws_with_the_steps_and_guidance_of_its_preset(
    folders: Folders, name: str, guidance: float, twice: int
) -> None:
    generator = load(folders[name], guidance=guidance, steps=3)
    one, two = (generator.generate("a red car", None, [3], (64, 48), None) for _ in range(2))
    assert one.images[0].size == (64, 48)
    assert one.images[0].tobytes() == two.images[0].tobytes()
    assert one.cost.model_evaluations == 3 * twice
    both = generator.generate("a red car", None, [3, 4], (64, 48), None)
    assert np.abs(np.asarray(both.images[0]).astype(int) - np.asarray(one.images[0])).max() <= 2
    assert both.images[0].tobytes() != both.images[1].tobytes()


@pytest.mark.parametrize(
    ("preset", "name", "steps", "evaluated"), [("zimage-16gb", "z-image", 9, 9), ("klein-8gb", "klein", 4, 4)]
)
def test_few_step_presets_walk_the_schedule_as_published(
    folders: Folders, preset: str, name: str, steps: int, evaluated: int
) -> None:
    part = load_settings(preset, environment={}).generator
    assert part is not None
    assert part.steps == steps
    shown = {"path": str(folders[name]), "revision": None, "device": "cpu", "dtype": "float32", "quantize": "none"}
    generator = load_generator(part.model_copy(update=shown), ChatSettings(), {}, _no_boxes)
    made = generator.generate("a red car", None, [1], (64, 64), None)
    assert made.cost.model_evaluations == evaluated  # distilled: once a step, without guidance
    assert isinstance(generator, PipelineGenerator)
    sigmas = generator.pipeline.pipe.scheduler.sigmas
    assert sigmas[0] == pytest.approx(1.0)
    assert len(sigmas) == steps + 1


@pytest.mark.parametrize(
    ("name", "pipeline", "said"),
    [
        ("sd", "NoSuchPipeline", r"generator\.pipeline: diffusers .* has no pipeline 'NoSuchPipeline'"),
        ("sd", "UNet2DConditionModel", "has no pipeline 'UNet2DConditionModel'"),
        ("sd", "StableDiffusionInpaintPipeline", "is no text-to-image pipeline, as it wants a mask"),
        ("sd", "StableDiffusionImg2ImgPipeline", "as it wants a picture to begin with"),
        ("sd", "FluxPipeline", r"is none of FluxPipeline .*set generator\.pipeline to a class made for it"),
        ("flux", "ZImagePipeline", "is none of ZImagePipeline"),
        ("inpainting", None, "takes 9 channels: name it as editor.path"),
    ],
)
def test_a_wrong_class_is_one_sentence(folders: Folders, name: str, pipeline: str | None, said: str) -> None:
    with pytest.raises(BackendError, match=said) as caught:
        load(folders[name], pipeline=pipeline)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["sd", "sdxl", "flux", "z-image"])
@pytest.mark.parametrize("lacking", ["model_index.json", "weights", "tokenizer", "scheduler"])
def test_a_missing_file_is_one_sentence_that_names_the_folder(
    folders: Folders, tmp_path: Path, name: str, lacking: str
) -> None:
    folder = tmp_path / name
    shutil.copytree(folders[name], folder)
    if lacking == "model_index.json":
        (folder / lacking).unlink()
    elif lacking == "weights":
        for file in (folder / "vae").glob("*.safetensors"):
            file.unlink()
    else:
        shutil.rmtree(folder / lacking)
    with pytest.raises(BackendError, match=f"checkpoint .*{name}") as caught:
        load(folder)
    assert "\n" not in str(caught.value)


def test_another_layout_is_one_sentence(folders: Folders) -> None:
    for inside in ("vae", "unet"):
        with pytest.raises(BackendError, match=r"cannot be loaded|is no pipeline") as caught:
            load(folders["sd"] / inside)
        assert "\n" not in str(caught.value)
