"""What the editor shares with SLD's released code: prompts, masks in pixels, new looks by a model of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from configs.settings import EditorSettings, GroundedPart, load_settings
from tests.tiny_models import save_gligen
from tests.tools.backend.editor.test_grounded import BoxSegmenter
from tools.backend.editor.canvas import Canvas
from tools.backend.editor.composer import Composer
from tools.backend.editor.engines.grounded import GroundedEngine
from tools.backend.editor.masks import box_mask
from tools.backend.editor.plan import plan_edit
from tools.backend.editor.schedule import make_schedule
from tools.backend.gligen import GroundedDiffusion
from tools.scene.box import Box
from tools.scene.layout import Layout, PlacedObject
from tools.scene.operations import Add, Move, Remove, Restyle

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import torch

CAR = PlacedObject(id="car #1", name="car", attributes=("red",), box=Box(0.1, 0.1, 0.4, 0.4))
SCENE = Layout(objects=(CAR,), background="a photo on a book", absent=("blue dog",))
ADD = Add(name="cup", attributes=("green",), box=Box(0.55, 0.5, 0.35, 0.4))
PICTURE = Image.fromarray(np.random.default_rng(0).integers(0, 255, (48, 48, 3), dtype=np.uint8))


class Listening(GroundedDiffusion):
    """Remembers what it was told."""

    told: list[str]

    def text_embeddings(self, prompts: Sequence[str]) -> torch.Tensor:
        self.told = [*getattr(self, "told", []), *prompts]
        return super().text_embeddings(prompts)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_gligen(tmp_path_factory.mktemp("gligen"))


@pytest.fixture
def model(folder: Path) -> Listening:
    loaded = Listening.load(GroundedPart(path=str(folder), device="cpu"))
    assert isinstance(loaded, Listening)
    return loaded


def settings(**changes: Any) -> EditorSettings:
    return EditorSettings(**({"path": "tiny", "steps": 4, "feather": 0} | changes))


def test_the_object_keeps_the_style_and_what_is_forbidden_is_said(model: Listening) -> None:
    chosen = settings(negative_prompt="{absent}, a bottle", object_negative_prompt="a laptop, {absent}")
    Composer(GroundedEngine(model, BoxSegmenter(), chosen), BoxSegmenter()).edit(PICTURE, [ADD], SCENE)
    assert "a photo on a book with a green cup" in model.told
    assert "blue dog, a bottle" in model.told
    assert "a laptop, blue dog" in model.told


@pytest.mark.parametrize("absent", [(), ("dog",)])
def test_without_a_negative_prompt_nothing_is_said(model: Listening, absent: tuple[str, ...]) -> None:
    scene = SCENE.model_copy(update={"absent": absent})
    Composer(GroundedEngine(model, BoxSegmenter(), settings()), BoxSegmenter()).edit(PICTURE, [ADD], scene)
    assert not any("dog" in prompt for prompt in model.told)
    assert "" in model.told


@pytest.mark.parametrize(("left", "cells"), [(80, 14 * 14 - 4), (83, 13 * 13), (85, 13 * 13)])
def test_masks_grow_in_pixels_of_the_picture(left: int, cells: int) -> None:
    mask = np.zeros((512, 512), dtype=bool)
    mask[left : left + 96, left : left + 96] = True
    plan = plan_edit(SCENE, [Remove(id="car #1")])
    pixels = np.zeros((512, 512, 3), dtype=np.uint8)
    canvas = Canvas(pixels=pixels, erased=mask, cores={}, alphas={})
    schedule = make_schedule(plan, canvas, {}, {}, settings(dilation=1), 8)
    assert int(schedule.erased.sum()) == cells


def test_new_looks_by_a_model_of_their_own(model: Listening, folder: Path, tmp_path: Path) -> None:
    other = Listening.load(GroundedPart(path=str(save_gligen(tmp_path, grounded=False)), device="cpu"))
    assert isinstance(other, Listening)
    chosen = settings(restyler={"path": "other"}, steps=10)
    composer = Composer(GroundedEngine(model, BoxSegmenter(), chosen, restyler=lambda: other), BoxSegmenter())
    operations = [Restyle(id="car #1", attributes=("blue",))]
    edited = composer.edit(PICTURE, operations, SCENE, seed=1)
    assert other.told == ["a car", "a blue car", ""]
    assert edited.cost.seconds["restyle"] > 0
    assert edited.cost.model_evaluations > 8 + 2 * 8  # the inversion and the guided way back, and then the editor's own
    differs = (np.asarray(edited.image) != np.asarray(PICTURE)).any(axis=-1)
    inside = box_mask(CAR.box, PICTURE.size)
    assert differs[inside].any()
    assert not (differs & ~edited.region).any()
    assert edited.image.tobytes() == composer.edit(PICTURE, operations, SCENE, seed=1).image.tobytes()


def test_a_model_for_new_looks_is_not_loaded_for_anything_else(model: Listening) -> None:
    def load() -> GroundedDiffusion:
        raise AssertionError("nothing is restyled")

    composer = Composer(
        GroundedEngine(model, BoxSegmenter(), settings(restyler={"path": "other"}), restyler=load), BoxSegmenter()
    )
    composer.edit(PICTURE, [Move(id="car #1", box=Box(0.5, 0.1, 0.4, 0.4))], SCENE)


def test_the_preset_that_is_called_slds_own_has_its_numbers() -> None:
    preset = load_settings("gligen-sd14", environment={})
    editor, refiner = preset.editor, preset.refiner
    assert isinstance(editor, EditorSettings)
    assert refiner is not None
    assert (preset.detector.threshold, preset.detector.attribute_threshold, preset.detector.nms) == (0.2, 0.6, 0.5)
    benchmark = preset.generators["benchmark"]
    assert (benchmark.threshold, benchmark.attribute_threshold, benchmark.nms) == (0.2, 0.45, 0.15)
    assert (editor.steps, editor.guidance, editor.object_guidance, editor.frozen_step_ratio) == (50, 2.5, 7.5, 0.5)
    assert (editor.restyle_guidance, editor.restyle_strength, editor.attention_guidance) == (10.5, 0.8, 5.0)
    assert (refiner.side, refiner.strength, refiner.steps, refiner.aesthetic_score) == (1024, 0.3, 50, 7.0)
    assert "bad proportions, duplicate, two, many" in editor.object_negative_prompt
    assert "duplicate" in editor.negative_prompt
    assert "two" not in editor.negative_prompt
