"""The published models that presets name, by their configurations: built at full size with random weights.

On the `meta` device they have none, and take no memory.

Configurations are data (``configs/architectures``): classes and what differs from their defaults. Of tokenizers the
class is real and the vocabulary is the alphabet, so that a text has more tokens than in truth, up to the longest.
"""

from __future__ import annotations

import importlib
import json
from importlib import resources
from typing import Any

import torch
from transformers import CLIPTokenizer, Qwen2Tokenizer, Qwen2VLImageProcessorPil

from tools.backend import checkpoints
from tools.backend.protocol import BackendError
from tools.backend.qwen_processor import PictureProcessor

META = torch.device("meta")
VISION = ("<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>")


def described(path: str) -> dict[str, Any]:
    """Return the configuration of a published checkpoint.

    Raises:
        BackendError: its configuration is not among the data.
    """
    file = resources.files("configs") / "architectures" / f"{path.replace('/', '--')}.json"
    if not file.is_file():
        raise BackendError(f"the architecture of {path!r} is not among the data (configs/architectures)")
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def build(described_model: dict[str, Any], dtype: torch.dtype, device: torch.device = META) -> Any:
    """Return a model of ``{"class": "transformers.SamModel", "config": {...}}``, in evaluation mode."""
    library, _, name = described_model["class"].rpartition(".")
    config = described_model.get("config", {})
    with checkpoints.quiet(), device:
        kind = getattr(importlib.import_module(library), name)
        model = kind.from_config(config) if library == "diffusers" else kind(kind.config_class.from_dict(config))
        return model.to(dtype).eval().requires_grad_(False)


def parts(path: str, dtype: torch.dtype, device: torch.device = META) -> dict[str, Any]:
    """Return every part of a published pipeline by its name: models, tokenizers, scheduler, processor."""
    import diffusers

    said = described(path)
    found: dict[str, Any] = {name: build(model, dtype, device) for name, model in said["models"].items()}
    for name, kind in said.get("tokenizers", {}).items():
        found[name] = clip_tokenizer() if kind == "clip" else qwen_tokenizer()
    if "processor" in said:
        found["processor"] = PictureProcessor(Qwen2VLImageProcessorPil(**said["processor"]), found["tokenizer"])
    schedule = dict(said["scheduler"])
    found["scheduler"] = getattr(diffusers, schedule.pop("class")).from_config(schedule)
    return found


def clip_tokenizer() -> CLIPTokenizer:
    """Return a tokenizer of CLIP's class that reads letter by letter."""
    letters = [chr(code) for code in range(33, 127)]
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    vocab = {token: place for place, token in enumerate(tokens)}
    return CLIPTokenizer(
        vocab=vocab, merges=[], unk_token="<|endoftext|>", pad_token="<|endoftext|>", model_max_length=77
    )


def qwen_tokenizer() -> Qwen2Tokenizer:
    """Return a tokenizer of Qwen's class that reads letter by letter; its picture tokens have Qwen's own ids."""
    vocab = {chr(code): place for place, code in enumerate([*range(33, 127), 0x120, 0x10A])}
    words = Qwen2Tokenizer(vocab=vocab | {"<|endoftext|>": len(vocab)}, merges=[], model_max_length=2048)
    words.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>", *VISION]})
    words.chat_template = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
    return words
