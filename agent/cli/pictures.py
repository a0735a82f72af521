"""Pictures inside the terminal, where it can draw them: kitty's protocol, or sixels (iTerm2, WezTerm, foot, ...).

What draws is `textual-image`, an extra. Nothing happens without it, on a terminal that has neither protocol, or
where nobody looks.
"""

from __future__ import annotations

import os
import sys
from functools import cache
from typing import TYPE_CHECKING, Any

from rich.console import Console

if TYPE_CHECKING:
    from pathlib import Path

CELLS = 48  # columns that a picture takes at most
OFF = "SLD_PICTURES"  # an environment variable; "0" draws none


def draw_inline(path: Path) -> bool:
    """Draw a picture at the cursor; return whether this terminal can."""
    kind = _kind()
    if kind is None:
        return False
    # pixels of our own, and the sequences that carry them: they do not go through the console that cleans texts
    console = Console(file=sys.stdout)
    console.print(kind(path, width=min(CELLS, console.width - 1), height="auto"))
    return True


@cache
def _kind() -> Any:
    """Return what draws on this terminal; importing it asks the terminal, so that is done once."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()) or os.environ.get("TERM") == "dumb":
        return None
    if os.environ.get(OFF) == "0":
        return None
    try:
        from textual_image.renderable import Image, SixelImage, TGPImage
    except ImportError:
        return None
    return Image if Image in (SixelImage, TGPImage) else None
