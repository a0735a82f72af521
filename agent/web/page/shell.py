"""The frame around every page: the way to the others, light and dark, and what a browser is told before it paints."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from nicegui import ui

from agent.web.page.dom import button, draw_icon, link, tag

if TYPE_CHECKING:
    from collections.abc import Iterator

PLACES = (
    ("talk", "Talk", "/"),
    ("gallery", "Gallery", "/gallery"),
    ("inspect", "Inspect", "/inspect"),
    ("cost", "Cost", "/cost"),
)
# Before the first paint: a page that flashes white in the dark is worse than a line of script.
THEME = "<script>document.documentElement.dataset.theme = localStorage.getItem('theme') || ''</script>"
# Enter sends what is written, Shift+Enter begins a line, Escape leaves the field to the page's keys.
ENTER = """(event) => {
  if (event.key === "Escape") event.target.blur();
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  event.target.form.requestSubmit();
}"""
TURN_THEME = """() => {
  const page = document.documentElement, dark = getComputedStyle(page).colorScheme === "dark"
    || (!page.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
  page.dataset.theme = dark ? "light" : "dark";
  localStorage.setItem("theme", page.dataset.theme);
}"""


@contextmanager
def frame(current: str, title: str, style: str = "page inner") -> Iterator[None]:
    """Draw the frame; what is made inside is the page."""
    ui.page_title(f"{title} · sld" if title else "sld")
    ui.add_head_html(f"{THEME}<style>{style_sheet()}</style>")
    with tag("div", None, "app"):
        with tag("nav", None, "rail", aria_label="Places"):
            with link("", "/", "brand", aria_label="sld, begin anew"):
                tag("i")
            for name, words, to in PLACES:
                link(words, to, icon=name, aria_current="page" if name == current else None)
            tag("span", None, "grow")
            theme = button("Theme", icon="theme", aria_label="Light or dark")
            theme.on("click", js_handler=TURN_THEME)
        with tag("div", None, style):
            yield


@cache
def style_sheet() -> str:
    """Return the page's CSS."""
    return (files("agent.web.page") / "static" / "studio.css").read_text(encoding="utf-8")


def empty(icon: str, title: str, words: str) -> None:
    """Draw what stands where there is nothing yet: what this place is for, and how to fill it."""
    with tag("div", None, "empty"):
        draw_icon(icon)
        tag("h2", title)
        tag("p", words)


def chip(text: str, tone: str = "", **attributes: str) -> None:
    """Draw a short fact; ``tone`` is "good", "bad", "open", "accent" or nothing."""
    tag("span", text, f"chip {tone}", **attributes)


def outcome_tone(exit: str, agreed: bool) -> str:
    """Return the tone of how a turn or a run ended."""
    if agreed or exit == "answered":
        return "good"
    return "" if exit in ("", "running", "waiting", "queued") else "bad"
