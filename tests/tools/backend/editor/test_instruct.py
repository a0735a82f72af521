from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from PIL import Image

from configs.settings import DetectorSettings, InstructSettings, SegmenterSettings, Settings
from tests.tiny_inpainters import save_sd
from tests.tiny_instructors import SAVED
from tests.tiny_models import save_sam
from tests.tools.backend.editor.test_grounded import CAR, DOG, OPERATIONS, SCENE, BoxSegmenter, changed, picture
from tests.tools.backend.editor.test_registration import moved, scenery
from tools.backend.editor.composer import Composer
from tools.backend.editor.engines.instruct import InstructEngine
from tools.backend.editor.masks import box_mask
from tools.backend.instructing import InstructingPipeline
from tools.backend.local import LocalBackend
from tools.backend.protocol import BackendError
from tools.scene.box import Box
from tools.scene.layout import Layout, PlacedObject
from tools.scene.operations import Add, Move, Remove, Restyle

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

STEPS, GROW = 2, 2
MASKED = {name for name in SAVED if "Inpaint" in name}
QWEN = ("edit", "edit_plus", "edit_inpaint")
Folders = dict[str, "Path"]
Pipelines = dict[str, InstructingPipeline]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    return {name: save(tmp_path_factory.mktemp("instruct") / name) for name, save in SAVED.items()}


@pytest.fixture(scope="module")
def pipelines(folders: Folders) -> Pipelines:
    return {name: InstructingPipeline.from_settings(settings(folders[name], pipeline=name)) for name in SAVED}


@pytest.fixture(autouse=True)
def _small_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have Qwen's pipelines look at pictures of 128 pixels, not at a million of them."""
    for name in QWEN:
        module = importlib.import_module(f"diffusers.pipelines.qwenimage.pipeline_qwenimage_{name}")
        whole = module.calculate_dimensions

        def small(area: float, ratio: float, whole: Any = whole) -> Any:
            return whole(area / 64, ratio)

        monkeypatch.setattr(module, "calculate_dimensions", small)


def settings(folder: Path | str, **changes: Any) -> InstructSettings:
    values = {"kind": "instruct", "path": str(folder), "device": "cpu", "steps": STEPS, "grow": GROW, "feather": 2}
    return InstructSettings(**(values | changes))


def editor(pipeline: Any, **changes: Any) -> Composer:
    segmenter = BoxSegmenter()
    return Composer(InstructEngine(pipeline, segmenter, settings("tiny", **changes)), segmenter)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("name", SAVED)
def test_only_the_region_changes(pipelines: Pipelines, name: str, operation: str) -> None:
    image = picture()
    edited = editor(pipelines[name]).edit(image, OPERATIONS[operation], SCENE, seed=1)
    assert edited.region.any()
    assert not edited.region.all()
    differs = changed(edited, image)
    assert differs.any()
    assert not (differs & ~edited.region).any()
    assert edited.cost.model_evaluations > 0


@pytest.mark.parametrize("name", SAVED)
def test_same_seed_same_picture_at_any_size(pipelines: Pipelines, name: str) -> None:
    image = picture((43, 34))
    edit = editor(pipelines[name]).edit
    one, two, other = (edit(image, OPERATIONS["add"], SCENE, seed=seed) for seed in (3, 3, 4))
    assert one.image.size == image.size
    assert one.image.tobytes() == two.image.tobytes()
    assert one.image.tobytes() != other.image.tobytes()


@pytest.mark.parametrize("name", SAVED)
def test_a_batch_gives_the_pictures_of_each_alone(pipelines: Pipelines, name: str) -> None:
    pipeline, image = pipelines[name], picture((64, 48))
    mask = Image.fromarray(box_mask(CAR.box, image.size).astype(np.uint8) * 255)

    def follow(seeds: list[int]) -> list[Image.Image]:
        said = "Make the car green."
        return pipeline.follow(seeds, None, settings("tiny", guidance=2.0), image=image, mask=mask, instruction=said)

    together = follow([3, 4])
    for seed, made in zip((3, 4), together, strict=True):
        (alone,) = follow([seed])
        assert made.size == image.size
        assert np.abs(np.asarray(alone).astype(int) - np.asarray(made)).max() <= 2
    assert together[0].tobytes() != together[1].tobytes()


