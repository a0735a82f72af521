"""The inpainter's recipe: the generator's UNet with a mask and the masked picture as further channels.

Laid out as Stable Diffusion's inpainting checkpoints are, which fixes nine input channels: four of latents,
one of the mask, four of the masked picture's latents. The generator's autoencoder has six: here it is folded to the
four directions that hold nearly all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextModel

from iconworld.captions import PLURALS, a
from iconworld.data import contact_sheet, to_images, to_tensor, training_scenes
from iconworld.generator import COUNTS, Generator, GeneratorRecipe, truth_of
from iconworld.generator import Options as GeneratorOptions
from iconworld.renderer import BACKGROUND_PHRASES, CLASSES, SIDE, Scene, draw_scene

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

LATENTS, INPUTS = 4, 9
BLOCKS = 120  # different batches of scenes and masks; then the same ones again, with other words and noise
GROW = 5  # pixels that an erased thing's mask is grown by, at most
LEAST = 0.5  # visible share of an object from which a hole that is to be filled with background spares it
SCENE = "a realistic photo of a scene"


@dataclass(frozen=True)
class Options(GeneratorOptions):
    """See ``recipe.yaml``; shares of samples, and the rest erases."""

    added: float = 0.45  # a hole of a box, for an object
    restyled: float = 0.25  # a hole of an object's outline


@torch.no_grad()
def folded(whole: AutoencoderKL, latents: int, stream: int) -> tuple[AutoencoderKL, Tensor]:
    """Return an autoencoder that keeps the ``latents`` strongest directions of another's latents, and those.

    The directions are orthonormal rows ``[latents, channels]``, so that noise stays what it was.
    """
    scenes = [scene.image for scene in training_scenes(stream, 0, 64)]
    values = whole.encode(to_tensor(scenes)).latent_dist.mode().movedim(1, -1).flatten(0, -2)
    middle = values.mean(0)
    down = torch.linalg.svd(values - middle, full_matrices=False).Vh[:latents]
    state = {name: weight.clone() for name, weight in whole.state_dict().items()}
    # The quantising convolutions are 1 x 1, a matrix and a bias each: the neighbours take them in.
    matrix, bias = state["quant_conv.weight"][:, :, 0, 0], state["quant_conv.bias"]
    means, spreads = matrix.chunk(2)
    shift, spread = bias.chunk(2)
    inner = torch.cat([down @ means, spreads[:latents]])
    state["encoder.conv_out.weight"] = torch.einsum("lc,cijk->lijk", inner, state["encoder.conv_out.weight"])
    state["encoder.conv_out.bias"] = inner @ state["encoder.conv_out.bias"]
    state["encoder.conv_out.bias"] += torch.cat([down @ (shift - middle), spread[:latents]])
    up, first = state["post_quant_conv.weight"][:, :, 0, 0], state["decoder.conv_in.weight"]
    constant = up @ middle + state["post_quant_conv.bias"]
    state["decoder.conv_in.weight"] = torch.einsum("ochw,cl->olhw", first, up @ down.T)
    state["decoder.conv_in.bias"] = state["decoder.conv_in.bias"] + torch.einsum("ochw,c->o", first, constant)
    for name, size in (("quant_conv", 2 * latents), ("post_quant_conv", latents)):
        state[f"{name}.weight"], state[f"{name}.bias"] = torch.eye(size)[..., None, None], torch.zeros(size)
    made = AutoencoderKL.from_config({**whole.config, "latent_channels": latents})
    made.load_state_dict(state)
    return made.requires_grad_(False), down


class InpainterRecipe(GeneratorRecipe):
    """Velocity prediction in holes: boxes to draw in, outlines to colour anew, and places to clear."""

    name = "inpainter"
    pipeline = "StableDiffusionInpaintPipeline"

    def __init__(self, options: Options, seed: int, generator: Path) -> None:
        super().__init__(options, seed, generator / "vae")
        self.options: Options = options
        self.encoded_holes: dict[int, Tensor] = {}
        self.autoencoder, directions = folded(self.autoencoder, LATENTS, options.stream)
        self.latents = LATENTS
        torch.manual_seed(seed)
        self.model = Generator(options, LATENTS, INPUTS, attention="default")
        self._start_from(generator, directions)

    @torch.no_grad()
    def _start_from(self, generator: Path, directions: Tensor) -> None:
        """Take the generator's weights, its first and last convolution turned to these latents."""
        text_encoder = CLIPTextModel.from_pretrained(generator / "text_encoder")
        self.model.text_encoder.load_state_dict(text_encoder.float().state_dict())
        self.model.text_encoder.requires_grad_(False)  # the words are the same
        state = UNet2DConditionModel.from_pretrained(generator / "unet").float().state_dict()
        wide = torch.zeros_like(self.model.unet.conv_in.weight)  # mask and masked picture begin unheard
        wide[:, :LATENTS] = torch.einsum("ochw,lc->olhw", state["conv_in.weight"], directions)
        state["conv_in.weight"] = wide
        state["conv_out.weight"] = torch.einsum("lc,cihw->lihw", directions, state["conv_out.weight"])
        state["conv_out.bias"] = directions @ state["conv_out.bias"]
        known = self.model.unet.state_dict().keys()  # without the layers that read boxes
        self.model.unet.load_state_dict({name: weight for name, weight in state.items() if name in known})

    def batch(self, step: int, size: int) -> dict[str, Any]:
        block = step % BLOCKS
        first = (self.options.stream, block)
        scenes = training_scenes(self.options.stream, block, size, square=0.9, counts=COUNTS)
        shapes, words = np.random.default_rng((*first, 0)), np.random.default_rng((self.options.stream, step, 1))
        holes, prompts = [], []
        for scene in scenes:
            hole, index = self._hole(scene, shapes)
            holes.append(hole)
            prompts.append("" if words.random() < self.options.drop_all else _prompt(scene, index, words))
        generator = torch.Generator().manual_seed(step)
        mask = torch.from_numpy(np.stack(holes).astype(np.float32))[:, None]
        return {
            "block": block,
            "pixels": to_tensor([scene.image for scene in scenes]),
            "mask": mask,
            "prompts": prompts,
            # Outside the hole everything is given: most of what is to be learned is inside.
            "weight": 1 + (self.options.object_weight - 1) * F.avg_pool2d(mask, 4),
            "truth": torch.stack([truth_of(scene) for scene in scenes]),
            "timesteps": (torch.sigmoid(torch.randn(size, generator=generator) + 0.3) * 1000).long(),
            "seed": step,
        }

    def _hole(self, scene: Scene, rng: np.random.Generator) -> tuple[np.ndarray, int | None]:
        """Return what is to be painted, bool ``[height, width]``, and the object that belongs there, if any."""
        chance, width, height = rng.random(), scene.image.width, scene.image.height
        seen = [index for index in range(len(scene.objects)) if scene.mask(index).any()]
        if seen and chance < self.options.added + self.options.restyled:
            index = int(rng.choice(seen))
            hole = scene.mask(index)
            if chance < self.options.added:
                x0, y0, x1, y1 = scene.objects[index].box.to_px((width, height))
                more = int(rng.integers(0, 3))
                hole = np.zeros((height, width), bool)
                hole[max(0, y0 - more) : y1 + more, max(0, x0 - more) : x1 + more] = True
                return hole & (scene.ids <= index + 1), index
            return _grown(hole, 1) & (scene.ids <= index + 1), index
        ghost = draw_scene(int(rng.integers(2**31)), scene.image.size, counts=(0, 3, 2))
        hole = _grown(ghost.ids > 0, int(rng.integers(0, GROW + 1)))
        if rng.random() < 0.2:  # a whole rectangle
            x0, y0, x1, y1 = ghost.objects[0].box.to_px((width, height)) if ghost.objects else (8, 8, 40, 40)
            hole = np.zeros((height, width), bool)
            hole[y0:y1, x0:x1] = True
        for index in seen:
            item = scene.mask(index)
            if (item & ~hole).sum() < LEAST * item.sum() or rng.random() < 0.5:
                hole = hole & ~_grown(item, int(rng.integers(0, 3)))
        return hole, None

    def loss(self, batch: dict[str, Any]) -> dict[str, Tensor]:
        device = next(self.model.parameters()).device
        pixels, mask = batch["pixels"].to(device), batch["mask"].to(device)
        if batch["block"] not in self.encoded:
            self.autoencoder.to(device, memory_format=torch.channels_last)
            self.encoded[batch["block"]] = self.encode(pixels).half()
            self.encoded_holes[batch["block"]] = self.encode(pixels * (mask < 0.5)).half()
        latents, around = self.encoded[batch["block"]].float(), self.encoded_holes[batch["block"]].float()
        timesteps = batch["timesteps"].to(device)
        noise = torch.randn(latents.shape, generator=torch.Generator().manual_seed(batch["seed"])).to(device)
        noisy = self.scheduler.add_noise(latents, noise, timesteps)
        inputs = torch.cat([noisy, F.interpolate(mask, latents.shape[-2:]), around], 1)
        output = self.model.unet(inputs, timesteps, self.states(batch["prompts"])).sample.float()
        error = (output - self.scheduler.get_velocity(latents, noise, timesteps)) ** 2
        reading = self.reading_loss(batch["truth"].to(device))
        loss = (error * batch["weight"].to(device)).mean() + self.options.reading_weight * reading
        inside = F.interpolate(mask, latents.shape[-2:])
        return {
            "loss": loss,
            "inside": ((error * inside).sum() / (inside.sum() * self.latents).clamp_min(1)).detach(),
            "reading": reading.detach(),
        }

    @torch.no_grad()
    def sample(self, file: Path, steps: int = 12, guidance: float = 3.0) -> None:
        """Draw eight fixed scenes: the truth, the hole, what is painted in it."""
        device = next(self.model.parameters()).device
        scenes = [draw_scene(seed, counts=(0, 2, 2, 2, 1)) for seed in range(16)]
        rng = np.random.default_rng(0)
        told = [self._hole(scene, rng) for scene in scenes]
        prompts = [_prompt(scene, index, rng) for scene, (_, index) in zip(scenes, told, strict=True)]
        pixels = to_tensor([scene.image for scene in scenes]).to(device)
        mask = torch.from_numpy(np.stack([hole for hole, _ in told]).astype(np.float32))[:, None].to(device)
        self.autoencoder.to(device)
        around = self.encode(pixels * (mask < 0.5))
        side = (SIDE // 4, SIDE // 4)
        states = self.states([*prompts, *[""] * len(scenes)])
        latents = torch.randn(len(scenes), self.latents, *side, generator=torch.Generator().manual_seed(0)).to(device)
        self.scheduler.set_timesteps(steps)
        for timestep in self.scheduler.timesteps:
            inputs = torch.cat([latents, F.interpolate(mask, side), around], 1).repeat(2, 1, 1, 1)
            with torch.autocast(device.type, torch.bfloat16):
                yes, no = self.model.unet(inputs, timestep, states).sample.float().chunk(2)
            latents = self.scheduler.step(no + guidance * (yes - no), timestep, latents).prev_sample
        made = to_images(self.autoencoder.decode(latents / self.autoencoder.config.scaling_factor).sample)
        holes = to_images(pixels * (mask < 0.5))
        rows = ([scene.image for scene in scenes], holes, made)
        contact_sheet([row[half : half + 8] for half in (0, 8) for row in rows]).save(file)


def _prompt(scene: Scene, index: int | None, rng: np.random.Generator) -> str:
    """Say what belongs in a hole: an object, or nothing but the scene."""
    place = f" {BACKGROUND_PHRASES[scene.background]}" if rng.random() < 0.3 else ""
    if index is None:
        absent = [name for name in CLASSES if all(item.name != name for item in scene.objects)]
        without = f" without {PLURALS[str(rng.choice(absent))]}" if absent and rng.random() < 0.2 else ""
        return f"{SCENE}{without}{place}"
    item = scene.objects[index]
    phrase = item.name if rng.random() < 0.1 else f"{item.color} {item.name}"
    phrase = a(phrase) if rng.random() < 0.5 else phrase
    return phrase if rng.random() < 0.1 else f"{SCENE} with {phrase}{place}"


def _grown(mask: np.ndarray, pixels: int) -> np.ndarray:
    if not pixels:
        return mask
    grown = F.max_pool2d(torch.from_numpy(mask.astype(np.float32))[None], 2 * pixels + 1, 1, pixels)
    return np.asarray(grown[0].numpy() > 0)
