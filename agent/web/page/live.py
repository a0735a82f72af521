"""The steps of a turn while it works: what is done, what is being done, and how far it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.trace.wording import without_boxes
from agent.web.page.dom import retext, tag

if TYPE_CHECKING:
    from nicegui.element import Element

    from agent.studio.views import StudioEvent

SHOWN = 40  # steps; a model that thinks for long must not fill the page


@dataclass
class _Line:
    doing: str
    sign: Element
    words: Element
    item: Element


class LiveSteps:
    """A list that grows as events come; draw it where it is made."""

    def __init__(self) -> None:
        self._line: _Line | None = None
        self._count = 0
        self._list = tag("ol", None, "steps", aria_label="Steps")
        self._status = tag("span", "", "sr", role="status")
        with tag(
            "div", None, "bar", role="progressbar", aria_label="Progress", aria_valuemin=0, aria_valuemax=100
        ) as bar:
            self._fill = tag("i")
        self._bar = bar
        self._part(None)

    @property
    def is_gone(self) -> bool:
        """Whether the list is no longer on the page."""
        return self._list.is_deleted

    def take(self, event: StudioEvent) -> None:
        """Take an event of the turn."""
        data = event.data
        match event.kind:
            case "queued":
                self._begin(f"waiting: {data['place']} in the queue" if data.get("place") else "waiting")
            case "began":
                self._settle()
            case "node" if data["name"] == "begin":
                pass  # it takes no time
            case "node" if data["status"] == "started":
                self._begin(data["words"])
            case "node":
                self._end(data["words"])
            case "progress" if data["total"]:
                self._part(data["done"] / data["total"], f"{data['phase']} {data['done']} of {data['total']}")
            case "answer" if data["failed"]:
                self._end(f"{data['name']} refused: {data['text']}")

    def _begin(self, words: str) -> None:
        self._settle()
        self._part(None)
        with self._list, tag("li", None, "now") as item:
            sign = tag("span", "●", "sign", aria_hidden="true")
            self._line = _Line(words, sign, tag("span", words), item)
        retext(self._status, words)
        self._count += 1
        if self._count > SHOWN:
            self._list.remove(0)

    def _end(self, told: str) -> None:
        if told and self._line is not None:
            retext(self._line.words, f"{self._line.doing}: {without_boxes(told)}")
        self._settle()
        self._part(None)

    def _settle(self) -> None:
        if self._line is not None:
            self._line.item.classes(remove="now")
            retext(self._line.sign, "✓")
            self._line = None

    def _part(self, share: float | None, words: str = "") -> None:
        """Show how far a step is; None where nothing is known."""
        self._bar.set_visibility(share is not None)
        if share is not None:
            percent = round(100 * share)
            self._fill.style(f"width: {percent}%")
            self._bar.props["aria-valuenow"] = percent
            self._bar.props["aria-valuetext"] = words
