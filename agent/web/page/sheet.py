"""A sheet at the side, over the page: closed by Escape, by its button, or by a click beside it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from agent.web.page.dom import button, tag

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BESIDE = "(event) => event.target === event.currentTarget && emit()"


@contextmanager
def sheet(title: str) -> Iterator[Callable[[], None]]:
    """Open a sheet; what is made inside is in it. Yields what closes it."""
    with (
        tag("div", None, "sheet") as cover,
        tag("div", None, "panel", role="dialog", aria_label=title, aria_modal="true"),
    ):
        with tag("div", None, "row"):
            tag("h1", title, "grow")
            close = button("", cover.delete, "quiet square", "close", aria_label="Close")
        yield cover.delete
    cover.on("click", lambda _: cover.delete(), js_handler=BESIDE)
    cover.on("keydown.esc", lambda _: cover.delete(), args=[])
    close.client.run_javascript(f"getHtmlElement({close.id})?.focus()")
