"""How layouts and verdicts show themselves in a notebook: plain HTML, every text escaped, no script, nothing loaded."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tools.scene.layout import Layout

WIDTH = 320  # pixels of a drawn layout
MARKS = {True: ("✓", "#1a7f37"), False: ("✗", "#cf222e"), None: ("?", "#9a6700")}


def verdict_html(results: Iterable[tuple[bool | None, str]]) -> str:
    """Return a list with a mark for each result: whether it passed (None: not checked) and the reason."""
    rows = []
    for passed, reason in results:
        mark, colour = MARKS[passed]
        rows.append(
            f'<li style="list-style:none"><b style="color:{colour};display:inline-block;width:1.4em">{mark}</b>'
            f"{safe(reason)}</li>"
        )
    return f'<ul style="margin:0;padding:0">{"".join(rows)}</ul>'


def layout_html(layout: Layout) -> str:
    """Return a drawing of the boxes with their ids, on a square that stands for the picture."""
    parts = []
    for placed in layout.objects:
        x, y, width, height = (round(value * WIDTH, 1) for value in placed.box)
        tone = f"hsl({crc32(placed.id.encode()) % 360} 70% 40%)"
        parts.append(
            f'<rect x="{x}" y="{y}" width="{width}" height="{height}" fill="{tone}" fill-opacity="0.15" '
            f'stroke="{tone}" stroke-width="2"><title>{safe(placed.phrase)}</title></rect>'
            f'<text x="{x + 4}" y="{y + 14}" font-size="12" font-family="sans-serif" fill="{tone}">'
            f"{safe(placed.id)}</text>"
        )
    background = f"<figcaption>{safe(layout.background)}</figcaption>" if layout.background else ""
    return (
        f'<figure style="margin:0"><svg viewBox="0 0 {WIDTH} {WIDTH}" width="{WIDTH}" height="{WIDTH}" role="img" '
        f'aria-label="{safe(", ".join(layout.ids)) or "no objects"}" style="background:#fff;border:1px solid #ccc">'
        f"{''.join(parts)}</svg>{background}</figure>"
    )


def safe(text: str) -> str:
    """Return a text as HTML shows it, controls left out."""
    return escape("".join(character for character in text if character.isprintable() or character == "\n"))
