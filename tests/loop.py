"""Runs the real graph on a `tests.world.World` with a `tests.scripted.ScriptedChat`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphs.context import Context
from graphs.correction import build_graph
from tests.scripted import ScriptedChat
from tests.world import World, draw, settings
from tools.images import ImageStore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from configs.settings import Settings
    from tools.scene.layout import Layout


class Loop:
    """One graph with its world, its model and its store; ``state`` is what the last run ended with."""

    def __init__(self, folder: Path, script: Sequence[Any] = (), world: World | None = None, **sections: Any) -> None:
        forever = sections.pop("forever", False)
        self.world = world or World()
        self.chat = ScriptedChat(script=list(script), forever=forever)
        self.images = ImageStore(folder / "images")
        self.settings: Settings = settings(**sections)
        self.context = Context(self.world, self.chat, self.images, self.settings)
        self.graph = build_graph(loop=self.settings.loop)
        self.state: dict[str, Any] = {}

    def picture(self, layout: Layout) -> str:
        return self.images.save(draw(layout))

    def run(self, **request: Any) -> dict[str, Any]:
        """Run one turn and return its result."""
        self.state = self.graph.invoke(request, context=self.context, version="v2").value
        result: dict[str, Any] = self.state["result"]
        return result

    def answers(self) -> list[tuple[str, str, str]]:
        """Return (call id, status, text) of every tool answer of the last turn, in order."""
        return [(one.tool_call_id, one.status, one.text) for one in self.state["messages"] if one.type == "tool"]
