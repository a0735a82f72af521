"""The engine on any pipeline that follows instructions: all that has to change is said in one sentence after another.

Such a model makes the whole picture anew. What it made is laid back on the input, and only the places of what goes,
what comes and what gets another look are taken of it: `InstructEngine.paint` reads in that order. What moves is cut
out and set down, and never drawn anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from PIL import Image
from scipy import ndimage

from tools.backend.editor import capabilities
from tools.backend.editor.engine import check_drawn
from tools.backend.editor.instruction import instruct
from tools.backend.editor.layers import Layers
from tools.backend.editor.masks import box_mask, dilate, union
from tools.backend.editor.registration import registered
from tools.backend.meter import Meter
from tools.backend.pipelines import padded, until_usable
from tools.scene.box import Box

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from configs.settings import InstructSettings, ServiceEditorSettings
    from tools.backend.editor.engine import Job, Painted, Segmenter
    from tools.backend.editor.masks import Mask, Pixels
    from tools.backend.editor.plan import NetEdit, Touched
    from tools.backend.protocol import Capabilities, Progress
    from tools.scene.layout import Layout

CHANGED, NOISE = 20, 2.0  # of 255, once smoothed over so many pixels: more than a model's own noise
LEAST_SHARE = 0.05  # of a new object's box: a change smaller than that is no object
PASS_SEED = 104_729  # between the seeds of two passes of one edit


class Follower(Protocol):
    """What follows instructions: a pipeline here, or a service."""

    name: str
    device: torch.device | None

    @property
    def masked(self) -> bool:
        """Whether it is told where it may paint, and keeps to it."""
        ...

    def follow(
        self,
        seeds: Sequence[int],
        progress: Progress | None,
        settings: Any,
        *,
        image: Image.Image,
        mask: Image.Image,
        instruction: str,
    ) -> list[Image.Image]:
        """Return one RGB picture per seed, of the size of ``image``; ``mask`` is white where it may be painted."""
        ...

    def evaluations(self) -> int:
        """Return how many samples its denoiser was given since this was last asked."""
        ...


class InstructEngine:
    """Tells a model what to do, and takes of its answer what was to be done."""

    def __init__(
        self, pipeline: Follower, segmenter: Segmenter, settings: InstructSettings | ServiceEditorSettings
    ) -> None:
        self.pipeline, self.segmenter, self.settings = pipeline, segmenter, settings
        self.meter = Meter(pipeline.device)

    @property
    def capabilities(self) -> Capabilities:
        """Anything that can be said, best at the size the checkpoint was trained at."""
        return capabilities.instruct(self.settings)

    def check(self, plan: NetEdit, size_wh: tuple[int, int], scene: Layout) -> None:
        """Refuse new objects under one latent cell, and copies of what is not an object of the scene."""
        check_drawn(plan, size_wh)

    def paint(self, job: Job) -> Painted:
        """Do the job in one pass over the whole view; a second one is for what moves and changes its look."""
        plan, settings = job.plan, self.settings
        with self.meter.phase("canvas"):
            layers = Layers(job, grow=settings.grow, feather=settings.feather)
        drawn = [touched for touched in plan.touched if touched.source is None or touched.restyled]
        first, later = ([touched for touched in drawn if touched.moved == moved] for moved in (False, True))
        if first or layers.gone.any():
            rooms = [*self._rooms(job, layers, first), layers.gone]
            made = self._follow(job, job.pixels, layers.pixels, rooms, instruct(plan), 0)
            layers.clear(made)
        if later:  # they have to stand where they shall stand before the model sees them
            rooms = self._rooms(job, layers, later)
            again = self._follow(job, layers.pixels, layers.pixels, rooms, instruct(plan, later), 1)
        for touched in plan.touched:
            placed = touched.placed
            if touched not in drawn:
                layers.keep(placed)
                continue
            answer = again if touched in later else made
            (paint,) = self._rooms(job, layers, [touched])
            if touched.source is None and not self.pipeline.masked:
                paint = _changed(answer, job.pixels, box_mask(placed.box, job.size_wh) & paint, paint, settings.grow)
            if paint.any():  # or it is behind everything
                layers.draw(placed, answer, paint, self.segmenter if touched.source is None else None)
        return layers.painted()

    def _rooms(self, job: Job, layers: Layers, drawn: list[Touched]) -> list[Mask]:
        """Return where each object may be drawn: in its box and, by a model that is not told it, a way over it."""
        rooms = []
        for touched in drawn:
            placed = touched.placed
            if touched.source is not None:
                room = dilate(layers.core(placed), 1)
            elif self.pipeline.masked:
                room = box_mask(placed.box, job.size_wh)
            else:
                x, y = placed.box.center
                width, height = placed.box.w * self.settings.reach, placed.box.h * self.settings.reach
                room = box_mask(Box(x - width / 2, y - height / 2, width, height).clipped(), job.size_wh)
            rooms.append(room & ~layers.in_front_of(placed))
        return rooms

    def _follow(
        self, job: Job, pixels: Pixels, else_pixels: Pixels, rooms: list[Mask], instruction: str, number: int
    ) -> Pixels:
        """Return what the model makes of the view, uint8 ``[height, width, 3]``, laid back on it.

        ``rooms`` is where it may differ; ``else_pixels`` are taken where what it made has left the frame; ``number``
        is that of the pass.
        """
        settings, (width, height) = self.settings, job.size_wh
        changing = union(np.zeros(pixels.shape[:2], dtype=bool), rooms)
        image = padded(Image.fromarray(pixels))
        whole = np.zeros((image.height, image.width), dtype=np.uint8)
        whole[:height, :width] = changing * np.uint8(255)

        def make(seeds: list[int]) -> list[Image.Image]:
            if self.pipeline.device is not None:
                self.meter.spend(encoder_passes=len(seeds), decoder_passes=len(seeds))
            mask = Image.fromarray(whole)
            return self.pipeline.follow(seeds, job.progress, settings, image=image, mask=mask, instruction=instruction)

        self.pipeline.evaluations()  # of an earlier call that failed
        with self.meter.phase("instruct"):
            (made,), warnings = until_usable(make, [job.seed + PASS_SEED * number], self.pipeline.name)
        self.meter.spend(model_evaluations=self.pipeline.evaluations())
        for warning in warnings:
            self.meter.warn(warning)
        answer = np.asarray(made.crop((0, 0, width, height)))
        if not settings.align:
            return answer
        with self.meter.phase("align"):
            back, known, _ = registered(answer, pixels, ~dilate(changing, settings.grow))
        return np.where(known[..., None], back, else_pixels)


def _changed(made: Pixels, pixels: Pixels, box: Mask, room: Mask, grow: int) -> Mask:
    """Return where a model drew what was asked for: what changed in the box and hangs together with it.

    The whole box where there is no such thing.
    """
    difference = np.abs(made.astype(np.float32) - pixels).max(axis=-1)
    changed = (ndimage.gaussian_filter(difference, NOISE) > CHANGED) & room
    pieces, _ = ndimage.label(changed)
    here = np.isin(pieces, np.unique(pieces[box & changed])) & changed
    if (here & box).sum() < LEAST_SHARE * box.sum():
        return box
    return dilate(here, grow) & room
