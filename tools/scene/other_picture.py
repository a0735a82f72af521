"""Another picture that objects can be copied from, beside the one that is edited."""

from __future__ import annotations

import re

from pydantic import Field

from tools.scene.layout import Layout
from tools.scene.spec import Frozen

LONGEST_NAME = 200  # characters


class OtherPicture(Frozen):
    """A picture by the name that instructions call it, and what the detector sees in it."""

    name: str = Field(min_length=1, max_length=LONGEST_NAME)
    image: str = Field(description="its id in the image store")
    wider: float = Field(default=1.0, gt=0, description="its width over height, as a multiple of the edited picture's")
    layout: Layout = Layout()


def is_named(text: str, name: str) -> bool:
    """Return whether a text names a picture: "dog.jpg", or "~/pictures/dog.jpg"."""
    return re.search(rf"(?<![\w-]){re.escape(name)}(?!\w)", text, re.IGNORECASE) is not None
