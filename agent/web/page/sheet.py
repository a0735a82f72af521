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
    with tag("dialog", None, "sheet", aria_label=title) as dialog, tag("div", None, "panel"):
        with tag("div", None, "row"):
            tag("h1", title, "grow")
            button("", dialog.delete, "quiet square", "close", aria_label="Close")
        yield dialog.delete
    dialog.on("close", lambda _: dialog.delete(), args=[])
    dialog.on("click", lambda _: dialog.delete(), js_handler=BESIDE)
    dialog.client.run_javascript(f"getHtmlElement({dialog.id})?.showModal()")
