"""One step of a trace: its picture, what went in and came out, the exact messages, and what can be done from there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nicegui import ui

from agent.trace.wording import duration, pretty
from agent.web.page.dom import button, tag
from agent.web.page.errors import notify
from agent.web.page.picture_view import PictureView
from agent.web.page.shell import chip
from agent.web.page.verdict import lines_of, verdict_list

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.web.page.spans import Scene, Span

KINDS = {
    "turn": "request",
    "round": "round",
    "node": "node of the graph",
    "llm": "language model call",
    "tool": "tool call",
    "backend": "backend call",
}
MOST_MARKS = 300  # matches that are highlighted in one text
SECRET = ("api_key", "headers")


@dataclass(frozen=True)
class Place:
    """Where a run is: the address of a step, and of a picture with its size (None for one that is gone)."""

    link_to: Callable[[str], str]
    picture: Callable[[str], tuple[str, tuple[int, int]] | None]
    links: tuple[tuple[str, str, str], ...] = ()
    """Words, address and icon."""
    replay: Callable[[int], Any] | None = None
    """Opens what asks for the setting to change from a step on."""


def show_span(span: Span, record: dict[str, Any], place: Place, query: str) -> None:
    """Draw a step; what ``query`` matches is highlighted."""
    with tag("div", None, "row wrap"):
        tag("i", None, f"dot {span.kind}")
        tag("h2", KINDS[span.kind])
        if span.failed:
            chip("failed" if span.kind != "turn" else "not agreed", "bad")
        tag("span", None, "grow")
        button("Copy link", lambda: _copy(place.link_to(span.id)), "small quiet", "link")
        if place.replay is not None and span.kind == "node" and span.step is not None:
            button("Replay from here", lambda: place.replay and place.replay(span.step or 0), "small", "replay")
    marked("h3", span.name, query)
    if span.note:
        marked("p", span.note, query, "error" if span.failed else "soft")
    _facts(span, record)
    if span.scene.image:
        _scene(span.scene, place)
    if span.messages:
        with tag("section"):
            tag("h2", f"What the model was shown ({len(span.messages)} messages)")
            for message in span.messages:
                _message(message, query)
    for title, value in ((_title_of_inputs(span), span.inputs), (_title_of_outputs(span), span.outputs)):
        if value not in (None, {}, ""):
            with tag("section"):
                tag("h2", title)
                marked("pre", pretty(value), query, "text", tabindex=0)


def marked(name: str, text: str, query: str, style: str = "", **attributes: Any) -> None:
    """Draw a text in an element called ``name``, with every match of ``query`` in a mark."""
    query = query.strip()
    if not query:
        tag(name, text, style, **attributes)
        return
    with tag(name, None, style, **attributes):
        pieces = re.split(f"({re.escape(query)})", text, maxsplit=MOST_MARKS, flags=re.IGNORECASE)
        for at, piece in enumerate(pieces):
            if piece:
                tag("mark" if at % 2 else "span", piece)


def _facts(span: Span, record: dict[str, Any]) -> None:
    facts: dict[str, Any] = {}
    if span.start is not None:
        facts["began after"] = duration(span.start)
    if span.seconds is not None:
        facts["took"] = duration(span.seconds)
    facts |= {key: value for key, value in span.facts.items() if value is not None}
    if span.kind == "llm":
        chat = (record.get("settings") or {}).get("chat") or {}
        facts |= {
            key.replace("_", " "): value
            for key, value in chat.items()
            if key not in SECRET and key != "model" and value not in (None, "", {}, [])
        }
    with tag("dl", None, "facts"):
        for key, value in facts.items():
            with tag("div"):
                tag("dt", key)
                tag("dd", f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value))


def _scene(scene: Scene, place: Place) -> None:
    found = place.picture(scene.image or "")
    if found is None:
        tag("p", "The picture of this step is gone.", "soft")
        return
    src, size_wh = found
    with tag("section"):
        view = PictureView(src, size_wh, f"The picture at this step, with {len(scene.boxes)} objects")
        view.objects(scene.boxes)
        region = place.picture(scene.region) if scene.region else None
        with tag("div", None, "row wrap"):
            _switch("Boxes", True, lambda on: view.set(showObjects=on))
            if region:
                _switch("Where the edit was free", False, lambda on: view.set(overlays=[region[0]] if on else []))
        if scene.results:
            verdict_list(lines_of(scene.results), view.light)


def _switch(words: str, checked: bool, do: Callable[[bool], Any]) -> None:
    with tag("label", None, "switch"):
        box = tag("input", type="checkbox", checked=checked)
        box.on("change", lambda event: do(bool(event.args)), js_handler="(e) => emit(e.target.checked)")
        tag("span", words)


def _message(message: dict[str, Any], query: str) -> None:
    role = str(message.get("role", ""))
    with tag("div", None, f"message {role if role in ('human', 'ai', 'tool', 'system') else ''}"):
        with tag("div", None, "row"):
            tag("h2", role if role != "tool" else f"tool: {message.get('name') or ''}")
            tag("span", f"{len(str(message.get('content', ''))):,} characters", "soft")
        if message.get("content"):
            marked("pre", str(message["content"]), query, "text", tabindex=0)
        if message.get("tool_calls"):
            marked("pre", pretty(message["tool_calls"]), query, "text", tabindex=0)


def _copy(path: str) -> None:
    ui.run_javascript(f"navigator.clipboard.writeText(location.origin + {path!r})")
    notify("The link to this step is copied.")


def _title_of_inputs(span: Span) -> str:
    return "Arguments" if span.kind == "tool" else "The state before"


def _title_of_outputs(span: Span) -> str:
    return {"llm": "Answer", "tool": "Answer", "turn": "Result"}.get(span.kind, "What it wrote to the state")
