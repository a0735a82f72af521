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

    from evals.edit_cases import EditCase
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


class TruthfulDetector:
    """Knows what the pictures of the cases show."""

    def __init__(self, cases: Sequence[EditCase]) -> None:
        self.truth = {case.image.tobytes(): case.layout for case in cases}
        self.truth |= {case.expected.tobytes(): case.target for case in cases}

    def detect(self, image: Image, queries: Sequence[Query], threshold: float | None = None) -> Detected:
        layout = self.truth[image.tobytes()]
        return Detected(tuple(Detection(name=one.name, box=one.box, score=1) for one in layout.objects))

    def score(self, image: Image, box: Box, queries: Sequence[Query]) -> tuple[float, ...]:
        nearest = max(self.truth[image.tobytes()].objects, key=lambda one: one.box.iou(box))
        return tuple(float(query.attributes == nearest.attributes) for query in queries)
