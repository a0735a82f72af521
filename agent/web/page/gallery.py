"""Gallery: every conversation and run with its picture; to be found again, and put aside so that it can be undone."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from agent.web.page.dom import button, draw_icon, link, retext, tag
from agent.web.page.errors import saying
from agent.web.page.shell import chip, empty, outcome_tone

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from nicegui.element import Element

    from agent.studio.studio import Studio
    from agent.studio.views import Summary

FIRST = 120  # tiles that are drawn; a search finds the others
WAIT = 0.2  # s without a key, then a search begins


@dataclass
class Wanted:
    """What is looked for; empty means all."""

    text: str = ""
    kind: str = ""
    result: str = ""
    """"agreed", "not agreed", "waiting", or the name of an exit."""
    preset: str = ""
    since: str = ""
    """A date, YYYY-MM-DD."""

    def fits(self, summary: Summary) -> bool:
        """Whether a session or run is among what is looked for."""
        said = f"{summary.text} {summary.last} {summary.name}".casefold()
        results = {
            "agreed": summary.agreed is True,
            "not agreed": summary.agreed is False,
            "waiting": summary.status == "waiting",
        }
        day = datetime.fromtimestamp(summary.changed, UTC).date().isoformat()
        return (
            all(word in said for word in self.text.casefold().split())
            and self.kind in ("", summary.kind)
            and (not self.result or results.get(self.result, summary.exit == self.result))
            and self.preset in ("", summary.preset)
            and self.since <= day
        )


class Gallery:
    """The page. ``summaries`` are what there is, the newest first."""

    def __init__(self, studio: Studio, summaries: Sequence[Summary]) -> None:
        self._studio, self._all, self._wanted = studio, list(summaries), Wanted()
        self._marked: list[str] = []

    def draw(self) -> None:
        """Draw the page."""
        with tag("div", None, "page-head"):
            tag("h1", "Gallery")
            self._count = tag("span", "", "soft", role="status")
            tag("span", None, "grow")
            self._compare = link("Compare two", "/compare", "btn", "compare")
            link("New", "/", "btn primary", "new")
        self._filters()
        with tag("div") as self._root:
            self._tiles = tag("div", None, "tiles")
            self._toast = tag("div")
        self._draw_tiles()

    def update(self, summaries: Sequence[Summary]) -> None:
        """Show what has come, gone or ended since; nothing is drawn again where all is as it was."""
        if list(summaries) != self._all:
            self._all = list(summaries)
            self._draw_tiles()

    def _filters(self) -> None:
        exits = sorted({one.exit.replace("_", " ") for one in self._all if one.exit and one.exit != "agreed"})
        with tag("div", None, "filters", role="search"):
            with tag("div", None, "with-icon"):
                draw_icon("search")
                field = tag(
                    "input", None, "field", type="search", placeholder="Search what was said", aria_label="Search"
                )
                field.on(
                    "input",
                    lambda event: self._want(text=str(event.args)),
                    js_handler="(e) => emit(e.target.value)",
                    throttle=WAIT,
                    leading_events=False,
                )
            self._choice("Kind", "kind", (("", "Sessions and runs"), ("session", "Sessions"), ("run", "Runs")))
            results = [
                ("", "Any result"),
                ("agreed", "Agreed"),
                ("not agreed", "Not agreed"),
                ("waiting", "Waiting for me"),
            ]
            self._choice(
                "Result", "result", [*results, *((name.replace(" ", "_"), name.capitalize()) for name in exits)]
            )
            presets = sorted({one.preset for one in self._all if one.preset})
            self._choice("Preset", "preset", [("", "Any preset"), *((name, name) for name in presets)])
            date = tag("input", None, "field", type="date", aria_label="Changed since", title="Changed since")
            date.on("change", lambda event: self._want(since=str(event.args)), js_handler="(e) => emit(e.target.value)")

    def _choice(self, words: str, name: str, options: Sequence[tuple[str, str]]) -> None:
        with tag("select", None, "field", aria_label=words) as field:
            for value, shown in options:
                tag("option", shown, value=value)
        field.on(
            "change", lambda event: self._want(**{name: str(event.args)}), js_handler="(e) => emit(e.target.value)"
        )

    def _want(self, **changes: str) -> None:
        for name, value in changes.items():
            setattr(self._wanted, name, value)
        self._draw_tiles()

    def _draw_tiles(self) -> None:
        found = [one for one in self._all if self._wanted.fits(one)]
        retext(self._count, f"{len(found)} of {len(self._all)}" if len(found) != len(self._all) else str(len(found)))
        self._tiles.clear()
        with self._tiles:
            for summary in found[:FIRST]:
                draw_tile(summary, self._delete)
        if not found:
            self._tiles.classes(add="none")
            with self._tiles:
                if self._all:
                    empty("search", "Nothing fits", "No session and no run is like that. Take a filter away.")
                else:
                    empty(
                        "gallery",
                        "Nothing here yet",
                        "Whatever you make is kept here: every picture, every turn, every branch.",
                    )
        else:
            self._tiles.classes(remove="none")

    async def _delete(self, summary: Summary) -> None:
        with self._root, saying():  # the button that was pressed is gone by then
            await asyncio.to_thread(self._studio.delete, summary.name)
            self._all = [one for one in self._all if one.name != summary.name]
            self._draw_tiles()
            self._offer_undo(summary)

    def _offer_undo(self, summary: Summary) -> None:
        self._toast.clear()
        with self._toast, tag("div", None, "toast", role="status"):
            tag("span", f"Deleted: {summary.text or summary.name}", "ellipsis")
            undo = button("Undo", lambda: self._undelete(summary), "small")
            button("", self._toast.clear, "small", "close", aria_label="Dismiss")
        undo.client.run_javascript(f"getHtmlElement({undo.id})?.focus()")

    async def _undelete(self, summary: Summary) -> None:
        with self._root, saying():
            await asyncio.to_thread(self._studio.undelete, summary.name)
            self._all = sorted(
                [*(one for one in self._all if one.name != summary.name), summary], key=lambda one: -one.changed
            )
            self._toast.clear()
            self._draw_tiles()


def draw_tile(summary: Summary, delete: Callable[[Summary], Any] | None = None, to: str = "") -> Element:
    """Draw a session or run with its picture, its words and how it ended; ``to`` is where it leads instead."""
    with tag("article", None, "tile") as tile:
        with tag("a", None, "cover", href=to or address(summary), aria_label=summary.text or summary.name):
            with tag("span", None, "look"):
                if summary.picture:
                    src = f"/api/sessions/{quote(summary.name)}/thumbnails/{summary.picture}.png"
                    tag("img", None, "thumb", src=src, alt="", loading="lazy")
                else:
                    draw_icon("gallery")
            with tag("span", None, "text"):
                tag("span", summary.text or summary.name, "title")
                with tag("span", None, "meta"):
                    _result(summary)
                    tag("span", ago(summary.changed))
        if delete is not None:
            button(
                "",
                lambda: delete(summary),
                "square corner",
                "trash",
                aria_label=f"Delete: {summary.text or summary.name}",
            )
    return tile


def address(summary: Summary) -> str:
    """Return where a session is talked to, or a run is looked at."""
    place = "talk" if summary.kind == "session" and summary.status != "unreadable" else "inspect"
    return f"/{place}/{quote(summary.name)}"


def ago(moment: float, now: datetime | None = None) -> str:
    """Say how long ago a moment (seconds since 1970) was."""
    seconds = (now or datetime.now(UTC)).timestamp() - moment
    for size, word in ((86400 * 7, ""), (86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            if not word:
                return f"{datetime.fromtimestamp(moment, UTC):%d %b %Y}"
            return f"{int(seconds // size)} {word} ago"
    return "just now"


def _result(summary: Summary) -> None:
    if summary.work is not None:
        chip("queued" if summary.work.doing == "queued" else "working", "accent")
    elif summary.status in ("waiting", "unfinished", "failed", "unreadable"):
        chip(summary.status, "bad" if summary.status in ("failed", "unreadable") else "accent")
    elif summary.exit:
        chip(summary.exit.replace("_", " "), outcome_tone(summary.exit, bool(summary.agreed)))
