"""A latent diffusion model that can be told what belongs where: GLIGEN's text-box grounding.

Holds the five components of a pipeline folder and the few steps that generating and editing are made of:
encode, decode, embed text and boxes, predict noise, run the DDIM schedule either way. Knows nothing of
operations or masks. Batches are everywhere: each method takes many pictures or prompts at once.

Shapes: latents are ``[n, channels, height / factor, width / factor]`` in the model's dtype.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from diffusers import AutoencoderKL, DDIMInverseScheduler, DDIMScheduler, UNet2DConditionModel
from PIL import Image
from transformers import AutoTokenizer, CLIPTextModel

from tools.backend import checkpoints
from tools.backend.device_memory import Batcher, free
from tools.backend.grounding import Grounding
from tools.backend.meter import Meter
from tools.backend.precision import keep_boxes_of_grounding
from tools.backend.protocol import BackendError
from tools.backend.recent import Recent
from tools.backend.text import truncation_warning, vocabulary_warning

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from configs.settings import GroundedPart
    from tools.backend.protocol import Progress
    from tools.scene.box import Box

    Hook = Callable[[int, torch.Tensor], torch.Tensor]
    """Called after step ``i`` (from 0) with the new latents; returns the latents to go on with."""

TEXTS_KEPT = 64
MAX_OBJECTS = 30  # objects that are placed at once; GLIGEN was trained with this many grounding tokens


class GroundedDiffusion(Meter):
    """An `AutoencoderKL`, a `UNet2DConditionModel`, a CLIP text encoder with tokenizer, and a schedule.

    Counts what it does (`Meter.collect`).
    """

    device: torch.device

    def __init__(
        self,
        *,
        vae: AutoencoderKL,
        unet: UNet2DConditionModel,
        text_encoder: CLIPTextModel,
        tokenizer: Any,
        scheduler_config: Any,
        name: str = "diffusion model",
        grounding_tokens: int = MAX_OBJECTS,
    ) -> None:
        self.vae, self.unet, self.text_encoder, self.tokenizer = vae, unet, text_encoder, tokenizer
        self.name, self.grounding_tokens = name, grounding_tokens
        # DDIM is what can be inverted; clipping would break the inversion. GLIGEN checkpoints come with various others.
        self._schedule = {**dict(scheduler_config), "clip_sample": False, "thresholding": False}
        super().__init__(unet.device)
        self.dtype = unet.dtype
        keep_boxes_of_grounding(unet)
        self.factor = 2 ** (len(vae.config.block_out_channels) - 1)  # pixels per latent pixel
        self.multiple = self.factor * 2 ** (len(unet.config.block_out_channels) - 1)  # canvases are multiples of it
        self.channels: int = vae.config.latent_channels
        self.batcher = Batcher(self.device, self.offload_idle)
        self._texts: Recent[str, tuple[torch.Tensor, torch.Tensor]] = Recent(TEXTS_KEPT)

    @classmethod
    def load(cls, part: GroundedPart) -> GroundedDiffusion:
        """Load a folder laid out as ``StableDiffusionGLIGENPipeline`` saves it.

        Raises:
            BackendError: a component is missing, damaged or of another kind.
        """
        folder = checkpoints.resolve(part)
        device = checkpoints.choose_device(part.device)
        dtype = checkpoints.choose_dtype(part.dtype, device, folder)

        def component(kind: Any, name: str) -> Any:
            return checkpoints.load(kind, folder / name, device=device, dtype=dtype)

        with checkpoints.reading(folder):
            tokenizer = AutoTokenizer.from_pretrained(folder / "tokenizer", trust_remote_code=False)
            scheduler = DDIMScheduler.load_config(folder / "scheduler", local_files_only=True)
        return cls(
            vae=component(AutoencoderKL, "vae"),
            unet=component(UNet2DConditionModel, "unet"),
            text_encoder=component(CLIPTextModel, "text_encoder"),
            tokenizer=tokenizer,
            scheduler_config=scheduler,
            name=part.path,
            grounding_tokens=part.grounding_tokens,
        )

    @property
    def grounded(self) -> bool:
        """Whether the checkpoint has GLIGEN's text-box grounding layers."""
        return bool(self.unet.config.attention_type == "gated")

    def require_grounding(self, field: str = "editor.path") -> None:
        """Check that boxes can be given.

        Raises:
            BackendError: the checkpoint has no grounding layers; names the preset field to change.
        """
        if not self.grounded:
            raise BackendError(
                f"checkpoint {self.name!r} has no grounding layers (attention_type is "
                f"{self.unet.config.attention_type!r}, not 'gated'); set {field} to a GLIGEN text-box checkpoint"
            )

    @property
    def components(self) -> list[Any]:
        """The models in it."""
        return [self.vae, self.unet, self.text_encoder]

    # pictures

    def canvas_wh(self, size_wh: tuple[int, int]) -> tuple[int, int]:
        """Return the smallest size the model can work on that holds a picture of ``size_wh``."""
        width, height = (-(-side // self.multiple) * self.multiple for side in size_wh)
        return width, height

    def latent_hw(self, size_wh: tuple[int, int]) -> tuple[int, int]:
        """Return height and width of the latents of a picture of ``size_wh`` (of its canvas)."""
        width, height = self.canvas_wh(size_wh)
        return height // self.factor, width // self.factor

    @torch.no_grad()
    def encode_image(self, images: Sequence[Image.Image]) -> torch.Tensor:
        """Return latents of RGB pictures of one size, padded to the canvas at the right and bottom.

        Deterministic: the mode of the autoencoder's distribution, scaled for the UNet.
        """
        canvas = torch.stack([self._pixels(image) for image in images]).to(self.device, self.dtype)
        vae = self.vae.to(self.device)
        latents = self.batcher("encode", lambda pixels: vae.encode(pixels).latent_dist.mode(), canvas)
        self.spend(encoder_passes=len(canvas))
        scaled: torch.Tensor = (latents - (self.vae.config.shift_factor or 0.0)) * self.vae.config.scaling_factor
        return scaled

    def _pixels(self, image: Image.Image) -> torch.Tensor:
        width, height = self.canvas_wh(image.size)
        values = np.asarray(image.convert("RGB"), dtype=np.float32) / 127.5 - 1
        # edge pixels repeated: a hard black border would leak into the picture through attention
        values = np.pad(values, ((0, height - image.height), (0, width - image.width), (0, 0)), mode="edge")
        return torch.from_numpy(values).permute(2, 0, 1)

    @torch.no_grad()
    def decode(self, latents: torch.Tensor, size_wh: tuple[int, int]) -> list[Image.Image]:
        """Return RGB pictures of ``size_wh``, the padding of the canvas cropped away.

        Raises:
            BackendError: the latents or the decoded pixels are not finite.
        """
        vae = self.vae.to(self.device)
        latents = latents / self.vae.config.scaling_factor + (self.vae.config.shift_factor or 0.0)
        pixels = self.batcher("decode", lambda part: vae.decode(part).sample, latents.to(self.dtype))
        self.spend(decoder_passes=len(latents))
        if not torch.isfinite(pixels).all():
            raise BackendError(
                f"{self.name!r} made values that are not finite in {self.dtype}; try another seed, or dtype float32"
            )
        width, height = size_wh
        values = ((pixels.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
        arrays = values[:, :, :height, :width].permute(0, 2, 3, 1).cpu().numpy()
        return [Image.fromarray(array) for array in arrays]

    def noise(self, seeds: Sequence[int], size_wh: tuple[int, int]) -> torch.Tensor:
        """Return standard normal latents, one per seed; drawn on the CPU, so the same on every device."""
        return next(self.noises(seeds, size_wh))

    def noises(self, seeds: Sequence[int], size_wh: tuple[int, int]) -> Iterator[torch.Tensor]:
        """Give such latents again and again, each time fresh ones."""
        shape = (self.channels, *self.latent_hw(size_wh))
        generators = [torch.Generator().manual_seed(seed % 2**63) for seed in seeds]
        while True:
            draws = torch.stack([torch.randn(shape, generator=generator) for generator in generators])
            yield draws.to(self.device, self.dtype)

    # words and boxes

    def _encoded(self, text: str) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the states ``[tokens, dim]`` of a text and its pooled ``[dim]``.

        Each text is encoded by itself, once: in a batch the last digits would depend on what it is asked with.
        """
        length = self.text_encoder.config.max_position_embeddings
        self.warn(truncation_warning(self.tokenizer, text, length))

        def encode() -> tuple[torch.Tensor, torch.Tensor]:
            tokens = self.tokenizer(
                [text], padding="max_length", max_length=length, truncation=True, return_tensors="pt"
            ).input_ids
            output = self.text_encoder.to(self.device)(tokens.to(self.device))
            return output.last_hidden_state[0], output.pooler_output[0]

        return self._texts.get(text, encode)

    @torch.no_grad()
    def text_embeddings(self, prompts: Sequence[str]) -> torch.Tensor:
        """Return ``[n, tokens, dim]`` for cross-attention; "" gives the unconditional embedding.

        Prompts that are too long are truncated, which is said in a warning.
        """
        return torch.stack([self._encoded(prompt)[0] for prompt in prompts])

    @torch.no_grad()
    def grounding(self, layouts: Sequence[Sequence[tuple[str, Box]]], size_wh: tuple[int, int]) -> Grounding:
        """Return the grounding of one list of (phrase, box) per sample; boxes are of the picture of ``size_wh``.

        Source: GLIGEN (arXiv 2301.07093), section 3.1. More than 30 objects in one sample: the largest
        30 are kept, which is said in a warning.

        Raises:
            BackendError: the checkpoint has no grounding layers.
        """
        self.require_grounding()
        kept = [self._keep_largest(layout) for layout in layouts]
        vocabulary = dict.fromkeys(phrase for layout in kept for phrase, _ in layout)
        dim = self.unet.position_net.positive_len
        tokens = max(self.grounding_tokens, *map(len, kept))
        boxes = torch.zeros(len(kept), tokens, 4)
        phrases = torch.zeros(len(kept), tokens, dim, dtype=self.dtype, device=self.device)
        masks = torch.zeros(len(kept), tokens, dtype=self.dtype)
        for phrase in vocabulary:
            self.warn(vocabulary_warning(self.tokenizer, phrase))
        canvas = self.canvas_wh(size_wh)
        across, down = size_wh[0] / canvas[0], size_wh[1] / canvas[1]
        for row, layout in enumerate(kept):
            for column, (phrase, box) in enumerate(layout):
                x0, y0, x1, y1 = box.clipped().box_xyxy
                boxes[row, column] = torch.tensor([x0 * across, y0 * down, x1 * across, y1 * down])
                phrases[row, column] = self._encoded(phrase)[1]
                masks[row, column] = 1
        return Grounding(boxes.to(self.device), phrases, masks.to(self.device))

    def _keep_largest(self, layout: Sequence[tuple[str, Box]]) -> list[tuple[str, Box]]:
        if len(layout) <= MAX_OBJECTS:
            return list(layout)
        self.warn(
            f"{len(layout)} objects are to be placed and the model takes {MAX_OBJECTS}; the smallest are left out"
        )
        return sorted(layout, key=lambda pair: -pair[1].area)[:MAX_OBJECTS]

    # diffusion

    def predict(
        self,
        latents: torch.Tensor,
        timestep: int | torch.Tensor,
        text: torch.Tensor,
        *,
        grounding: Grounding | None = None,
        negative: torch.Tensor | None = None,
        guidance: float | torch.Tensor = 1.0,
    ) -> torch.Tensor:
        """Return the model's output (noise, for most checkpoints) for every sample.

        With ``negative`` (``[n or 1, tokens, dim]``) and ``guidance`` other than 1, classifier-free
        guidance runs as one batch of 2n; its unconditional half has null grounding. ``guidance`` may be
        a tensor ``[1, 1, h, w]`` of strengths by place.
        """
        guided = negative is not None and (isinstance(guidance, torch.Tensor) or guidance != 1)
        n = len(latents)
        inputs = [latents, text.expand(n, -1, -1)]
        if guided:
            assert negative is not None
            inputs = [torch.cat([latents] * 2), torch.cat([negative.expand(n, -1, -1), inputs[1]])]
        # of every row its own, for it may be computed with rows of other calls
        inputs.insert(1, torch.as_tensor(timestep, device=latents.device).expand(len(inputs[0])))
        if grounding is not None:
            whole = grounding.null() + grounding if guided else grounding
            inputs += [whole.boxes, whole.phrases, whole.masks]

        def run(sample: torch.Tensor, steps: torch.Tensor, states: torch.Tensor, *placed: torch.Tensor) -> torch.Tensor:
            named = dict(zip(("boxes", "positive_embeddings", "masks"), placed, strict=False))
            extra = {"cross_attention_kwargs": {"gligen": named}} if named else {}
            output: torch.Tensor = self.unet(sample, steps, encoder_hidden_states=states, **extra).sample
            return output

        output = self.batcher("unet", run, *inputs)
        self.spend(model_evaluations=len(output))
        if not guided:
            return output
        without, with_text = output.chunk(2)
        return without + guidance * (with_text - without)

    def scheduler(self, steps: int) -> DDIMScheduler:
        """Return the deterministic DDIM schedule with its timesteps set (noisiest first)."""
        scheduler = DDIMScheduler.from_config(self._schedule)
        scheduler.set_timesteps(steps)
        return scheduler

    def inverse_scheduler(self, steps: int) -> DDIMInverseScheduler:
        """Return the same schedule the other way round (clean first)."""
        # it knows no thresholding, and says so on the terminal where the checkpoint was made for another schedule
        known = {name: value for name, value in self._schedule.items() if name != "thresholding"}
        scheduler = DDIMInverseScheduler.from_config(known)
        scheduler.set_timesteps(steps)
        return scheduler

    def noised(self, clean: torch.Tensor, noise: torch.Tensor, steps: int, start: int) -> torch.Tensor:
        """Return clean latents at the noise level from which step ``start`` of ``steps`` goes on."""
        scheduler = self.scheduler(steps)
        latents: torch.Tensor = scheduler.add_noise(clean, noise, scheduler.timesteps[start : start + 1])
        return latents

    @torch.no_grad()
    def denoise(
        self,
        latents: torch.Tensor,
        text: torch.Tensor,
        *,
        steps: int,
        grounding: Grounding | None = None,
        grounding_ratio: float = 1.0,
        negative: torch.Tensor | None = None,
        guidance: float | torch.Tensor = 1.0,
        start: int = 0,
        eta: float = 0.0,
        fresh: Iterator[torch.Tensor] | None = None,
        hook: Hook | None = None,
        progress: Progress | None = None,
        phase: str = "denoise",
    ) -> torch.Tensor:
        """Run DDIM from step ``start`` (latents at that step's noise level) to the clean latents.

        Grounding acts in the first ``grounding_ratio`` of the whole schedule (GLIGEN, section 4,
        scheduled sampling). After step ``i`` the latents have the noise level that step ``i + 1`` expects.
        With ``eta`` above 0 every step puts in part of the ``fresh`` noise (DDIM, equation 16; 1 is DDPM).
        """
        assert fresh is not None or not eta, "noise for every step must be given, or runs would differ"
        scheduler = self.scheduler(steps)
        last_grounded = round(grounding_ratio * steps)
        with self.phase(phase):
            for i, timestep in enumerate(scheduler.timesteps[start:], start):
                placed = grounding if i < last_grounded else None
                output = self.predict(latents, timestep, text, grounding=placed, negative=negative, guidance=guidance)
                noise = next(fresh) if eta and fresh is not None else None
                latents = scheduler.step(output, timestep, latents, eta=eta, variance_noise=noise).prev_sample
                latents = hook(i, latents) if hook else latents
                if progress:
                    progress(phase, i + 1 - start, steps - start)
        return latents

    @torch.no_grad()
    def invert(
        self,
        latents: torch.Tensor,
        text: torch.Tensor,
        *,
        steps: int,
        stop: int | None = None,
        grounding: Grounding | None = None,
        grounding_ratio: float = 1.0,
        hook: Hook | None = None,
        progress: Progress | None = None,
        phase: str = "invert",
    ) -> torch.Tensor:
        """Run DDIM backwards (DDIM, arXiv 2010.02502, section 4.3) from clean latents, without guidance.

        After inversion step ``i`` the latents have the noise level at which forward step
        ``steps - 1 - i`` starts; ``stop`` ends after that many steps. Grounding acts where it acts in
        `denoise`: in the noisiest ``grounding_ratio`` of the schedule.
        """
        scheduler = self.inverse_scheduler(steps)
        timesteps = scheduler.timesteps[:stop]
        last_grounded = round(grounding_ratio * steps)
        with self.phase(phase):
            for i, timestep in enumerate(timesteps):
                placed = grounding if steps - 1 - i < last_grounded else None
                output = self.predict(latents, timestep, text, grounding=placed)
                latents = scheduler.step(output, timestep, latents).prev_sample
                latents = hook(i, latents) if hook else latents
                if progress:
                    progress(phase, i + 1, len(timesteps))
        return latents

    # memory

    def offload_idle(self) -> bool:
        """Move what the UNet does not need to main memory; it comes back when it is used."""
        if self.device.type == "cpu" or self.vae.device.type == "cpu":
            return False
        self.vae.to("cpu")
        self.text_encoder.to("cpu")
        free(self.device)
        return True
