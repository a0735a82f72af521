from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest
import torch
from diffusers import AutoPipelineForText2Image, Flux2KleinPipeline, Flux2Transformer2DModel, ZImagePipeline
from safetensors.torch import save_file

from configs.settings import ChatSettings, GeneratorSettings, GroundedPart, InstructSettings, LoraSettings
from tests.tiny_inpainters import save_z_image
from tests.tiny_instructors import save_klein
from tests.tiny_models import save_pipeline
from tools.backend.generator import PipelineGenerator, load_generator
from tools.backend.instructing import InstructingPipeline
from tools.backend.pipelines import Pipeline
from tools.backend.protocol import BackendError

if TYPE_CHECKING:
    from pathlib import Path

    from tools.backend.gligen import GroundedDiffusion

Folders = dict[str, "Path"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    root = tmp_path_factory.mktemp("outfit")
    return {
        "klein": save_klein(Flux2KleinPipeline, root / "klein"),
        "z-image": save_z_image(root / "z-image", kind=ZImagePipeline),
        "sd": save_pipeline(root / "sd"),
    }


def load(folder: Path, **options: Any) -> Pipeline:
    return Pipeline.load(AutoPipelineForText2Image, settings(folder, **options))


def settings(folder: Path, **options: Any) -> GeneratorSettings:
    return GeneratorSettings(path=str(folder), device="cpu", **({"steps": 2, "guidance": 1.0} | options))


def test_another_schedule_is_taken_and_an_unknown_word_of_it_named(folders: Folders) -> None:
    pipeline = load(folders["klein"], scheduler={"base_shift": 1.1, "shift_terminal": None})
    assert pipeline.pipe.scheduler.config.base_shift == 1.1
    with pytest.raises(BackendError, match=r"FlowMatchEulerDiscreteScheduler has no 'bas_shift'; it has base_"):
        load(folders["klein"], scheduler={"bas_shift": 1.1})


def test_fewer_bits_need_cuda(folders: Folders) -> None:
    with pytest.raises(BackendError, match=r"quantize: 'int4' needs a CUDA device, not 'cpu'.*sld presets"):
        load(folders["klein"], quantize="int4")


@pytest.mark.parametrize("turns", ["models", "layers"])
def test_taking_turns_changes_nothing_on_a_processor(folders: Folders, turns: str) -> None:
    ours = settings(folders["klein"])
    plain, turning = (
        PipelineGenerator(load(folders["klein"], turns=value), ours).generate("a cup", None, [1], (64, 64), None)
        for value in ("none", turns)
    )
    assert plain.images[0].tobytes() == turning.images[0].tobytes()


def save_lora(folder: Path) -> None:
    folder.mkdir()
    name = "transformer.transformer_blocks.0.attn.to_q"
    save_file(
        {f"{name}.lora_A.weight": torch.ones(2, 32), f"{name}.lora_B.weight": torch.ones(32, 2)},
        folder / "few.safetensors",
    )


@pytest.mark.skipif(find_spec("peft") is None, reason="needs the extra 'engines'")
def test_a_lora_is_laid_into_the_weights(folders: Folders, tmp_path: Path) -> None:
    save_lora(tmp_path / "lora")

    def weight(**options: Any) -> torch.Tensor:
        model = load(folders["klein"], **options).pipe.transformer
        assert isinstance(model, Flux2Transformer2DModel)
        return model.state_dict()["transformer_blocks.0.attn.to_q.weight"]

    lora = LoraSettings(path=str(tmp_path / "lora"), file="few.safetensors", scale=0.5)
    assert torch.allclose(weight(lora=lora), weight() + 0.5 * 2)


@pytest.mark.skipif(find_spec("peft") is not None, reason="then it is used")
def test_a_lora_without_its_library_is_one_sentence(folders: Folders, tmp_path: Path) -> None:
    save_lora(tmp_path / "lora")
    with pytest.raises(BackendError, match=r"lora needs the package peft.*sld-agent\[engines\]"):
        load(folders["klein"], lora=LoraSettings(path=str(tmp_path / "lora"), file="few.safetensors"))


@pytest.mark.parametrize(
    ("lora", "said"),
    [
        (
            {"path": "nowhere/at-all", "file": "few.safetensors"},
            "no local folder and its file 'few.safetensors' cannot be",
        ),
        ({"path": "nowhere/at-all", "file": "few.bin"}, "is no .safetensors file"),
    ],
)
def test_a_lora_that_is_not_there_is_named(
    folders: Folders, monkeypatch: pytest.MonkeyPatch, lora: dict[str, str], said: str
) -> None:
    monkeypatch.setattr("tools.backend.outfit.find_spec", lambda name: name)
    with pytest.raises(BackendError, match=said):
        load(folders["klein"], lora=LoraSettings(**lora))


def _no_boxes(part: GroundedPart) -> GroundedDiffusion:
    pytest.fail(f"{part.path} takes no boxes")


def test_editor_and_generator_of_one_checkpoint_share_its_weights(folders: Folders) -> None:
    ours = settings(folders["klein"], pipeline="Flux2KleinPipeline")
    theirs = InstructSettings(
        kind="instruct", path=ours.path, device="cpu", pipeline="Flux2KleinInpaintPipeline", steps=1, guidance=1
    )
    shared: dict[str, Pipeline] = {}
    editor = InstructingPipeline.from_settings(theirs, shared)
    generator = load_generator(ours, ChatSettings(), {}, _no_boxes, shared)
    assert isinstance(generator, PipelineGenerator)
    assert generator.pipeline.pipe.transformer is editor.pipe.transformer
    assert type(generator.pipeline.pipe).__name__ == "Flux2KleinPipeline"
    assert generator.pipeline.pipe.config.is_distilled
    assert generator.generate("a cup", None, [1], (64, 64), None).cost.model_evaluations == ours.steps
    other = load_generator(ours.model_copy(update={"dtype": "bfloat16"}), ChatSettings(), {}, _no_boxes, shared)
    assert isinstance(other, PipelineGenerator)
    assert other.pipeline.pipe.transformer is not editor.pipe.transformer
