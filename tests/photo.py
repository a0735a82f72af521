"""Networks and photographs for tests: skipped, saying what is missing, where a machine has none."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from PIL import Image

from configs.settings import load_settings
from tools.backend.local import LocalBackend
from tools.weights.fetch import held
from tools.weights.manifest import chosen, load_manifest


def missing() -> list[str]:
    files = chosen(load_manifest(), "photo")
    return [file for file, entry in files.items() if held("photo", file, entry).path is None]


needs_networks = pytest.mark.skipif(
    bool(missing()), reason=f"missing: {', '.join(missing())}; set SLD_WEIGHTS, or `sld weights get photo`"
)


@cache
def backend() -> LocalBackend:
    return LocalBackend(load_settings("photo", environment={}))


@cache
def photograph(name: str) -> Image.Image:
    """Return one of scikit-image's or scikit-learn's photographs."""
    if name in ("china", "flower"):
        from sklearn.datasets import load_sample_image

        return Image.fromarray(load_sample_image(f"{name}.jpg"))
    from skimage import data, io

    if name == "motorcycle":
        return Image.fromarray(io.imread(f"{data.data_dir}/motorcycle_left.png")).convert("RGB")
    pixels: Any = getattr(data, name)()
    return Image.fromarray(pixels).convert("RGB")
