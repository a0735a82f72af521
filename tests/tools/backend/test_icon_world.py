from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from agent.models.preset_choice import choose_preset
from configs.errors import SettingsError
from iconworld.renderer import draw_scene
from tests.photo import photograph
from tools.backend.icon_world import is_icon_world


def jpeg(picture: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    picture.convert("RGB").save(buffer, "JPEG", quality=quality)
    return Image.open(buffer)


def clear(_: Image.Image) -> float:
    return 1.0


@pytest.mark.parametrize("size", [(128, 128), (192, 128), (512, 384)])
def test_scenes_of_the_icon_world_are_flat(size: tuple[int, int]) -> None:
    assert all(is_icon_world(draw_scene(seed, size).image, clear) for seed in range(40))


def test_scenes_are_known_by_their_icons_even_as_poor_copies() -> None:
    for seed in (3, 8):
        scene = draw_scene(seed, counts=(0, 0, 0, 1))
        assert is_icon_world(scene.image)
        assert is_icon_world(jpeg(scene.image, 75))


@pytest.mark.parametrize("name", ["astronaut", "coffee", "chelsea", "motorcycle", "china", "flower"])
@pytest.mark.parametrize("copy", ["itself", "black and white", "tiny", "poor"])
def test_photographs_are_not(name: str, copy: str) -> None:
    picture = photograph(name)
    picture = {
        "itself": picture,
        "black and white": picture.convert("L"),
        "tiny": picture.resize((48, 36)),
        "poor": jpeg(picture, 20),
    }[copy]
    assert not is_icon_world(picture)


@pytest.mark.parametrize("name", ["page", "text", "moon", "camera", "horse"])
def test_scans_and_flat_photographs_are_not(name: str) -> None:
    from skimage import data

    pixels = np.asarray(getattr(data, name)())
    picture = Image.fromarray(np.where(pixels, 255, 0).astype(np.uint8) if pixels.dtype == bool else pixels)
    assert not is_icon_world(picture)


def test_a_photograph_without_networks_names_the_one_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLD_WEIGHTS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/nowhere")
    with pytest.raises(SettingsError, match="sld weights get photo"):
        choose_preset(photograph("coffee"))
    assert choose_preset(None) == "iconworld"
    assert choose_preset(draw_scene(1).image) == "iconworld"
