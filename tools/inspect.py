"""The ``inspect`` tool: look closely at one object or one place of the current picture."""

from __future__ import annotations

from typing import Annotated, Any

from langchain_core.tools import tool
from langgraph.prebuilt import ToolRuntime
from pydantic import Field, StringConstraints

from tools.context import Context
from tools.errors import ToolError
from tools.scene.box import Box
from tools.scene.layout import Layout, PlacedObject
from tools.scene.spec import Query

Attribute = Annotated[str, StringConstraints(strip_whitespace=True, to_lower=True, min_length=1, max_length=80)]
MARGIN = 0.1  # of the object's size, shown around it so that it is seen in its place


@tool(response_format="content_and_artifact")
def inspect(
    runtime: ToolRuntime[Context, dict[str, Any]],
    object: Annotated[str | None, Field(description="an id of the layout")] = None,
    box: Annotated[Box | None, Field(description="or any place, not both")] = None,
    candidates: Annotated[list[Attribute], Field(max_length=20, description="attributes to score")] = [],  # noqa: B006 - read by pydantic only, which copies it; None would widen the schema the model sees
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Look closely at one object or one box: its size, where it is to the others, how well attributes fit."""
    if (object is None) == (box is None):
        raise ToolError(f"give exactly one of object and box, not object={object!r} and box={box!r}")
    context = runtime.context
    scene: Layout = runtime.state["layout"]
    placed = None if object is None else find_object(scene, object)
    place = placed.box if placed else box
    assert place is not None
    image = context.images.load(runtime.state["picture"])
    x0, y0, x1, y1 = place.to_px(image.size)
    answer: dict[str, Any] = {
        "box": [round(value, 3) for value in place],
        "size_px": [x1 - x0, y1 - y0],
        "share_of_picture": round(place.area, 4),
        "neighbours": {
            other.id: relation(place, other.box) for other in scene.objects if placed is None or other.id != placed.id
        },
    }
    if placed:
        answer |= {"id": placed.id, "name": placed.name, "attributes": list(placed.attributes)}
    if candidates:
        name = placed.name if placed else "object"
        queries = [Query(name=name, attributes=(candidate,)) for candidate in candidates]
        scores = context.backend.score(image, place, queries)
        answer["scores"] = {word: round(score, 3) for word, score in zip(candidates, scores, strict=True)}
    if not context.settings.chat.vision:
        return answer, {}
    wider = Box(
        place.x - MARGIN * place.w, place.y - MARGIN * place.h, place.w * (1 + 2 * MARGIN), place.h * (1 + 2 * MARGIN)
    )
    # State holds no pictures: the crop travels as an id, and is shown when the model is asked next.
    return answer, {"pictures": [context.images.save(image.crop(wider.clipped().to_px(image.size)))]}


def find_object(scene: Layout, object_id: str) -> PlacedObject:
    """Return the object with this id.

    Raises:
        ToolError: there is none; the message names the known ids.
    """
    try:
        return scene[object_id]
    except KeyError as error:
        raise ToolError(f"{error.args[0]}. Use one of these ids, or call detect to look for more") from None


def relation(box: Box, other: Box) -> str:
    """Say where ``box`` lies as seen from ``other``, in words with distances of centres."""
    (x, y), (other_x, other_y) = box.center, other.center
    across, down = x - other_x, y - other_y
    words = [
        f"{abs(across):.2f} to the {'right' if across > 0 else 'left'}" if abs(across) >= 0.005 else "",
        f"{abs(down):.2f} {'below' if down > 0 else 'above'}" if abs(down) >= 0.005 else "",
        f"overlapping (IoU {box.iou(other):.2f})" if box.intersection(other) > 0 else "",
    ]
    return ", ".join(word for word in words if word) or "at the same place"
