"""The recipe of both detectors: the loop's OWLv2, and the held-out one (OWL-ViT, other size and scenes).

Every grid token in the middle part of an object's box is a positive for the object's phrases; the
rest of the box is neither positive nor negative, so that neighbours do not fight.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from PIL import Image, ImageDraw
from transformers import (
    Owlv2Config,
    Owlv2ForObjectDetection,
    Owlv2Processor,
    OwlViTConfig,
    OwlViTForObjectDetection,
    OwlViTProcessor,
)
from transformers.models.owlv2.image_processing_pil_owlv2 import Owlv2ImageProcessorPil
from transformers.models.owlvit.image_processing_pil_owlvit import OwlViTImageProcessorPil

from configs.settings import GroundedPart
from iconworld.corrupt import corrupt, soften
from iconworld.data import Labeled, contact_sheet, training_scenes
from iconworld.decoys import add_decoys
from iconworld.flaws import add_flaws
from iconworld.generator import COUNTS, OBJECTS
from iconworld.initialise import initialise, localise, silence
from iconworld.renderer import CLASSES, COLORS, draw_scene
from iconworld.sdedit import cut_mix, redraw
from iconworld.tokenizer import LENGTH, build_tokenizer
from tools.backend.gligen import GroundedDiffusion

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor
    from transformers import CLIPTokenizer

    from iconworld.renderer import Scene

TEMPLATES = ("image of a {}", "{}", "a {}", "a photo of a {}")
FOCUS, ALPHA = 2.0, 0.3  # of the focal loss
CENTRAL = 0.5  # share of a box's sides whose tokens are positives
REDRAWN_STREAMS = 16  # of scenes, above those of the recipe
REDRAWN = 300  # different redrawn batches; then the same ones again
PHRASES = (*CLASSES, *(f"{color} {name}" for color in COLORS for name in CLASSES))


@dataclass(frozen=True)
class Architecture:
    """Size of a detector; the held-out detector's differs in every number."""

    kind: str  # "owlv2" or "owlvit"
    image_side: int  # pixels
    patch: int  # pixels
    width: int
    layers: int
    heads: int
    text_width: int
    text_layers: int
    stream: int  # of training scenes
    corrupted: float = 0.0  # share of training scenes that are corrupted (`iconworld.corrupt`)
    flawed: float = 0.0  # share of the other scenes that hold things that are none (`iconworld.flaws`)
    decoyed: float = 0.0  # the same with the held-out detector's own (`iconworld.decoys`)
    soft: float = 0.0  # share of batches that are passed through the autoencoder
    redrawn: float = 0.0  # share of batches that the generator draws again (`iconworld.sdedit`)
    corrupt_from: int = 0  # step from which all these begin
    calm_from: int = 1 << 40  # step from which plain cross-entropy takes the focal loss's place: scores become chances


