"""What every node shares: timing, and doing slow work only once."""

from __future__ import annotations

import functools
import json
import time
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from PIL import Image

from tools.backend.protocol import Cost, Edited

if TYPE_CHECKING:
    from collections.abc import Callable

    from langgraph.runtime import Runtime
    from langgraph.types import StreamWriter

    from graphs.context import Context
    from graphs.state import State
    from tools.backend.protocol import Generated, Progress

    class Node(Protocol):
        """What the graph calls."""

        def __call__(self, state: State, runtime: Runtime[Context]) -> dict[str, Any]:
            """Return what the node changes."""
            ...


def timed(node: Node) -> Node:
    """Add the time spent in a node to the turn's, so that the wall-time limit survives a restart.

    Time between two processes, or spent waiting for a person, does not count.
    """

    @functools.wraps(node)
    def run(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
        started = time.monotonic()
        update = node(state, runtime)
        before = update.get("elapsed", state.get("elapsed", 0.0))
        return update | {"elapsed": before + time.monotonic() - started}

    return run


class Made(NamedTuple):
    """A picture that was drawn. ``region`` is the id of a picture that is white where an edit was free to change."""

    image: str
    warnings: tuple[str, ...]
    cost: Cost
    region: str | None


def make_once(context: Context, what: list[Any], make: Callable[[], Generated | Edited]) -> Made:
    """Return what ``make`` draws, kept in the image store.

    ``what`` (JSON types) names everything the outcome depends on. A process that is killed between
    drawing and the next checkpoint finds the finished picture here and does not draw it again.
    """
    key, images = json.dumps(what, sort_keys=True), context.images
    record = images.recall(key)
    if record is not None and images.path(record["image"]).is_file():
        return Made(record["image"], tuple(record["warnings"]), Cost(**record["cost"]), record.get("region"))
    drawn = make()
    if isinstance(drawn, Edited):
        image, region = images.save(drawn.image), images.save(Image.fromarray(drawn.region))
    else:
        image, region = images.save(drawn.images[0]), None
    record = {"image": image, "warnings": list(drawn.warnings), "cost": vars(drawn.cost), "region": region}
    images.remember(key, record)
    return Made(image, drawn.warnings, drawn.cost, region)


def report_to(writer: StreamWriter) -> Progress:
    """Return a progress callback that goes out on the custom stream."""
    return lambda phase, done, total: writer({"phase": phase, "done": done, "total": total})
