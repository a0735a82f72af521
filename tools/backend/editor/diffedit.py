"""A new look for objects that are there, by a diffusion model of its own (DiffEdit, arXiv 2210.11427).

SLD does it so (arXiv 2311.16090, section 3.3): the picture is inverted under the object's plain name and denoised under
its new phrase, and outside the object's mask every level is put back to what the inversion met there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image

from tools.backend.editor.masks import cell_share
from tools.backend.editor.objects import pad_mask
from tools.scene.lexicon import with_article

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from configs.settings import EditorSettings
    from tools.backend.editor.masks import Mask, Pixels
    from tools.backend.gligen import GroundedDiffusion
    from tools.backend.protocol import Progress
    from tools.scene.layout import PlacedObject


def restyle(
    model: GroundedDiffusion,
    settings: EditorSettings,
    pixels: Pixels,
    objects: Sequence[PlacedObject],
    masks: Mapping[str, Mask],
    progress: Progress | None = None,
) -> Pixels:
    """Return the picture, uint8 ``[height, width, 3]``, with each object under its mask as its phrase says.

    Objects are done one after the other. Pixels outside the masks are those given.
    """
    depth = max(1, round(settings.restyle_strength * settings.steps))
    first = settings.steps - depth
    for placed in objects:
        size_wh = pixels.shape[1], pixels.shape[0]
        levels = [model.encode_image([Image.fromarray(pixels)])]

        def keep(_: int, latents: torch.Tensor, levels: list[torch.Tensor] = levels) -> torch.Tensor:
            levels.append(latents)
            return latents

        plain, phrase, negative = (
            model.text_embeddings([words]) for words in (with_article(placed.name), with_article(placed.phrase), "")
        )
        model.invert(levels[0], plain, steps=settings.steps, stop=depth, hook=keep, progress=progress, phase="restyle")
        share = cell_share(pad_mask(masks[placed.id], model.canvas_wh(size_wh)), model.factor)
        inside = torch.from_numpy(share > 0)[None, None].to(model.device)

        def hold(step: int, latents: torch.Tensor, inside=inside, levels=levels) -> torch.Tensor:  # type: ignore[no-untyped-def]
            return torch.where(inside, latents, levels[settings.steps - 1 - step])

        latents = model.denoise(
            levels[-1],
            phrase,
            steps=settings.steps,
            start=first,
            negative=negative,
            guidance=settings.restyle_guidance,
            hook=hold,
            progress=progress,
            phase="restyle",
        )
        made = np.asarray(model.decode(latents, size_wh)[0])
        pixels = np.where(masks[placed.id][..., None], made, pixels)
    return pixels
