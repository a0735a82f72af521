"""Sessions on the exact world with the offline planner, and what their pictures show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agent.offline.planner import OfflinePlanner
from agent.session.session import Session
from agent.session.turn_result import TurnResult
from tests.agent.conversation import START
from tests.world import World, draw, settings, truth
from tools.images import open_picture

SETTINGS = settings(
    detector={
        "vocabulary": ["car", "dog", "cup", "cat"],
        "attributes": ["red", "blue", "green", "yellow", "white", "brown"],
    }
)


def begin(folder: Path, **given: Any) -> Session:
    """Open a session on the exact world with the offline planner, over the conversation's first picture."""
    options = {"settings": SETTINGS, "backend": World(), "chat": OfflinePlanner(), "image": draw(START)} | given
    if (folder / "run.json").exists():
        options.pop("image")
    return Session.open(folder, **options)


def seen(result: TurnResult) -> list[str]:
    assert result.image is not None
    return sorted(placed.phrase for placed in truth(open_picture(result.image)).objects)
