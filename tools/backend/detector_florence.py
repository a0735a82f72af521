"""Florence-2 (arXiv 2311.06242) as a detector: it writes where things are, and does not say how sure it is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import torch

from tools.backend.detector_heads import PICTURES_KEPT, Candidates
from tools.backend.meter import Tally
from tools.backend.recent import Recent, picture_key
from tools.backend.together import Compute, Directly

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL.Image import Image

BINS = 1000  # of each side, in which it says places
BEAMS = 3  # as published
LONGEST_ANSWER = 512  # tokens; a box takes four
_BOX = re.compile(r"<loc_(\d+)>" * 4)


class FlorenceHead:
    """`Florence2ForConditionalGeneration`: the picture is embedded once; phrases are asked in one batch.

    What it writes of a phrase counts with the score 1, and of nothing it is less sure: ``scored`` says so.
    """

    scored = False

    def __init__(self, model: Any, processor: Any, tokenizer: Any) -> None:
        self.model, self.processor, self.tokenizer = model, processor, tokenizer
        positions: int = model.config.text_config.max_position_embeddings
        self.longest, self.answer = positions, min(LONGEST_ANSWER, positions - 2)
        self.passes = Tally()
        self.compute: Compute = Directly()
        self.looks: Recent[Any, Any] = Recent(PICTURES_KEPT)

    def prompt(self, phrase: str, template: str) -> str:
        """Return the sentence that its task of open-vocabulary detection was trained on."""
        return f"Locate {phrase} in the image."

    def candidates(self, image: Image, prompts: Sequence[str]) -> Candidates:
        """Ask for all phrases together; what was asked of this picture before is remembered."""
        key = picture_key(image)
        seen = self.looks.get(key, lambda: (self._embed(image), {}))
        features, answers = seen
        if new := [prompt for prompt in dict.fromkeys(prompts) if prompt not in answers]:
            answers |= dict(zip(new, self._ask(features, new), strict=True))
        boxes = [corners for prompt in prompts for corners in answers[prompt]]
        owners = [place for place, prompt in enumerate(prompts) for _ in answers[prompt]]
        scores = torch.zeros(len(boxes), len(prompts))
        scores[torch.arange(len(boxes)), torch.tensor(owners, dtype=torch.long)] = 1
        return Candidates(torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4), scores)

    def _embed(self, image: Image) -> torch.Tensor:
        self.passes.count += 1
        pixels = self.processor(images=image.convert("RGB"), return_tensors="pt")["pixel_values"]
        found: torch.Tensor = self.model.get_image_features(
            pixels.to(self.model.device, self.model.dtype)
        ).pooler_output
        return found

    def _ask(self, features: torch.Tensor, prompts: list[str]) -> list[list[list[float]]]:
        """Return for every phrase its boxes, xyxy normalized."""
        tokens = self.tokenizer(prompts, padding=True, return_tensors="pt").to(self.model.device)
        words = self.model.get_input_embeddings()(tokens["input_ids"])
        given = torch.cat([features.expand(len(prompts), -1, -1).to(words.dtype), words], dim=1)
        asked = tokens["attention_mask"]
        mask = torch.cat([asked.new_ones(len(prompts), features.shape[1]), asked], dim=1)
        encoded = self.model.model.language_model.encoder(inputs_embeds=given, attention_mask=mask)
        written = self.model.generate(
            encoder_outputs=encoded,
            attention_mask=mask,
            max_new_tokens=self.answer,
            num_beams=BEAMS,
            do_sample=False,
        )
        return [places(text) for text in self.tokenizer.batch_decode(written, skip_special_tokens=False)]


def places(text: str) -> list[list[float]]:
    """Return the boxes in an answer such as "car<loc_52><loc_332><loc_932><loc_774>", xyxy normalized.

    Polygons, of which it answers some, are no boxes.
    """
    if "<poly>" in text:
        return []
    found = [[(int(bin_) + 0.5) / BINS for bin_ in corners] for corners in _BOX.findall(text)]
    return [[x0, y0, x1, y1] for x0, y0, x1, y1 in found if x0 < x1 and y0 < y1]
