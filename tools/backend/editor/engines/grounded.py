"""The SLD latent engine: any mix of operations on a picture in one pass (arXiv 2311.16090, section 3.3).

Make single objects, invert, compose: `GroundedEngine.paint` reads in that order. One batch each for all single
objects and for the inversion; nothing is computed before the first level at which something is free to change.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image

from tools.backend.editor import flat
from tools.backend.editor.attention import GUIDED_SHARE, GuidedObject, find_tokens, guide
from tools.backend.editor.capabilities import GROUNDED
from tools.backend.editor.diffedit import restyle
from tools.backend.editor.engine import Painted, UnusableError
from tools.backend.editor.ground import estimate_ground
from tools.backend.editor.masks import trusted
from tools.backend.editor.objects import draw_objects, make_objects, pad_mask
from tools.backend.editor.schedule import blend_weights, make_schedule
from tools.backend.editor.setting_down import composed
from tools.backend.protocol import BackendError, Cost
from tools.backend.text import negative_prompt
from tools.scene.box import Box
from tools.scene.lexicon import with_article

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from configs.settings import EditorSettings
    from tools.backend.editor.canvas import Canvas
    from tools.backend.editor.engine import Job, Segmenter
    from tools.backend.editor.flat import Fit
    from tools.backend.editor.ground import Ground
    from tools.backend.editor.masks import Mask, Pixels
    from tools.backend.editor.objects import MadeObjects
    from tools.backend.editor.plan import NetEdit
    from tools.backend.editor.schedule import Schedule
    from tools.backend.editor.setting_down import Layer
    from tools.backend.gligen import GroundedDiffusion
    from tools.backend.grounding import Grounding
    from tools.backend.protocol import Capabilities, Progress
    from tools.scene.layout import Layout, PlacedObject

CANDIDATE_SEED = 104_729  # between the seeds of two candidates for one object
BLACK = 3  # a picture with no value above this (of 255) is a failure of the model, unless the input was


class GroundedEngine:
    """Paints in the latents of a grounded diffusion model."""

    def __init__(
        self,
        model: GroundedDiffusion,
        segmenter: Segmenter,
        settings: EditorSettings,
        fit: Fit | None = None,
        restyler: Callable[[], GroundedDiffusion] | None = None,
    ) -> None:
        """Build an engine.

        ``fit`` says which of several candidates looks most like what it shall be; ``restyler`` loads the model of
        ``settings.restyler``.
        """
        self.model, self.segmenter, self.settings, self.fit = model, segmenter, settings, fit
        self.restyler = restyler

    @property
    def capabilities(self) -> Capabilities:
        """Anything that can be said, or the nouns of the settings, at the size the checkpoint was trained at."""
        draws = frozenset(self.settings.draws) or None
        return replace(GROUNDED, draws=draws, best_side=self.settings.side)

    @property
    def meter(self) -> GroundedDiffusion:
        """The model counts for itself."""
        return self.model

    def check(self, plan: NetEdit, size_wh: tuple[int, int], scene: Layout) -> None:
        """Refuse a checkpoint without grounding layers, and new objects that the model cannot draw that small."""
        self.model.require_grounding("editor.path")
        for placed in plan.made:
            self._check_size(placed, size_wh)
        strange = [
            touched.placed.id
            for touched in plan.touched
            if touched.source is None and touched.copied and touched.copied.wanted and not touched.copied.picture
        ]
        if strange:
            raise BackendError(
                f"this preset copies what is in the picture and was found there: give {strange[0]!r} without a source"
            )

    def paint(self, job: Job) -> Painted:
        """Denoise the whole view once, with everything that is known held where and while it shall be.

        On smooth ground nothing has to be denoised that is there, and pixels are composed exactly.
        """
        model, settings, plan = self.model, self.settings, job.plan
        if settings.smooth and flat.can_recolour(plan):
            ground = estimate_ground(job.pixels, flat.busy_places(plan, job.masks, job.size_wh))
            if ground.misfit <= settings.smooth:
                return self._paint_on_ground(job, ground)
        self._check_copies(plan)
        with model.phase("canvas"):
            canvas = job.canvas
        canvas, spent = self._restyled(canvas, plan, job.progress)
        made = make_objects(
            model, self.segmenter, settings, plan.made, plan.target, job.size_wh, job.seed, job.progress
        )
        schedule = self._schedule(plan, canvas, job.masks, made)
        edited = canvas.pixels
        if schedule.first < settings.steps:
            held = self._hold(canvas, plan, schedule, made, job.seed, job.progress)
            edited = self._compose(held, plan, schedule, made, job.size_wh, job.progress)
        if edited.max() <= BLACK < job.pixels.max():
            raise UnusableError("the new picture is all black; try dtype float32")
        width, height = job.size_wh
        # A round trip through the autoencoder would blur a moved object more with every move.
        own = {
            touched.placed.id: schedule.visible[touched.placed.id][:height, :width]
            for touched in plan.touched
            if touched.source is not None and not touched.restyled
        }
        return Painted(
            edited,
            blend_weights(schedule, settings.feather)[:height, :width],
            schedule.region[:height, :width],
            own,
            _shown(job.masks, schedule, plan, job.size_wh),
            cost=made.cost + spent,
        )

    def _restyled(self, canvas: Canvas, plan: NetEdit, progress: Progress | None) -> tuple[Canvas, Cost]:
        """Return the canvas with new looks painted by a model that is there for that alone, and what it spent."""
        wanted = [touched.placed for touched in plan.touched if touched.restyled]
        if self.restyler is None or not wanted:
            return canvas, Cost()
        restyler = self.restyler()
        restyler.collect()
        pixels = restyle(restyler, self.settings, canvas.pixels, wanted, canvas.cores, progress)
        cost, warnings = restyler.collect()
        for warning in warnings:
            self.model.warn(warning)
        return replace(canvas, pixels=pixels), cost

    def _check_copies(self, plan: NetEdit) -> None:
        """Refuse what is to be copied from another picture where that cannot be done and the model cannot draw it."""
        for touched in plan.touched:
            copied = touched.copied
            known = not self.settings.draws or touched.placed.name in self.settings.draws
            if touched.source is None and copied and copied.wanted and copied.picture and not known:
                raise BackendError(
                    f"{touched.placed.name!r} can be copied onto smooth ground only, and this picture has none; "
                    "the preset 'photo' can do it"
                )

    # smooth ground

    def _paint_on_ground(self, job: Job, ground: Ground) -> Painted:
        """Draw new objects alone, and compose everything on the ground."""
        made, cost = self._drawn(job, ground)
        with self.model.phase("canvas"):
            painted = flat.compose(job, ground, made, self.fit)
        return replace(painted, cost=cost)

    def _drawn(self, job: Job, ground: Ground) -> tuple[dict[str, Layer], Cost]:
        """Draw each new object until it looks like what it shall be, at most as often as the settings say.

        Raises:
            UnusableError: nothing can be seen where an object was drawn.
        """
        settings, cost = self.settings, Cost()
        best: dict[str, tuple[float, Layer]] = {}
        for touched in job.plan.touched:
            copied = touched.copied
            if touched.source is None and copied is not None and copied.wanted and copied.picture in job.references:
                found = self.segmenter.segment(job.references[copied.picture], [copied.box])
                cost += found.cost
                pixels, mask = np.asarray(job.references[copied.picture]), trusted(found.masks[0], copied.box)
                best[touched.placed.id] = 1.0, flat.copied(pixels, mask, copied.box, touched.placed.box, job.size_wh)
        seeds = [job.seed + 1 + CANDIDATE_SEED * place for place in range(settings.candidates)]
        for batch in (seeds[:1], seeds[1:]):
            wanted = [placed for placed in job.plan.made if placed.id not in best or best[placed.id][0] < flat.CLEAN]
            if not wanted or not batch:
                break
            boxed = [self._drawing(placed, job.seed) for placed in wanted]
            drawn = draw_objects(self.model, settings, boxed, job.plan.target, job.size_wh, batch, job.progress)
            for placed, drawing, pictures in zip(wanted, boxed, drawn, strict=True):
                for picture in pictures:
                    found = self.segmenter.segment(picture, [drawing.box])
                    cost += found.cost
                    try:
                        mask = trusted(found.masks[0], drawing.box)
                        layer = flat.set_drawing_down(np.asarray(picture), mask, placed.box)
                    except ValueError:
                        continue
                    shown = np.clip(composed(ground.pixels, layer) + 0.5, 0, 255).astype(np.uint8)
                    fit = (self.fit(Image.fromarray(shown), placed) if self.fit else 1.0) - flat.muddle(layer)
                    if placed.id not in best or fit > best[placed.id][0]:
                        best[placed.id] = fit, layer
        if missing := [placed.id for placed in job.plan.made if placed.id not in best]:
            raise UnusableError(f"nothing can be seen where {missing[0]!r} was drawn")
        return {object_id: layer for object_id, (_, layer) in best.items()}, cost

    def _drawing(self, placed: PlacedObject, seed: int) -> PlacedObject:
        """Return what is drawn for a new object: large enough, and of one colour where none is asked for."""
        looks = self.settings.looks
        attributes = placed.attributes or looks[seed % len(looks) :][:1] if looks else placed.attributes
        return placed.model_copy(update={"box": flat.drawing_box(placed.box), "attributes": attributes})

    # masks

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

        shown = plan.canvas_layout
        if self.restyler is not None:  # new looks are there already
            new = {placed.id: placed for placed in plan.target.objects}
            shown = shown.model_copy(update={"objects": tuple(new[placed.id] for placed in shown.objects)})
        model.invert(
            clean,
            model.text_embeddings([self._prompt(shown)]),
            steps=steps,
            stop=steps - first,
            grounding=self._grounding(shown, picture.size),
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
            negative=model.text_embeddings([negative_prompt(settings.negative_prompt, plan.target.absent)]),
            guidance=guidance,
            hook=hold,
            progress=progress,
            phase="compose",
        )
        return np.asarray(self._decode(latents, size_wh)[0])

    def _attentive(self, plan: NetEdit, made: MadeObjects, prompt: str, size_wh: tuple[int, int]) -> list[GuidedObject]:
        """Return what attention guidance looks after: objects in a new style, and new ones."""
        model, wanted = (
            self.model,
            {touched.placed.id for touched in plan.touched if touched.source is None or touched.restyled},
        )
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
