"""Training with very small models: it goes on where it was killed, and what it saves loads as a checkpoint."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import torch
import yaml
from diffusers import AutoencoderKL, UNet2DConditionModel

from iconworld import autoencoder, detector, generator, inpainter, segmenter
from iconworld.data import Labeled
from iconworld.renderer import CLASSES, draw_scene
from iconworld.training import Hyper, load_average, train
from tools.scene.box import Box

RECIPE = yaml.safe_load((Path(generator.__file__).parent / "recipe.yaml").read_text(encoding="utf-8"))
TINY_AUTOENCODER = autoencoder.Options(latents=3, widths=(4, 4, 8), groups=2, crop=32, whole=0.0, kl=1e-4, stream=9)
TINY_DETECTOR = detector.Architecture("owlv2", 128, 16, 16, 1, 2, 16, 1, stream=9)


def autoencoder_recipe(seed=0):
    return autoencoder.AutoencoderRecipe(TINY_AUTOENCODER, seed)


def test_the_recipe_fits_the_options():
    kinds = {
        "autoencoder": autoencoder.Options,
        "detector": detector.Architecture,
        "heldout_detector": detector.Architecture,
        "segmenter": segmenter.Options,
        "generator": generator.Options,
        "inpainter": inpainter.Options,
    }
    assert RECIPE.keys() == kinds.keys()
    for name, kind in kinds.items():
        Hyper(**RECIPE[name]["training"])
        kind(**RECIPE[name]["model"])


def test_the_heldout_shares_nothing_with_the_detector():
    one, two = RECIPE["detector"], RECIPE["heldout_detector"]
    for key in ("kind", "patch", "width", "image_side", "stream"):
        assert one["model"][key] != two["model"][key]
    assert one["training"]["seed"] != two["training"]["seed"]


def test_going_on_equals_going_through(tmp_path):
    hyper = Hyper(steps=4, batch=2, lr=1e-3, warmup=2)
    train(autoencoder_recipe(), hyper, tmp_path / "through", "cpu", sample_every=100)
    # The schedule belongs to the whole training: stop the first part by force, as a kill would.
    stopped = autoencoder_recipe()
    real, calls = stopped.batch, []

    def batch(step, size):
        calls.append(step)
        if step == 2:
            raise KeyboardInterrupt
        return real(step, size)

    stopped.batch = batch
    with pytest.raises(KeyboardInterrupt):
        train(stopped, hyper, tmp_path / "parts", "cpu", sample_every=100, save_seconds=0)
    train(autoencoder_recipe(seed=5), hyper, tmp_path / "parts", "cpu", workers=1, sample_every=100)
    assert calls == [0, 1, 2]
    one, two = autoencoder_recipe(), autoencoder_recipe()
    assert load_average(one, tmp_path / "through") == load_average(two, tmp_path / "parts") == 4
    for name, value in one.model.state_dict().items():
        torch.testing.assert_close(value, two.model.state_dict()[name], atol=1e-4, rtol=0, msg=name)


def test_a_batch_that_is_shown_again_and_again_is_learned(tmp_path):
    recipe = autoencoder_recipe()
    batch = recipe.batch(0, 4)
    recipe.batch = lambda step, size: batch
    before = recipe.loss(batch)["loss"].item()
    train(recipe, Hyper(steps=60, batch=4, lr=3e-3, warmup=2), tmp_path, "cpu", sample_every=60)
    # To a sixth or so by then. Without learning it stays; halves are far from what another processor changes.
    assert recipe.loss(batch)["loss"].item() < before / 2
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["step"] for row in rows] == [20, 40, 60]
    assert (tmp_path / "sample-000060.png").exists()


def test_phrases_have_embeddings_of_their_own():
    recipe = detector.DetectorRecipe(
        "detector", detector.Architecture(**RECIPE["detector"]["model"] | {"soft": 0}), seed=0
    )
    core = recipe.model.owlv2
    with torch.no_grad():
        text = core.text_projection(core.text_model(**recipe.tokens["image of a {}"]).pooler_output)
    text = torch.nn.functional.normalize(text, dim=-1)
    cosines = text @ text.T
    off = cosines - torch.eye(len(cosines))
    assert off.max() < 0.999
    assert off.mean() < 0.95


@pytest.mark.parametrize(("kind", "size_wh"), [("owlv2", (160, 96)), ("owlvit", (160, 96)), ("owlv2", (128, 128))])
def test_targets_lie_where_the_objects_are(kind, size_wh):
    architecture = detector.Architecture(kind, 128, 16, 16, 1, 2, 16, 1, stream=9)
    recipe = detector.DetectorRecipe("detector", architecture, seed=0)
    scene = draw_scene(4, size_wh)
    targets = recipe.targets([Labeled.of(scene)])
    square = max(size_wh) if kind == "owlv2" else None
    assert targets["positive"].sum() >= len(scene.objects)
    for token in torch.nonzero(targets["positive"][0]).flatten().tolist():
        cx, cy, w, h = targets["boxes"][0, token].tolist()
        if square:  # OWLv2's frame is the padded square
            cx, w, cy, h = (v * square / side for v, side in ((cx, 160), (w, 160), (cy, 96), (h, 96))) if (
                size_wh != (128, 128)
            ) else (cx, w, cy, h)  # fmt: skip
        found = Box(cx - w / 2, cy - h / 2, w, h)
        best = max(scene.objects, key=lambda one: one.box.iou(found))
        assert best.box.iou(found) > 0.99
        assert targets["phrases"][0, token, CLASSES.index(best.name)]
        assert targets["phrases"][0, token].sum() == 2  # the name, and the colour with the name
    assert not (targets["positive"] & targets["ignored"]).any()


def test_what_is_half_hidden_counts_neither_way():
    recipe = detector.DetectorRecipe("detector", TINY_DETECTOR, seed=0)
    scene = draw_scene(4)
    targets = recipe.targets([Labeled(scene.image, (), tuple(one.box for one in scene.objects))])
    assert not targets["positive"].any()
    assert targets["ignored"].any()


def test_scenes_are_worn_and_soft_if_the_recipe_says_so(tmp_path):
    autoencoder_recipe().save(tmp_path / "vae")
    architecture = dataclasses.replace(TINY_DETECTOR, corrupted=1.0, soft=1.0)
    corrupted = detector.DetectorRecipe("detector", architecture, 0, tmp_path).batch(0, 4)
    plain = detector.DetectorRecipe("detector", TINY_DETECTOR, 0).batch(0, 4)
    assert corrupted["pixels"].shape == plain["pixels"].shape
    assert not torch.equal(corrupted["pixels"], plain["pixels"])
    assert corrupted["positive"].sum() < plain["positive"].sum()


def test_batches_are_redrawn_if_the_recipe_says_so():
    folder = Path(generator.__file__).parent / "weights" / "generator"
    architecture = dataclasses.replace(TINY_DETECTOR, redrawn=1.0, corrupt_from=5)
    recipe = detector.DetectorRecipe("heldout_detector", architecture, 0, folder)
    assert torch.equal(
        recipe.batch(4, 2)["pixels"],
        detector.DetectorRecipe("heldout_detector", TINY_DETECTOR, 0).batch(4, 2)["pixels"],
    )
    redrawn = recipe.batch(5, 2)
    assert torch.equal(
        redrawn["pixels"], detector.DetectorRecipe("heldout_detector", architecture, 0, folder).batch(5, 2)["pixels"]
    )
    assert len(recipe.redrawn) == 1


def test_the_generator_saves_a_gligen_folder(tmp_path):
    autoencoder_recipe().save(tmp_path / "vae")
    options = generator.Options(
        text_width=16, text_layers=1, widths=(8, 8, 8), heads=2, groups=2, object_weight=2.0,
        reading_weight=0.2, grounded=0.75, drop_caption=0.2, drop_all=0.1, stream=9,
    )  # fmt: skip
    recipe = generator.GeneratorRecipe(options, 0, tmp_path / "vae")
    loss = recipe.loss(recipe.batch(0, 2))["loss"]
    loss.backward()
    assert torch.isfinite(loss)
    gradient = recipe.model.text_encoder.get_input_embeddings().weight.grad
    assert gradient.abs().sum() > 0  # the words are learned with the pictures
    recipe.save(tmp_path / "generator")
    assert UNet2DConditionModel.from_pretrained(tmp_path / "generator" / "unet").config.attention_type == "gated"
    assert AutoencoderKL.from_pretrained(tmp_path / "generator" / "vae").config.latent_channels == 3
    assert all(str(tmp_path) not in file.read_text("utf-8") for file in (tmp_path / "generator").rglob("*.json"))


def test_the_segmenter_learns_from_boxes_and_points():
    options = segmenter.Options(width=16, patch=16, layers=1, prompts=2, points=0.5, stream=9)
    recipe = segmenter.SegmenterRecipe(options, 0)
    for by_point in (False, True):
        batch = {**recipe.batch(0, 2), "by_point": by_point}
        loss = recipe.loss(batch)["loss"]
        assert torch.isfinite(loss)
        assert batch["masks"].flatten(2).any(-1).all()
