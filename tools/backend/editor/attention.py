"""Attention guidance: pull the words of each object into its box while a picture is denoised (LMD+).

Cross-attention maps are read by attention processors put into the UNet for the time of a call; the
model itself stays as its library made it. Source: LLM-grounded Diffusion (arXiv 2305.13655), section 3.2,
and Layout guidance (arXiv 2304.03373) for the energy.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from diffusers import UNet2DConditionModel
    from diffusers.models.attention_processor import Attention

    from tools.backend.gligen import GroundedDiffusion
    from tools.backend.grounding import Grounding
    from tools.scene.box import Box

GUIDED_SHARE = 0.6  # of the steps, the noisiest ones: later ones do not move things (LMD+: 30 of 50)
TOP = 0.2  # share of the cells inside (outside) a box whose attention counts: the strongest ones
OUTSIDE_WEIGHT = 4.0  # of attention outside the box, against 1 for attention inside (LMD+)
REFERENCE_WEIGHT = 2.0  # of the distance to the map that the object had when it was made alone (LMD+)

Maps = tuple[torch.Tensor, ...]
"""One map per layer: ``[n, cells, tokens]``, averaged over heads, summing to 1 over the tokens."""


@dataclass(frozen=True)
class GuidedObject:
    """Where the words of one object shall look.

    tokens: positions of its phrase in the prompt, the noun last; box: normalized to the canvas;
    references: by level, for each layer, the noun's map ``[cells]`` from when the object was made alone.
    """

    tokens: tuple[int, ...]
    box: Box
    references: Mapping[int, Sequence[torch.Tensor]]


class _Reader:
    """Plain attention that keeps its probabilities."""

    def __init__(self, maps: list[torch.Tensor]) -> None:
        self.maps = maps

    def __call__(
        self,
        attn: Attention,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        **_: Any,
    ) -> torch.Tensor:
        query, key, value = (
            attn.head_to_batch_dim(projection)
            for projection in (
                attn.to_q(hidden_states),
                attn.to_k(encoder_hidden_states),
                attn.to_v(encoder_hidden_states),
            )
        )
        weights = attn.get_attention_scores(query, key, attention_mask)
        self.maps.append(weights.unflatten(0, (-1, attn.heads)).mean(dim=1))
        output: torch.Tensor = attn.to_out[0](attn.batch_to_head_dim(torch.bmm(weights, value)))
        return output


@contextmanager
def read_maps(unet: UNet2DConditionModel) -> Iterator[list[torch.Tensor]]:
    """Collect the cross-attention maps of the coarsest layers, forward pass by forward pass.

    The middle block and the first block of the way up that attends: there words find whole objects,
    while finer layers paint details.
    """
    maps: list[torch.Tensor] = []
    readers = {name: _Reader(maps) for name in _coarse_layers(unet)}
    before = unet.attn_processors
    unet.set_attn_processor({name: readers.get(name, processor) for name, processor in before.items()})
    try:
        yield maps
    finally:
        unet.set_attn_processor(before)


def _coarse_layers(unet: UNet2DConditionModel) -> list[str]:
    cross = [name for name in unet.attn_processors if ".attn2." in name]
    upward = sorted({name.split(".")[1] for name in cross if name.startswith("up_blocks.")}, key=int)
    wanted = ("mid_block.", *(f"up_blocks.{index}." for index in upward[:1]))
    return [name for name in cross if name.startswith(wanted)]


def find_tokens(tokenizer: Any, prompt: str, phrases: Sequence[str], length: int) -> list[tuple[int, ...]]:
    """Return the token positions of each phrase, which must occur in ``prompt`` in the order given.

    Empty for a phrase that is not found, or was cut off with the prompt after ``length`` tokens.
    """
    ids = tokenizer(prompt, truncation=True, max_length=length)["input_ids"]
    found, start = [], 0
    for phrase in phrases:
        part = tokenizer(phrase, add_special_tokens=False)["input_ids"]
        places = range(start, len(ids) - len(part) + 1)
        first = next((place for place in places if ids[place : place + len(part)] == part), None)
        found.append(() if first is None else tuple(range(first, first + len(part))))
        start = start if first is None else first + len(part)
    return found


def energy(maps: Maps, objects: Sequence[GuidedObject], latent_hw: tuple[int, int], level: int) -> torch.Tensor:
    """Return how badly the words look where they should; 0 is perfect. ``maps`` are of one sample."""
    total = maps[0].new_zeros(())
    for layer, attention in enumerate(maps):
        height, width = _map_hw(attention.shape[1], latent_hw)
        for placed in objects:
            mask = _inside(placed.box, (height, width))
            inside = mask.to(attention.device)
            words = attention[0, :, list(placed.tokens)].float()
            # by places that the host knows: a mask on the device would have it wait for every layer
            near, far = (_strongest(words[part.nonzero().flatten().to(attention.device)]) for part in (mask, ~mask))
            total = total + ((1 - near) + OUTSIDE_WEIGHT * far).mean()
            if level in placed.references:
                noun, alone = words[:, -1] * inside, placed.references[level][layer].to(words) * inside
                distance = (noun / (noun.sum() + 1e-5) - alone / (alone.sum() + 1e-5)).abs().sum()
                total = total + REFERENCE_WEIGHT * distance
    return total / (len(maps) * len(objects))


def guide(
    model: GroundedDiffusion,
    latents: torch.Tensor,
    level: int,
    *,
    steps: int,
    text: torch.Tensor,
    grounding: Grounding | None,
    objects: Sequence[GuidedObject],
    strength: float,
) -> tuple[torch.Tensor, float]:
    """Move latents ``[1, channels, h, w]`` at ``level`` one step down the gradient of the energy.

    Returns the new latents, and the energy of the old ones. Costs one model evaluation and its way back.
    """
    scheduler = model.scheduler(steps)
    timestep = int(scheduler.timesteps[level])
    with torch.enable_grad():
        start = latents.detach().clone().requires_grad_()
        with model.batcher.compute.alone(), read_maps(model.unet) as maps:
            model.predict(start, timestep, text, grounding=grounding)
        before = energy(tuple(maps), objects, (latents.shape[-2], latents.shape[-1]), level)
        (gradient,) = torch.autograd.grad(before, start)
        scale = strength * (1 - float(scheduler.alphas_cumprod[timestep])) ** 0.5
        return (start - scale * gradient).detach(), float(before.detach())


def noun_maps(maps: Maps, row: int, token: int) -> tuple[torch.Tensor, ...]:
    """Return what `GuidedObject.references` keeps of one sample's maps."""
    return tuple(layer[row, :, token] for layer in maps)


def _strongest(values: torch.Tensor) -> torch.Tensor:
    """Return, per token, the mean of the strongest of ``values`` ``[cells, tokens]``; 0 where there are none."""
    if not len(values):
        return values.new_zeros(values.shape[1])
    return values.topk(max(1, round(TOP * len(values))), dim=0).values.mean(dim=0)


def _map_hw(cells: int, latent_hw: tuple[int, int]) -> tuple[int, int]:
    # canvases are multiples of every layer's scale, so the scale divides both sides
    scale = round((latent_hw[0] * latent_hw[1] / cells) ** 0.5)
    return latent_hw[0] // scale, latent_hw[1] // scale


def _inside(box: Box, map_hw: tuple[int, int]) -> torch.Tensor:
    mask = torch.zeros(map_hw, dtype=torch.bool)
    x0, y0, x1, y1 = box.to_px((map_hw[1], map_hw[0]))
    mask[y0:y1, x0:x1] = True
    return mask.flatten()
