"""The model that is asked what no detector can check, where the settings name one of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from configs.settings import Settings


def make_eyes(settings: Settings) -> BaseChatModel | None:
    """Return the model of ``judge.vlm``; None without one. Nothing is sent yet.

    Raises:
        ChatModelError: it cannot be made from its settings, or it is the offline planner, which sees nothing.
    """
    if settings.judge.vlm is None:
        return None
    from agent.models.chat import ChatModelError, make_chat_model, provider  # most runs need no endpoint

    if provider(settings.judge.vlm) == "offline":
        raise ChatModelError("judge.vlm needs a model that sees: give judge.vlm.model with its base_url or api_key")
    return make_chat_model(settings.judge.vlm)
