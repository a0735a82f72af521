"""Checkpoints of SLD's own stack at full size with random weights, laid out and named as on the hub, in half precision.

CLIP's words come from PyPI's ``open_clip_torch``, whose data file alone is read: the package itself needs torchvision.
"""

from __future__ import annotations

import gzip
import importlib.util
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from diffusers import AutoencoderKL, PNDMScheduler, UNet2DConditionModel
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTokenizer,
    Owlv2Config,
    Owlv2ForObjectDetection,
    Owlv2ImageProcessorPil,
    SamConfig,
    SamImageProcessorPil,
    SamModel,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

MERGES = 49152 - 256 - 2  # of CLIP's vocabulary; the file holds more


def clip_tokenizer(length: int) -> CLIPTokenizer:
    """Return CLIP's tokenizer for prompts of so many tokens; its 49,408 words as OpenAI's release has them."""
    places = importlib.util.find_spec("open_clip")
    assert places is not None
    assert places.submodule_search_locations
    file = Path(places.submodule_search_locations[0]) / "bpe_simple_vocab_16e6.txt.gz"
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        merges = [tuple(line.split()) for line in lines.read().split("\n")[1 : MERGES + 1]]
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    letters = [*map(chr, printable), *(chr(256 + place) for place in range(len(others)))]
    words = [*letters, *(f"{letter}</w>" for letter in letters), *("".join(pair) for pair in merges)]
    vocab = {word: place for place, word in enumerate([*words, "<|startoftext|>", "<|endoftext|>"])}
    return CLIPTokenizer(vocab=vocab, merges=merges, model_max_length=length, pad_token="<|endoftext|>")


@contextmanager
def _small() -> Iterator[None]:
    """Build weights in half the room: they are saved so."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    torch.manual_seed(0)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def _save(kind: Any, config: Any, folder: Path, *, half: bool = True) -> None:
    with _small():
        model = kind(config) if not isinstance(config, dict) else kind(**config)
    for name, weight in model.named_parameters():
        if name.endswith(("alpha_attn", "alpha_dense")):  # zero at the start of training: grounding would do nothing
            weight.data.fill_(0.5)
    model.half().save_pretrained(folder, **({"variant": "fp16"} if half else {}))


def save_stack(folder: Path) -> Path:
    """Save the grounded checkpoint, the segmenter and the detector; return their folder."""
    grounded = folder / "gligen"
    unet = {
        "sample_size": 64,
        "block_out_channels": (320, 640, 1280, 1280),
        "cross_attention_dim": 768,
        "attention_head_dim": 8,
        "attention_type": "gated",
    }
    _save(UNet2DConditionModel, unet, grounded / "unet")
    vae = {
        "block_out_channels": (128, 256, 512, 512),
        "down_block_types": ("DownEncoderBlock2D",) * 4,
        "up_block_types": ("UpDecoderBlock2D",) * 4,
        "layers_per_block": 2,
        "latent_channels": 4,
        "sample_size": 512,
    }
    _save(AutoencoderKL, vae, grounded / "vae")
    text = CLIPTextConfig(
        hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12,
        max_position_embeddings=77, hidden_act="quick_gelu", projection_dim=768, pad_token_id=1, bos_token_id=0,
        eos_token_id=2,
    )  # fmt: skip
    _save(CLIPTextModel, text, grounded / "text_encoder")
    clip_tokenizer(77).save_pretrained(grounded / "tokenizer")
    PNDMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", skip_prk_steps=True, steps_offset=1
    ).save_pretrained(grounded / "scheduler")
    sam = SamConfig(
        vision_config={
            "hidden_size": 1280,
            "num_hidden_layers": 32,
            "num_attention_heads": 16,
            "mlp_dim": 5120,
            "global_attn_indexes": [7, 15, 23, 31],
        }
    )
    _save(SamModel, sam, folder / "sam", half=False)
    SamImageProcessorPil().save_pretrained(folder / "sam")
    _save(Owlv2ForObjectDetection, Owlv2Config(vision_config={"image_size": 960}), folder / "owl", half=False)
    Owlv2ImageProcessorPil().save_pretrained(folder / "owl")
    clip_tokenizer(16).save_pretrained(folder / "owl")
    return folder
