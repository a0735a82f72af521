"""The generator's recipe: a gated UNet and its text encoder, trained on captions and on boxes with phrases.

Laid out as a GLIGEN text-box pipeline (arXiv 2301.07093): phrases are pooled text embeddings, boxes are
xyxy, both dropped at random, so that guidance and ungrounded generation work.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel

from iconworld.captions import a, caption
from iconworld.data import contact_sheet, to_images, to_tensor, training_scenes
from iconworld.initialise import initialise
from iconworld.renderer import CLASSES, COLORS, SIDE, Scene, draw_scene
from iconworld.tokenizer import PROMPT_LENGTH, build_tokenizer

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

BLOCKS = 1500  # different batches of scenes; then the same ones again, with other words, boxes left out and noise
OBJECTS = 8  # grounding tokens; pictures must be sampled with as many (the preset's grounding_tokens)
COUNTS = (1, 3, 4, 4, 4, 4, 3, 2)  # odds of 0, 1, 2, ... objects: crowded scenes teach more a step


@dataclass(frozen=True)
class Options:
    """See ``recipe.yaml``."""

    text_width: int
    text_layers: int
    widths: tuple[int, ...]
    heads: int
    groups: int  # of the norms
    object_weight: float  # of the loss on objects, against 1 on background
    reading_weight: float  # of naming what is where, against 1 for drawing it
    grounded: float  # share of samples with boxes
    drop_caption: float  # of grounded samples
    drop_all: float  # of all samples: the unconditional half of guidance
    stream: int


class Generator(nn.Module):
    """UNet and text encoder, trained together.

    While training, two 1 x 1 convolutions read the class and the colour of every cell out of the UNet's
    upward features. At high noise those can only come from the words and boxes, so the UNet
    learns early to listen to them; from the loss on noise alone it takes many times the steps.
    (As REPA, arXiv 2410.06940, with the truth in place of another model's features.)
    """

    def __init__(self, options: Options, latents: int, inputs: int | None = None, attention: str = "gated") -> None:
        super().__init__()
        tokenizer = build_tokenizer(PROMPT_LENGTH)
        self.text_encoder = CLIPTextModel(
            CLIPTextConfig(
                vocab_size=len(tokenizer),
                hidden_size=options.text_width,
                intermediate_size=4 * options.text_width,
                num_hidden_layers=options.text_layers,
                num_attention_heads=4,
                max_position_embeddings=PROMPT_LENGTH,
                projection_dim=options.text_width,
                bos_token_id=tokenizer.bos_token_id,
                eos_token_id=tokenizer.eos_token_id,
                pad_token_id=tokenizer.pad_token_id,
                attn_implementation="eager",
            )
        )
        initialise(self.text_encoder)
        self.unet = UNet2DConditionModel(
            sample_size=SIDE // 4,
            in_channels=inputs or latents,
            out_channels=latents,
            # Down to 4 x 4: so near to every border, convolutions know where they are, and the few
            # cells cannot help but see the grounding tokens beside them. Attention on the finer levels
            # is most of the time of a step; on the way down they do without.
            down_block_types=(
                *("DownBlock2D",) * (len(options.widths) - 2),
                *("CrossAttnDownBlock2D",) * 2,
            ),
            up_block_types=(*("CrossAttnUpBlock2D",) * (len(options.widths) - 1), "UpBlock2D"),
            block_out_channels=options.widths,
            layers_per_block=1,
            cross_attention_dim=options.text_width,
            attention_head_dim=options.heads,  # diffusers' old name for the number of heads
            norm_num_groups=options.groups,
            attention_type=attention,
        )
        # Plain matrix products: the fused attention's backward pass is several times slower on a CPU.
        self.unet.set_attn_processor(AttnProcessor())
        for module in self.unet.modules():
            for gate in ("alpha_attn", "alpha_dense"):
                if hasattr(module, gate):  # GLIGEN's gates start at zero, which learns nothing from scratch
                    getattr(module, gate).data.fill_(1.0)
        self.readers = nn.ModuleList()
        for block, width in zip(self.unet.up_blocks[-3:-1], options.widths[2:0:-1], strict=True):
            block.attentions[-1].register_forward_hook(_keep_output)
            self.readers.append(nn.Conv2d(width, 1 + len(CLASSES) + 1 + len(COLORS), 1))


def _keep_output(module: Any, _arguments: Any, output: Any) -> None:
    module.read = output[0]


def truth_of(scene: Scene) -> Tensor:
    """Return one-hot maps ``[channels, side / 4, side / 4]``: background or class, then background or colour."""
    classes = [0, *(1 + CLASSES.index(item.name) for item in scene.objects)]
    colors = [0, *(1 + list(COLORS).index(item.color) for item in scene.objects)]
    ids = torch.from_numpy(scene.ids[2::4, 2::4].astype(np.int64))
    one_hot = [F.one_hot(torch.tensor(row)[ids], 1 + n) for row, n in ((classes, len(CLASSES)), (colors, len(COLORS)))]
    return torch.cat(one_hot, -1).permute(2, 0, 1).float()


class GeneratorRecipe:
    """Velocity prediction, the loss heavier on objects."""

    name = "generator"
    pipeline = "StableDiffusionGLIGENPipeline"

    def __init__(self, options: Options, seed: int, autoencoder: Path) -> None:
        self.options = options
        self.tokenizer = build_tokenizer(PROMPT_LENGTH)
        self.autoencoder = AutoencoderKL.from_pretrained(autoencoder, torch_dtype=torch.float32).requires_grad_(False)
        self.latents = int(self.autoencoder.config.latent_channels)
        self.encoded: dict[int, Tensor] = {}  # by block; encoding is a sixth of a step
        torch.manual_seed(seed)
        self.model: Any = Generator(options, self.latents)
        self.scheduler = DDIMScheduler(
            beta_start=0.00085,
            beta_end=0.012,
            beta_schedule="scaled_linear",
            clip_sample=False,
            set_alpha_to_one=False,
            steps_offset=1,
            prediction_type="v_prediction",
        )

    def batch(self, step: int, size: int) -> dict[str, Any]:
        block = step % BLOCKS
        scenes = training_scenes(self.options.stream, block, size, square=0.9, counts=COUNTS)
        rng = np.random.default_rng((self.options.stream, step))
        prompts, phrases = [], []
        boxes, masks = torch.zeros(size, OBJECTS, 4), torch.zeros(size, OBJECTS)
        for row, scene in enumerate(scenes):
            everything = rng.random() >= self.options.drop_all
            grounded = everything and rng.random() < self.options.grounded
            told = everything and (not grounded or rng.random() >= self.options.drop_caption)
            prompts.append(caption(rng, scene.objects, scene.background) if told else "")
            for column, item in enumerate(scene.objects[:OBJECTS] if grounded else ()):
                name = item.name if rng.random() < 0.15 else f"{item.color} {item.name}"
                phrases.append(a(name) if rng.random() < 0.3 else name)
                boxes[row, column] = torch.tensor(item.box.box_xyxy)
                masks[row, column] = 1
        things = torch.from_numpy(np.stack([scene.ids > 0 for scene in scenes]).astype(np.float32))
        generator = torch.Generator().manual_seed(step)
        return {
            "block": block,
            "pixels": to_tensor([scene.image for scene in scenes]),
            "prompts": prompts,
            "phrases": phrases,
            "boxes": boxes,
            "masks": masks,
            "weight": 1 + (self.options.object_weight - 1) * F.avg_pool2d(things[:, None], 4),
            "truth": torch.stack([truth_of(scene) for scene in scenes]),
            # Most from the middle, a little to the noisy side: there it is decided what goes where and what
            # it looks like (logit-normal, arXiv 2403.03206, section 3.1).
            "timesteps": (torch.sigmoid(torch.randn(size, generator=generator) + 0.3) * 1000).long(),
            "seed": step,
        }

    def condition(self, prompts: list[str], phrases: list[str], boxes: Tensor, masks: Tensor) -> tuple[Tensor, Any]:
        """Return text states ``[n, tokens, dim]`` and GLIGEN's inputs."""
        device = boxes.device
        states = self.states(prompts)
        embeddings = torch.zeros(*masks.shape, self.options.text_width, device=device, dtype=states.dtype)
        if phrases:
            unique = sorted(set(phrases))
            pooled = self.model.text_encoder(self._tokens(unique).to(device)).pooler_output
            rows = torch.tensor([unique.index(phrase) for phrase in phrases], device=device)
            embeddings = embeddings.masked_scatter(masks[..., None].bool(), pooled[rows].to(states.dtype))
        return states, {"gligen": {"boxes": boxes, "positive_embeddings": embeddings, "masks": masks}}

    def states(self, prompts: list[str]) -> Tensor:
        """Return text states ``[n, tokens, dim]``."""
        device = next(self.model.parameters()).device
        states: Tensor = self.model.text_encoder(self._tokens(prompts).to(device)).last_hidden_state
        return states

    def _tokens(self, texts: list[str]) -> Tensor:
        tokens: Tensor = self.tokenizer(
            texts, padding="max_length", max_length=PROMPT_LENGTH, truncation=True, return_tensors="pt"
        ).input_ids
        return tokens

    @torch.no_grad()
    def encode(self, pixels: Tensor) -> Tensor:
        """Return scaled latents."""
        latents: Tensor = self.autoencoder.encode(pixels).latent_dist.mode().float()
        return latents * float(self.autoencoder.config.scaling_factor)

    def loss(self, batch: dict[str, Any]) -> dict[str, Tensor]:
        device = next(self.model.parameters()).device
        if batch["block"] not in self.encoded:
            self.autoencoder.to(device, memory_format=torch.channels_last)
            self.encoded[batch["block"]] = self.encode(batch["pixels"].to(device)).half()
        latents = self.encoded[batch["block"]].float()
        timesteps = batch["timesteps"].to(device)
        noise = torch.randn(latents.shape, generator=torch.Generator().manual_seed(batch["seed"])).to(device)
        states, extra = self.condition(
            batch["prompts"], batch["phrases"], batch["boxes"].to(device), batch["masks"].to(device)
        )
        noisy = self.scheduler.add_noise(latents, noise, timesteps)
        # Compiled (where asked for) for the usual shape only: every other shape would compile again for minutes.
        square = latents.shape[-1] == latents.shape[-2]
        unet = self.model.unet if square else self.model.unet.forward
        output = unet(noisy, timesteps, states, cross_attention_kwargs=extra).sample.float()
        error = (output - self.scheduler.get_velocity(latents, noise, timesteps)) ** 2
        weighted = error * batch["weight"].to(device)
        reading = self.reading_loss(batch["truth"].to(device))
        loss = weighted.mean() + self.options.reading_weight * reading
        return {"loss": loss, "error": error.mean().detach(), "reading": reading.detach()}

    def reading_loss(self, truth: Tensor) -> Tensor:
        """Return how badly class and colour of every cell are read: a cross-entropy, mean over levels and cells."""
        losses = []
        for reader, block in zip(self.model.readers, self.model.unet.up_blocks[-3:-1], strict=True):
            features = block.attentions[-1].read
            seen = F.adaptive_avg_pool2d(truth, features.shape[-2:])
            classes = 1 + len(CLASSES)
            answer = reader(features).float()
            for part, right in ((answer[:, :classes], seen[:, :classes]), (answer[:, classes:], seen[:, classes:])):
                losses.append(F.cross_entropy(part, right))
        return torch.stack(losses).mean()

    @torch.no_grad()
    def sample(self, file: Path, steps: int = 25, guidance: float = 3.0) -> None:
        """Draw eight fixed scenes: the truth, with boxes and phrases, with captions alone."""
        device = next(self.model.parameters()).device
        scenes = [draw_scene(seed, counts=(0, 2, 2, 2, 1)) for seed in range(8)]
        rng = np.random.default_rng(0)
        prompts = [caption(rng, scene.objects, scene.background) for scene in scenes]
        boxes, masks = torch.zeros(8, OBJECTS, 4), torch.zeros(8, OBJECTS)
        phrases = []
        for row, scene in enumerate(scenes):
            for column, item in enumerate(scene.objects):
                phrases.append(f"{item.color} {item.name}")
                boxes[row, column] = torch.tensor(item.box.box_xyxy)
                masks[row, column] = 1
        boxes, masks = boxes.repeat(2, 1, 1).to(device), masks.repeat(2, 1).to(device)
        masks[8:] = 0
        states, extra = self.condition(prompts * 2, phrases, boxes, masks)
        null, without = self.condition([""] * 16, [], boxes, torch.zeros_like(masks))
        generator = torch.Generator().manual_seed(0)
        latents = torch.randn(8, self.latents, SIDE // 4, SIDE // 4, generator=generator).repeat(2, 1, 1, 1).to(device)
        self.scheduler.set_timesteps(steps)
        for timestep in self.scheduler.timesteps:
            with torch.autocast(device.type, torch.bfloat16):
                yes = self.model.unet(latents, timestep, states, cross_attention_kwargs=extra).sample.float()
                no = self.model.unet(latents, timestep, null, cross_attention_kwargs=without).sample.float()
            latents = self.scheduler.step(no + guidance * (yes - no), timestep, latents).prev_sample
        made = to_images(self.autoencoder.decode(latents / self.autoencoder.config.scaling_factor).sample)
        contact_sheet([[scene.image for scene in scenes], made[:8], made[8:]]).save(file)

    def load(self, folder: Path) -> None:
        self.model.unet.load_state_dict(UNet2DConditionModel.from_pretrained(folder / "unet").float().state_dict())
        text_encoder = CLIPTextModel.from_pretrained(folder / "text_encoder")
        self.model.text_encoder.load_state_dict(text_encoder.float().state_dict())

    def save(self, folder: Path) -> None:
        """Write the pipeline folder, which diffusers' class of that name loads."""
        self.model.unet.half().save_pretrained(folder / "unet")
        self.model.text_encoder.half().save_pretrained(folder / "text_encoder")
        self.autoencoder.register_to_config(_name_or_path="")  # a folder of this machine
        self.autoencoder.half().save_pretrained(folder / "vae")
        self.tokenizer.save_pretrained(folder / "tokenizer")
        self.scheduler.save_pretrained(folder / "scheduler")
        index = {
            "_class_name": self.pipeline,
            "_diffusers_version": "0.36.0",
            "feature_extractor": [None, None],
            "requires_safety_checker": False,
            "safety_checker": [None, None],
            "scheduler": ["diffusers", "DDIMScheduler"],
            "text_encoder": ["transformers", "CLIPTextModel"],
            "tokenizer": ["transformers", "CLIPTokenizer"],
            "unet": ["diffusers", "UNet2DConditionModel"],
            "vae": ["diffusers", "AutoencoderKL"],
        }
        (folder / "model_index.json").write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")
