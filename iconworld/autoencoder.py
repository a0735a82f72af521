"""The autoencoder's recipe: pictures to latents of a quarter of the side, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from diffusers import AutoencoderKL
from diffusers.models.resnet import ResnetBlock2D

from iconworld.data import contact_sheet, to_images, to_tensor, training_scenes
from iconworld.renderer import SIDE, Scene, draw_scene

if TYPE_CHECKING:
    from pathlib import Path

    from PIL import Image
    from torch import Tensor


@dataclass(frozen=True)
class Options:
    """See ``recipe.yaml``."""

    latents: int  # channels: a linear code of six keeps 2.5 dB more than one of four
    widths: tuple[int, int, int]
    groups: int  # of the norms
    crop: int  # pixels; most of a scene is background, which is learned at once
    whole: float  # share of batches of whole pictures, a quarter as many
    kl: float  # weight
    stream: int


class AutoencoderRecipe:
    """Pixel, colour and edge errors and a little KL, so that latents stay smooth and near unit size."""

    name = "autoencoder"

    def __init__(self, options: Options, seed: int) -> None:
        self.options = options
        torch.manual_seed(seed)
        self.model = AutoencoderKL(
            down_block_types=("DownEncoderBlock2D",) * 3,
            up_block_types=("UpDecoderBlock2D",) * 3,
            block_out_channels=options.widths,
            layers_per_block=1,
            latent_channels=options.latents,
            norm_num_groups=options.groups,
            sample_size=SIDE,
            mid_block_add_attention=False,
            scaling_factor=1.0,
        )
        with torch.no_grad():  # start with little noise on the latents; at unit noise nothing is learned for long
            self.model.quant_conv.bias[options.latents :].fill_(-6)
            self.model.quant_conv.weight[options.latents :].zero_()
            for module in self.model.modules():
                if isinstance(module, ResnetBlock2D):  # residual branches start silent: plain paths learn first
                    module.conv2.weight.zero_()
                    module.conv2.bias.zero_()

    def batch(self, step: int, size: int) -> Tensor:
        scenes = training_scenes(self.options.stream, step, size, square=0.8)
        rng = np.random.default_rng(step)
        if rng.random() < self.options.whole:
            return to_tensor([scene.image for scene in scenes[: max(1, size // 4)]])
        return to_tensor([_crop_at_object(scene, rng, self.options.crop) for scene in scenes])

    def loss(self, batch: Tensor) -> dict[str, Tensor]:
        pictures = batch.to(next(self.model.parameters()).device, memory_format=torch.channels_last)
        posterior = self.model.encode(pictures).latent_dist
        restored = self.model.decode(posterior.sample()).sample.float()
        wrong = restored - pictures
        squared = wrong.square().mean()
        # Channel against channel: without this, brightness is learned and rare colours stay brown for long.
        tint = (wrong - wrong.roll(1, dims=1)).square().mean()
        edges = sum(wrong.diff(dim=axis).abs().mean() for axis in (2, 3))
        kl = posterior.kl().mean() / posterior.mean[0].numel()
        loss = wrong.abs().mean() + 2 * squared + 4 * tint + 0.2 * edges + self.options.kl * kl
        return {"loss": loss, "psnr": 10 * torch.log10(4 / squared.detach()), "tint": tint.detach()}

    def load(self, folder: Path) -> None:
        self.model.load_state_dict(AutoencoderKL.from_pretrained(folder).float().state_dict())

    @torch.no_grad()
    def sample(self, file: Path) -> None:
        scenes = [draw_scene(seed).image for seed in range(16)]
        device = next(self.model.parameters()).device
        restored = self.model.decode(self.model.encode(to_tensor(scenes).to(device)).latent_dist.mode()).sample
        made = to_images(restored)
        contact_sheet([scenes[:8], made[:8], scenes[8:], made[8:]]).save(file)

    @torch.no_grad()
    def save(self, folder: Path) -> None:
        """Save with the scaling factor that brings the latents to unit variance."""
        scenes = [scene.image for scene in training_scenes(self.options.stream, 0, 256)]
        device = next(self.model.parameters()).device
        latents = self.model.encode(to_tensor(scenes).to(device)).latent_dist.mode()
        self.model.register_to_config(scaling_factor=round(1 / float(latents.std()), 4))
        self.model.half().save_pretrained(folder)


def _crop_at_object(scene: Scene, rng: np.random.Generator, side: int) -> Image.Image:
    width, height = scene.image.size
    x, y = rng.random(2)
    if scene.objects:
        x, y = scene.objects[int(rng.integers(len(scene.objects)))].box.center
    left = int(np.clip(x * width - side / 2 + rng.integers(-12, 13), 0, width - side))
    top = int(np.clip(y * height - side / 2 + rng.integers(-12, 13), 0, height - side))
    return scene.image.crop((left, top, left + side, top + side))
