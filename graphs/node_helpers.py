"""What nodes share: timing, doing slow work only once, and answering edit calls when the editor has spoken."""

from __future__ import annotations

import base64
import functools
import io
import json
import time
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from langchain_core.messages import AIMessage, ToolMessage
from PIL import Image

from tools.backend.protocol import Cost, Edited
from tools.scene.requirements import requirements
from tools.stopping import check_stop

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from langchain_core.messages import AnyMessage
    from langgraph.runtime import Runtime
    from langgraph.types import StreamWriter

    from configs.settings import Settings
    from graphs.state import State
    from tools.backend.protocol import Drawing, Generated, Progress
    from tools.context import Context
    from tools.scene.requirement import Requirement
    from tools.scene.spec import SceneSpec

    class Node(Protocol):
        """What the graph calls."""

        def __call__(self, state: State, runtime: Runtime[Context]) -> dict[str, Any]:
            """Return what the node changes."""
            ...


SEEN = 768  # pixels of the longer side that a model is shown: more costs tokens and shows it little
MOST_MASKS = 255  # of one edit that are kept: their numbers go into bytes


def timed(node: Node) -> Node:
    """Add the time spent in a node to the turn's, so that the wall-time limit survives a restart.

    Time between two processes, or spent waiting for a person, does not count.
    """

    @functools.wraps(node)
    def run(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
        started = time.monotonic()
        runtime.context.stop.check()
        with runtime.context.stop.watching():
            update = node(state, runtime)
        before = update.get("elapsed", state.get("elapsed", 0.0))
        return update | {"elapsed": before + time.monotonic() - started}

    return run


def demands_of(spec: SceneSpec, settings: Settings) -> tuple[Requirement, ...]:
    """Return what a picture of the sentence must fulfil, as the settings and the preset's detector have it."""
    return requirements(spec, settings.judge.article, settings.detector.sees, settings.setting_words)


def picture_block(picture: str, context: Context) -> dict[Any, Any]:
    """Return a kept picture as a part of a message to a model that sees, no larger than such a model looks at."""
    image = context.images.load(picture)
    if max(image.size) <= SEEN:
        data, kind = context.images.path(picture).read_bytes(), "png"
    else:
        small, data_of = image.convert("RGB"), io.BytesIO()
        small.thumbnail((SEEN, SEEN))
        small.save(data_of, "JPEG", quality=85)
        data, kind = data_of.getvalue(), "jpeg"
    url = f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
    return {"type": "image_url", "image_url": {"url": url}}


class Made(NamedTuple):
    """A picture that was drawn.

    ``region`` is the id of a picture that is white where an edit was free to change. ``masks`` is the id of
    one whose value at a pixel is 1 + the place in ``masked`` of the object there, 0 where there is none. ``doubts``
    says what did not come out clean, None where the editor does not look.
    """

    image: str
    warnings: tuple[str, ...]
    cost: Cost
    region: str | None = None
    masks: str | None = None
    masked: tuple[str, ...] = ()
    doubts: tuple[str, ...] | None = None


def make_once(context: Context, drawing: Drawing, what: Sequence[Any], make: Callable[[], Generated | Edited]) -> Made:
    """Return what ``make`` draws, kept in the image store.

    ``what`` (JSON types) names everything the outcome depends on beside the backend itself, which is known by
    its fingerprint. A process that is killed between
    drawing and the next checkpoint finds the finished picture here and does not draw it again.
    """
    key, images = json.dumps([drawing, context.backend.fingerprint(drawing), *what], sort_keys=True), context.images
    record = images.recall(key)
    if record is not None and images.path(record["image"]).is_file():
        lists = {key: None if record[key] is None else tuple(record[key]) for key in ("warnings", "masked", "doubts")}
        return Made(**record | lists | {"cost": Cost(**record["cost"])})
    drawn = make()
    if isinstance(drawn, Edited):
        region = images.save(Image.fromarray(drawn.region))
        masked = tuple(drawn.masks)[:MOST_MASKS]
        masks = images.save(_numbered([drawn.masks[object_id] for object_id in masked])) if masked else None
        made = Made(images.save(drawn.image), drawn.warnings, drawn.cost, region, masks, masked, drawn.doubts)
    else:
        made = Made(images.save(drawn.images[0]), drawn.warnings, drawn.cost)
    images.remember(key, made._asdict() | {"cost": vars(made.cost)})
    return made


def _numbered(masks: Sequence[np.ndarray]) -> Image.Image:
    numbers = np.zeros(masks[0].shape, dtype=np.uint8)
    for number, mask in enumerate(masks, 1):
        numbers[mask] = number
    return Image.fromarray(numbers)


def report_to(writer: StreamWriter) -> Progress:
    """Return a progress callback that goes out on the custom stream, and ends the work if somebody asked."""

    def report(phase: str, done: int, total: int) -> None:
        check_stop()
        writer({"phase": phase, "done": done, "total": total})

    return report


def answer_edits(
    messages: Sequence[AnyMessage], content: str, artifact: dict[str, Any] | None = None, *, failed: bool = False
) -> list[ToolMessage]:
    """Return the final answers of the last message's edit calls; the same ids replace the first ones.

    An ``artifact`` that names a failure (`tools.errors.Failure`) makes them failed as well.
    """
    failed = failed or "failure" in (artifact or {})
    answers: list[ToolMessage] = []
    for message in reversed(messages):
        if isinstance(message, AIMessage):
            break
        if isinstance(message, ToolMessage) and (message.artifact or {}).get("operations"):
            status = "error" if failed else "success"
            answers.append(message.model_copy(update={"content": content, "status": status, "artifact": artifact}))
    return answers[::-1]
