from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from configs.settings import GroundedPart
from tests.tiny_models import save_gligen
from tools.backend.editor.attention import GuidedObject, energy, find_tokens, guide, read_maps
from tools.backend.gligen import GroundedDiffusion
from tools.scene.box import Box

if TYPE_CHECKING:
    from collections.abc import Mapping

LEFT, RIGHT = Box(0, 0, 0.5, 1), Box(0.5, 0, 0.5, 1)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> GroundedDiffusion:
    folder = save_gligen(tmp_path_factory.mktemp("gligen"))
    return GroundedDiffusion.load(GroundedPart(path=str(folder), device="cpu"))


def looking(box: Box, side: int = 4) -> torch.Tensor:
    """Return a map ``[1, cells, 3]`` whose token 1 looks into the box only."""
    attention = torch.zeros(side, side, 3)
    x0, y0, x1, y1 = box.to_px((side, side))
    attention[y0:y1, x0:x1, 1] = 1
    return attention.reshape(1, side * side, 3)


def test_words_are_found_in_order_of_the_objects(model: GroundedDiffusion) -> None:
    prompt = "a photo of a red car and a red car on a chair"
    phrases = ["red car", "red car", "chair", "dog"]
    first, second, chair, missing = find_tokens(model.tokenizer, prompt, phrases, 77)
    assert len(first) == 2
    assert second[0] > first[-1]
    assert chair[0] > second[-1]
    assert missing == ()
    assert find_tokens(model.tokenizer, prompt, ["chair"], 8) == [()]


@pytest.mark.parametrize(("references", "extra"), [({}, 0.0), ({2: [looking(RIGHT)[0, :, 1]]}, 2.0)])
def test_energy_is_lowest_where_words_look_into_their_box(
    references: Mapping[int, list[torch.Tensor]], extra: float
) -> None:
    one = GuidedObject((1,), LEFT, references)
    right_place, wrong_place = (energy((looking(box),), [one], (8, 8), level=2) for box in (LEFT, RIGHT))
    assert right_place.item() == pytest.approx(0.0 + (1.0 if extra else 0.0) * 2.0, abs=1e-4)
    assert wrong_place.item() > 4.9


def test_reading_changes_nothing_and_is_undone(model: GroundedDiffusion) -> None:
    latents, text = model.noise([0], (64, 32)), model.text_embeddings(["a red car"])
    before = model.unet.attn_processors
    plain = model.predict(latents, 500, text)
    with read_maps(model.unet) as maps:
        read = model.predict(latents, 500, text)
    torch.testing.assert_close(read, plain, atol=1e-3, rtol=0)
    assert maps
    assert all(torch.allclose(layer.sum(-1), torch.ones(()), atol=1e-3) for layer in maps)
    assert model.unet.attn_processors == before


@pytest.mark.parametrize("size_wh", [(64, 64), (96, 32)])
def test_guidance_goes_downhill(model: GroundedDiffusion, size_wh: tuple[int, int]) -> None:
    latents, text = model.noise([0], size_wh), model.text_embeddings(["a red car"])
    tokens = find_tokens(model.tokenizer, "a red car", ["red car"], 77)[0]
    objects = [GuidedObject(tokens, LEFT, {})]
    level, steps = 1, 4

    def measure(at: torch.Tensor) -> float:
        with read_maps(model.unet) as maps:
            model.predict(at, int(model.scheduler(steps).timesteps[level]), text)
        return energy(tuple(maps), objects, (at.shape[-2], at.shape[-1]), level).item()

    with torch.no_grad():
        guided, before = guide(
            model, latents, level, steps=steps, text=text, grounding=None, objects=objects, strength=500.0
        )
    assert guided.shape == latents.shape
    assert before == pytest.approx(measure(latents), rel=0.01)
    assert measure(guided) < before
