"""What every node shares: timing, and doing slow work only once."""

from __future__ import annotations

import functools
import json
import time
from typing import TYPE_CHECKING, Any, Protocol

from tools.backend.protocol import Cost

if TYPE_CHECKING:
    from collections.abc import Callable

    from langgraph.runtime import Runtime
    from langgraph.types import StreamWriter
    from PIL.Image import Image

    from graphs.context import Context
    from graphs.state import State
    from tools.backend.protocol import Progress

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


def make_once(
    context: Context, what: list[Any], make: Callable[[], tuple[Image, tuple[str, ...], Cost]]
) -> tuple[str, tuple[str, ...], Cost]:
    """Return the id of a picture that ``make`` draws, with its warnings and its cost.

    ``what`` (JSON types) names everything the outcome depends on. A process that is killed between
    drawing and the next checkpoint finds the finished picture here and does not draw it again.
    """
    key = json.dumps(what, sort_keys=True)
    record = context.images.recall(key)
    if record is not None and context.images.path(record["image"]).is_file():
        return record["image"], tuple(record["warnings"]), Cost(**record["cost"])
    image, warnings, cost = make()
    image_id = context.images.save(image)
    context.images.remember(key, {"image": image_id, "warnings": list(warnings), "cost": vars(cost)})
    return image_id, warnings, cost


def report_to(writer: StreamWriter) -> Progress:
    """Return a progress callback that goes out on the custom stream."""
    return lambda phase, done, total: writer({"phase": phase, "done": done, "total": total})
