"""Qwen's processor of words and pictures without its films, whose own needs torchvision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import AutoTokenizer, Qwen2VLImageProcessorPil, Qwen2VLProcessor
from transformers.processing_utils import ProcessorMixin

from tools.backend import checkpoints

if TYPE_CHECKING:
    from pathlib import Path

NAME = "Qwen2VLProcessor"


class PictureProcessor(Qwen2VLProcessor):  # type: ignore[misc]  # transformers is not typed
    """Takes pictures and words; what it gives is the same with and without torchvision."""

    def __init__(self, image_processor: Any = None, tokenizer: Any = None, chat_template: str | None = None) -> None:
        self.image_token, self.video_token = "<|image_pad|>", "<|video_pad|>"
        self.image_token_id = tokenizer.convert_tokens_to_ids(self.image_token)
        self.video_token_id = tokenizer.convert_tokens_to_ids(self.video_token)
        # not its own parent's, which demands something for films
        ProcessorMixin.__init__(self, image_processor, tokenizer, chat_template=chat_template)


def load_processor(folder: Path) -> PictureProcessor:
    """Load what a checkpoint keeps in its folder ``processor``.

    Raises:
        BackendError: it cannot be read.
    """
    with checkpoints.reading(folder):
        pictures = Qwen2VLImageProcessorPil.from_pretrained(folder)
        return PictureProcessor(pictures, AutoTokenizer.from_pretrained(folder, trust_remote_code=False))
