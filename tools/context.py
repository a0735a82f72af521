"""The services that a run carries along: what graph nodes and tools get besides the state."""

from __future__ import annotations

from dataclasses import dataclass, field

from langchain_core.language_models import BaseChatModel

from configs.settings import Settings
from tools.backend.protocol import Backend
from tools.images import ImageStore
from tools.stopping import Stop


@dataclass(frozen=True)
class Context:
    """Everything a run needs that is no state: it is given at each start and never checkpointed."""

    backend: Backend
    chat: BaseChatModel
    images: ImageStore
    settings: Settings
    eyes: BaseChatModel | None = None
    """A model of its own for what no detector can check (``judge.vlm``)."""
    stop: Stop = field(default_factory=Stop, compare=False)
    """Looked at before every node and inside long work."""

    @property
    def seer(self) -> BaseChatModel | None:
        """The model that can be asked about a picture, if there is one."""
        return self.eyes or (self.chat if self.settings.chat.vision else None)
