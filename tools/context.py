"""The services that a run carries along: what graph nodes and tools get besides the state."""

from __future__ import annotations

from dataclasses import dataclass

from langchain_core.language_models import BaseChatModel

from configs.settings import Settings
from tools.backend.protocol import Backend
from tools.images import ImageStore


@dataclass(frozen=True)
class Context:
    """Everything a run needs that is no state: it is given at each start and never checkpointed."""

    backend: Backend
    chat: BaseChatModel
    images: ImageStore
    settings: Settings
