from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from PIL import Image

from configs.settings import EditorSettings, GroundedPart
from tests.tiny_models import save_gligen
from tools.backend.editor.composer import Composer
from tools.backend.editor.engines.grounded import GroundedEngine
from tools.backend.editor.masks import box_mask, dilate
from tools.backend.gligen import GroundedDiffusion
from tools.backend.protocol import BackendError, Cost, Edited, Segmented
from tools.scene.box import Box
from tools.scene.layout import Layout, PlacedObject
from tools.scene.operations import Add, Move, Operation, Remove, Replace, Restyle

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

CAR = PlacedObject(id="car #1", name="car", attributes=("red",), box=Box(0.1, 0.1, 0.25, 0.25))
DOG = PlacedObject(id="dog #1", name="dog", attributes=("blue",), box=Box(0.6, 0.6, 0.25, 0.25))
SCENE = Layout(objects=(CAR, DOG), background="a photo")
ADD = Add(name="cup", attributes=("green",), box=Box(0.6, 0.1, 0.3, 0.3))
STEPS = 4
SIZE = (40, 40)


class BoxSegmenter:
    """Takes every box for a mask, and remembers the calls."""

    def __init__(self) -> None:
        self.calls: list[tuple[tuple[int, int], int]] = []

    def segment(self, image: Image.Image, boxes: Sequence[Box]) -> Segmented:
        self.calls.append((image.size, len(boxes)))
        masks = np.stack([box_mask(box, image.size) for box in boxes])
        return Segmented(masks, (1.0,) * len(boxes), Cost(segmenter_passes=1, seconds={"segment": 0.5}))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> GroundedDiffusion:
    folder = save_gligen(tmp_path_factory.mktemp("gligen"))
    return GroundedDiffusion.load(GroundedPart(path=str(folder), device="cpu"))


def make_editor(model: GroundedDiffusion, **changes: Any) -> Composer:
    values: dict[str, Any] = {"path": "tiny", "steps": STEPS, "dilation": 1, "feather": 2}
    segmenter = BoxSegmenter()
    return Composer(GroundedEngine(model, segmenter, EditorSettings(**(values | changes))), segmenter)


def picture(size_wh: tuple[int, int] = SIZE, seed: int = 0) -> Image.Image:
    """Return noise over a ramp, so that any change of a pixel shows; one flat square per object of SCENE."""
    width, height = size_wh
    pixels = np.random.default_rng(seed).integers(60, 200, (height, width, 3), dtype=np.uint8)
    for placed, colour in ((CAR, (220, 30, 30)), (DOG, (30, 30, 220))):
        pixels[box_mask(placed.box, size_wh)] = colour
    return Image.fromarray(pixels)


def changed(edited: Edited, image: Image.Image) -> np.ndarray:
    return np.asarray((np.asarray(edited.image) != np.asarray(image)).any(axis=-1))


OPERATIONS: dict[str, list[Operation]] = {
    "add": [ADD],
    "remove": [Remove(id="car #1")],
    "move": [Move(id="car #1", box=Box(0.55, 0.1, 0.25, 0.25))],
    "resize": [Move(id="car #1", box=Box(0.05, 0.05, 0.4, 0.4))],
    "restyle": [Restyle(id="car #1", attributes=("green",))],
    "replace": [Replace(id="car #1", name="cat", attributes=("yellow",))],
    "mixed": [ADD, Move(id="car #1", box=Box(0.05, 0.5, 0.3, 0.3)), Restyle(id="dog #1", attributes=("red",))],
    "border": [Add(name="cup", box=Box(0.7, 0.0, 0.3, 0.3)), Move(id="car #1", box=Box(0.0, 0.75, 0.25, 0.25))],
}


@pytest.mark.parametrize("operations", OPERATIONS.values(), ids=OPERATIONS.keys())
def test_only_the_region_changes(model: GroundedDiffusion, operations: list[Operation]) -> None:
    image = picture()
    edited = make_editor(model).edit(image, operations, SCENE, seed=1)
    assert edited.image.size == image.size
    assert edited.region.shape == SIZE[::-1]
    assert edited.region.any()
    assert not edited.region.all()
    differs = changed(edited, image)
    assert differs.any()
    assert not (differs & ~edited.region).any()


@pytest.mark.parametrize("operation", ["add", "remove", "move", "mixed"])
@pytest.mark.parametrize("size_wh", [SIZE, (58, 34), (27, 45)])
def test_same_seed_same_picture_at_any_size(model: GroundedDiffusion, operation: str, size_wh: tuple[int, int]) -> None:
    image = picture(size_wh)
    one, two, other = (make_editor(model).edit(image, OPERATIONS[operation], SCENE, seed=seed) for seed in (3, 3, 4))
    assert one.image.size == size_wh
    assert one.region.shape == size_wh[::-1]
    assert one.image.tobytes() == two.image.tobytes()
    assert one.image.tobytes() != other.image.tobytes()


