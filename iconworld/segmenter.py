"""The segmenter's recipe: a small SAM, taught with boxes and single points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from transformers import (
    SamConfig,
    SamMaskDecoderConfig,
    SamModel,
    SamProcessor,
    SamPromptEncoderConfig,
    SamVisionConfig,
)
from transformers.models.sam.image_processing_pil_sam import SamImageProcessorPil

from iconworld.data import contact_sheet, training_scenes
from iconworld.initialise import initialise
from iconworld.renderer import SIDE, Scene, draw_scene

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

COUNTS = (0, 2, 3, 3, 3, 3, 2, 2)  # odds of 0, 1, 2, ... objects


@dataclass(frozen=True)
class Options:
    """See ``recipe.yaml``."""

    width: int
    patch: int  # pixels; masks come out four times finer: half resolution costs 1.5 % of IoU at the most
    layers: int
    prompts: int  # objects asked for in each picture
    points: float  # share of batches prompted by a point instead of a box
    stream: int


class SegmenterRecipe:
    """Cross-entropy and dice on every mask the decoder proposes, and the decoder's guess of their IoU."""

    name = "segmenter"

    def __init__(self, options: Options, seed: int) -> None:
        self.options = options
        width, grid = options.width, SIDE // options.patch
        self.mask_side = 4 * grid
        torch.manual_seed(seed)
        config = SamConfig(
            vision_config=SamVisionConfig(
                hidden_size=width,
                output_channels=width,
                num_hidden_layers=options.layers,
                num_attention_heads=4,
                mlp_dim=4 * width,
                image_size=SIDE,
                patch_size=options.patch,
                window_size=grid,
                global_attn_indexes=list(range(options.layers)),
                num_pos_feats=width // 2,
            ),
            prompt_encoder_config=SamPromptEncoderConfig(
                hidden_size=width, image_size=SIDE, patch_size=options.patch, mask_input_channels=8
            ),
            mask_decoder_config=SamMaskDecoderConfig(
                hidden_size=width,
                mlp_dim=4 * width,
                num_hidden_layers=2,
                num_attention_heads=4,
                iou_head_hidden_dim=width,
            ),
            attn_implementation="eager",
        )
        self.model: Any = SamModel(config)
        initialise(self.model)
        # The library draws these frequencies far too high: places would have random codes, near ones no more
        # alike than distant ones. Full checkpoints bring their own, of this size.
        places = self.model.shared_image_embedding.positional_embedding.requires_grad_(False)
        places.normal_()
        self.model.prompt_encoder.shared_embedding.positional_embedding.requires_grad_(False).copy_(places)
        size = {"longest_edge": SIDE}
        self.processor = SamProcessor(
            SamImageProcessorPil(
                size=size,
                pad_size={"height": SIDE, "width": SIDE},
                mask_size={"longest_edge": self.mask_side},
                mask_pad_size={"height": self.mask_side, "width": self.mask_side},
                image_mean=[0.5] * 3,
                image_std=[0.5] * 3,
            )
        )

    def batch(self, step: int, size: int) -> dict[str, Any]:
        rng = np.random.default_rng((self.options.stream, step))
        scenes = training_scenes(self.options.stream, step, size, square=0.75, counts=COUNTS)
        pixels = self.processor.image_processor([scene.image for scene in scenes], return_tensors="pt").pixel_values
        chosen = [rng.choice(len(scene.objects), self.options.prompts) for scene in scenes]
        masks = torch.stack([_framed(scene, which) for scene, which in zip(scenes, chosen, strict=True)])
        boxes = np.zeros((size, self.options.prompts, 4), np.float32)
        points = np.zeros((size, self.options.prompts, 1, 2), np.float32)
        for row, (scene, which) in enumerate(zip(scenes, chosen, strict=True)):
            width, height = scene.image.size
            scale = SIDE / max(width, height)
            for column, index in enumerate(which):
                box = scene.objects[index].box
                x0, y0, x1, y1 = np.array(box.box_xyxy) * (width, height, width, height) * scale
                jitter = rng.normal(0, 0.04, 4)
                spread = np.array((x1 - x0, y1 - y0, x1 - x0, y1 - y0))
                boxes[row, column] = np.clip((x0, y0, x1, y1) + jitter * spread, 0, SIDE)
                ys, xs = np.nonzero(scene.mask(int(index)))
                pick = int(rng.integers(len(xs)))
                points[row, column, 0] = (xs[pick] * scale, ys[pick] * scale)
        return {
            "pixels": pixels,
            "masks": masks,
            "boxes": torch.from_numpy(boxes),
            "points": torch.from_numpy(points),
            "by_point": bool(rng.random() < self.options.points),
            "several": step % 2 == 0,
        }

    def loss(self, batch: dict[str, Any]) -> dict[str, Tensor]:
        device = next(self.model.parameters()).device
        prompt = (
            {
                "input_points": batch["points"].to(device),
                "input_labels": torch.ones(batch["points"].shape[:3]).to(device),
            }
            if batch["by_point"]
            else {"input_boxes": batch["boxes"].to(device)}
        )
        output = self.model(pixel_values=batch["pixels"].to(device), multimask_output=batch["several"], **prompt)
        logits = output.pred_masks.float()  # [n, prompts, masks, height, width]
        truth = F.adaptive_avg_pool2d(batch["masks"].to(device), logits.shape[-2:])[:, :, None].expand_as(logits)
        chance = logits.sigmoid()
        cross = F.binary_cross_entropy_with_logits(logits, truth)
        shared = (chance * truth).sum((-2, -1))
        dice = (1 - (2 * shared + 1) / (chance.sum((-2, -1)) + truth.sum((-2, -1)) + 1)).mean()
        with torch.no_grad():
            hard, real = logits > 0, truth > 0.5
            iou = (hard & real).sum((-2, -1)) / (hard | real).sum((-2, -1)).clamp(min=1)
        guess = F.mse_loss(output.iou_scores.float(), iou)
        return {"loss": 5 * cross + dice + 0.2 * guess, "iou": iou.mean(), "dice": dice.detach()}

    @torch.no_grad()
    def sample(self, file: Path) -> None:
        scenes = [scene for scene in (draw_scene(seed) for seed in range(40)) if scene.objects][:8]
        device = next(self.model.parameters()).device
        rows: list[list[Image.Image]] = [[scene.image for scene in scenes], []]
        for scene in scenes:
            inputs = self.processor(
                scene.image,
                input_boxes=[[list(item.box.to_px(scene.image.size)) for item in scene.objects]],
                return_tensors="pt",
            ).to(device)
            masks = self.model(**inputs, multimask_output=False).pred_masks[0, :, 0].float() > 0
            shades = np.zeros((self.mask_side, self.mask_side), np.uint8)
            for number, mask in enumerate(masks.cpu().numpy()):
                shades[mask] = 80 + 25 * number
            rows[1].append(Image.fromarray(shades).convert("RGB").resize((SIDE, SIDE)))
        contact_sheet(rows).save(file)

    def load(self, folder: Path) -> None:
        self.model.load_state_dict(type(self.model).from_pretrained(folder).float().state_dict())

    def save(self, folder: Path) -> None:
        self.model.half().save_pretrained(folder)
        self.processor.save_pretrained(folder)


def _framed(scene: Scene, which: Any) -> Tensor:
    """Return the objects' masks in the model's padded frame, float32 ``[prompts, side, side]``."""
    scale = SIDE / max(scene.image.size)
    width, height = (round(side * scale) for side in scene.image.size)
    frame = torch.zeros(len(which), SIDE, SIDE)
    for row, index in enumerate(which):
        mask = Image.fromarray(scene.mask(int(index))).resize((width, height), Image.Resampling.NEAREST)
        frame[row, :height, :width] = torch.from_numpy(np.asarray(mask, np.float32))
    return frame
