"""Scenes as the generator paints them, with a known truth, for the held-out detector: cut up and drawn again.

Drawing a scene again from a little noise (SDEdit, arXiv 2108.01073) keeps what it shows and gives it the
generator's strokes. What it is like when objects run into each other comes from rectangles of another scene
(CutMix, arXiv 1905.04899). The loop's detector learns from other scenes (`iconworld.corrupt`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image

from iconworld.data import Labeled
from iconworld.renderer import Scene, render, sample_objects

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tools.backend.gligen import GroundedDiffusion

STEPS = 20  # of the whole schedule
STRENGTH = 0.4  # largest share of the schedule; from about 0.45 on small objects turn into others
CUT = (0.3, 0.7)  # sides of a rectangle, as a share of the picture's
CUTS = 2  # rectangles at most


def cut_mix(scene: Scene, rng: np.random.Generator) -> Labeled:
    """Put rectangles of another scene with the same background into a scene."""
    size_wh = width, height = scene.image.size
    other = render(sample_objects(rng, size_wh), scene.background, size_wh, seed=int(rng.integers(2**31)))
    inside = np.zeros((height, width), bool)
    for _ in range(int(rng.integers(1, CUTS + 1))):
        w, h = (rng.uniform(*CUT, 2) * size_wh).astype(int)
        x, y = int(rng.integers(width - w + 1)), int(rng.integers(height - h + 1))
        inside[y : y + h, x : x + w] = True
    mixed = Image.composite(other.image, scene.image, Image.fromarray(inside))
    return Labeled.after(mixed, [(scene, ~inside), (other, inside)])


@torch.no_grad()
def redraw(images: Sequence[Image.Image], model: GroundedDiffusion, rng: np.random.Generator) -> list[Image.Image]:
    """Draw pictures of one size again, without words or boxes, from a noise level chosen at random for all."""
    size_wh = images[0].size
    start = STEPS - int(rng.integers(1, round(STRENGTH * STEPS) + 1))
    noise = model.noise(rng.integers(2**31, size=len(images)).tolist(), size_wh)
    scheduler = model.scheduler(STEPS)
    latents = scheduler.add_noise(model.encode_image(images), noise, scheduler.timesteps[start])
    empty = model.grounding([[]] * len(images), size_wh)
    latents = model.denoise(latents, model.text_embeddings([""]), steps=STEPS, start=start, grounding=empty)
    return model.decode(latents, size_wh)
