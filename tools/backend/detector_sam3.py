"""SAM 3's detector (arXiv 2511.16719): every instance of a short phrase, from a picture that is embedded once."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from tools.backend.detector_heads import PHRASES_KEPT, PICTURES_KEPT, Candidates
from tools.backend.meter import Tally
from tools.backend.pixels import squeezed
from tools.backend.precision import keep_boxes_of_sam3
from tools.backend.recent import Recent, picture_key
from tools.backend.together import Compute, Directly

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL.Image import Image


class Sam3Head:
    """`Sam3Model`: the picture is squeezed to a square, each phrase has queries of its own.

    A score is that of the query, times that of the phrase being in the picture at all.
    """

    scored = True

    def __init__(self, model: Any, processor: tuple[Sequence[float], Sequence[float]], tokenizer: Any) -> None:
        """Take mean and standard deviation of pictures for a processor."""
        self.model, (self.mean, self.std), self.tokenizer = model, processor, tokenizer
        side = model.vision_encoder.config.backbone_config.image_size
        self.side: int = side if isinstance(side, int) else side[0]
        self.longest: int = model.text_encoder.config.max_position_embeddings
        self.dtype = model.dtype
        keep_boxes_of_sam3(model)
        self.passes = Tally()
        self.compute: Compute = Directly()
        self.looks: Recent[Any, Any] = Recent(PICTURES_KEPT)
        self._phrases: Recent[str, Any] = Recent(PHRASES_KEPT)

    def prompt(self, phrase: str, template: str) -> str:
        """Return the bare phrase: it is trained on those."""
        return phrase

    def candidates(self, image: Image, prompts: Sequence[str]) -> Candidates:
        """Ask for one phrase after the other; every one proposes boxes of its own."""
        seen = self.looks.get(picture_key(image), partial(self._embed, image))
        boxes, scores = [], []
        for place, prompt in enumerate(prompts):
            words, mask = self._phrases.get(prompt, partial(self._embed_text, prompt))
            found = self.model(vision_embeds=seen, text_embeds=words, attention_mask=mask)
            sure = found.pred_logits[0].float().sigmoid() * found.presence_logits[0].float().sigmoid()
            row = torch.zeros(len(sure), len(prompts))
            row[:, place] = sure.cpu()
            boxes.append(found.pred_boxes[0].float().cpu())
            scores.append(row)
        return Candidates(torch.cat(boxes), torch.cat(scores))

    def _embed(self, image: Image) -> Any:
        self.passes.count += 1
        pixels = squeezed(image.convert("RGB"), self.side, self.mean, self.std)
        return self.model.get_vision_features(pixel_values=pixels.to(self.model.device, self.dtype))

    def _embed_text(self, prompt: str) -> tuple[Any, torch.Tensor]:
        tokens = self.tokenizer(
            prompt, padding="max_length", max_length=self.longest, truncation=True, return_tensors="pt"
        ).to(self.model.device)
        return self.model.get_text_features(**tokens), tokens["attention_mask"]
