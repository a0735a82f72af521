"""Tiny random pipelines that follow instructions, of the real classes, saved as full checkpoints are."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import torch
from diffusers import (
    AutoencoderKLFlux2,
    AutoencoderKLQwenImage,
    FlowMatchEulerDiscreteScheduler,
    Flux2KleinInpaintPipeline,
    Flux2KleinPipeline,
    Flux2Transformer2DModel,
    FluxKontextInpaintPipeline,
    FluxKontextPipeline,
    FluxTransformer2DModel,
    QwenImageEditInpaintPipeline,
    QwenImageEditPipeline,
    QwenImageEditPlusPipeline,
    QwenImageInpaintPipeline,
    QwenImageTransformer2DModel,
)
from transformers import (
    CLIPTextModel,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2Tokenizer,
    Qwen2VLImageProcessorPil,
    Qwen3Config,
    Qwen3ForCausalLM,
    T5Config,
    T5EncoderModel,
)

from tests.tiny_inpainters import autoencoder, t5_tokenizer
from tests.tiny_models import text_config, tokenizer
from tools.backend.qwen_processor import PictureProcessor

if TYPE_CHECKING:
    from pathlib import Path

VISION = ("<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>")


def qwen_tokenizer(length: int = 512) -> Qwen2Tokenizer:
    """Return a tokenizer of Qwen's class that reads letter by letter."""
    vocab = {chr(code): place for place, code in enumerate([*range(33, 127), 0x120, 0x10A])}
    words = Qwen2Tokenizer(vocab=vocab | {"<|endoftext|>": len(vocab)}, merges=[], model_max_length=length)
    words.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>", *VISION]})
    words.chat_template = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
    return words


def save_qwen_edit(kind: type[Any], folder: Path) -> Path:
    """Save one of Qwen's pipelines that edit."""
    torch.manual_seed(0)
    words = qwen_tokenizer()
    pipe = kind(
        scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=AutoencoderKLQwenImage(
            base_dim=8,
            z_dim=4,
            dim_mult=[1, 1, 2, 2],
            num_res_blocks=1,
            temperal_downsample=[False, True, True],
            latents_mean=[0.0] * 4,
            latents_std=[1.0] * 4,
        ),
        text_encoder=Qwen2_5_VLForConditionalGeneration(_vision_config(words)),
        tokenizer=words,
        transformer=QwenImageTransformer2DModel(
            in_channels=16,
            out_channels=4,
            num_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=16,
            axes_dims_rope=(8, 4, 4),
        ),
        **({} if kind is QwenImageInpaintPipeline else {"processor": PictureProcessor(pictures(), words)}),
    )
    pipe.save_pretrained(folder)
    if kind is not QwenImageInpaintPipeline:  # as full checkpoints name it
        index = json.loads((folder / "model_index.json").read_text())
        (folder / "model_index.json").write_text(
            json.dumps(index | {"processor": ["transformers", "Qwen2VLProcessor"]})
        )
        pictures().save_pretrained(folder / "processor")
    return folder


def pictures() -> Qwen2VLImageProcessorPil:
    """Return Qwen's image processor, for small pictures."""
    return Qwen2VLImageProcessorPil(size={"shortest_edge": 28 * 28, "longest_edge": 56 * 56}, patch_size=14)


def save_kontext(kind: type[Any], folder: Path) -> Path:
    """Save one of FLUX Kontext's pipelines."""
    torch.manual_seed(0)
    words = t5_tokenizer()
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
            in_channels=8,
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


def save_klein(kind: type[Any], folder: Path) -> Path:
    """Save one of FLUX.2 klein's pipelines, distilled as the published ones are."""
    torch.manual_seed(0)
    words = qwen_tokenizer()
    encoder = Qwen3Config(
        vocab_size=len(words),
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=28,  # the pipeline reads layers 9, 18 and 27
        num_attention_heads=2,
        num_key_value_heads=2,
        head_dim=8,
        max_position_embeddings=512,
    )
    kind(
        scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=AutoencoderKLFlux2(
            down_block_types=("DownEncoderBlock2D",) * 2,
            up_block_types=("UpDecoderBlock2D",) * 2,
            block_out_channels=(4, 8),
            layers_per_block=1,
            latent_channels=2,
            norm_num_groups=2,
        ),
        text_encoder=Qwen3ForCausalLM(encoder),
        tokenizer=words,
        transformer=Flux2Transformer2DModel(
            in_channels=8,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=48,
            timestep_guidance_channels=16,
            axes_dims_rope=(4, 4, 4, 4),
            guidance_embeds=False,
        ),
        is_distilled=True,
    ).save_pretrained(folder)
    return folder


def _vision_config(words: Qwen2Tokenizer) -> Qwen2_5_VLConfig:
    ids = {
        f"{name}_token_id": words.convert_tokens_to_ids(token)
        for name, token in zip(("vision_start", "vision_end", "image", "video"), VISION, strict=True)
    }
    return Qwen2_5_VLConfig(
        text_config={
            "vocab_size": len(words),
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "rope_parameters": {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 1e6},
            "max_position_embeddings": 1024,
        },
        vision_config={
            "depth": 1,
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_heads": 2,
            "out_hidden_size": 16,
            "fullatt_block_indexes": [0],
        },
        **ids,
    )


SAVED = {
    "QwenImageEditPipeline": lambda folder: save_qwen_edit(QwenImageEditPipeline, folder),
    "QwenImageEditPlusPipeline": lambda folder: save_qwen_edit(QwenImageEditPlusPipeline, folder),
    "QwenImageEditInpaintPipeline": lambda folder: save_qwen_edit(QwenImageEditInpaintPipeline, folder),
    "FluxKontextPipeline": lambda folder: save_kontext(FluxKontextPipeline, folder),
    "FluxKontextInpaintPipeline": lambda folder: save_kontext(FluxKontextInpaintPipeline, folder),
    "Flux2KleinPipeline": lambda folder: save_klein(Flux2KleinPipeline, folder),
    "Flux2KleinInpaintPipeline": lambda folder: save_klein(Flux2KleinInpaintPipeline, folder),
}
