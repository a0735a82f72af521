"""A small job that takes two edits: what the tests of runs, traces and reports have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agent.run.driver import Job, RunFolder, RunResult, run_correction
from tests.scripted import ScriptedChat, calls, edit
from tests.world import World, draw, scene, settings

if TYPE_CHECKING:
    from pathlib import Path

START = scene(
    ("blue car", [0.1, 0.5, 0.2, 0.2]), ("red car", [0.4, 0.5, 0.2, 0.2]), ("green dog", [0.7, 0.5, 0.2, 0.2])
)
PROMPT = "two red cars, a blue cup and no dog"
SPEC: dict[str, Any] = {
    "objects": [
        {"name": "car", "attributes": ["red"], "count": 2},
        {"name": "cup", "attributes": ["blue"], "count": 1},
    ],
    "absent": ["dog"],
}
FIRST = edit({"op": "restyle", "id": "car #1", "attributes": ["red"]}, {"op": "remove", "id": "dog #1"})
SECOND = edit({"op": "add", "name": "cup", "attributes": ["blue"], "box": [0.6, 0.1, 0.2, 0.2]})
LOOK = calls(("detect", {"phrases": ["red car"]}), text="I look at the cars first.")
SCRIPT: tuple[Any, ...] = (SPEC, LOOK, FIRST, SECOND)


def job(**changes: Any) -> Job:
    """Return the job, over a given picture."""
    return Job(**{"prompt": PROMPT, "image": draw(START), "origin": "start.png", **changes})


def run(path: Path, *, chat: Any = None, world: World | None = None, **options: Any) -> RunResult:
    """Run the job in ``path`` with the scripted model and the world backend."""
    given = options.pop("job", None) or job()
    return run_correction(
        given,
        options.pop("settings", None) or settings(),
        RunFolder(path),
        backend=world or World(),
        chat=chat or ScriptedChat(script=list(SCRIPT)),
        preset="iconworld",
        **options,
    )
