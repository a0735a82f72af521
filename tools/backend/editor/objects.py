"""Single objects, each generated alone in its box, all in one batch: what Add and Replace paste."""

from __future__ import annotations

from collections import defaultdict
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch

from tools.backend.editor.attention import find_tokens, noun_maps, read_maps
from tools.backend.editor.engine import UnusableError
from tools.backend.editor.masks import trusted
from tools.backend.editor.schedule import held_steps
from tools.backend.protocol import Cost
from tools.backend.text import negative_prompt
from tools.scene.lexicon import with_article

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from diffusers import DDIMScheduler
    from PIL.Image import Image

    from configs.settings import EditorSettings
    from tools.backend.editor.engine import Segmenter
    from tools.backend.editor.masks import Mask
    from tools.backend.gligen import GroundedDiffusion
    from tools.backend.protocol import Progress
    from tools.scene.layout import Layout, PlacedObject


@dataclass(frozen=True)
class MadeObjects:
    """By id: latents ``[channels, h, w]`` at each level up to the one they are held to; masks in canvas
    pixels; and, for attention guidance, the noun's maps by level.
    """

    latents: dict[str, list[torch.Tensor]] = field(default_factory=dict)
    masks: dict[str, Mask] = field(default_factory=dict)
    references: dict[str, dict[int, tuple[torch.Tensor, ...]]] = field(default_factory=dict)
    cost: Cost = field(default_factory=Cost)  # of the segmenter; the model counts its own


def make_objects(
    model: GroundedDiffusion,
    segmenter: Segmenter,
    settings: EditorSettings,
    objects: Sequence[PlacedObject],
    target: Layout,
    size_wh: tuple[int, int],
    seed: int,
    progress: Progress | None = None,
) -> MadeObjects:
    """Generate every object of the ``target`` layout alone in its box and cut it out.

    The latents are needed only up to the level they are held to. Beyond it nothing but the segmenter
    looks, so the steps get larger there (LMD's fast schedule).

    Raises:
        UnusableError: the latents are not finite.
    """
    if not objects:
        return MadeObjects()
    prompts, unwanted = object_prompts(settings, objects, target)
    text, negative = model.text_embeddings(prompts), model.text_embeddings([unwanted])
    grounding = model.grounding([[(placed.phrase, placed.box)] for placed in objects], size_wh)
    nouns = [_noun(model, prompt, placed) for prompt, placed in zip(prompts, objects, strict=True)]
    references: dict[str, dict[int, tuple[torch.Tensor, ...]]] = defaultdict(dict)
    scheduler, held = model.scheduler(settings.steps), held_steps(settings)
    levels = [*range(held), *range(held, settings.steps, settings.object_stride)]
    latents = model.noise([seed + 1 + row for row in range(len(objects))], size_wh)
    trajectory = [latents]
    with model.phase("objects"), torch.no_grad():
        for done, (level, following) in enumerate(zip(levels, [*levels[1:], settings.steps], strict=True), 1):
            reading = settings.attention_guidance > 0 and level <= held
            reader: AbstractContextManager[list[torch.Tensor]] = read_maps(model.unet) if reading else nullcontext([])
            with model.batcher.compute.alone() if reading else nullcontext(), reader as maps:
                output = model.predict(
                    latents,
                    scheduler.timesteps[level],
                    text,
                    grounding=grounding if level < round(settings.grounding_ratio * settings.steps) else None,
                    negative=negative,
                    guidance=settings.object_guidance,
                )
            rows = len(output) if settings.object_guidance == 1 else 2 * len(output)
            if reading and all(len(layer) == rows for layer in maps):  # a batch cut up for memory gives none to use
                first = rows - len(objects)  # the unconditional half comes first
                for row, (placed, noun) in enumerate(zip(objects, nouns, strict=True), first):
                    if noun is not None:
                        references[placed.id][level] = noun_maps(tuple(maps), row, noun)
            latents = stride(scheduler, output, level, following, latents)
            if following <= held:
                trajectory.append(latents)
            if progress:
                progress("objects", done, len(levels))
    if not torch.isfinite(latents).all():
        raise UnusableError(f"latents of single objects are not finite in {model.dtype}; try dtype float32")
    with model.phase("decode"):
        pictures = model.decode(latents, size_wh)
    masks, cost = _cut_out(segmenter, objects, pictures, model.canvas_wh(size_wh))
    kept = {placed.id: [batch[row] for batch in trajectory] for row, placed in enumerate(objects)}
    return MadeObjects(kept, masks, dict(references), cost)