def test_an_untouched_object_keeps_its_pixels_though_the_removed_one_overlaps_it(model: GroundedDiffusion) -> None:
    dog = DOG.model_copy(update={"box": Box(0.3, 0.3, 0.2, 0.2)})
    image = picture()
    edited = make_editor(model).edit(image, OPERATIONS["remove"], Layout(objects=(CAR, dog)))
    assert not changed(edited, image)[box_mask(dog.box, image.size)].any()
    assert edited.region[6, 6]


def test_a_moved_object_keeps_its_pixels(model: GroundedDiffusion) -> None:
    image = picture()
    target = Box(0.5, 0.125, CAR.box.w, CAR.box.h)
    edited = make_editor(model).edit(image, [Move(id="car #1", box=target)], SCENE)
    new, old = np.asarray(edited.image), np.asarray(image)
    assert (new[box_mask(target, image.size)] == old[box_mask(CAR.box, image.size)]).all()
    assert (new[box_mask(CAR.box, image.size)] != old[box_mask(CAR.box, image.size)]).any(axis=-1).mean() > 0.9


def test_a_resized_object_fills_its_new_box(model: GroundedDiffusion) -> None:
    target = Box(0.5, 0.05, 0.4, 0.4)
    edited = make_editor(model).edit(picture(), [Move(id="car #1", box=target)], SCENE)
    inside = np.asarray(edited.image)[4:16, 22:34]
    assert (np.abs(inside.astype(int) - (220, 30, 30)) <= 2).all()


def test_a_moved_object_goes_behind_what_is_drawn_later(model: GroundedDiffusion) -> None:
    image = picture()
    edited = make_editor(model).edit(image, [Move(id="car #1", box=Box(0.5, 0.5, 0.25, 0.25))], SCENE)
    assert not changed(edited, image)[box_mask(DOG.box, image.size)].any()


def test_every_pixel_is_said_to_be_one_objects_at_most(model: GroundedDiffusion) -> None:
    target = Box(0.4, 0.4, 0.25, 0.25)  # over a corner of the dog, which lies in front
    operations = [ADD, Move(id="car #1", box=target)]
    masks = make_editor(model).edit(picture((58, 34)), operations, SCENE).masks
    assert set(masks) == {"cup #1", "car #1", "dog #1"}
    assert np.sum([*masks.values()], axis=0).max() == 1
    assert masks["dog #1"].sum() == box_mask(DOG.box, (58, 34)).sum()
    assert (masks["car #1"] <= dilate(box_mask(target, (58, 34)), 1)).all()
    assert masks["car #1"].any()


def test_an_added_object_comes_in_front(model: GroundedDiffusion) -> None:
    image = picture()
    edited = make_editor(model).edit(image, [Add(name="cup", box=Box(0.5, 0.5, 0.25, 0.25))], SCENE)
    covered = box_mask(Box(0.6, 0.6, 0.14, 0.14), image.size)
    rest = box_mask(DOG.box, image.size) & ~box_mask(Box(0.5, 0.5, 0.25, 0.25), image.size)
    assert changed(edited, image)[covered].mean() > 0.9
    assert not changed(edited, image)[rest].any()


COSTS: dict[str, tuple[list[Operation], dict[str, Any], int]] = {
    # inversion + 2 x objects x their steps + 2 x composition
    "remove from pure noise": (OPERATIONS["remove"], {}, 8 + 2 * 8),
    "remove in part of the steps": (OPERATIONS["remove"], {"erase_strength": 0.5}, 4 + 2 * 4),
    "restyle": (OPERATIONS["restyle"], {"restyle_strength": 0.75}, 6 + 2 * 6),
    "add waits for the release": ([ADD], {"object_stride": 1}, 4 + 2 * 8 + 2 * 4),
    "add with large steps": ([ADD], {"object_stride": 2}, 4 + 2 * 6 + 2 * 4),
    "two objects": ([ADD, Add(name="cat", box=Box(0.1, 0.6, 0.3, 0.3))], {"object_stride": 4}, 4 + 4 * 5 + 2 * 4),
    "move": (OPERATIONS["move"], {"erase_strength": 0.5}, 4 + 2 * 4),
    "without guidance": (OPERATIONS["remove"], {"guidance": 1}, 8 + 8),
}


@pytest.mark.parametrize(("operations", "changes", "evaluations"), COSTS.values(), ids=COSTS.keys())
def test_evaluations_are_counted_and_none_is_wasted(
    model: GroundedDiffusion, operations: list[Operation], changes: dict[str, Any], evaluations: int
) -> None:
    edited = make_editor(model, steps=8, **changes).edit(picture(), operations, SCENE)
    assert edited.cost.model_evaluations == evaluations
    assert edited.cost.encoder_passes == 1


