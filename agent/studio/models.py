"""The models that all sessions of a process share: each loaded once, when it is first needed."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from agent.models.backend import make_backend
from agent.models.endpoint import make_chat_model

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from configs.settings import ChatSettings, Settings
    from tools.backend.local import LocalBackend
    from tools.backend.protocol import Backend

CLIENTS = 16  # chat models that are kept


class SharedModels:
    """Gives every session its backend and its chat model; the loaded models behind them are the same."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._backend: LocalBackend | None = None
        self._chats: dict[ChatSettings, BaseChatModel] = {}

    def backend(self, settings: Settings) -> Backend:
        """Return a backend with these settings."""
        with self._lock:
            if self._backend is None:
                self._backend = make_backend(settings)
            return self._backend.with_settings(settings)

    def chat(self, settings: Settings) -> BaseChatModel:
        """Return a chat model with these settings."""
        with self._lock:
            if settings.chat not in self._chats:
                if len(self._chats) >= CLIENTS:
                    self._chats.pop(next(iter(self._chats)))
                self._chats[settings.chat] = make_chat_model(settings.chat)
            return self._chats[settings.chat]
