from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from diffusers import Flux2KleinInpaintPipeline, QwenImageInpaintPipeline
from PIL import Image

from configs.settings import DetectorSettings, InpaintSettings, SegmenterSettings, Settings, load_settings
from tests.tiny_inpainters import save_flux, save_sd, save_sdxl, save_z_image
from tests.tiny_instructors import save_klein, save_qwen_edit
from tests.tiny_models import save_pipeline, save_sam
from tests.tools.backend.editor.test_grounded import CAR, DOG, OPERATIONS, SCENE, BoxSegmenter, changed, picture
from tools.backend.editor.composer import Composer
from tools.backend.editor.engines.inpaint import InpaintEngine
from tools.backend.editor.masks import box_mask, dilate
from tools.backend.inpainting import InpaintingPipeline
from tools.backend.local import LocalBackend
from tools.backend.protocol import BackendError
from tools.scene.box import Box
from tools.scene.layout import Layout
from tools.scene.operations import Add, Move, Remove, Replace, Restyle

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SAVED: dict[str, Callable[[Path], Path]] = {
    "StableDiffusionInpaintPipeline": save_sd,
    "StableDiffusionXLInpaintPipeline": save_sdxl,
    "FluxFillPipeline": save_flux,
    "ZImageInpaintPipeline": save_z_image,
    "QwenImageInpaintPipeline": lambda folder: save_qwen_edit(QwenImageInpaintPipeline, folder),
    "Flux2KleinInpaintPipeline": lambda folder: save_klein(Flux2KleinInpaintPipeline, folder),
}
STEPS, GROW = 2, 2
Folders = dict[str, "Path"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    return {name: save(tmp_path_factory.mktemp("inpaint") / name) for name, save in SAVED.items()}


@pytest.fixture(scope="module")
def pipelines(folders: Folders) -> dict[str, InpaintingPipeline]:
    return {name: InpaintingPipeline.from_settings(settings(folders[name], pipeline=name)) for name in SAVED}


def settings(folder: Path | str, **changes: Any) -> InpaintSettings:
    values = {"kind": "inpaint", "path": str(folder), "device": "cpu", "steps": STEPS, "grow": GROW, "feather": 2}
    return InpaintSettings(**(values | changes))


def editor(pipeline: InpaintingPipeline, **changes: Any) -> Composer:
    segmenter = BoxSegmenter()
    return Composer(InpaintEngine(pipeline, segmenter, settings("tiny", **changes)), segmenter)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("name", SAVED)
def test_only_the_region_changes(pipelines: dict[str, InpaintingPipeline], name: str, operation: str) -> None:
    image = picture()
    edited = editor(pipelines[name]).edit(image, OPERATIONS[operation], SCENE, seed=1)
    assert edited.region.any()
    assert not edited.region.all()
    differs = changed(edited, image)
    assert differs.any()
    assert not (differs & ~edited.region).any()
    assert edited.cost.model_evaluations > 0


@pytest.mark.parametrize("name", SAVED)
def test_same_seed_same_picture_at_any_size(pipelines: dict[str, InpaintingPipeline], name: str) -> None:
    image = picture((43, 34))
    edit = editor(pipelines[name]).edit
    one, two, other = (edit(image, OPERATIONS["add"], SCENE, seed=seed) for seed in (3, 3, 4))
    assert one.image.size == image.size
    assert one.image.tobytes() == two.image.tobytes()
    assert one.image.tobytes() != other.image.tobytes()


@pytest.fixture(scope="module")
def sd(pipelines: dict[str, InpaintingPipeline]) -> InpaintingPipeline:
    return pipelines["StableDiffusionInpaintPipeline"]


def test_what_goes_is_grown_and_what_it_overlaps_keeps_its_pixels(sd: InpaintingPipeline) -> None:
    image, dog = picture(), DOG.model_copy(update={"box": Box(0.3, 0.3, 0.2, 0.2)})
    edited = editor(sd).edit(image, [Remove(id="car #1")], Layout(objects=(CAR, dog)))
    car, kept = box_mask(CAR.box, image.size), box_mask(dog.box, image.size)
    assert not changed(edited, image)[kept].any()
    assert (edited.region >= dilate(car & ~kept, GROW) & ~kept).all()


def test_a_moved_object_keeps_its_pixels(sd: InpaintingPipeline) -> None:
    image, target = picture(), Box(0.5, 0.125, CAR.box.w, CAR.box.h)
    edited = editor(sd).edit(image, [Move(id="car #1", box=target)], SCENE)
    new, old = np.asarray(edited.image), np.asarray(image)
    assert (new[box_mask(target, image.size)] == old[box_mask(CAR.box, image.size)]).all()
    assert (new[box_mask(CAR.box, image.size)] != old[box_mask(CAR.box, image.size)]).any(axis=-1).mean() > 0.9


def test_a_new_object_stays_behind_what_is_before_it_and_in_its_box(sd: InpaintingPipeline) -> None:
    image, box = picture(), Box(0.5, 0.5, 0.4, 0.4)
    replaced = editor(sd).edit(image, [Replace(id="car #1", name="cat", box=box)], SCENE)
    assert not changed(replaced, image)[box_mask(DOG.box, image.size)].any()
    added = editor(sd).edit(image, [Add(name="cup", box=box)], SCENE)
    assert (added.region == box_mask(box, image.size)).all()
    assert added.masks["cup #1"].any()


def test_evaluations_and_passes_are_counted(sd: InpaintingPipeline) -> None:
    edited = editor(sd).edit(picture(), OPERATIONS["add"], SCENE)
    assert edited.cost.model_evaluations == 2 * STEPS  # guidance counted
    assert (edited.cost.encoder_passes, edited.cost.decoder_passes, edited.cost.segmenter_passes) == (1, 1, 1)


def test_what_a_pipeline_makes_smaller_comes_back_at_the_size_of_the_picture(
    sd: InpaintingPipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    # as FLUX.2 klein does with more than a million pixels
    monkeypatch.setattr(InpaintingPipeline, "__call__", lambda *_, **given: [given["image"].resize((40, 30))])
    image = picture((80, 64))
    mask = Image.fromarray(box_mask(CAR.box, image.size).astype(np.uint8) * 255)
    (made,) = sd.inpaint([0], None, 1, image=image, mask=mask, prompt="", negative="", guidance=1.0, strength=1.0)
    assert made.size == image.size


def test_a_lower_strength_takes_fewer_evaluations(sd: InpaintingPipeline) -> None:
    restyle = [Restyle(id="car #1", attributes=("green",))]
    one, two = (editor(sd, steps=8, restyle_strength=share).edit(picture(), restyle, SCENE) for share in (0.25, 1.0))
    assert one.cost.model_evaluations * 4 == two.cost.model_evaluations


def test_a_new_object_under_a_latent_cell_is_refused(sd: InpaintingPipeline) -> None:
    with pytest.raises(BackendError, match="smaller than 8 pixels"):
        editor(sd).edit(picture(), [Add(name="cup", box=Box(0.1, 0.1, 0.05, 0.4))], SCENE)


@pytest.mark.parametrize(
    ("pipeline", "said"),
    [
        ("NoSuchPipeline", "has no pipeline 'NoSuchPipeline'"),
        ("UNet2DConditionModel", "has no pipeline 'UNet2DConditionModel'"),
        ("StableDiffusionPipeline", "takes no mask"),
        ("FluxFillPipeline", "is none of FluxFillPipeline"),
        ("StableDiffusionXLInpaintPipeline", "is none of StableDiffusionXLInpaintPipeline"),
    ],
)
def test_a_class_that_does_not_fit_is_named(folders: Folders, pipeline: str, said: str) -> None:
    with pytest.raises(BackendError, match=said):
        InpaintingPipeline.from_settings(settings(folders["StableDiffusionInpaintPipeline"], pipeline=pipeline))


@pytest.mark.parametrize(
    ("saved", "pipeline"),
    [
        ("StableDiffusionXLInpaintPipeline", "StableDiffusionInpaintPipeline"),
        ("FluxFillPipeline", "ZImageInpaintPipeline"),
        ("ZImageInpaintPipeline", "QwenImageInpaintPipeline"),
    ],
)
def test_a_checkpoint_of_another_kind_is_refused(folders: Folders, saved: str, pipeline: str) -> None:
    with pytest.raises(BackendError, match=f"is none of {pipeline}"):
        InpaintingPipeline.from_settings(settings(folders[saved], pipeline=pipeline))


def test_missing_files_and_code_are_refused(folders: Folders, tmp_path: Path) -> None:
    with pytest.raises(BackendError, match="there is no folder"):
        InpaintingPipeline.from_settings(settings(tmp_path / "nothing"))
    part = folders["StableDiffusionInpaintPipeline"] / "unet"
    with pytest.raises(BackendError, match=r"no model_index\.json"):
        InpaintingPipeline.from_settings(settings(part, pipeline="StableDiffusionInpaintPipeline"))
    shutil.copytree(part.parent, tmp_path / "code")
    (tmp_path / "code" / "own.py").write_text("raise SystemExit")
    with pytest.raises(BackendError, match=r"own\.py"):
        InpaintingPipeline.from_settings(settings(tmp_path / "code"))


def test_diffusers_chooses_the_class_where_none_is_named(folders: Folders, tmp_path: Path) -> None:
    chosen = InpaintingPipeline.from_settings(settings(folders["StableDiffusionXLInpaintPipeline"]))
    assert type(chosen.pipe).__name__ == "StableDiffusionXLInpaintPipeline"
    plain = InpaintingPipeline.from_settings(settings(save_pipeline(tmp_path)))  # no channels for the mask
    image = picture()
    edited = editor(plain).edit(image, OPERATIONS["mixed"], SCENE)
    assert not (changed(edited, image) & ~edited.region).any()


def test_a_preset_edits_with_it_and_draws_anything(folders: Folders, tmp_path: Path) -> None:
    part = settings(folders["StableDiffusionXLInpaintPipeline"], side=64)
    segmenter = SegmenterSettings(path=str(save_sam(tmp_path / "sam")), device="cpu")
    whole = Settings(detector=DetectorSettings(path="unused"), segmenter=segmenter, editor=part)
    backend, image = LocalBackend(whole), picture((96, 80))
    assert backend.capabilities.draws is None
    assert backend.capabilities.best_side == part.side
    edited = backend.edit(image, OPERATIONS["add"], SCENE)
    assert not (changed(edited, image) & ~edited.region).any()
    assert edited.cost.model_evaluations == 2 * STEPS
    assert any("UNet" in name for name in backend.memory())


def test_the_shipped_preset_is_one() -> None:
    part = load_settings("sdxl-inpaint", environment={}).editor
    assert isinstance(part, InpaintSettings)
    assert part.pipeline in SAVED
