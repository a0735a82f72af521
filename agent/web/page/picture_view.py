"""The picture of the page: objects to pick, a plan to drag, a place to draw, a slider between before and after.

All of it is drawn by ``static/picture_view.js``, the page's one piece of JavaScript; here are its values.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from nicegui.element import Element

from agent.trace.wording import visible
from agent.web.page.verdict import ORDER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from agent.studio.views import VerdictLine
    from agent.web.page.plan import Plan
    from tools.scene.operations import Operation

BoxLike = tuple[float, ...] | list[float]


class PictureView(Element, component="static/picture_view.js"):
    """A picture of ``size_wh`` pixels by its URL. Boxes are ``[x, y, w, h]`` in [0, 1]."""

    def __init__(self, src: str, size_wh: tuple[int, int], alt: str) -> None:
        super().__init__()
        self._props |= {"objects": [], "showObjects": True, "lit": [], "marks": [], "overlays": [], "plan": []}
        self._props |= {"tool": "pick", "before": "", "picked": "", "where": None}
        self.show(src, size_wh, alt)

    def show(self, src: str, size_wh: tuple[int, int], alt: str) -> None:
        """Show another picture."""
        self._set(src=src, width=size_wh[0], height=size_wh[1], alt=visible(alt))

    def objects(self, boxes: Iterable[tuple[str, str, BoxLike]]) -> None:
        """Draw the objects, given as id, words and box."""
        self._set(
            objects=[
                {"id": name, "label": visible(words), "box": list(box), "hue": hue(name)} for name, words, box in boxes
            ]
        )

    def plan(self, plan: Plan | None) -> None:
        """Draw the operations of a plan, numbered from 1; those that have a box can be dragged."""
        numbered = enumerate(zip(plan.operations, plan.words, strict=True), 1) if plan else ()
        self._set(plan=[planned(n, one, plan.places, words) for n, (one, words) in numbered] if plan else [])

    def light(self, line: VerdictLine | None, masks: Sequence[str] = ()) -> None:
        """Light what a line of the verdict is about, with the masks of its objects; None puts the light out."""
        tone = ORDER[line.state][2] if line else ""
        self._set(marks=[{"box": list(box), "tone": tone} for box in line.boxes] if line else [], overlays=list(masks))

    def set(self, **values: Any) -> None:
        """Set ``tool`` ("pick", "box" or "paint"), ``picked``, ``where``, ``before``, ``overlays``, ``showObjects``."""
        self._set(**values)

    def on_pick(self, do: Callable[[str], Any]) -> None:
        """Call ``do`` with the id of an object that is clicked."""
        self.on("pick", lambda event: do(str(event.args["id"])))

    def on_where(self, do: Callable[[list[float], bool], Any]) -> None:
        """Call ``do`` with a box, and with whether it was drawn or painted just now (else it was dragged)."""
        self.on("where", lambda event: do(event.args["box"], bool(event.args.get("drawn"))))

    def on_plan(self, do: Callable[[int, list[float]], Any]) -> None:
        """Call ``do`` with the number of an operation and the box that it was dragged to."""
        self.on("plan", lambda event: do(event.args["number"], event.args["box"]))

    def _set(self, **values: Any) -> None:
        if any(self._props.get(key, ...) != value for key, value in values.items()):
            self._props.update(values)
            self.update()


def planned(number: int, operation: Operation, places: Mapping[str, BoxLike], words: str) -> dict[str, Any]:
    """Return an operation as the picture draws it: ``old`` is where its object is, ``box`` where it will be."""
    place = places.get(getattr(operation, "id", None) or "")
    old = None if place is None else list(place)
    box = getattr(operation, "box", None)
    return {
        "number": number,
        "op": operation.op,
        "label": visible(f"{number} {words}"),
        "old": old if box else None,
        "box": list(box) if box else old,
        "editable": box is not None,
    }


def hue(text: str) -> int:
    """Return a hue in degrees that is always the same for the same words."""
    return int(hashlib.sha256(text.encode()).hexdigest()[:4], 16) % 360