def test_passes_are_batched_and_reported(model: GroundedDiffusion) -> None:
    editor = make_editor(model)
    rows: list[int] = []
    handle = model.unet.register_forward_pre_hook(lambda _, inputs: rows.append(len(inputs[0])))
    phases: list[tuple[str, int, int]] = []
    try:
        operations: list[Operation] = [
            ADD,
            Add(name="cat", box=Box(0.1, 0.6, 0.3, 0.3)),
            Move(id="dog #1", box=Box(0.4, 0.4, 0.2, 0.2)),
        ]
        edited = editor.edit(picture(), operations, SCENE, progress=lambda *step: phases.append(step))
    finally:
        handle.remove()
    assert rows == [4] * 3 + [1] * 4 + [2] * 4  # two guided objects, one canvas, one guided composition
    assert edited.cost.model_evaluations == sum(rows)
    assert edited.cost.decoder_passes == 3
    assert edited.cost.segmenter_passes == 3  # the picture once, each new object once
    assert editor.segmenter.calls[0] == (SIZE, 2)  # type: ignore[attr-defined]
    assert edited.cost.seconds["segment"] == 1.5
    assert {"objects", "invert", "compose", "decode", "blend"} <= set(edited.cost.seconds)
    assert phases[-1] == ("compose", 4, 4)
    assert ("objects", 3, 3) in phases


def test_what_changes_nothing_costs_nothing(model: GroundedDiffusion) -> None:
    image = picture()
    edited = make_editor(model).edit(image, [Move(id="car #1", box=CAR.box)], SCENE)
    assert edited.image.tobytes() == image.tobytes()
    assert edited.cost == Cost()
    assert edited.warnings


def test_a_long_prompt_is_said_to_be_cut(model: GroundedDiffusion) -> None:
    scene = SCENE.model_copy(update={"background": "a photo " * 20})
    edited = make_editor(model).edit(picture(), OPERATIONS["remove"], scene)
    assert any("tokens" in warning for warning in edited.warnings)


def test_a_checkpoint_without_grounding_names_the_preset_field(tmp_path: Path) -> None:
    plain = GroundedDiffusion.load(GroundedPart(path=str(save_gligen(tmp_path, grounded=False)), device="cpu"))
    with pytest.raises(BackendError, match=r"editor\.path"):
        make_editor(plain).edit(picture(), [ADD], SCENE)


def test_other_latents(tmp_path: Path) -> None:
    folder = save_gligen(tmp_path, channels=8, scaling_factor=0.7, shift_factor=0.1)
    other = GroundedDiffusion.load(GroundedPart(path=str(folder), device="cpu", dtype="bfloat16"))
    edited = make_editor(other).edit(picture(), OPERATIONS["mixed"], SCENE)
    assert not (changed(edited, picture()) & ~edited.region).any()


class TestUnusableOutput:
    @pytest.fixture
    def broken(self, tmp_path: Path) -> GroundedDiffusion:
        return GroundedDiffusion.load(GroundedPart(path=str(save_gligen(tmp_path)), device="cpu"))

    def test_another_seed_is_tried_once(self, broken: GroundedDiffusion) -> None:
        outputs = iter([True] + [False] * 100)

        def spoil(_: Any, __: Any, output: Any) -> Any:
            if next(outputs):
                output.sample = torch.full_like(output.sample, float("nan"))
            return output

        broken.unet.register_forward_hook(spoil)
        edited = make_editor(broken).edit(picture(), OPERATIONS["remove"], SCENE, seed=1)
        assert edited.cost.model_evaluations == 2 * (4 + 8)
        assert any("seed 1" in warning for warning in edited.warnings)

    def test_two_failures_are_an_error(self, broken: GroundedDiffusion) -> None:
        broken.vae.decoder.conv_out.weight.data.zero_()
        broken.vae.decoder.conv_out.bias.data.fill_(-9)
        with pytest.raises(BackendError, match=r"seeds 0 and .*black"):
            make_editor(broken).edit(picture(), OPERATIONS["remove"], SCENE)

    def test_not_finite(self, broken: GroundedDiffusion) -> None:
        broken.unet.conv_out.bias.data.fill_(float("inf"))
        with pytest.raises(BackendError, match="not finite"):
            make_editor(broken).edit(picture(), [ADD], SCENE)


def test_a_box_below_the_resolution_of_the_latents_is_refused(model: GroundedDiffusion) -> None:
    with pytest.raises(BackendError, match="larger box"):
        make_editor(model).edit(picture(), [Add(name="cup", box=Box(0.1, 0.1, 0.01, 0.2))], SCENE)


def test_attention_guidance_costs_its_evaluations_and_moves_the_result(model: GroundedDiffusion) -> None:
    operations = [*OPERATIONS["restyle"], ADD]
    plain, guided, again = (
        make_editor(model, steps=8, attention_guidance=strength).edit(picture(), operations, SCENE)
        for strength in (0.0, 30.0, 30.0)
    )
    # restyling starts at level 2 of 8, guidance ends at 60 % of 8 = level 5
    assert guided.cost.model_evaluations == plain.cost.model_evaluations + 3
    assert guided.image.tobytes() == again.image.tobytes()
    assert guided.image.tobytes() != plain.image.tobytes()
    assert not (changed(guided, picture()) & ~guided.region).any()