class DetectorRecipe:
    """Focal loss on classes, L1 and generalized IoU on boxes, focal loss on objectness (OWLv2)."""

    def __init__(self, name: str, architecture: Architecture, seed: int, generator: Path | None = None) -> None:
        """``generator`` is the trained generator's folder; it is only needed for soft and redrawn batches."""
        self.name = name
        self.architecture = architecture
        self.vae: Any = None
        self.generator: Any = None
        self.redrawn: dict[int, list[Labeled]] = {}
        if architecture.soft:
            assert generator is not None
            self.vae = AutoencoderKL.from_pretrained(generator / "vae").eval()
        if architecture.redrawn:
            part = GroundedPart(path=str(generator), device="cpu", grounding_tokens=OBJECTS)  # workers draw with it
            self.generator = GroundedDiffusion.load(part)
        torch.manual_seed(seed)
        tokenizer = build_tokenizer()
        self._build(tokenizer)
        self.tokens = {
            template: tokenizer(
                [template.format(phrase) for phrase in PHRASES], padding="max_length", max_length=9, return_tensors="pt"
            )
            for template in TEMPLATES
        }
        grid = architecture.image_side // architecture.patch
        middle = (torch.arange(grid) + 0.5) / grid
        self.centers = torch.stack(torch.meshgrid(middle, middle, indexing="xy"), -1).reshape(-1, 2)

    def _build(self, tokenizer: CLIPTokenizer) -> None:
        """Make the model with its processor, and freeze what only its pretrained kin use."""
        architecture = self.architecture
        text = {
            "vocab_size": len(tokenizer),
            "hidden_size": architecture.text_width,
            "intermediate_size": 2 * architecture.text_width,
            "num_hidden_layers": architecture.text_layers,
            "num_attention_heads": 4,
            "max_position_embeddings": LENGTH,
            "pad_token_id": tokenizer.pad_token_id,
            "bos_token_id": tokenizer.bos_token_id,
            "eos_token_id": tokenizer.eos_token_id,
            "hidden_act": "gelu",
        }
        vision = {
            "hidden_size": architecture.width,
            "intermediate_size": 4 * architecture.width,
            "num_hidden_layers": architecture.layers,
            "num_attention_heads": architecture.heads,
            "image_size": architecture.image_side,
            "patch_size": architecture.patch,
            "hidden_act": "gelu",
        }
        size = {"height": architecture.image_side, "width": architecture.image_side}
        half = {"size": size, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
        arguments = {"text_config": text, "vision_config": vision, "projection_dim": architecture.text_width}
        self.model: Any
        if architecture.kind == "owlv2":
            config = Owlv2Config(**arguments, attn_implementation="eager")
            self.model = Owlv2ForObjectDetection(config)
            self.processor = Owlv2Processor(Owlv2ImageProcessorPil(**half), tokenizer)
            self.core = "owlv2"
        else:
            self.model = OwlViTForObjectDetection(OwlViTConfig(**arguments, attn_implementation="eager"))
            self.processor = OwlViTProcessor(OwlViTImageProcessorPil(**half), tokenizer)
            self.core = "owlvit"
        initialise(self.model)
        with torch.no_grad():
            head = self.model.class_head
            silence([head.logit_shift], -0.6)
            silence([head.logit_scale], 10.0)
            silence([self.model.box_head.dense2])
            if architecture.kind == "owlv2":
                silence([self.model.objectness_head.dense2], -4.0)
        localise(getattr(self.model, self.core).vision_model, architecture.image_side // architecture.patch)
        for unused in (getattr(self.model, self.core).visual_projection, getattr(self.model, self.core).logit_scale):
            for parameter in unused.parameters() if isinstance(unused, torch.nn.Module) else (unused,):
                parameter.requires_grad_(False)

    def batch(self, step: int, size: int) -> dict[str, Any]:
        options = self.architecture
        rng = np.random.default_rng((options.stream, step))
        template = TEMPLATES[int(rng.choice(len(TEMPLATES), p=(0.55, 0.15, 0.15, 0.15)))]
        corrupting = step >= options.corrupt_from
        if corrupting and options.redrawn and rng.random() < options.redrawn:
            samples = self._redrawn(int(rng.integers(REDRAWN)), size)
        else:
            scenes = training_scenes(options.stream, step, size, square=0.75)
            samples = [self._corrupt(scene, rng) if corrupting else Labeled.of(scene) for scene in scenes]
            if corrupting and rng.random() < options.soft:
                soft = soften([sample.image for sample in samples], self.vae, rng)
                samples = [replace(sample, image=image) for sample, image in zip(samples, soft, strict=True)]
        focus = 0.0 if step >= options.calm_from else FOCUS
        pixels = self.pixels([sample.image for sample in samples])
        return {"pixels": pixels, "template": template, "focus": focus, **self.targets(samples)}

    def _corrupt(self, scene: Scene, rng: np.random.Generator) -> Labeled:
        if rng.random() < self.architecture.corrupted:
            return corrupt(scene, rng)
        # asked for only where they are used, so that recipes without them see the same scenes as ever
        for share, add in ((self.architecture.flawed, add_flaws), (self.architecture.decoyed, add_decoys)):
            if share and rng.random() < share:
                return add(scene, rng)
        return Labeled.of(scene)

    def _redrawn(self, number: int, size: int) -> list[Labeled]:
        """Return a batch that the generator drew again; made once, as that takes many times a training step."""
        if number not in self.redrawn:
            stream = self.architecture.stream + REDRAWN_STREAMS
            rng = np.random.default_rng((stream, number))
            scenes = training_scenes(stream, number, size, square=0.75, counts=COUNTS)
            rest = add_decoys if self.architecture.decoyed else lambda scene, _rng: Labeled.of(scene)
            samples = [(cut_mix if rng.random() < 0.5 else rest)(scene, rng) for scene in scenes]
            images = redraw([sample.image for sample in samples], self.generator, rng)
            self.redrawn[number] = [replace(sample, image=image) for sample, image in zip(samples, images, strict=True)]
        return self.redrawn[number]

    def pixels(self, images: list[Image.Image]) -> Tensor:
        """Preprocess pictures of one size as the checkpoint's own processor does."""
        pixels: Tensor = self.processor.image_processor(images, return_tensors="pt").pixel_values
        return pixels

    def targets(self, scenes: list[Labeled]) -> dict[str, Tensor]:
        """Assign grid tokens to objects.

        Doubtful places are ignored. Returns "phrases" bool ``[n, tokens, phrases]``, "boxes" ``[n, tokens, 4]``
        (cx, cy, w, h), "positive" and "ignored" bool ``[n, tokens]``.
        """
        count = len(self.centers)
        phrases = torch.zeros(len(scenes), count, len(PHRASES), dtype=torch.bool)
        boxes = torch.zeros(len(scenes), count, 4)
        positive = torch.zeros(len(scenes), count, dtype=torch.bool)
        inside_any = torch.zeros(len(scenes), count, dtype=torch.bool)
        x, y = self.centers.unbind(-1)
        for number, scene in enumerate(scenes):
            width, height = scene.image.size
            # OWLv2 pads to a square at the right and the bottom; OWL-ViT stretches.
            scale = (width / max(width, height), height / max(width, height)) if self.core == "owlv2" else (1.0, 1.0)
            best = torch.full((count,), torch.inf)
            for box, item in [*((box, None) for box in scene.doubtful), *((item.box, item) for item in scene.objects)]:
                (cx, cy), w, h = box.center, box.w * scale[0], box.h * scale[1]
                cx, cy = cx * scale[0], cy * scale[1]
                off = torch.maximum((x - cx).abs() / w, (y - cy).abs() / h)
                inside_any[number] |= off < 0.5
                if item is None:
                    continue
                chosen = off < CENTRAL / 2
                chosen[((x - cx) ** 2 + (y - cy) ** 2).argmin()] = True
                chosen &= off < best
                best[chosen] = off[chosen]
                positive[number] |= chosen
                boxes[number, chosen] = torch.tensor([cx, cy, w, h])
                row = torch.zeros(len(PHRASES), dtype=torch.bool)
                row[CLASSES.index(item.name)] = True
                row[len(CLASSES) + list(COLORS).index(item.color) * len(CLASSES) + CLASSES.index(item.name)] = True
                phrases[number, chosen] = row
        return {"phrases": phrases, "boxes": boxes, "positive": positive, "ignored": inside_any & ~positive}

    def loss(self, batch: dict[str, Any]) -> dict[str, Tensor]:
        device = next(self.model.parameters()).device
        logits, boxes, objectness = self.predict(batch["pixels"].to(device), batch["template"])
        positive, ignored = batch["positive"].to(device), batch["ignored"].to(device)
        number = positive.sum().clamp(min=1)
        truth = batch["phrases"].to(device).float()
        classes = (_focal(logits.float(), truth, batch["focus"]) * ~ignored[..., None]).sum() / number
        target = batch["boxes"].to(device)[positive]
        found = boxes.float()[positive]
        l1 = (found - target).abs().sum() / number
        giou = (1 - _generalized_iou(found, target)).sum() / number
        total = classes + 5 * l1 + 2 * giou
        parts = {"classes": classes, "l1": l1, "giou": giou}
        if objectness is not None:
            thing = (_focal(objectness.float(), positive.float(), batch["focus"]) * ~ignored).sum() / number
            total = total + thing
            parts["objectness"] = thing
        return {"loss": total, **{name: part.detach() for name, part in parts.items()}}

    def predict(self, pixels: Tensor, template: str) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return logits ``[n, tokens, phrases]``, boxes ``[n, tokens, 4]`` and objectness ``[n, tokens]``."""
        core = getattr(self.model, self.core)
        tokens = {key: value.to(pixels.device) for key, value in self.tokens[template].items()}
        text = core.text_projection(core.text_model(**tokens).pooler_output)
        feature_map = self.model.image_embedder(pixels)[0]
        features = feature_map.flatten(1, 2)
        logits = self.model.class_head(features, text[None].expand(len(pixels), -1, -1), None)[0]
        boxes = self.model.box_predictor(features, feature_map)
        objectness = self.model.objectness_predictor(features) if self.core == "owlv2" else None
        return logits, boxes, objectness

    @torch.no_grad()
    def sample(self, file: Path) -> None:
        scenes = [draw_scene(seed) for seed in range(16)]
        pixels = self.pixels([scene.image for scene in scenes]).to(next(self.model.parameters()).device)
        logits, boxes, _ = self.predict(pixels, TEMPLATES[0])
        images = [
            _drawn(scene.image, *output) for scene, *output in zip(scenes, logits.float(), boxes.float(), strict=True)
        ]
        contact_sheet([images[:8], images[8:]]).save(file)

    def load(self, folder: Path) -> None:
        self.model.load_state_dict(type(self.model).from_pretrained(folder).float().state_dict())

    def save(self, folder: Path) -> None:
        self.model.config.vision_config._attn_implementation = None
        self.model.half().save_pretrained(folder)
        self.processor.save_pretrained(folder)


def _focal(logits: Tensor, truth: Tensor, gamma: float) -> Tensor:
    """Return the focal loss per element (Lin et al. 2017, eq. 5); unweighted cross-entropy for ``gamma`` 0."""
    chance = torch.sigmoid(logits)
    wrong = chance * (1 - truth) + (1 - chance) * truth
    weight = ALPHA * truth + (1 - ALPHA) * (1 - truth) if gamma else 0.5
    return weight * wrong**gamma * F.binary_cross_entropy_with_logits(logits, truth, reduction="none")


def _generalized_iou(one: Tensor, two: Tensor) -> Tensor:
    """Return the generalized IoU of paired (cx, cy, w, h) boxes, in [-1, 1] (Rezatofighi et al. 2019)."""
    low_one, high_one = one[:, :2] - one[:, 2:] / 2, one[:, :2] + one[:, 2:] / 2
    low_two, high_two = two[:, :2] - two[:, 2:] / 2, two[:, :2] + two[:, 2:] / 2
    shared = (torch.minimum(high_one, high_two) - torch.maximum(low_one, low_two)).clamp(min=0).prod(-1)
    union = one[:, 2:].prod(-1) + two[:, 2:].prod(-1) - shared
    hull = (torch.maximum(high_one, high_two) - torch.minimum(low_one, low_two)).clamp(min=0).prod(-1)
    return shared / union.clamp(min=1e-9) - (hull - union) / hull.clamp(min=1e-9)


def _drawn(image: Image.Image, logits: Tensor, boxes: Tensor, threshold: float = 0.3) -> Image.Image:
    big = image.resize((image.width * 2, image.height * 2))
    pen = ImageDraw.Draw(big)
    attributed = logits[:, len(CLASSES) :].sigmoid()
    scores, which = attributed.max(-1)
    for token in torch.nonzero(scores > threshold).flatten().tolist():
        cx, cy, w, h = (boxes[token] * 256).tolist()
        pen.rectangle((cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2), outline="magenta")
        pen.text((cx - w / 2, cy - h / 2), PHRASES[len(CLASSES) + int(which[token])], fill="magenta")
    return big
