"""Starting weights for classes that are usually fine-tuned, not trained from nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Iterable


def initialise(model: nn.Module, embedding_std: float = 0.5) -> None:
    """Xavier for every linear layer, wide token embeddings.

    The libraries' own small embeddings leave all phrases nearly parallel, and a detector
    or a grounding layer then learns colours and never classes.
    """
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Embedding) and module.num_embeddings > 300:
            nn.init.normal_(module.weight, std=embedding_std)


def localise(vision: Any, grid: int, scale: float = 0.5) -> None:
    """Start a CLIP-like vision tower with a sense of place.

    Positions begin as 2-D sines and cosines (still learned), and every head's keys equal its queries,
    so that tokens first look at tokens like themselves and near by (Trockman and Kolter 2023). From
    unordered positions a small tower takes thousands of steps to find out what is next to what.
    """
    table = vision.embeddings.position_embedding.weight
    quarter = table.shape[1] // 4
    rates = torch.pi * torch.logspace(0, torch.tensor(grid / 2).log10(), quarter)
    middle = (torch.arange(grid) + 0.5) / grid
    waves = torch.cat([(middle[:, None] * rates).sin(), (middle[:, None] * rates).cos()], -1)
    rows = waves[:, None].expand(-1, grid, -1)
    columns = waves[None].expand(grid, -1, -1)
    places = torch.cat([columns, rows], -1).reshape(grid * grid, -1)
    with torch.no_grad():
        table.zero_()
        table[1:, : places.shape[1]] = scale * places  # row 0 is the class token
        nn.init.xavier_uniform_(vision.embeddings.patch_embedding.weight)
        for layer in vision.encoder.layers:
            layer.self_attn.k_proj.weight.copy_(layer.self_attn.q_proj.weight)


def silence(layers: Iterable[nn.Module], bias: float = 0.0) -> None:
    """Make the layers' outputs constant at first: zero weights and one bias."""
    for layer in layers:
        if isinstance(layer, nn.Linear):
            nn.init.zeros_(layer.weight)
            nn.init.constant_(layer.bias, bias)
