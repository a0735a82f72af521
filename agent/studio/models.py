"""The models that all sessions of a process share: each loaded once, when it is first needed.

Looking at a session, undoing in it or beginning one needs none: not even the libraries that run them are imported.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from agent.models.backend import make_backend
from agent.models.chat import make_chat_model

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from langchain_core.language_models import BaseChatModel
    from PIL.Image import Image

    from configs.settings import ChatSettings, Settings
    from tools.backend.local import LocalBackend
    from tools.backend.protocol import Backend, Capabilities, Detected, Drawing, Edited, Generated, Segmented
    from tools.backend.remote.client import RemoteBackend
    from tools.scene.box import Box
    from tools.scene.layout import Layout
    from tools.scene.operations import Operation
    from tools.scene.spec import Query

CLIENTS = 16  # chat models that are kept


def new_chat(settings: Settings) -> BaseChatModel:
    """Return a chat model that nobody shares."""
    return make_chat_model(settings.chat)


class SharedModels:
    """Gives every session its backend and its chat model; the loaded models behind them are the same."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._backend: LocalBackend | RemoteBackend | None = None
        self._chats: dict[ChatSettings, BaseChatModel] = {}

    def backend(self, settings: Settings) -> Backend:
        """Return a backend with these settings, made when it is first asked for something."""
        return LateBackend(lambda: self._made(settings))

    def chat(self, settings: Settings) -> BaseChatModel:
        """Return a chat model with these settings."""
        with self._lock:
            if settings.chat not in self._chats:
                if len(self._chats) >= CLIENTS:
                    self._chats.pop(next(iter(self._chats)))
                self._chats[settings.chat] = make_chat_model(settings.chat)
            return self._chats[settings.chat]

    def warm(self, settings: Settings) -> None:
        """Import the libraries that run models, so that the first turn need not wait for that."""
        self._made(settings)

    def _made(self, settings: Settings) -> LocalBackend | RemoteBackend:
        with self._lock:
            if self._backend is None:
                self._backend = make_backend(settings)
            return self._backend.with_settings(settings)


class LateBackend:
    """A `Backend` that is made when it is first asked for something."""

    def __init__(self, make: Callable[[], Backend]) -> None:
        self._make = make
        self._made: Backend | None = None

    @property
    def _backend(self) -> Backend:
        if self._made is None:
            self._made = self._make()
        return self._made

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        return self._backend.capabilities

    def detect(self, image: Image, queries: Sequence[Query], threshold: float | None = None) -> Detected:
        """See the protocol, as for every method here."""
        return self._backend.detect(image, queries, threshold)

    def score(self, image: Image, box: Box, queries: Sequence[Query]) -> tuple[float, ...]:
        return self._backend.score(image, box, queries)

    def segment(self, image: Image, boxes: Sequence[Box]) -> Segmented:
        return self._backend.segment(image, boxes)

    def generate(self, prompt: str, **given: Any) -> Generated:
        return self._backend.generate(prompt, **given)

    def edit(self, image: Image, operations: Sequence[Operation], scene: Layout, **given: Any) -> Edited:
        return self._backend.edit(image, operations, scene, **given)

    def refine(self, image: Image, prompt: str, **given: Any) -> Generated:
        return self._backend.refine(image, prompt, **given)

    def fingerprint(self, drawing: Drawing) -> str:
        return self._backend.fingerprint(drawing)
