"""Perfect models of icon world: they know what each picture shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from iconworld.renderer import IconObject, icons_of, render
from tools.backend.protocol import Cost, Detected, Generated, Segmented
from tools.scene.layout import Detection, Layout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL.Image import Image

    from tools.scene.box import Box
    from tools.scene.spec import Query


class Truthful:
    """Answers from the truth; what it generates is drawn by the renderer."""

    def __init__(self) -> None:
        self.known: dict[bytes, tuple[Layout, np.ndarray]] = {}

    def learn(self, image: Image, layout: Layout, ids: np.ndarray) -> None:
        """Remember what a picture shows."""
        self.known[image.tobytes()] = (layout, ids)

    def detect(self, image: Image, queries: Sequence[Query], threshold: float | None = None) -> Detected:
        layout, _ = self.known[image.tobytes()]
        found = tuple(
            Detection(name=query.name, attributes=query.attributes, box=placed.box, score=0.9)
            for query in queries
            for placed in layout.objects
            if placed.name == query.name and set(query.attributes) <= set(placed.attributes)
        )
        return Detected(found, cost=Cost(seconds={"detect": 0.01}))

    def segment(self, image: Image, boxes: Sequence[Box]) -> Segmented:
        layout, ids = self.known[image.tobytes()]
        numbers = [1 + int(np.argmax([placed.box.iou(box) for placed in layout.objects])) for box in boxes]
        return Segmented(np.stack([ids == number for number in numbers]), (1.0,) * len(boxes))

    def generate(self, prompt: str, *, layout: Layout, seed: int = 0, **_: Any) -> Generated:
        objects = [IconObject(one.name, one.attributes[0], one.box, icons_of(one.name)[0]) for one in layout.objects]
        scene = render(objects, "beach", seed=seed)
        self.learn(scene.image, layout, scene.ids)
        return Generated((scene.image,), cost=Cost(seconds={"generate": 1.0}))
