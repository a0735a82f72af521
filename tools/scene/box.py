"""The one rectangle of the project: normalized ``[x, y, w, h]``, and the geometry done with it.

Knows nothing of pixels beyond the two conversions, and nothing of labels.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic_core import core_schema

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler

DIGITS = 4  # a box in a model is kept to this: less than a pixel of any picture
ROUNDING = 1e-3  # a box may leave the picture by this much before it is refused


class Box(NamedTuple):
    """A rectangle as fractions of the picture, origin top left (SLD's convention).

    Fields: ``x``, ``y`` of the top left corner, then ``w``, ``h``; all in [0, 1].
    Building one does no checks, so geometry may leave the picture on the way; inside any
    pydantic model a box is checked (`checked`). In JSON it is the list ``[x, y, w, h]``.
    """

    x: float
    y: float
    w: float
    h: float

    @property
    def area(self) -> float:
        return max(self.w, 0.0) * max(self.h, 0.0)

    @property
    def center(self) -> tuple[float, float]:
        return self.x + self.w / 2, self.y + self.h / 2

    @property
    def box_xyxy(self) -> tuple[float, float, float, float]:
        """Corners ``(x0, y0, x1, y1)``, normalized."""
        return self.x, self.y, self.x + self.w, self.y + self.h

    @classmethod
    def from_xyxy(cls, x0: float, y0: float, x1: float, y1: float) -> Box:
        return cls(x0, y0, x1 - x0, y1 - y0)

    @classmethod
    def from_px(cls, x0: float, y0: float, x1: float, y1: float, size_wh: tuple[int, int]) -> Box:
        """Build from pixel corners in a picture of ``size_wh`` pixels."""
        width, height = size_wh
        return cls.from_xyxy(x0 / width, y0 / height, x1 / width, y1 / height)

    def to_px(self, size_wh: tuple[int, int]) -> tuple[int, int, int, int]:
        """Return integer pixel corners ``(x0, y0, x1, y1)``, clipped, at least one pixel each way."""
        width, height = size_wh
        x0, y0 = min(max(round(self.x * width), 0), width - 1), min(max(round(self.y * height), 0), height - 1)
        x1, y1 = round((self.x + self.w) * width), round((self.y + self.h) * height)
        return x0, y0, min(max(x1, x0 + 1), width), min(max(y1, y0 + 1), height)

    def intersection(self, other: Box) -> float:
        """Return the area shared with ``other``."""
        width = min(self.x + self.w, other.x + other.w) - max(self.x, other.x)
        height = min(self.y + self.h, other.y + other.h) - max(self.y, other.y)
        return max(width, 0.0) * max(height, 0.0)

    def iou(self, other: Box) -> float:
        """Return intersection over union, in [0, 1]; 0 when both are empty."""
        shared = self.intersection(other)
        union = self.area + other.area - shared
        return shared / union if union > 0 else 0.0

    def clipped(self) -> Box:
        """Return the part inside the picture (possibly empty)."""
        x0, y0 = min(max(self.x, 0.0), 1.0), min(max(self.y, 0.0), 1.0)
        x1, y1 = min(max(self.x + self.w, 0.0), 1.0), min(max(self.y + self.h, 0.0), 1.0)
        return Box.from_xyxy(x0, y0, max(x1, x0), max(y1, y0))

    def checked(self) -> Box:
        """Return this box with `DIGITS` digits, rounding errors at the edges clipped away; twice is as once.

        So a value in memory is the one that a trace, a checkpoint or a language model gets to see.

        Raises:
            ValueError: a value is not finite, the box is empty, or it leaves the picture.
        """
        if not all(math.isfinite(value) for value in self):
            raise ValueError(f"box {list(self)} has a value that is not finite")
        if self.w <= 0 or self.h <= 0:
            raise ValueError(f"box {list(self)} has no area: w and h must be above 0")
        low, high = -ROUNDING, 1 + ROUNDING
        if self.x < low or self.y < low or self.x + self.w > high or self.y + self.h > high:
            raise ValueError(
                f"box {[round(value, 3) for value in self]} leaves the picture: "
                "x, y, x + w and y + h must lie in [0, 1]"
            )
        box = Box(*(round(value, DIGITS) for value in self)).clipped()
        x, y, w, h = (round(value, DIGITS) for value in box)
        w, h = max(w, 10**-DIGITS), max(h, 10**-DIGITS)
        return Box(round(min(x, 1 - w), DIGITS), round(min(y, 1 - h), DIGITS), w, h)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        values = core_schema.list_schema(core_schema.float_schema(), min_length=4, max_length=4)
        return core_schema.no_info_after_validator_function(
            lambda given: cls(*given).checked(),
            values,
            serialization=core_schema.plain_serializer_function_ser_schema(lambda box: [round(v, DIGITS) for v in box]),
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {
            "type": "array",
            "items": {"type": "number"},
            "minItems": 4,
            "maxItems": 4,
            "description": "[x, y, width, height] as fractions of the picture, origin top left",
        }


def enclosing(boxes: Iterable[Box]) -> Box:
    """Return the smallest box around all ``boxes``.

    Raises:
        ValueError: there are none.
    """
    corners = [box.box_xyxy for box in boxes]
    if not corners:
        raise ValueError("no boxes to enclose")
    x0s, y0s, x1s, y1s = zip(*corners, strict=True)
    return Box.from_xyxy(min(x0s), min(y0s), max(x1s), max(y1s))
