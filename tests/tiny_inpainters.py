"""Tiny random inpainting pipelines of the real classes, saved with `save_pretrained` as full checkpoints are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    FlowMatchEulerDiscreteScheduler,
    FluxFillPipeline,
    FluxTransformer2DModel,
    StableDiffusionInpaintPipeline,
    StableDiffusionXLInpaintPipeline,
    UNet2DConditionModel,
    ZImageInpaintPipeline,
    ZImageTransformer2DModel,
)
from transformers import (
    CLIPTextModel,
    CLIPTextModelWithProjection,
    Qwen2Tokenizer,
    Qwen3Config,
    Qwen3Model,
    T5Config,
    T5EncoderModel,
    T5Tokenizer,
)

from tests.tiny_models import WORDS, text_config, tokenizer

if TYPE_CHECKING:
    from pathlib import Path


def save_sd(folder: Path) -> Path:
    """Save a Stable Diffusion inpainting pipeline: mask and masked latents are channels of its input."""
    torch.manual_seed(0)
    StableDiffusionInpaintPipeline(
        vae=autoencoder(4),
        text_encoder=CLIPTextModel(text_config()),
        tokenizer=tokenizer(),
        unet=_unet(cross=16),
        scheduler=DDIMScheduler(steps_offset=1, clip_sample=False),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder)
    return folder


def save_sdxl(folder: Path, kind: type[Any] = StableDiffusionXLInpaintPipeline) -> Path:
    """Save one of Stable Diffusion XL's pipelines."""
    torch.manual_seed(0)
    kind(
        vae=autoencoder(4),
        text_encoder=CLIPTextModel(text_config()),
        text_encoder_2=CLIPTextModelWithProjection(text_config(projection_dim=16)),
        tokenizer=tokenizer(),
        tokenizer_2=tokenizer(),
        unet=_unet(
            cross=32,
            channels=9 if kind is StableDiffusionXLInpaintPipeline else 4,
            addition_embed_type="text_time",
            addition_time_embed_dim=8,
            projection_class_embeddings_input_dim=6 * 8 + 16,
        ),
        scheduler=DDIMScheduler(steps_offset=1, clip_sample=False),
    ).save_pretrained(folder)
    return folder


def save_flux(folder: Path, kind: type[Any] = FluxFillPipeline) -> Path:
    """Save one of FLUX's pipelines."""
    torch.manual_seed(0)
    words = t5_tokenizer()
    # packed latents, and for Fill masked latents and the mask in 2 x 2 cells each
    channels = 8 + (8 + 4 * 4 if kind is FluxFillPipeline else 0)
    kind(
        scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=autoencoder(2),
        text_encoder=CLIPTextModel(text_config()),
        tokenizer=tokenizer(),
        text_encoder_2=T5EncoderModel(
            T5Config(vocab_size=len(words), d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
        ),
        tokenizer_2=words,
        transformer=FluxTransformer2DModel(
            in_channels=channels,
            out_channels=8,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=16,
            pooled_projection_dim=16,
            axes_dims_rope=(4, 4, 8),
            guidance_embeds=True,
        ),
    ).save_pretrained(folder)
    return folder


def save_z_image(folder: Path, kind: type[Any] = ZImageInpaintPipeline) -> Path:
    """Save one of Z-Image's pipelines."""
    torch.manual_seed(0)
    vocab = {chr(code): place for place, code in enumerate([*range(33, 127), 0x120, 0x10A])}
    words = Qwen2Tokenizer(vocab=vocab | {"<|endoftext|>": len(vocab)}, merges=[], model_max_length=64)
    words.chat_template = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
    encoder = Qwen3Config(
        vocab_size=len(words),
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        head_dim=8,
        max_position_embeddings=128,
    )
    kind(
        scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=autoencoder(4),
        text_encoder=Qwen3Model(encoder),
        tokenizer=words,
        transformer=ZImageTransformer2DModel(
            in_channels=4,
            dim=32,
            n_layers=1,
            n_refiner_layers=1,
            n_heads=2,
            n_kv_heads=2,
            cap_feat_dim=16,
            axes_dims=[4, 4, 8],
            axes_lens=[256, 64, 64],
        ),
    ).save_pretrained(folder)
    return folder


def t5_tokenizer() -> T5Tokenizer:
    """Return a tokenizer of T5's class that knows ``WORDS`` only."""
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", -9.0), ("\u2581", -3.0)]
    pieces += [(f"\u2581{word}", -2.0) for word in dict.fromkeys(WORDS)]
    return T5Tokenizer(vocab=pieces, extra_ids=0, model_max_length=16)


def autoencoder(channels: int) -> AutoencoderKL:
    """Return a small autoencoder of the class that most families share."""
    return AutoencoderKL(
        block_out_channels=(8, 16),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=channels,
        norm_num_groups=4,
        shift_factor=0.1,
        scaling_factor=0.5,
    )


def _unet(*, cross: int, channels: int = 9, **more: object) -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=16,
        in_channels=channels,
        out_channels=4,
        block_out_channels=(16, 32),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=cross,
        attention_head_dim=8,
        norm_num_groups=4,
        **more,
    )
