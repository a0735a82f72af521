"""The input of GLIGEN's position net: boxes and phrases, padded to one shape."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch


@dataclass(frozen=True)
class Grounding:
    """Input of GLIGEN's position net, one row per sample, padded to so many tokens as the model was trained with.

    boxes: ``[n, tokens, 4]`` xyxy normalized to the padded canvas; phrases: ``[n, tokens, dim]`` pooled text
    embeddings; masks: ``[n, tokens]``, 1 where there is an object.
    """

    boxes: torch.Tensor
    phrases: torch.Tensor
    masks: torch.Tensor

    def null(self) -> Grounding:
        """Return the same shapes with no object, for the unconditional half of guidance."""
        return replace(self, masks=torch.zeros_like(self.masks))

    def __add__(self, other: Grounding) -> Grounding:
        tokens = max(self.masks.shape[1], other.masks.shape[1])
        one, two = self._padded(tokens), other._padded(tokens)
        pairs = ((one.boxes, two.boxes), (one.phrases, two.phrases), (one.masks, two.masks))
        return Grounding(*(torch.cat(pair) for pair in pairs))

    def _padded(self, tokens: int) -> Grounding:
        more = tokens - self.masks.shape[1]
        pad = torch.nn.functional.pad
        boxes, phrases = (pad(rows, (0, 0, 0, more)) for rows in (self.boxes, self.phrases))
        return Grounding(boxes, phrases, pad(self.masks, (0, more)))
