"""Starting weights for classes that are usually fine-tuned, not trained from nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

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


def silence(layers: Iterable[nn.Module], bias: float = 0.0) -> None:
    """Make the layers' outputs constant at first: zero weights and one bias."""
    for layer in layers:
        if isinstance(layer, nn.Linear):
            nn.init.zeros_(layer.weight)
            nn.init.constant_(layer.bias, bias)
