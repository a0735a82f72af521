"""Which language model the settings name. Light to import: a client's libraries come with the model that needs them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from configs.settings import ChatSettings

OPENAI_URL = "https://api.openai.com/v1"


class ChatModelError(Exception):
    """The endpoint cannot be used as it is set up; the message says which setting to change.

    ``status``: of HTTP, where the server answered with one that is an error.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


def provider(settings: ChatSettings) -> str:
    """Return who will answer: without a key and an endpoint, 'auto' means the offline planner."""
    return "offline" if settings.is_offline else "openai" if settings.provider == "auto" else settings.provider


def make_chat_model(settings: ChatSettings) -> BaseChatModel:
    """Return the chat model that the settings name; nothing is sent yet.

    Raises:
        ChatModelError: 'openai' is asked for without a key and without an endpoint of one's own, or another provider
            whose package is missing, or that does not exist.
    """
    if provider(settings) == "offline":
        from agent.offline.planner import OfflinePlanner  # the grammar is not needed beside a real model

        return OfflinePlanner()
    if provider(settings) != "openai":
        from agent.models.providers import make_provider_model

        return make_provider_model(settings)
    if not settings.api_key and not settings.base_url:
        raise ChatModelError(
            "chat.provider is 'openai', but there is no key: set OPENAI_API_KEY (or SLD_CHAT__API_KEY), "
            "or chat.base_url for a server of your own, or chat.provider=offline"
        )
    from agent.models.endpoint import make_endpoint_model

    return make_endpoint_model(settings)


def readable_url(url: str) -> str:
    """Return an address without login and query, which may be secret."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname or ''}{port}{parts.path}"
