"""What is kept for the next call: the last few things made, by key, and the key of a picture."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from PIL.Image import Image

Key = TypeVar("Key", bound="Hashable")
Value = TypeVar("Value")


class Recent(Generic[Key, Value]):
    """The last few things made, by key; the oldest is let go."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._made: OrderedDict[Key, Value] = OrderedDict()

    def get(self, key: Key, make: Callable[[], Value]) -> Value:
        """Return what ``key`` stands for, making it when it is not there."""
        value = self._made.pop(key) if key in self._made else make()
        self._made[key] = value
        while len(self._made) > self.size:
            self._made.popitem(last=False)
        return value

    def clear(self) -> None:
        """Let everything go."""
        self._made.clear()


def picture_key(image: Image) -> tuple[tuple[int, int], bytes]:
    """Return a key of the picture's content."""
    return image.size, hashlib.sha256(as_rgb(image).tobytes()).digest()


def as_rgb(image: Image) -> Image:
    """Return a picture as RGB, itself where it is: a photograph's copy is as large as the photograph."""
    return image if image.mode == "RGB" else image.convert("RGB")
