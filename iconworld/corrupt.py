"""Corrupted scenes, for the loop's detector: torn fragments and shapeless things between the objects, soft edges.

A detector that has only ever seen whole, sharp objects takes any corruption for one of them. Here the
corruption has a truth: what is mostly covered is no longer there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image, ImageFilter

from iconworld.data import Labeled, to_images, to_tensor
from iconworld.renderer import COLORS, Scene, draw_scene

if TYPE_CHECKING:
    from collections.abc import Sequence

    from diffusers import AutoencoderKL

KEPT = (0.08, 0.4)  # share of an icon that a fragment shows
SHAPES = 3  # shapeless things at most
LATENT_NOISE = 0.4  # largest standard deviation; latents have about unit size


def corrupt(scene: Scene, rng: np.random.Generator) -> Labeled:
    """Lay fragments of other objects and shapeless things over a scene."""
    canvas, seen = np.array(scene.image), np.ones(scene.ids.shape, bool)
    other = draw_scene(int(rng.integers(2**31)), scene.image.size)
    for index in range(len(other.objects)):
        icon = other.mask(index)
        if icon.any():
            field = smooth_field(rng, icon.shape)
            torn = icon & (field > np.quantile(field[icon], 1 - rng.uniform(*KEPT)))
            canvas[torn] = np.asarray(other.image)[torn]
            seen[torn] = False
    for _ in range(int(rng.integers(SHAPES + 1))):
        _shapeless(canvas, seen, rng)
    return Labeled.after(Image.fromarray(canvas), [(scene, seen)])


@torch.no_grad()
def soften(images: Sequence[Image.Image], vae: AutoencoderKL, rng: np.random.Generator) -> list[Image.Image]:
    """Pass pictures of one size through the autoencoder, with a little noise on their latents."""
    with torch.autocast("cpu", torch.bfloat16):
        latents = vae.encode(to_tensor(images)).latent_dist.mean
        noise = torch.from_numpy(rng.standard_normal(tuple(latents.shape), np.float32))
        spread = torch.from_numpy(rng.uniform(0, LATENT_NOISE, (len(latents), 1, 1, 1)).astype(np.float32))
        return to_images(vae.decode(latents + spread * noise).sample)


def _shapeless(canvas: np.ndarray, seen: np.ndarray, rng: np.random.Generator) -> None:
    """Paint a rimmed thing of one or two colours that has no class."""
    height, width = seen.shape
    size = rng.uniform(0.1, 0.25, 2) * min(height, width)
    rows, columns = np.ogrid[:height, :width]
    distance = ((rows - rng.uniform(0, height)) / size[0]) ** 2 + ((columns - rng.uniform(0, width)) / size[1]) ** 2
    inside = distance + 0.8 * smooth_field(rng, seen.shape) < 1
    rim = np.asarray(Image.fromarray(inside).convert("L").filter(ImageFilter.MaxFilter(3))) > 0
    first, second = (np.array(COLORS[str(name)], np.float32) for name in rng.choice(list(COLORS), 2))
    canvas[rim] = first * 0.4 + (100 if first.mean() < 90 else 0)
    canvas[inside] = first
    if rng.random() < 0.5:
        canvas[inside & (smooth_field(rng, seen.shape) > 0)] = second
    seen[rim] = False


def smooth_field(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Return a smooth random field of about zero mean and unit deviation."""
    cells = rng.standard_normal((int(rng.integers(4, 9)),) * 2).astype(np.float32)
    return np.asarray(Image.fromarray(cells).resize((shape[1], shape[0]), Image.Resampling.BICUBIC))
