"""Elements of the page, by name: plain HTML whose texts and attributes are values, never markup.

NiceGUI's own widgets are left aside where HTML has the element: it is lighter, and a screen reader knows it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement

from agent.trace.wording import visible

if TYPE_CHECKING:
    from collections.abc import Callable

    from nicegui.element import Element


def tag(name: str, text: str | None = None, style: str = "", /, **attributes: Any) -> Element:
    """Make an element with a text; ``style`` names its classes, ``aria_label`` becomes ``aria-label``.

    An attribute that is None or False is left out. A text is shown as it stands, whatever is written in it.
    """
    element: Element = ui.element(name) if text is None else TextElement(tag=name, text=visible(text))
    if style:
        element.classes(style)
    for key, value in attributes.items():
        if value is not None and value is not False:
            element.props[key.strip("_").replace("_", "-")] = visible(value) if isinstance(value, str) else value
    return element


def button(
    text: str = "", do: Callable[..., Any] | None = None, style: str = "", icon: str = "", **attributes: Any
) -> Element:
    """Make a button; one with an icon alone needs an ``aria_label``, which is its tooltip too."""
    label = attributes.get("aria_label")
    element = tag("button", None, f"btn {style}", **{"type": "button", "title": label} | attributes)
    with element:
        if icon:
            draw_icon(icon)
        if text:
            tag("span", text)
    if do is not None:
        element.on("click", lambda _: do(), args=[])
    return element


def link(text: str, to: str, style: str = "", icon: str = "", **attributes: Any) -> Element:
    """Make a link within the page."""
    element = tag("a", None, style, href=to, **attributes)
    with element:
        if icon:
            draw_icon(icon)
        if text:
            tag("span", text)
    return element


def draw_icon(name: str) -> Element:
    """Draw one of `ICONS` in the colour of the text around it."""
    with tag("svg", None, "icon", viewBox="0 0 24 24", aria_hidden="true") as element:
        tag("path", d=ICONS[name])
    return element


def retext(element: Element, text: str) -> None:
    """Change the text of an element that was made with one."""
    assert isinstance(element, TextElement)
    element.text = visible(text)


# One stroke path each on a 24 x 24 grid, drawn for this page.
ICONS = {
    "talk": "M4 5h16v11H9l-5 4z",
    "gallery": "M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13 13h7v7h-7z",
    "inspect": "M4 6h9M8 12h12M12 18h8M4 12h.01M8 18h.01",
    "cost": "M4 20h16M6 20v-6M11 20V9M16 20V5",
    "new": "M12 5v14M5 12h14",
    "undo": "M8 4 3 9l5 5M3 9h11a6 6 0 0 1 0 12h-3",
    "redo": "M16 4l5 5-5 5M21 9H10a6 6 0 0 0 0 12h3",
    "retry": "M20 11a8 8 0 1 0-2.3 6.7M20 5v6h-6",
    "tree": "M6 4v16M6 12c8 0 12-2 12-8M4 4h4M16 4h4M4 20h4",
    "download": "M12 4v11M7 11l5 5 5-5M4 20h16",
    "compare": "M12 3v18M4 6h5v12H4zM15 6h5v12h-5z",
    "pick": "M5 3l13 8-6 1.5L9 19z",
    "box": "M4 8V4h4M16 4h4v4M20 16v4h-4M8 20H4v-4",
    "paint": "M14 4l6 6-9 9H5v-6z",
    "layers": "M12 3l9 5-9 5-9-5zM3 13l9 5 9-5",
    "send": "M12 20V5M6 11l6-6 6 6",
    "stop": "M7 7h10v10H7z",
    "close": "M6 6l12 12M18 6L6 18",
    "trash": "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13",
    "search": "M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM16 16l5 5",
    "theme": "M12 3a9 9 0 1 0 0 18zM12 3a9 9 0 0 1 0 18",
    "link": "M10 14a4 4 0 0 0 6 0l3-3a4 4 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6 0l-3 3a4 4 0 0 0 6 6l1-1",
    "replay": "M4 4v16M8 12l12-8v16z",
    "upload": "M12 16V4M7 9l5-5 5 5M4 20h16",
    "check": "M4 12l5 5L20 6",
    "warn": "M12 4l9 16H3zM12 10v4M12 17h.01",
    "more": "M5 12h.01M12 12h.01M19 12h.01",
    "keys": "M3 6h18v12H3zM7 10h.01M11 10h.01M15 10h.01M7 14h10",
}
