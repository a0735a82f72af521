"""Keys of a page: one table, that binds them and shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nicegui import ui

from agent.web.page.dom import tag
from agent.web.page.sheet import sheet

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from nicegui.element import Element

    Keys = Mapping[str, tuple[str, Callable[[], Any]]]

EVENT = "studio-key"
# Keys belong to a field while one is being written in, and to a box of the picture while it has the focus.
PRESSED = """(event) => {
  const at = event.target;
  if (at.closest("input, textarea, select, dialog, [role=application]") || event.altKey) return;
  const mod = event.ctrlKey || event.metaKey, key = event.key.toLowerCase();
  const name = (mod ? "mod+" : "") + (mod && event.shiftKey ? "shift+" : "") + key;
  if (%s.includes(name)) { event.preventDefault(); emitEvent("studio-key", name); }
}"""


def bind_keys(keys: Keys) -> None:
    """Call what a key is for when it is pressed; "?" shows the table, "mod" is Ctrl or Command."""
    place = tag("div")
    ui.on(EVENT, lambda event: _press(str(event.args), keys, place))
    ui.run_javascript(f"document.addEventListener('keydown', {PRESSED % [*keys, '?']})")


def _press(name: str, keys: Keys, place: Element) -> Any:
    if name == "?":
        _show(keys, place)
        return None
    return keys[name][1]() if name in keys else None


def _show(keys: Keys, place: Element) -> None:
    with place, sheet("Keys"), tag("dl", None, "keys"):
        for name, (words, _) in keys.items():
            with tag("dt"):
                tag("kbd", name.replace("mod", "Ctrl").replace("shift", "Shift").replace("+", " "))
            tag("dd", words)
