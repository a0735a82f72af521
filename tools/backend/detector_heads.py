"""The kinds of zero-shot detectors, each made to answer one question: which boxes, and how well does
each phrase fit each of them? What differs between checkpoints (padding, prompts, post-processing) ends here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import torch

from tools.backend.meter import Tally
from tools.backend.precision import keep_boxes_of_owl
from tools.backend.recent import Recent, picture_key
from tools.backend.together import Compute, Directly
from tools.scene.lexicon import with_article

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL.Image import Image

LARGEST_SQUARE = 2048  # pixels of a side; the models look at half of that
PICTURES_KEPT = 4
PHRASES_KEPT = 1000


@dataclass(frozen=True)
class Candidates:
    """Every box that a detector proposes: ``boxes_xyxy [n, 4]`` normalized to the picture (they may
    leave it), and ``scores [n, phrases]`` in [0, 1]; float32 on the CPU.
    """

    boxes_xyxy: torch.Tensor
    scores: torch.Tensor


class Head(Protocol):
    """A loaded detector of one kind. ``passes`` counts the pictures it has embedded, for each thread."""

    scored: bool
    """Whether it says how sure it is; the scores of one that does not are 0 or 1."""

    model: Any
    tokenizer: Any
    passes: Tally
    compute: Compute
    longest: int  # tokens of one prompt
    looks: Recent[Any, Any]  # what the last pictures gave

    def prompt(self, phrase: str, template: str) -> str:
        """Return how the phrase is put to this kind of model."""
        ...

    def candidates(self, image: Image, prompts: Sequence[str]) -> Candidates:
        """Return all boxes with their score for every prompt."""
        ...


def corners(boxes: torch.Tensor) -> torch.Tensor:
    """Turn ``[..., cx cy w h]`` into ``[..., x0 y0 x1 y1]``."""
    centers, sizes = boxes[..., :2], boxes[..., 2:]
    return torch.cat([centers - sizes / 2, centers + sizes / 2], dim=-1)


class OwlHead:
    """OWLv2 and OWL-ViT: the picture is embedded once, whatever is asked of it later.

    OWLv2 pads a picture to a square at the right and bottom (arXiv 2306.09683), so its boxes are
    fractions of the longer side; OWL-ViT squeezes the picture to a square.
    """

    scored = True

    def __init__(self, model: Any, processor: Any, tokenizer: Any) -> None:
        self.model, self.processor, self.tokenizer = model, processor, tokenizer
        self.longest = model.config.text_config.max_position_embeddings
        self.padded = model.config.model_type == "owlv2"
        self.dtype = model.dtype
        keep_boxes_of_owl(model)
        self.passes = Tally()
        self.compute: Compute = Directly()
        self.looks: Recent[Any, tuple[torch.Tensor, torch.Tensor]] = Recent(PICTURES_KEPT)
        self._phrases: Recent[str, torch.Tensor] = Recent(PHRASES_KEPT)

    def prompt(self, phrase: str, template: str) -> str:
        """Fill the template, with "an" before a vowel."""
        return template.replace(" a {phrase}", f" {with_article(phrase)}").replace("{phrase}", phrase)

    def candidates(self, image: Image, prompts: Sequence[str]) -> Candidates:
        """Score every prompt on the embedded picture; nothing is embedded twice."""
        features, boxes = self.looks.get(picture_key(image), lambda: self._embed(image))
        queries = torch.stack([self._phrases.get(prompt, partial(self._embed_text, prompt)) for prompt in prompts])
        logits = self.model.class_predictor(features, queries[None].to(features.dtype))[0][0]
        return Candidates(boxes, logits.float().sigmoid().cpu())

    def _embed(self, image: Image) -> tuple[torch.Tensor, torch.Tensor]:
        self.passes.count += 1
        pixels = self.processor(images=shrunk(image), return_tensors="pt")["pixel_values"]
        pixels = pixels.to(self.model.device, self.dtype)
        grid = self.compute("look", lambda pixels: self.model.image_embedder(pixels)[0], pixels)
        features = grid.flatten(1, 2)
        boxes = corners(self.model.box_predictor(features, grid)[0].float()).cpu()
        if self.padded:
            side = max(image.size)
            boxes = boxes * torch.tensor([side / image.width, side / image.height] * 2)
        return features, boxes

    def _embed_text(self, prompt: str) -> torch.Tensor:
        tokens = self.tokenizer(
            prompt, padding="max_length", max_length=self.longest, truncation=True, return_tensors="pt"
        )
        base = self.model.owlv2 if self.padded else self.model.owlvit
        found: torch.Tensor = base.get_text_features(**tokens.to(self.model.device)).pooler_output[0]
        return found


def shrunk(image: Image) -> Image:
    """Return a picture that can be put into a square: what the model sees is smaller still.

    A processor makes the square at full size and in floating point, which takes gigabytes for a panorama.
    """
    if max(image.size) <= LARGEST_SQUARE:
        return image
    scale = LARGEST_SQUARE / max(image.size)
    return image.resize((max(1, round(image.width * scale)), max(1, round(image.height * scale))))


class OneShotHead:
    """Base of the kinds that fuse words into the picture early: one pass for all phrases together."""

    scored = True

    def __init__(self, model: Any, processor: Any, tokenizer: Any) -> None:
        self.model, self.processor, self.tokenizer = model, processor, tokenizer
        self.longest = model.config.text_config.max_position_embeddings
        self.passes = Tally()
        self.compute: Compute = Directly()
        self.looks: Recent[Any, Candidates] = Recent(PICTURES_KEPT)

    def prompt(self, phrase: str, template: str) -> str:
        """Return the bare phrase."""
        return phrase  # these are trained on bare phrases; a template would become part of the name

    def candidates(self, image: Image, prompts: Sequence[str]) -> Candidates:
        """Ask for all prompts together; the same question again costs nothing."""
        return self.looks.get((picture_key(image), tuple(prompts)), lambda: self._ask_all(image, list(prompts)))

    def _ask_all(self, image: Image, prompts: list[str]) -> Candidates:
        pixels = self.processor(images=image, return_tensors="pt")["pixel_values"]
        pixels = pixels.to(self.model.device, self.model.dtype)
        parts = []
        for some in self.split(prompts):
            self.passes.count += 1
            parts.append(self.ask(pixels, some))
        # every pass proposes boxes of its own, which say nothing of the other passes' phrases
        boxes = torch.cat([part.boxes_xyxy for part in parts])
        scores = torch.zeros(len(boxes), len(prompts))
        row = column = 0
        for part in parts:
            rows, columns = part.scores.shape
            scores[row : row + rows, column : column + columns] = part.scores
            row, column = row + rows, column + columns
        return Candidates(boxes, scores)

    def split(self, prompts: list[str]) -> list[list[str]]:
        """Return the prompts in groups that fit into one pass each."""
        return [prompts]

    def ask(self, pixels: torch.Tensor, prompts: list[str]) -> Candidates:
        """Run one pass."""
        raise NotImplementedError


class GroundingDinoHead(OneShotHead):
    """Grounding DINO (arXiv 2303.05499): all phrases in one caption "red car. car.", which its attention
    keeps apart. A phrase's score is the mean over its tokens, so that the colour counts as the noun does.
    """

    def _ids(self, prompt: str) -> list[int]:
        return [*self.tokenizer(prompt, add_special_tokens=False)["input_ids"], self._stop]

    @property
    def _stop(self) -> int:
        stop: int = self.tokenizer.convert_tokens_to_ids(".")
        return stop

    def split(self, prompts: list[str]) -> list[list[str]]:
        """Fill captions up to the longest that the model takes."""
        groups: list[list[str]] = []
        room = 0
        for prompt in prompts:
            need = len(self._ids(prompt))
            if need > room:
                groups.append([])
                room = self.model.config.max_text_len - 2  # the start and the end token
            groups[-1].append(prompt)
            room -= need
        return groups

    def ask(self, pixels: torch.Tensor, prompts: list[str]) -> Candidates:
        """Run one caption, and read every phrase off its own tokens."""
        ids = [self.tokenizer.cls_token_id]
        spans = []
        for prompt in prompts:
            words = self._ids(prompt)
            spans.append(slice(len(ids), len(ids) + len(words) - 1))
            ids += words
        tokens = torch.tensor([[*ids, self.tokenizer.sep_token_id]], device=pixels.device)
        output = self.model(pixel_values=pixels, input_ids=tokens, token_type_ids=torch.zeros_like(tokens))
        fits = output.logits[0].float().sigmoid().cpu()
        scores = torch.stack([fits[:, span].mean(dim=-1) for span in spans], dim=-1)
        return Candidates(corners(output.pred_boxes[0].float()).cpu(), scores)


class OmDetHead(OneShotHead):
    """OmDet-Turbo (arXiv 2403.06892): a list of classes beside a task sentence."""

    def ask(self, pixels: torch.Tensor, prompts: list[str]) -> Candidates:
        """Run one list of classes."""
        length = min(77, self.longest)

        def tokens(texts: list[str]) -> Any:
            batch = self.tokenizer(texts, padding="max_length", max_length=length, truncation=True, return_tensors="pt")
            return batch.to(pixels.device)

        classes, task = tokens(prompts), tokens([f"Detect {', '.join(prompts)}."])
        output = self.model(
            pixel_values=pixels,
            classes_input_ids=classes["input_ids"],
            classes_attention_mask=classes["attention_mask"],
            tasks_input_ids=task["input_ids"],
            tasks_attention_mask=task["attention_mask"],
            classes_structure=torch.tensor([len(prompts)], device=pixels.device),
        )
        scores = output.decoder_class_logits[0, :, : len(prompts)].float().sigmoid().cpu()
        return Candidates(corners(output.decoder_coord_logits[0].float()).cpu(), scores)
