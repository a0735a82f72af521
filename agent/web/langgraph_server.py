"""What `langgraph dev` serves (see langgraph.json): the graph with services that are made when they are first needed.

The preset comes from SLD_PRESET, pictures go to ``runs/served/images`` and are sent and fetched by
`agent.web.langgraph_pictures`. Importing this module loads nothing.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from langchain_core.language_models import BaseChatModel

from agent.models.backend import make_backend
from agent.models.chat import make_chat_model
from agent.models.eyes import make_eyes
from configs.settings import Settings, load_settings
from graphs.correction import build_graph
from tools.backend.protocol import Backend
from tools.context import Context
from tools.images import ImageStore

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph

    from graphs.state import Request, State

PICTURES = Path("runs") / "served" / "images"


@cache
def services() -> Context:
    """Return the one context of this process, so that models are loaded once."""
    settings = load_settings(os.environ.get("SLD_PRESET", "iconworld"))
    chat, eyes = make_chat_model(settings.chat), make_eyes(settings)
    return Context(make_backend(settings), chat, ImageStore(PICTURES), settings, eyes)


@dataclass(frozen=True)
class ServedContext(Context):
    """A context that a request need not bring: the server builds it from nothing."""

    backend: Backend = field(default_factory=lambda: services().backend)
    chat: BaseChatModel = field(default_factory=lambda: services().chat)
    images: ImageStore = field(default_factory=lambda: services().images)
    settings: Settings = field(default_factory=lambda: services().settings)


async def make_graph() -> CompiledStateGraph[State, Context, Request, State]:
    """Return the graph; the server adds its own checkpointer."""
    await asyncio.to_thread(services)  # the server forbids reading files in its event loop
    return build_graph(context_schema=ServedContext)
