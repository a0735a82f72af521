"""The first picture of a conversation with the embedded models: drawn in the world that they know."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import iconworld
from iconworld.renderer import IconObject, icons_of, render

if TYPE_CHECKING:
    from PIL.Image import Image

    from tools.scene.layout import Layout

WEIGHTS = Path(iconworld.__file__).parent / "weights"


def complete() -> bool:
    """Whether the embedded models are all there."""
    return all((WEIGHTS / part).is_dir() for part in ("detector", "segmenter", "generator"))


def picture(layout: Layout) -> Image:
    """Draw a layout whose objects have one colour each."""
    objects = [
        IconObject(placed.name, placed.attributes[0], placed.box, icons_of(placed.name)[0]) for placed in layout.objects
    ]
    return render(objects, "desk").image
