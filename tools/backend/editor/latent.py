"""The SLD latent editor: any mix of operations on a picture in one pass (arXiv 2311.16090, section 3.3).

Plan, segment, make a canvas, make single objects, invert, compose, blend: `LatentEditor._edit` reads in
that order. One batch each for all single objects and for the inversion; nothing is computed before the
first level at which something is free to change.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image

from tools.backend.editor.attention import GUIDED_SHARE, GuidedObject, find_tokens, guide
from tools.backend.editor.canvas import make_canvas
from tools.backend.editor.masks import owned, trusted
from tools.backend.editor.objects import UnusableError, make_objects, pad_mask, with_article
from tools.backend.editor.plan import plan_edit
from tools.backend.editor.schedule import blend_weights, make_schedule
from tools.backend.protocol import BackendError, Cost, Edited
from tools.scene.box import Box

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from configs.settings import EditorSettings
    from tools.backend.editor.canvas import Canvas
    from tools.backend.editor.masks import Mask, Pixels
    from tools.backend.editor.objects import MadeObjects, Segmenter
    from tools.backend.editor.plan import NetEdit
    from tools.backend.editor.schedule import Schedule
    from tools.backend.gligen import GroundedDiffusion, Grounding
    from tools.backend.protocol import Progress
    from tools.scene.layout import Layout, PlacedObject
    from tools.scene.operations import Operation

RETRY_SEED = 7_919  # added to the seed for the second attempt
NEAR = 0.1  # untouched objects whose box is within this share of the picture of a changed box are segmented
BLACK = 3  # a picture with no value above this (of 255) is a failure of the model, unless the input was


class LatentEditor:
    """Edits pictures in the latents of a grounded diffusion model."""

    def __init__(self, model: GroundedDiffusion, segmenter: Segmenter, settings: EditorSettings) -> None:
        self.model, self.segmenter, self.settings = model, segmenter, settings

    def edit(
        self,
        image: Image.Image,
        operations: Sequence[Operation],
        scene: Layout,
        *,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> Edited:
        """Do all operations in one pass; ``scene`` is the current layout, whose ids they name.

        Raises:
            BackendError: unknown id, unusable box, no operations, a checkpoint without grounding layers,
                or unusable output for two seeds.
        """
        model = self.model
        model.require_grounding("editor.path")
        plan = plan_edit(scene, operations)
        image = image.convert("RGB")
        for placed in plan.made:
            self._check_size(placed, image.size)
        if not plan.touched and not plan.erased:
            nothing = np.zeros(image.size[::-1], dtype=bool)
            return Edited(image, nothing, ("the operations change nothing",))
        model.collect()  # what an earlier, failed call spent is not this call's
        spent = Cost()
        for attempt in (seed, seed + RETRY_SEED):
            try:
                edited, segmenting = self._edit(image, plan, attempt, progress)
                cost, warnings = model.collect()
                return replace(edited, warnings=(*edited.warnings, *warnings), cost=spent + cost + segmenting)
            except UnusableError as error:
                reason = error
                model.warn(f"seed {attempt} failed: {error}")
                cost, warnings = model.collect()
                spent += cost
                for warning in warnings:
                    model.warn(warning)
        raise BackendError(f"the edit failed with seeds {seed} and {seed + RETRY_SEED}: {reason}")

    def _edit(self, image: Image.Image, plan: NetEdit, seed: int, progress: Progress | None) -> tuple[Edited, Cost]:
        model, settings = self.model, self.settings
        masks, segmenting = self._segment(image, plan)
        with model.phase("canvas"):
            canvas = make_canvas(np.asarray(image), plan, masks)
        made = make_objects(model, self.segmenter, settings, plan.made, image.size, seed, progress)
        schedule = self._schedule(plan, canvas, masks, made)
        edited = canvas.pixels
        if schedule.first < settings.steps:
            held = self._hold(canvas, plan, schedule, made, seed, progress)
            edited = self._compose(held, plan, schedule, made, image.size, progress)
        if edited.max() <= BLACK < np.asarray(image).max():
            raise UnusableError("the new picture is all black; try dtype float32")
        with model.phase("blend"):
            blended = self._blend(np.asarray(image), edited, canvas, plan, schedule)
            return replace(blended, masks=_shown(masks, schedule, plan, image.size)), segmenting + made.cost

    # masks

    def _segment(self, image: Image.Image, plan: NetEdit) -> tuple[dict[str, Mask], Cost]:
        """Return disjoint masks of all objects that matter, by id, from one embedding and one decoder batch."""
        changed = [placed.box for placed in plan.erased] + [one.placed.box for one in plan.touched]
        wanted = {placed.id: placed for placed in plan.erased}
        wanted |= {one.source.id: one.source for one in plan.touched if one.source is not None}
        wanted |= {placed.id: placed for placed in plan.untouched if any(_near(placed.box, box) for box in changed)}
        if not wanted:
            return {}, Cost()
        found = self.segmenter.segment(image, [placed.box for placed in wanted.values()])
        pairs = zip(wanted.items(), found.masks, strict=True)
        return owned({key: trusted(mask, placed.box) for (key, placed), mask in pairs}), found.cost

    def _schedule(self, plan: NetEdit, canvas: Canvas, masks: Mapping[str, Mask], made: MadeObjects) -> Schedule:
        size_wh = canvas.erased.shape[1], canvas.erased.shape[0]
        canvas_wh = self.model.canvas_wh(size_wh)
        padded, cores = (
            {key: pad_mask(mask, canvas_wh) for key, mask in some.items()} for some in (masks, canvas.cores)
        )
        canvas = replace(canvas, erased=pad_mask(canvas.erased, canvas_wh), cores=cores)
        return make_schedule(plan, canvas, padded, made.masks, self.settings, self.model.factor)

    def _check_size(self, placed: PlacedObject, size_wh: tuple[int, int]) -> None:
        width, height = placed.box.w * size_wh[0], placed.box.h * size_wh[1]
        if min(width, height) < self.model.factor:
            raise BackendError(
                f"the box {[round(value, 3) for value in placed.box]} of {placed.id!r} is {width:.1f} x {height:.1f} "
                f"pixels, and the model draws nothing under {self.model.factor}; give a larger box"
            )

    # composition

    def _hold(
        self,
        canvas: Canvas,
        plan: NetEdit,
        schedule: Schedule,
        made: MadeObjects,
        seed: int,
        progress: Progress | None,
    ) -> list[torch.Tensor]:
        """Return the latents to hold to, ``[1, channels, h, w]`` for each level from the first one on."""
        model, settings = self.model, self.settings
        steps, first = settings.steps, schedule.first
        picture = Image.fromarray(canvas.pixels)
        with model.phase("encode"):
            clean = model.encode_image([picture])
        inverted = [clean]

        def keep(_: int, latents: torch.Tensor) -> torch.Tensor:
            inverted.append(latents)
            return latents

        model.invert(
            clean,
            model.text_embeddings([self._prompt(plan.canvas_layout)]),
            steps=steps,
            stop=steps - first,
            grounding=self._grounding(plan.canvas_layout, picture.size),
            grounding_ratio=settings.grounding_ratio,
            hook=keep,
            progress=progress,
        )
        held = inverted[::-1]
        scheduler = model.scheduler(steps)
        noise = model.noise([seed], picture.size)
        erased = self._cells(schedule.erased)
        for level in range(first, steps):
            # An inverted fill is too smooth to grow anything from: erased places start from fresh noise.
            noised = scheduler.add_noise(clean, noise, scheduler.timesteps[level : level + 1])
            latents = torch.where(erased, noised, held[level - first])
            for object_id, cells in schedule.cores.items():
                if level < len(made.latents[object_id]):
                    latents = torch.where(self._cells(cells), made.latents[object_id][level][None], latents)
            held[level - first] = latents
        return held

    def _compose(
        self,
        held: Sequence[torch.Tensor],
        plan: NetEdit,
        schedule: Schedule,
        made: MadeObjects,
        size_wh: tuple[int, int],
        progress: Progress | None,
    ) -> Pixels:
        """Denoise the whole picture once, all boxes of the target as grounding; return its pixels."""
        model, settings, first = self.model, self.settings, schedule.first
        prompt = self._prompt(plan.target)
        text = model.text_embeddings([prompt])
        grounding = self._grounding(plan.target, size_wh)
        grounded, attended = (round(share * settings.steps) for share in (settings.grounding_ratio, GUIDED_SHARE))
        attentive = self._attentive(plan, made, prompt, size_wh) if settings.attention_guidance > 0 else []
        release = torch.from_numpy(schedule.release)[None, None].to(model.device)

        def hold(step: int, latents: torch.Tensor) -> torch.Tensor:
            return attend(step + 1, torch.where(release > step, held[step + 1 - first], latents))

        def attend(level: int, latents: torch.Tensor) -> torch.Tensor:
            if not attentive or level >= attended:
                return latents
            guided, _ = guide(
                model,
                latents,
                level,
                steps=settings.steps,
                text=text,
                grounding=grounding if level < grounded else None,
                objects=attentive,
                strength=settings.attention_guidance,
            )
            return torch.where(release <= level, guided, latents)

        guidance: float | torch.Tensor = settings.guidance
        if schedule.restyled.any() and settings.restyle_guidance != settings.guidance:
            guidance = torch.where(self._cells(schedule.restyled), settings.restyle_guidance, settings.guidance)
            guidance = guidance.to(model.dtype)
        latents = model.denoise(
            attend(first, held[0]),
            text,
            steps=settings.steps,
            start=first,
            grounding=grounding,
            grounding_ratio=settings.grounding_ratio,
            negative=model.text_embeddings([""]),
            guidance=guidance,
            hook=hold,
            progress=progress,
            phase="compose",
        )
        return np.asarray(self._decode(latents, size_wh)[0])

    def _attentive(self, plan: NetEdit, made: MadeObjects, prompt: str, size_wh: tuple[int, int]) -> list[GuidedObject]:
        """Return what attention guidance looks after: objects in a new style, and new ones."""
        model, wanted = self.model, {one.placed.id for one in plan.touched if one.source is None or one.restyled}
        length = model.text_encoder.config.max_position_embeddings
        found = find_tokens(model.tokenizer, prompt, [placed.phrase for placed in plan.target.objects], length)
        canvas_wh = model.canvas_wh(size_wh)
        across, down = size_wh[0] / canvas_wh[0], size_wh[1] / canvas_wh[1]
        return [
            GuidedObject(
                tokens,
                Box(box.x * across, box.y * down, box.w * across, box.h * down),
                made.references.get(object_id, {}),
            )
            for object_id, box, tokens in zip(
                plan.target.ids, (placed.box for placed in plan.target.objects), found, strict=True
            )
            if object_id in wanted and tokens
        ]

    def _blend(self, old: Pixels, edited: Pixels, canvas: Canvas, plan: NetEdit, schedule: Schedule) -> Edited:
        """Put the new picture into the old one: identical outside the region, soft at its rim."""
        height, width = old.shape[:2]
        region = schedule.region[:height, :width]
        weights = blend_weights(schedule, self.settings.feather)[:height, :width, None]
        result = old + weights * (edited.astype(np.float32) - old)
        for one in plan.touched:
            if one.source is not None and not one.restyled:
                # The object's own pixels: a round trip through the autoencoder would blur it with every move.
                alpha = canvas.alphas[one.placed.id] * schedule.visible[one.placed.id][:height, :width]
                result += alpha[..., None] * (canvas.pixels - result)
        new = np.clip(result + 0.5, 0, 255).astype(np.uint8)
        return Edited(Image.fromarray(np.where(region[..., None], new, old)), region.copy())

    # small things

    def _grounding(self, layout: Layout, size_wh: tuple[int, int]) -> Grounding:
        return self.model.grounding([[(placed.phrase, placed.box) for placed in layout.objects]], size_wh)

    def _prompt(self, layout: Layout) -> str:
        objects = ", ".join(with_article(placed.phrase) for placed in layout.objects)
        background = layout.background or self.settings.background
        if not objects:
            return background
        return self.settings.scene_prompt.format(background=background, objects=objects)

    def _cells(self, mask: Mask) -> torch.Tensor:
        return torch.from_numpy(mask)[None, None].to(self.model.device)

    def _decode(self, latents: torch.Tensor, size_wh: tuple[int, int]) -> list[Image.Image]:
        if not torch.isfinite(latents).all():
            raise UnusableError(f"latents are not finite in {self.model.dtype}; try dtype float32")
        with self.model.phase("decode"):
            return self.model.decode(latents, size_wh)


def _shown(masks: Mapping[str, Mask], schedule: Schedule, plan: NetEdit, size_wh: tuple[int, int]) -> dict[str, Mask]:
    """Return the visible pixels of every object of the target that has a mask, by id."""
    width, height = size_wh
    shown = {object_id: mask[:height, :width] for object_id, mask in schedule.visible.items()}
    covered = np.logical_or.reduce([*shown.values(), np.zeros((height, width), dtype=bool)])
    return shown | {placed.id: masks[placed.id] & ~covered for placed in plan.untouched if placed.id in masks}


def _near(box: Box, other: Box) -> bool:
    grown = Box(other.x - NEAR, other.y - NEAR, other.w + 2 * NEAR, other.h + 2 * NEAR)
    return box.intersection(grown) > 0