@pytest.mark.parametrize("name", sorted(MASKED))
def test_a_mask_is_honoured_by_the_model_itself(pipelines: Pipelines, name: str) -> None:
    pipeline, image = pipelines[name], picture((64, 64))
    inside = box_mask(Box(0.5, 0, 0.5, 1), image.size)
    mask = Image.fromarray(inside.astype(np.uint8) * 255)
    made = [
        pipeline.follow([1], None, settings("tiny", guidance=1.0), image=image, mask=mask, instruction=said)[0]
        for said in ("Make it green.", "Put a laptop on the chair.")
    ]
    differs = np.abs(np.asarray(made[0]).astype(int) - np.asarray(made[1])).max(axis=-1)
    assert differs[:, 48:].max() > 0
    assert differs[:, 48:].mean() > 4 * differs[:, :16].mean()  # the decoder looks a little beyond the mask


class Answering:
    """A pipeline that gives the answer of a test, and remembers what it was told."""

    device, name, masked = torch.device("cpu"), "answering", False

    def __init__(self, *answers: np.ndarray) -> None:
        self.answers, self.told = list(answers), []

    def follow(self, seeds: Sequence[int], progress: Any, settings: Any, **given: Any) -> list[Image.Image]:
        self.told.append(given["instruction"])
        return [Image.fromarray(self.answers[len(self.told) - 1])]

    def evaluations(self) -> int:
        return 1


THING = PlacedObject(id="cup #1", name="cup", box=Box(0.3, 0.35, 0.3, 0.3))


@pytest.mark.parametrize(("zoom", "shift"), [(1.0, (6.0, -4.0)), (1.03, (-6.0, -4.0)), (0.97, (3.0, 6.0))])
def test_the_answers_shift_and_zoom_are_corrected(zoom: float, shift: tuple[float, float]) -> None:
    there, image = scenery(), Image.fromarray(scenery())
    lit = there.copy()  # the thing is the light on a part of the scenery, which the model takes away
    thing = box_mask(THING.box, image.size)
    lit[thing] = np.clip(lit[thing].astype(int) + 70, 0, 255)
    answer = moved(there, (zoom, zoom), shift, box=None)
    scene, remove = Layout(objects=(THING,)), [Remove(id="cup #1")]
    off = {}
    for align in (True, False):
        edited = editor(Answering(answer), side=320, align=align).edit(Image.fromarray(lit), remove, scene)
        assert not (changed(edited, Image.fromarray(lit)) & ~edited.region).any()
        off[align] = np.abs(np.asarray(edited.image)[thing] - (there[thing] * 0.9 + 10)).mean()
    assert off[True] < 0.6 * off[False]


def test_a_new_object_may_reach_over_its_box_and_what_did_not_change_is_left_alone() -> None:
    image = Image.fromarray(scenery())
    drawn = box_mask(Box(0.42, 0.45, 0.24, 0.1), image.size)  # wider than its box, and much lower
    answer = np.where(drawn[..., None], np.uint8(255) - scenery(), scenery())
    box = Box(0.45, 0.35, 0.18, 0.3)
    edited = editor(Answering(answer), side=320, reach=2.0).edit(image, [Add(name="cup", box=box)], Layout())
    new = changed(edited, image)
    assert new[drawn].mean() > 0.9
    assert not new[box_mask(Box(0.45, 0.35, 0.18, 0.05), image.size)].any()
    tight = editor(Answering(answer), side=320, reach=1.0).edit(image, [Add(name="cup", box=box)], Layout())
    assert not (changed(tight, image) & ~box_mask(box, image.size)).any()


def test_everything_is_said_at_once_and_a_second_time_for_what_moves_and_changes() -> None:
    pixels = np.asarray(picture((64, 64)))
    one = Answering(pixels)
    operations = [Remove(id="dog #1"), Move(id="car #1", box=Box(0.6, 0.1, 0.25, 0.25))]
    editor(one).edit(picture((64, 64)), [*operations, Add(name="cup", box=Box(0.1, 0.6, 0.2, 0.2))], SCENE)
    (said,) = one.told
    assert said.startswith("Remove the red car. Remove the blue dog. Add a cup at the bottom left.")
    two = Answering(pixels, pixels)
    edited = editor(two).edit(picture((64, 64)), [*operations[1:], Restyle(id="car #1", attributes=("green",))], SCENE)
    assert [one.split(".")[0] for one in two.told] == [
        "Remove the red car",
        "Make the red car green, with the same shape",
    ]
    assert edited.cost.model_evaluations == 2


