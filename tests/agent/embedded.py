"""The first picture of a conversation with the embedded models: drawn in the world that they know."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import iconworld
from configs.settings import load_settings
from iconworld.renderer import IconObject, icon_aspect, icons_of, render
from tools.backend.detector import ZeroShotDetector
from tools.scene.box import Box

if TYPE_CHECKING:
    from PIL.Image import Image

    from tools.scene.layout import Layout

WEIGHTS = Path(iconworld.__file__).parent / "weights"


def complete() -> bool:
    """Whether the embedded models are all there."""
    return all(
        (WEIGHTS / part).is_dir()
        for part in ("detector", "segmenter", "heldout_detector", "generator/unet", "generator/tokenizer")
    )


def heldout() -> ZeroShotDetector:
    """Load the detector that the loop never sees."""
    settings = load_settings("iconworld").heldout_detector
    assert settings is not None
    return ZeroShotDetector.from_settings(settings)


def picture(layout: Layout) -> Image:
    """Draw a layout whose objects have one colour each; icons keep their shape inside their boxes."""
    objects = []
    for placed in layout.objects:
        icon = icons_of(placed.name)[0]
        aspect, (x, y, w, h) = icon_aspect(icon), placed.box
        width, height = min(w, h * aspect), min(h, w / aspect)
        box = Box(x + (w - width) / 2, y + h - height, width, height)
        objects.append(IconObject(placed.name, placed.attributes[0], box, icon))
    return render(objects, "desk").image
