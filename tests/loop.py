"""Runs the real graph on a `tests.world.World` with a `tests.scripted.ScriptedChat`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphs.correction import build_graph
from tests.scripted import ScriptedChat
from tests.world import World, draw, settings
from tools.context import Context
from tools.images import ImageStore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from configs.settings import Settings
    from graphs.state import State
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
        self.state: State = {}

    def picture(self, layout: Layout) -> str:
        return self.images.save(draw(layout))

    def run(self, **request: Any) -> Any:
        """Run one turn and return its result."""
        given: Any = request
        self.state = self.graph.invoke(given, context=self.context, version="v2").value
        return self.state["result"].model_dump(mode="json")

    def answers(self) -> list[tuple[str, str, str]]:
        """Return (call id, status, text) of every tool answer of the last turn, in order."""
        return [(one.tool_call_id, one.status, one.text) for one in self.state["messages"] if one.type == "tool"]