def draw_objects(
    model: GroundedDiffusion,
    settings: EditorSettings,
    objects: Sequence[PlacedObject],
    target: Layout,
    size_wh: tuple[int, int],
    seeds: Sequence[int],
    progress: Progress | None = None,
) -> list[list[Image]]:
    """Generate every object alone in its box, once for each seed, all in one batch; return pictures by object.

    Raises:
        UnusableError: the latents are not finite.
    """
    rows = [(placed, seed + place) for place, placed in enumerate(objects) for seed in seeds]
    prompts, unwanted = object_prompts(settings, [placed for placed, _ in rows], target)
    latents = model.denoise(
        model.noise([seed for _, seed in rows], size_wh),
        model.text_embeddings(prompts),
        steps=settings.steps,
        grounding=model.grounding([[(placed.phrase, placed.box)] for placed, _ in rows], size_wh),
        grounding_ratio=settings.grounding_ratio,
        negative=model.text_embeddings([unwanted]),
        guidance=settings.object_guidance,
        progress=progress,
        phase="objects",
    )
    if not torch.isfinite(latents).all():
        raise UnusableError(f"latents of single objects are not finite in {model.dtype}; try dtype float32")
    with model.phase("decode"):
        pictures = model.decode(latents, size_wh)
    number = len(seeds)
    return [pictures[first : first + number] for first in range(0, len(pictures), number)]


def object_prompts(settings: EditorSettings, objects: Sequence[PlacedObject], target: Layout) -> tuple[list[str], str]:
    """Return what to say for each object that is generated alone, and what it shall not look like."""
    background = target.background or settings.background
    prompts = [
        settings.object_prompt.format(phrase=with_article(placed.phrase), background=background) for placed in objects
    ]
    return prompts, negative_prompt(settings.object_negative_prompt, target.absent)


def _cut_out(
    segmenter: Segmenter, objects: Sequence[PlacedObject], pictures: Sequence[Image], canvas_wh: tuple[int, int]
) -> tuple[dict[str, Mask], Cost]:
    """Return each object's mask in its own picture, by id and on the canvas, and what they cost."""
    masks, cost = {}, Cost()
    for placed, picture in zip(objects, pictures, strict=True):
        found = segmenter.segment(picture, [placed.box])
        masks[placed.id] = pad_mask(trusted(found.masks[0], placed.box), canvas_wh)
        cost += found.cost
    return masks, cost


def _noun(model: GroundedDiffusion, prompt: str, placed: PlacedObject) -> int | None:
    length = model.text_encoder.config.max_position_embeddings
    (tokens,) = find_tokens(model.tokenizer, prompt, [placed.phrase], length)
    return tokens[-1] if tokens else None


def stride(
    scheduler: DDIMScheduler, output: torch.Tensor, level: int, following: int, latents: torch.Tensor
) -> torch.Tensor:
    """Do one DDIM step (arXiv 2010.02502, equation 12) from a level to any later one."""
    timestep = scheduler.timesteps[level]
    clean: torch.Tensor = scheduler.step(output, timestep, latents).pred_original_sample
    alphas, steps = scheduler.alphas_cumprod, len(scheduler.timesteps)
    now = float(alphas[timestep])
    then = float(alphas[scheduler.timesteps[following]]) if following < steps else float(scheduler.final_alpha_cumprod)
    noise = (latents - now**0.5 * clean) / (1 - now) ** 0.5
    following_latents: torch.Tensor = then**0.5 * clean + (1 - then) ** 0.5 * noise
    return following_latents


def pad_mask(mask: Mask, canvas_wh: tuple[int, int]) -> Mask:
    """Extend a mask of the picture to the canvas, as the picture itself is: its edge repeated."""
    height, width = mask.shape
    return np.pad(mask, ((0, canvas_wh[1] - height), (0, canvas_wh[0] - width)), mode="edge")
