"""Tiny random detectors of newer classes, saved with `save_pretrained` as full checkpoints are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from transformers import (
    BartTokenizer,
    CLIPImageProcessorPil,
    Florence2Config,
    Florence2ForConditionalGeneration,
    Sam3Config,
    Sam3Model,
)

from tests.tiny_models import sam3_vision, text_config, tokenizer

if TYPE_CHECKING:
    from pathlib import Path


def save_sam3(folder: Path, *, size: int = 56) -> Path:
    """Save a random SAM 3 without its tracker; return its folder."""
    torch.manual_seed(0)
    small = {"hidden_size": 32, "num_attention_heads": 2}
    layered = small | {"num_layers": 1, "intermediate_size": 32, "dropout": 0.0}
    text = text_config().to_dict() | {"projection_dim": 16}
    config = Sam3Config(
        vision_config=sam3_vision(size),
        text_config=text,
        geometry_encoder_config=layered,
        detr_encoder_config=layered,
        detr_decoder_config=layered | {"num_queries": 6},
        mask_decoder_config=small,
    )
    Sam3Model(config).save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder


def save_florence(folder: Path, *, size: int = 32) -> Path:
    """Save a random Florence-2; return its folder."""
    torch.manual_seed(0)
    marks = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    letters = [*map(chr, range(33, 127)), "\u0120"]
    vocab = {token: place for place, token in enumerate([*marks, *letters])}
    words = BartTokenizer(vocab=vocab, merges=[])
    words.add_tokens([f"<loc_{place}>" for place in range(1000)])
    words.save_pretrained(folder)
    config = Florence2Config(
        vision_config={
            "model_type": "florence_vision",
            "depths": (1, 1),
            "patch_size": (7, 3),
            "patch_stride": (4, 2),
            "patch_padding": (3, 1),
            "patch_prenorm": (False, True),
            "embed_dim": (8, 16),
            "num_heads": (2, 2),
            "num_groups": (2, 2),
            "window_size": 4,
            "projection_dim": 16,
            "drop_path_rate": 0.0,
        },
        text_config={
            "model_type": "bart",
            "vocab_size": len(words),
            "d_model": 16,
            "encoder_layers": 1,
            "decoder_layers": 1,
            "encoder_attention_heads": 2,
            "decoder_attention_heads": 2,
            "encoder_ffn_dim": 16,
            "decoder_ffn_dim": 16,
            "max_position_embeddings": 128,
            "bos_token_id": 0,
            "pad_token_id": 1,
            "eos_token_id": 2,
            "decoder_start_token_id": 2,
        },
        image_token_id=4,
    )
    Florence2ForConditionalGeneration(config).save_pretrained(folder)
    CLIPImageProcessorPil(
        size={"height": size, "width": size}, do_center_crop=False, do_convert_rgb=True
    ).save_pretrained(folder)
    return folder
