"""The published schedule of SLD, object by object, on our models: the reference of the speed benchmark.

What the original does, in its order and with its constants (arXiv 2311.16090 and its public code): every
inversion alone and with guidance; one generation per new object; restyling by DiffEdit with an inversion
of its own, decoded and inverted again; moves as shifted latents of a rescaled picture; composition from
pure noise. Nothing of it serves the product.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from scipy import ndimage

from tools.backend.editor.attention import GuidedObject, find_tokens, guide, read_maps
from tools.backend.protocol import Cost
from tools.scene.operations import Move, Remove, Restyle, apply

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tools.backend.editor.engine import Segmenter
    from tools.backend.editor.masks import Mask
    from tools.backend.gligen import GroundedDiffusion
    from tools.backend.protocol import Cost
    from tools.scene.box import Box
    from tools.scene.layout import Layout, PlacedObject
    from tools.scene.operations import Operation

STEPS = 50  # what the other counts of steps here are of
INVERSION_GUIDANCE, OBJECT_GUIDANCE, GUIDANCE = 2.5, 7.5, 2.5
DIFFEDIT_GUIDANCE, DIFFEDIT_INVERSION_GUIDANCE, DIFFEDIT_STRENGTH = 10.5, 7.5, 0.8
FROZEN_RATIO, GROUNDING_RATIO = 0.5, 0.4
GUIDED_RATIO, GUIDANCE_SCALE, GOOD_ENOUGH = 0.6, 5.0, 5.0 / 8  # its threshold of 5 sums over 8 heads, ours averages
REPEATS = (4, 3, 2, 2, 1, 1)  # gradient steps at each level, in each tenth of the steps
SCENE_PROMPT = "a realistic photo of a scene"

Trajectory = list[torch.Tensor]
"""Latents ``[1, channels, h, w]`` at every level, noisiest first."""


class SeedSchedule:
    """Edits as SLD's code does. ``reload`` stands for the pipeline that it loads anew for every restyling."""

    def __init__(
        self,
        model: GroundedDiffusion,
        segmenter: Segmenter,
        *,
        steps: int = STEPS,
        attention_guidance: bool = True,
        reload: Callable[[], GroundedDiffusion] | None = None,
    ) -> None:
        self.model, self.segmenter, self.steps = model, segmenter, steps
        self.attention_guidance, self.reload = attention_guidance, reload
        self._elsewhere = Cost()  # beside what the model counts itself

    @torch.no_grad()
    def edit(
        self, image: Image.Image, operations: Sequence[Operation], scene: Layout, *, seed: int = 0
    ) -> tuple[Image.Image, Cost]:
        """Do Add, Remove, Move and Restyle; the picture's size must fit the model.

        Returns the new picture, and the passes of the diffusion model and the segmenter.
        """
        model, target = self.model, apply(scene, operations)
        model.collect()
        self._elsewhere = Cost()
        gone = [scene[operation.id] for operation in operations if isinstance(operation, Remove | Move)]
        removed = np.zeros(model.latent_hw(image.size), dtype=bool)
        for placed in gone:
            removed |= self._cells(self._mask(image, placed.box))
        pasted: list[tuple[Mask, Trajectory]] = []
        for operation in operations:
            if isinstance(operation, Move):
                pasted.append(self._moved(image, scene[operation.id].box, operation.box))
            elif isinstance(operation, Restyle):
                pasted.append(self._restyled(image, scene[operation.id], target[operation.id], seed))
        background = self._invert(image)
        added = [placed for placed in target.objects if placed.id not in scene.ids]
        references = {}
        for number, placed in enumerate(added):
            mask, trajectory, references[placed.id] = self._generated(placed, image.size, seed + 1 + number)
            pasted.append((mask, trajectory))
        held, frozen = self._composed(background, removed, pasted)
        pairs = [(placed, references[placed.id]) for placed in added]
        result = self._denoised(held, frozen, target, pairs, image.size, seed)
        return result, model.collect()[0] + self._elsewhere

    def _mask(self, image: Image.Image, box: Box) -> Mask:
        found = self.segmenter.segment(image, [box])
        self._elsewhere += found.cost
        return np.asarray(found.masks[0], dtype=bool)

    def _cells(self, mask: Mask) -> Mask:
        grown = ndimage.binary_dilation(mask, np.ones((3, 3)))
        height, width = self.model.latent_hw((mask.shape[1], mask.shape[0]))
        small = Image.fromarray(grown).resize((width, height), Image.Resampling.NEAREST)
        return np.array(small, dtype=bool)

    def _invert(self, image: Image.Image) -> Trajectory:
        text = self.model.text_embeddings([SCENE_PROMPT])
        return self._guided_inversion(self.model, image, text, INVERSION_GUIDANCE, self.steps)

    def _guided_inversion(
        self, model: GroundedDiffusion, image: Image.Image, text: torch.Tensor, guidance: float, depth: int
    ) -> Trajectory:
        negative, scheduler = model.text_embeddings([""]), model.inverse_scheduler(self.steps)
        latents = model.encode_image([image])
        levels = [latents]
        for timestep in scheduler.timesteps[:depth]:
            output = model.predict(latents, timestep, text, negative=negative, guidance=guidance)
            latents = scheduler.step(output, timestep, latents).prev_sample
            levels.append(latents)
        return levels[::-1]

    def _moved(self, image: Image.Image, old: Box, new: Box) -> tuple[Mask, Trajectory]:
        scale = min(new.w / old.w, new.h / old.h)
        width, height = image.size
        scaled = image.resize((max(1, int(width * scale)), max(1, int(height * scale))), Image.Resampling.BOX)
        left = min(int(old.x * scaled.width), max(scaled.width - width, 0))
        top = min(int(old.y * scaled.height), max(scaled.height - height, 0))
        helper = Image.new("RGB", image.size, "white")
        helper.paste(scaled, (-left, -top))
        x, y = old.x * scale - left / width, old.y * scale - top / height
        placed = type(old)(x, y, old.w * scale, old.h * scale).clipped()
        mask, levels = self._cells(self._mask(helper, placed)), self._invert(helper)
        down, across = (
            round((new_at - at) * cells) for new_at, at, cells in ((new.y, y, mask.shape[0]), (new.x, x, mask.shape[1]))
        )
        return np.roll(mask, (down, across), (0, 1)), [level.roll((down, across), (2, 3)) for level in levels]

    def _restyled(self, image: Image.Image, old: PlacedObject, new: PlacedObject, seed: int) -> tuple[Mask, Trajectory]:
        model = self.reload() if self.reload else self.model
        cells, depth = self._cells(self._mask(image, old.box)), int(self.steps * DIFFEDIT_STRENGTH)
        source = model.text_embeddings([f"a {old.name}"])
        levels = self._guided_inversion(model, image, source, DIFFEDIT_INVERSION_GUIDANCE, depth)
        inside = torch.from_numpy(cells).to(model.device)
        first = self.steps - depth
        latents = model.denoise(
            levels[0],
            model.text_embeddings([f"a {new.phrase}"]),
            steps=self.steps,
            start=first,
            negative=model.text_embeddings([""]),
            guidance=DIFFEDIT_GUIDANCE,
            hook=lambda step, now: torch.where(inside, now, levels[step + 1 - first]),
        )
        restyled = model.decode(latents, image.size)[0]
        if model is not self.model:
            self._elsewhere += model.collect()[0]
        return cells, self._invert(restyled)

    def _generated(
        self, placed: PlacedObject, size_wh: tuple[int, int], seed: int
    ) -> tuple[Mask, Trajectory, dict[int, tuple[torch.Tensor, ...]]]:
        model, prompt = self.model, f"{SCENE_PROMPT} with a {placed.phrase}"
        text, negative, scheduler = (
            model.text_embeddings([prompt]),
            model.text_embeddings([""]),
            model.scheduler(self.steps),
        )
        length = model.text_encoder.config.max_position_embeddings
        (tokens,) = find_tokens(model.tokenizer, prompt, [placed.phrase], length)
        grounding = model.grounding([[(placed.phrase, placed.box)]], size_wh)
        latents = model.noise([seed], size_wh)
        levels, references = [latents], {}
        for level, timestep in enumerate(scheduler.timesteps):
            boxes = grounding if level < GROUNDING_RATIO * self.steps else None
            with read_maps(model.unet) as maps:
                output = model.predict(
                    latents, timestep, text, grounding=boxes, negative=negative, guidance=OBJECT_GUIDANCE
                )
            if tokens:
                references[level] = tuple(layer[-1, :, tokens[-1]] for layer in maps)
            latents = scheduler.step(output, timestep, latents).prev_sample
            levels.append(latents)
        mask = self._mask(model.decode(latents, size_wh)[0], placed.box)
        return self._cells(mask), levels, references

    def _composed(
        self,
        background: Trajectory,
        removed: Mask,
        pasted: Sequence[tuple[Mask, Trajectory]],
    ) -> tuple[Trajectory, torch.Tensor]:
        objects = np.zeros_like(removed)
        held = list(background)
        for mask, levels in sorted(pasted, key=lambda pair: -int(pair[0].sum())):
            cells = torch.from_numpy(mask).to(self.model.device)
            held = [torch.where(cells, new, old) for new, old in zip(levels, held, strict=True)]
            objects |= mask
        return held, torch.from_numpy(~removed | objects).to(self.model.device)

    def _denoised(
        self,
        held: Trajectory,
        frozen: torch.Tensor,
        target: Layout,
        added: Sequence[tuple[PlacedObject, dict[int, tuple[torch.Tensor, ...]]]],
        size_wh: tuple[int, int],
        seed: int,
    ) -> Image.Image:
        model = self.model
        prompt = f"{SCENE_PROMPT} with " + ", ".join(f"a {placed.phrase}" for placed in target.objects)
        text, negative = model.text_embeddings([prompt]), model.text_embeddings([""])
        grounding = model.grounding([[(placed.phrase, placed.box) for placed in target.objects]], size_wh)
        found = find_tokens(
            model.tokenizer,
            prompt,
            [placed.phrase for placed in target.objects],
            model.text_encoder.config.max_position_embeddings,
        )
        tokens = dict(zip(target.ids, found, strict=True))
        guided = [
            GuidedObject(tokens[placed.id], placed.box, references) for placed, references in added if tokens[placed.id]
        ]
        scheduler = model.scheduler(self.steps)
        latents, energy = torch.where(frozen, held[0], model.noise([seed], size_wh)), float("inf")
        for level, timestep in enumerate(scheduler.timesteps):
            boxes = grounding if level < GROUNDING_RATIO * self.steps else None
            if self.attention_guidance and guided and level < GUIDED_RATIO * self.steps:
                for _ in range(REPEATS[10 * level // self.steps]):
                    if energy <= GOOD_ENOUGH:
                        break
                    latents, energy = guide(
                        model,
                        latents,
                        level,
                        steps=self.steps,
                        text=text,
                        grounding=boxes,
                        objects=guided,
                        strength=GUIDANCE_SCALE,
                    )
            output = model.predict(latents, timestep, text, grounding=boxes, negative=negative, guidance=GUIDANCE)
            latents = scheduler.step(output, timestep, latents).prev_sample
            if level < FROZEN_RATIO * self.steps:
                latents = torch.where(frozen, held[level + 1], latents)
        return model.decode(latents, size_wh)[0]