@pytest.mark.parametrize("name", ["Flux2KleinPipeline", "FluxKontextInpaintPipeline"])
def test_a_moved_object_keeps_its_pixels(pipelines: Pipelines, name: str) -> None:
    image, target = picture(), Box(0.5, 0.125, CAR.box.w, CAR.box.h)
    edited = editor(pipelines[name]).edit(image, [Move(id="car #1", box=target)], SCENE)
    new, old = np.asarray(edited.image), np.asarray(image)
    assert (new[box_mask(target, image.size)] == old[box_mask(CAR.box, image.size)]).all()
    assert (new[box_mask(CAR.box, image.size)] != old[box_mask(CAR.box, image.size)]).any(axis=-1).mean() > 0.9


def test_guidance_counts_where_the_model_has_it(pipelines: Pipelines) -> None:
    def evaluations(name: str, guidance: float) -> int:
        composer = editor(pipelines[name], guidance=guidance)
        return composer.edit(picture(), OPERATIONS["add"], SCENE).cost.model_evaluations

    assert evaluations("QwenImageEditPlusPipeline", 4.0) == 2 * STEPS
    assert evaluations("QwenImageEditPlusPipeline", 1.0) == STEPS
    assert evaluations("FluxKontextPipeline", 2.5) == STEPS  # it is distilled with its guidance
    assert evaluations("Flux2KleinPipeline", 1.0) == STEPS


@pytest.mark.parametrize(
    ("saved", "pipeline", "said"),
    [
        ("FluxKontextPipeline", "NoSuchPipeline", "has no pipeline 'NoSuchPipeline'"),
        ("FluxKontextPipeline", "StableDiffusionPipeline", "takes no picture"),
        ("FluxKontextPipeline", "StableDiffusionImg2ImgPipeline", "draws a picture over from its words"),
        ("FluxKontextPipeline", "QwenImageEditPipeline", "is none of QwenImageEditPipeline"),
        ("QwenImageEditPipeline", "Flux2KleinPipeline", "is none of Flux2KleinPipeline"),
        ("Flux2KleinPipeline", "FluxKontextPipeline", "is none of FluxKontextPipeline"),
    ],
)
def test_a_class_or_checkpoint_that_does_not_fit_is_named(
    folders: Folders, saved: str, pipeline: str, said: str
) -> None:
    with pytest.raises(BackendError, match=said):
        InstructingPipeline.from_settings(settings(folders[saved], pipeline=pipeline))


def test_the_checkpoint_says_its_class_where_none_is_named(folders: Folders, tmp_path: Path) -> None:
    chosen = InstructingPipeline.from_settings(settings(folders["Flux2KleinPipeline"]))
    assert type(chosen.pipe).__name__ == "Flux2KleinPipeline"
    with pytest.raises(BackendError, match="there is no folder"):
        InstructingPipeline.from_settings(settings(tmp_path / "nothing"))
    inpainting = save_sd(tmp_path / "sd")
    assert InstructingPipeline.from_settings(settings(inpainting)).masked


def test_a_new_object_under_a_latent_cell_is_refused(pipelines: Pipelines) -> None:
    with pytest.raises(BackendError, match="smaller than 8 pixels"):
        editor(pipelines["Flux2KleinPipeline"]).edit(picture(), [Add(name="cup", box=Box(0.1, 0.1, 0.05, 0.4))], SCENE)


def test_a_preset_edits_with_it_in_a_crop_of_a_large_picture(folders: Folders, tmp_path: Path) -> None:
    part = settings(folders["Flux2KleinPipeline"], side=64)
    segmenter = SegmenterSettings(path=str(save_sam(tmp_path / "sam")), device="cpu")
    backend = LocalBackend(Settings(detector=DetectorSettings(path="unused"), segmenter=segmenter, editor=part))
    image = picture((400, 300))
    assert backend.capabilities.draws is None
    assert backend.capabilities.needs >= {"instruction"}
    small = DOG.model_copy(update={"box": Box(0.8, 0.8, 0.05, 0.05)})
    edited = backend.edit(image, [Restyle(id="dog #1", attributes=("red",))], Layout(objects=(CAR, small)))
    assert edited.image.size == image.size
    assert not (changed(edited, image) & ~edited.region).any()
    assert edited.cost.model_evaluations == STEPS
    assert any("Transformer" in name for name in backend.memory())
