"""What the composer and its engines say to each other.

An engine is given a job (a part of the picture, what has to change in it, and masks) and paints. It decides how
much of its paint each pixel takes; that nothing else changes is the composer's to guarantee.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from tools.backend.editor.canvas import make_canvas
from tools.backend.protocol import BackendError, Cost

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from PIL.Image import Image

    from tools.backend.editor.canvas import Canvas
    from tools.backend.editor.masks import Floats, Mask, Pixels
    from tools.backend.editor.plan import NetEdit
    from tools.backend.meter import Meter
    from tools.backend.protocol import Capabilities, Progress, Segmented
    from tools.scene.box import Box
    from tools.scene.layout import Layout

LEAST_PX = 8  # one latent cell: a side under that is not drawn


class UnusableError(BackendError):
    """The engine's output cannot be used; another seed may do better."""


class Segmenter(Protocol):
    """What the editor needs of a segmenter."""

    def segment(self, image: Image, boxes: Sequence[Box]) -> Segmented:
        """Return one mask per box."""
        ...


@dataclass(frozen=True)
class Job:
    """What an engine shall paint.

    pixels: uint8 ``[height, width, 3]``, the view; plan: with boxes normalized to it; masks: bool, by id in the
    current layout, disjoint, of everything that changes or lies near to that; references: other pictures, by the
    name that operations call them.
    """

    pixels: Pixels
    plan: NetEdit
    masks: Mapping[str, Mask]
    seed: int = 0
    progress: Progress | None = None
    references: Mapping[str, Image] = field(default_factory=dict)

    @cached_property
    def canvas(self) -> Canvas:
        """The helper picture: erased objects painted over, moved ones set down. Made when first asked for."""
        return make_canvas(self.pixels, self.plan, self.masks)

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height of the view."""
        return self.pixels.shape[1], self.pixels.shape[0]


@dataclass(frozen=True)
class Painted:
    """What an engine made of a job, everything of the view's size.

    pixels: uint8 ``[height, width, 3]``; weights: in [0, 1], how much of them each pixel takes; region: bool,
    what may change at all; own: by id, where the canvas' pixels of a moved object are set over everything, as no
    engine repaints them unblurred; masks: by id in the target layout, what is seen of each object; doubts: what
    did not come out clean by the engine's own evidence, in words; None for an engine that does not look.
    """

    pixels: Pixels
    weights: Floats
    region: Mask
    own: Mapping[str, Mask] = field(default_factory=dict)
    masks: Mapping[str, Mask] = field(default_factory=dict)
    doubts: tuple[str, ...] | None = None
    warnings: tuple[str, ...] = ()
    exact: bool = False  # the pixels show moved objects as they are: ``own`` is for views of another scale only
    cost: Cost = field(default_factory=Cost)  # of other models; what the engine's own meter counts comes on top


class Engine(Protocol):
    """Paints. Deterministic for the same job."""

    @property
    def capabilities(self) -> Capabilities:
        """What it can do, and at which size best."""
        ...

    @property
    def meter(self) -> Meter:
        """Counts what it spends."""
        ...

    def check(self, plan: NetEdit, size_wh: tuple[int, int], scene: Layout) -> None:
        """Look at a plan for a view of ``size_wh`` pixels before anything is computed.

        Raises:
            BackendError: it cannot be done.
        """
        ...

    def paint(self, job: Job) -> Painted:
        """Do the job.

        Raises:
            UnusableError: the output cannot be used; another seed may do better.
        """
        ...


def check_drawn(plan: NetEdit, size_wh: tuple[int, int]) -> None:
    """Check a plan for an engine that draws new objects with a latent model.

    Raises:
        BackendError: a new object is under one latent cell, or a copy of what is not an object of the scene.
    """
    for placed in plan.made:
        if min(placed.box.w * size_wh[0], placed.box.h * size_wh[1]) < LEAST_PX:
            raise BackendError(
                f"the box of {placed.id!r} is smaller than {LEAST_PX} pixels, the least that the model draws; "
                "give a larger one"
            )
    for touched in plan.touched:
        if touched.source is None and touched.copied is not None and touched.copied.wanted:
            raise BackendError(
                f"this preset draws new objects and copies only what is in the scene: give {touched.placed.id!r} "
                "without a source, or take the preset 'photo'"
            )
