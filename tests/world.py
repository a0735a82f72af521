"""A world whose pictures carry their own truth: a backend for tests of everything above the models.

The layout is written into the pixels, so it survives files, stores and restarts like a real picture's
content. Detection reads it back; editing applies the operations exactly.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw

from configs.settings import Settings
from tools.backend.editor.masks import box_mask
from tools.backend.protocol import Capabilities, Cost, Detected, Edited, Generated, Segmented
from tools.scene.box import Box
from tools.scene.layout import Detection, Layout, PlacedObject
from tools.scene.operations import apply

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tools.scene.operations import Operation
    from tools.scene.spec import Query

SIZE = 64
PAINT = {"red": "#e02020", "blue": "#2040e0", "green": "#20a040", "black": "#101010", "white": "#f8f8f8"}


def draw(layout: Layout) -> Image.Image:
    """Return a 64 x 64 picture of the layout, with the layout itself in the first rows of pixels."""
    picture = Image.new("RGB", (SIZE, SIZE), "#c8c8b0")
    pen = ImageDraw.Draw(picture)
    for placed in layout.objects:
        colour = next((PAINT[word] for word in placed.attributes if word in PAINT), "#806040")
        x0, y0, x1, y1 = placed.box.to_px(picture.size)
        pen.rectangle((x0, y0, x1 - 1, y1 - 1), fill=colour)
    text = layout.model_dump_json().encode()
    values = np.asarray(picture).copy().reshape(-1)
    values[: len(text) + 2] = list(len(text).to_bytes(2, "big") + text)
    return Image.fromarray(values.reshape(SIZE, SIZE, 3))


def truth(picture: Image.Image) -> Layout:
    """Return the layout that is written into a picture."""
    values = np.asarray(picture).reshape(-1)
    length = int.from_bytes(bytes(values[:2].tolist()), "big")
    return Layout.model_validate_json(bytes(values[2 : 2 + length].tolist()))


def scene(*objects: tuple[str, list[float]]) -> Layout:
    """Build a layout from ("red car", [x, y, w, h]) pairs; the last word is the name."""
    layout = Layout()
    for phrase, box in objects:
        *attributes, name = phrase.split()
        placed = PlacedObject(id=layout.new_id(name), name=name, attributes=tuple(attributes), box=Box(*box))
        layout = Layout(objects=(*layout.objects, placed))
    return layout


class World:
    """A `Backend`. ``start`` is what it generates; ``before_edit`` may raise or change the operations."""

    def __init__(self, start: Layout | None = None) -> None:
        self.start = start or Layout()
        self.edits: list[list[dict[str, Any]]] = []
        self.seeds: list[int] = []
        self.asked: list[tuple[str, ...]] = []
        self.generated = 0
        self.refined = 0
        self.can = Capabilities(frozenset({"add", "remove", "move", "restyle", "replace", "adjust"}))
        self.doubts: tuple[str, ...] = ()
        self.edit_errors: deque[Exception | None] = deque()
        self.distort: Callable[[Layout, int], Layout] = lambda layout, number: layout
        self.refine_result: Callable[[Layout], Layout] = lambda layout: layout

    @property
    def capabilities(self) -> Capabilities:
        return self.can

    def detect(self, image: Image.Image, queries: Sequence[Query], threshold: float | None = None) -> Detected:
        self.asked.append(tuple(query.phrase for query in queries))
        found = tuple(
            Detection(name=query.name, attributes=query.attributes, box=placed.box, score=0.9)
            for query in queries
            for placed in truth(image).objects
            if placed.name == query.name and set(query.attributes) <= set(placed.attributes)
        )
        return Detected(found, cost=Cost(detector_passes=1, seconds={"detect": 0.001}))

    def score(self, image: Image.Image, box: Box, queries: Sequence[Query]) -> tuple[float, ...]:
        there = max(truth(image).objects, key=lambda placed: placed.box.iou(box))
        return tuple(0.9 if set(query.attributes) <= set(there.attributes) else 0.1 for query in queries)

    def segment(self, image: Image.Image, boxes: Sequence[Box]) -> Segmented:
        raise AssertionError("the graph does not segment")

    def generate(self, prompt: str, *, layout: Layout | None = None, seed: int = 0, **_: Any) -> Generated:
        self.generated += 1
        drawn = layout if layout is not None and layout.objects else self.start
        return Generated((draw(drawn),), cost=Cost(model_evaluations=50))

    def edit(
        self,
        image: Image.Image,
        operations: Sequence[Operation],
        scene: Layout,
        *,
        seed: int = 0,
        progress: Callable[[str, int, int], None] | None = None,
        references: Mapping[str, Image.Image] | None = None,
    ) -> Edited:
        if self.edit_errors and (error := self.edit_errors.popleft()):
            raise error
        self.edits.append([operation.model_dump(mode="json") for operation in operations])
        self.seeds.append(seed)
        if progress:
            progress("compose", 1, 1)
        target = self.distort(apply(scene, operations), len(self.edits))
        region = np.ones((SIZE, SIZE), dtype=bool)
        masks = {placed.id: box_mask(placed.box, (SIZE, SIZE)) for placed in target.objects}
        return Edited(
            draw(target), region, cost=Cost(model_evaluations=10, encoder_passes=1), masks=masks, doubts=self.doubts
        )

    def refine(self, image: Image.Image, prompt: str, **_: Any) -> Generated:
        self.refined += 1
        return Generated((draw(self.refine_result(truth(image))),))

    def fingerprint(self, drawing: str) -> str:
        return "the world"


def settings(**sections: Any) -> Settings:
    """Return settings that name no real checkpoint; sections are merged over these."""
    tree: dict[str, Any] = {name: {"path": "nowhere"} for name in ("detector", "segmenter", "generator", "editor")}
    for name, section in sections.items():
        tree[name] = tree.get(name, {}) | section
    return Settings.model_validate(tree)


__all__ = ["World", "draw", "scene", "settings", "truth"]
