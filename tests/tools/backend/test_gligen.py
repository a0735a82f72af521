from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from diffusers import PNDMScheduler
from PIL import Image

from configs.settings import BackdropSettings, EditorSettings, GeneratorSettings, GroundedPart
from tests.tiny_models import save_gligen
from tools.backend.generator import GroundedGenerator
from tools.backend.gligen import MAX_OBJECTS, GroundedDiffusion
from tools.backend.protocol import BackendError
from tools.scene.box import Box
from tools.scene.layout import Layout

if TYPE_CHECKING:
    from pathlib import Path

BOX = Box(0.1, 0.2, 0.4, 0.4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_gligen(tmp_path_factory.mktemp("gligen"))


@pytest.fixture
def model(folder: Path) -> GroundedDiffusion:
    return GroundedDiffusion.load(GroundedPart(path=str(folder), device="cpu"))


def picture(width: int, height: int) -> Image.Image:
    ramp = np.linspace(0, 255, width * height * 3).reshape(height, width, 3)
    return Image.fromarray(ramp.astype(np.uint8))


@pytest.mark.parametrize("size_wh", [(32, 32), (37, 50), (5, 3)])
def test_any_size_is_padded_and_cropped_back(model: GroundedDiffusion, size_wh: tuple[int, int]) -> None:
    latents = model.encode_image([picture(*size_wh)] * 2)
    canvas = model.canvas_wh(size_wh)
    assert canvas[0] % model.multiple == canvas[1] % model.multiple == 0
    assert latents.shape == (2, 4, canvas[1] // model.factor, canvas[0] // model.factor)
    assert [image.size for image in model.decode(latents, size_wh)] == [size_wh] * 2
    cost, _ = model.collect()
    assert (cost.encoder_passes, cost.decoder_passes) == (2, 2)


def test_scale_and_shift_of_the_autoencoder_are_undone(tmp_path: Path) -> None:
    plain = GroundedDiffusion.load(GroundedPart(path=str(save_gligen(tmp_path / "a", channels=16, scaling_factor=1.0))))
    moved = GroundedDiffusion.load(
        GroundedPart(path=str(save_gligen(tmp_path / "b", channels=16, scaling_factor=0.36, shift_factor=0.12)))
    )
    image = picture(32, 24)
    a, b = plain.encode_image([image]), moved.encode_image([image])
    assert a.shape[1] == 16
    assert torch.allclose((a - 0.12) * 0.36, b, atol=1e-4)
    one, other = (np.asarray(image, int) for image in (plain.decode(a, image.size)[0], moved.decode(b, image.size)[0]))
    assert np.abs(one - other).max() <= 1  # a value between two whole ones may round either way


def test_inversion_of_a_constant_field_comes_back(model: GroundedDiffusion, monkeypatch: pytest.MonkeyPatch) -> None:
    # where the prediction does not depend on the latents, DDIM is exactly reversible: the two schedules fit
    monkeypatch.setattr(model, "predict", lambda latents, *given, **named: torch.full_like(latents, 0.3))
    latents, text = model.noise([3], (32, 32)), model.text_embeddings(["a car"])
    noisy = model.invert(latents, text, steps=10)
    assert not torch.allclose(noisy, latents, atol=0.1)
    assert torch.allclose(model.denoise(noisy, text, steps=10), latents, atol=1e-3)


def test_inversion_may_stop_where_denoising_starts(model: GroundedDiffusion, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "predict", lambda latents, *given, **named: torch.full_like(latents, 0.3))
    latents, text = model.noise([3], (32, 32)), model.text_embeddings(["a car"])
    half = model.invert(latents, text, steps=10, stop=4)
    assert torch.allclose(model.denoise(half, text, steps=10, start=6), latents, atol=1e-3)


def test_fresh_noise_follows_the_seed_and_not_the_batch(model: GroundedDiffusion) -> None:
    def made(seeds: list[int], eta: float) -> torch.Tensor:
        noises = model.noises(seeds, (32, 32))
        return model.denoise(next(noises), model.text_embeddings(["a car"]), steps=4, eta=eta, fresh=noises)

    alone, together = made([8], 1.0), made([7, 8], 1.0)
    assert torch.allclose(together[1:], alone, atol=1e-3)
    assert not torch.allclose(together[:1], alone, atol=0.1)
    assert not torch.allclose(made([8], 0.0), alone, atol=0.1)


def test_fresh_noise_keeps_the_noise_level_of_the_schedule(
    model: GroundedDiffusion, monkeypatch: pytest.MonkeyPatch
) -> None:
    # a model that knows the clean latents (all zero) says the noise exactly: what is left has the schedule's level
    scheduler = model.scheduler(10)
    levels = []

    def predict(latents: torch.Tensor, timestep: torch.Tensor, *given: object, **named: object) -> torch.Tensor:
        level = (1 - scheduler.alphas_cumprod[timestep]).sqrt()
        levels.append(float(latents.std() / level))
        return latents / level

    monkeypatch.setattr(model, "predict", predict)
    noises = model.noises(range(8), (128, 128))
    model.denoise(next(noises), model.text_embeddings(["a car"]), steps=10, eta=1.0, fresh=noises)
    assert levels[1:] == pytest.approx([1.0] * 9, abs=0.05)


def test_guidance_is_one_batch_and_equals_two_calls(model: GroundedDiffusion) -> None:
    latents = model.noise([0, 1], (32, 32))
    text, negative = model.text_embeddings(["a red car", "a dog"]), model.text_embeddings([""])
    grounding = model.grounding([[("car", BOX)], [("dog", BOX), ("cup", BOX)]], (32, 32))
    with torch.no_grad():
        both = model.predict(latents, 500, text, grounding=grounding, negative=negative, guidance=3.0)
        assert model.collect()[0].model_evaluations == 4
        with_text = model.predict(latents, 500, text, grounding=grounding)
        without = model.predict(latents, 500, negative, grounding=grounding.null())
    assert torch.allclose(both, without + 3 * (with_text - without), atol=1e-3)


def test_boxes_and_phrases_change_the_prediction(model: GroundedDiffusion) -> None:
    latents, text = model.noise([0], (32, 32)), model.text_embeddings(["a scene"])

    def predict(*placed: tuple[str, Box]) -> torch.Tensor:
        with torch.no_grad():
            return model.predict(latents, 500, text, grounding=model.grounding([placed], (32, 32)))

    car = predict(("red car", BOX))
    assert not torch.allclose(car, predict(("red car", Box(0.5, 0.5, 0.4, 0.4))), atol=1e-5)
    assert not torch.allclose(car, predict(("blue dog", BOX)), atol=1e-5)
    assert torch.equal(car, predict(("red car", BOX)))


def test_boxes_are_of_the_picture_and_grounding_of_the_canvas(model: GroundedDiffusion) -> None:
    width, height = model.canvas_wh((30, 18))
    grounding = model.grounding([[("car", Box(0.0, 0.0, 1.0, 1.0))], []], (30, 18))
    assert grounding.boxes[0, 0].tolist() == pytest.approx([0, 0, 30 / width, 18 / height])
    assert grounding.masks.sum(dim=1).tolist() == [1, 0]


def test_grounding_acts_in_its_share_of_the_steps(model: GroundedDiffusion, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []

    def predict(latents: torch.Tensor, *given: Any, grounding: Any, **named: Any) -> torch.Tensor:
        seen.append(grounding is not None)
        return torch.zeros_like(latents)

    monkeypatch.setattr(model, "predict", predict)
    text, grounding = model.text_embeddings(["a car"]), model.grounding([[("car", BOX)]], (32, 32))
    model.denoise(model.noise([0], (32, 32)), text, steps=10, grounding=grounding, grounding_ratio=0.4)
    assert seen == [True] * 4 + [False] * 6


def test_hooks_and_progress_see_every_step(model: GroundedDiffusion) -> None:
    text = model.text_embeddings(["a car"])
    steps: list[int] = []
    told: list[tuple[str, int, int]] = []

    def hook(i: int, latents: torch.Tensor) -> torch.Tensor:
        steps.append(i)
        return latents * 0

    out = model.denoise(
        model.noise([0], (32, 32)),
        text,
        steps=3,
        hook=hook,
        progress=lambda *given: told.append(given),
    )
    assert steps == [0, 1, 2]
    assert told == [("denoise", 1, 3), ("denoise", 2, 3), ("denoise", 3, 3)]
    assert not out.any()


def test_noise_follows_its_seed_alone(model: GroundedDiffusion) -> None:
    together = model.noise([7, 8], (32, 24))
    assert torch.equal(together[1:], model.noise([8], (32, 24)))
    assert not torch.equal(together[0], together[1])


def test_too_long_prompts_are_said(model: GroundedDiffusion) -> None:
    model.text_embeddings(["a car on a car on a car on a car on a car and a dog"])
    _, warnings = model.collect()
    assert len(warnings) == 1
    assert "the text encoder takes 16; left out:" in warnings[0]
    assert "dog" in warnings[0]
    assert model.collect()[1] == ()


def test_each_text_is_encoded_once_whatever_it_is_asked_with(
    model: GroundedDiffusion, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    plain = type(model.text_encoder).forward

    def forward(self: Any, input_ids: torch.Tensor, *rest: Any, **options: Any) -> Any:
        asked.append(len(input_ids))
        return plain(self, input_ids, *rest, **options)

    monkeypatch.setattr(type(model.text_encoder), "forward", forward)
    both = model.text_embeddings(["a red car", ""])
    again = model.text_embeddings(["a red car"])
    model.grounding([[("a red car", BOX), ("a cup", BOX)]], (32, 32))

    assert asked == [1, 1, 1], "a red car, nothing, and a cup"
    assert torch.equal(both[:1], again)


def test_unknown_phrases_are_said(model: GroundedDiffusion) -> None:
    model.grounding([[("red zebra", BOX)]], (32, 32))
    assert "does not know 'zebra' in 'red zebra'; it knows: an, " in model.collect()[1][0]


def test_unused_tokens_are_as_many_as_in_training_and_batches_of_several_lengths_fit(tmp_path: Path) -> None:
    part = EditorSettings(path=str(save_gligen(tmp_path)), device="cpu", grounding_tokens=4)
    model = GroundedDiffusion.load(part)
    few = model.grounding([[("car", Box(0.1, 0.1, 0.4, 0.4))]], (32, 32))
    many = model.grounding([[("car", Box(0.1, 0.1 + i / 10, 0.4, 0.1)) for i in range(6)]], (32, 32))
    assert few.masks.shape == (1, 4)
    assert many.masks.shape == (1, 6)
    both = few + many
    assert both.boxes.shape == (2, 6, 4)
    assert both.masks.sum(dim=1).tolist() == [1, 6]


def test_a_model_that_has_boxes_to_the_last_step_gets_empty_tokens_without_them(tmp_path: Path) -> None:
    part = {"path": str(save_gligen(tmp_path)), "device": "cpu", "steps": 2, "width": 32, "height": 32}
    model = GroundedDiffusion.load(GeneratorSettings(**part))
    for module in model.unet.modules():
        if hasattr(module, "alpha_attn"):
            module.alpha_attn.data.fill_(1.0)

    def draw(ratio: float) -> bytes:
        generator = GroundedGenerator(model, GeneratorSettings(**part, grounding_ratio=ratio), {})
        return generator.generate("a car", None, [0], (32, 32), None).images[0].tobytes()

    assert draw(0.4) == draw(0.9) != draw(1.0)


def test_a_picture_begins_at_the_backdrop_that_its_layout_names(tmp_path: Path) -> None:
    part = {"path": str(save_gligen(tmp_path)), "device": "cpu", "steps": 2, "width": 32, "height": 32}
    night = BackdropSettings(words=("midnight",), above=(10, 10, 60), below=(20, 30, 20), horizon=0.5)
    settings = GeneratorSettings(**part)
    generator = GroundedGenerator(GroundedDiffusion.load(settings), settings, {"night": night})

    def draw(background: str) -> bytes:
        layout = Layout(background=background)
        return generator.generate("a car", layout, [0], (32, 32), None).images[0].tobytes()

    assert draw("at night") == draw("midnight") != draw("at noon") == draw("")


def test_more_objects_than_the_model_takes_are_said(model: GroundedDiffusion) -> None:
    boxes = [("car", Box(0.0, 0.0, 0.1 + i / 100, 0.1)) for i in range(MAX_OBJECTS + 2)]
    grounding = model.grounding([boxes], (32, 32))
    assert grounding.masks.sum() == MAX_OBJECTS
    assert grounding.boxes[0, :, 2].min() == pytest.approx(0.12)
    assert "the smallest are left out" in model.collect()[1][0]


def test_a_checkpoint_without_grounding_names_the_field(tmp_path: Path) -> None:
    model = GroundedDiffusion.load(GroundedPart(path=str(save_gligen(tmp_path, grounded=False))))
    with pytest.raises(BackendError, match=r"no grounding layers.*set editor\.path to a GLIGEN"):
        model.grounding([[("car", BOX)]], (32, 32))


def test_values_that_are_not_finite_are_an_error(model: GroundedDiffusion) -> None:
    with pytest.raises(BackendError, match=r"not finite.*another seed"):
        model.decode(torch.full((1, 4, 16, 16), torch.nan), (32, 32))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_runs_on_the_cpu(folder: Path, dtype: Any) -> None:
    model = GroundedDiffusion.load(GroundedPart(path=str(folder), device="cpu", dtype=dtype))
    latents = model.encode_image([picture(32, 32)])
    assert latents.dtype == getattr(torch, dtype)
    text = model.text_embeddings(["a car"])
    grounding = model.grounding([[("car", BOX)]], (32, 32))
    out = model.denoise(latents, text, steps=2, grounding=grounding, negative=model.text_embeddings([""]), guidance=2.0)
    assert out.dtype == getattr(torch, dtype)
    assert torch.isfinite(out).all()


def test_a_batch_that_does_not_fit_is_halved(model: GroundedDiffusion, monkeypatch: pytest.MonkeyPatch) -> None:
    inner, sizes = model.unet.forward, []

    def forward(sample: torch.Tensor, *given: Any, **named: Any) -> Any:
        sizes.append(len(sample))
        if len(sample) > 2:
            raise torch.OutOfMemoryError
        return inner(sample, *given, **named)

    latents, text = model.noise([0, 1, 2, 3], (32, 32)), model.text_embeddings(["a car"])
    with torch.no_grad():
        whole = model.predict(latents, 500, text)
        monkeypatch.setattr(model.unet, "forward", forward)
        parts = model.predict(latents, 500, text)
    assert sizes == [4, 2, 2]
    assert torch.allclose(whole, parts, atol=1e-3)


def test_a_checkpoint_made_for_another_schedule_leaves_the_terminal_clean(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = save_gligen(tmp_path)
    PNDMScheduler(beta_schedule="scaled_linear", skip_prk_steps=True, steps_offset=1).save_pretrained(
        folder / "scheduler"
    )
    model = GroundedDiffusion.load(GroundedPart(path=str(folder), device="cpu"))
    capfd.readouterr()
    assert len(model.scheduler(4).timesteps) == len(model.inverse_scheduler(4).timesteps) == 4
    assert capfd.readouterr() == ("", "")


def test_a_single_sample_that_does_not_fit_is_a_clear_error(
    model: GroundedDiffusion, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forward(*given: Any, **named: Any) -> Any:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(model.unet, "forward", forward)
    with pytest.raises(BackendError, match="out of memory for a single sample: set dtype=float16"):
        model.predict(model.noise([0, 1], (32, 32)), 500, model.text_embeddings(["a car"]))
