"""Studios on the exact world with the offline planner, and waiting for what happens in them."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

from agent.offline.planner import OfflinePlanner
from agent.studio.studio import Studio
from tests.agent.conversation import START
from tests.world import World, draw

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from agent.studio.views import StudioEvent
    from configs.settings import Settings
    from tools.backend.protocol import Edited
    from tools.scene.operations import Operation

LONGEST = 60.0  # seconds that anything here may take on a busy machine
ENDS = ("ended", "waiting", "failed", "cancelled")


class Held(World):
    """Edits slowly, in small steps, until it is let go; ``begun`` tells that one is under way."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.let_go = threading.Event(), threading.Event()

    def edit(
        self, image: Any, operations: Sequence[Operation], *args: Any, progress: Any = None, **more: Any
    ) -> Edited:
        self.begun.set()
        step = 0
        while not self.let_go.wait(0.005):
            step += 1
            progress("compose", step, 10_000)
        return super().edit(image, operations, *args, progress=progress, **more)


class WorldModels:
    """Stands for `agent.studio.models.SharedModels`."""

    def __init__(self, world: World) -> None:
        self.world, self.planner = world, OfflinePlanner()

    def backend(self, settings: Settings) -> World:
        return self.world

    def chat(self, settings: Settings) -> OfflinePlanner:
        return self.planner


def studio(base: Path, world: World | None = None, **given: Any) -> Studio:
    """Return a studio that is not begun yet."""
    models: Any = WorldModels(world or World())
    return Studio(base, models=models, preset="iconworld", **given)


def make(studio: Studio, text: str = "", **given: Any) -> str:
    """Begin a session with the conversation's first picture."""
    return studio.make(picture=draw(START), text=text, **given)


def until(studio: Studio, name: str, kinds: Sequence[str] = ENDS, after: int = 0) -> StudioEvent:
    """Wait for an event of one of these kinds."""

    async def follow() -> StudioEvent:
        async for event in studio.events.follow(name, after):
            if event.kind in kinds:
                return event
        raise AssertionError("following never ends")

    return asyncio.run(asyncio.wait_for(follow(), LONGEST))


def said(studio: Studio, name: str, text: str) -> StudioEvent:
    """Do one turn and return how it ended."""
    after = studio.events.last
    studio.send(name, text)
    return until(studio, name, after=after)
