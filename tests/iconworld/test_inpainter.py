"""The inpainting variant of the generator: where it starts, what it is shown, and what its checkpoint is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from diffusers import AutoencoderKL, StableDiffusionInpaintPipeline

from iconworld import inpainter
from iconworld.data import to_images, to_tensor
from iconworld.renderer import SIDE, draw_scene
from tools.backend.checkpoints import dtype_argument

HERE = Path(inpainter.__file__).parent
GENERATOR = HERE / "weights" / "generator"


@pytest.fixture(scope="module")
def recipe():
    options = yaml.safe_load((HERE / "recipe.yaml").read_text(encoding="utf-8"))["inpainter"]["model"]
    options = {key: tuple(value) if isinstance(value, list) else value for key, value in options.items()}
    return inpainter.InpainterRecipe(inpainter.Options(**options), 0, GENERATOR)


@torch.no_grad()
def test_the_folded_autoencoder_keeps_what_the_whole_one_does(recipe):
    whole = AutoencoderKL.from_pretrained(GENERATOR / "vae", torch_dtype=torch.float32)
    pixels = to_tensor([draw_scene(seed).image for seed in range(6)])
    whole_error, error = (
        float((vae.decode(vae.encode(pixels).latent_dist.mode()).sample - pixels).square().mean())
        for vae in (whole, recipe.autoencoder)
    )
    assert recipe.autoencoder.config.latent_channels == 4
    assert error < 1.15 * whole_error


def test_it_begins_with_the_mask_unheard(recipe):
    weight = recipe.model.unet.conv_in.weight
    assert weight.shape[1] == 9
    assert weight[:, :4].abs().sum() > 0
    assert not weight[:, 4:].any()
    assert not any(parameter.requires_grad for parameter in recipe.model.text_encoder.parameters())


def test_holes_hide_what_is_to_be_drawn_and_spare_what_stays(recipe):
    drawn = cleared = 0
    for seed in range(60):
        scene, rng = draw_scene(seed, counts=(0, 2, 2, 1)), np.random.default_rng(seed)
        hole, index = recipe._hole(scene, rng)
        if index is None:
            cleared += 1
            for place in range(len(scene.objects)):
                item = scene.mask(place)
                assert not item.any() or (item & ~hole).sum() >= inpainter.LEAST * item.sum()
        else:
            drawn += 1
            assert not (scene.mask(index) & ~hole).any()
            assert not (hole & (scene.ids > index + 1)).any()  # what is before it
    assert drawn > 20
    assert cleared > 5


def test_what_is_said_of_a_hole_is_what_belongs_there(recipe):
    batch = recipe.batch(3, 8)
    again = recipe.batch(3, 8)
    assert batch["prompts"] == again["prompts"]
    assert torch.equal(batch["mask"], again["mask"])
    later = recipe.batch(3 + inpainter.BLOCKS, 8)
    assert torch.equal(batch["mask"], later["mask"])  # what was encoded can be used again
    scene = draw_scene(5, counts=(0, 1))
    said = {inpainter._prompt(scene, 0, np.random.default_rng(seed)) for seed in range(30)}
    assert all(scene.objects[0].name in prompt for prompt in said)
    assert any(scene.objects[0].color in prompt for prompt in said)


def test_its_checkpoint_is_one_of_the_inpainting_pipeline(recipe, tmp_path):
    losses = recipe.loss(recipe.batch(0, 2))
    assert torch.isfinite(losses["loss"])
    recipe.save(tmp_path)
    for module in (recipe.model, recipe.autoencoder):  # written in half precision
        module.float()
    pipe = StableDiffusionInpaintPipeline.from_pretrained(
        tmp_path, safety_checker=None, feature_extractor=None, **dtype_argument(torch.float32)
    )
    pipe.set_progress_bar_config(disable=True)
    pixels = to_tensor([draw_scene(1).image])
    mask = torch.zeros(1, 1, SIDE, SIDE)
    mask[..., 40:80, 40:80] = 1
    made = pipe(
        prompt="a red cup", image=pixels / 2 + 0.5, mask_image=mask, height=SIDE, width=SIDE, num_inference_steps=1,
        generator=torch.Generator().manual_seed(0), output_type="pt",
    ).images  # fmt: skip
    (picture,) = to_images(made * 2 - 1)
    assert picture.size == (SIDE, SIDE)
    assert sum(file.stat().st_size for file in tmp_path.rglob("*") if file.is_file()) < 23e6
