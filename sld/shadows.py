"""Whether somebody else's folder stands where one of this program's packages should be.

The packages have everyday names (``tools``, ``agent``), and Python takes the first one on its path.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

PACKAGES = ("agent", "configs", "evals", "graphs", "iconworld", "prompts", "tools")


def find_shadow() -> str:
    """Return one sentence about the first package that is not this program's own; "" when all are."""
    home = Path(__file__).resolve().parent.parent
    for name in PACKAGES:
        place = _place(name)
        if place is None:
            return f"the package {name!r} is missing from {str(home)!r}: install sld-agent again"
        if place != (home / name).resolve():
            return (
                f"the package {name!r} would come from {str(place)!r}, which shadows sld's own in {str(home)!r}: "
                "rename it, or start from where it is not on Python's path"
            )
    return ""


def _place(name: str) -> Path | None:
    """Return the folder (or the file) that ``import name`` would take, without importing it."""
    if name in sys.modules:
        origin = getattr(sys.modules[name], "__file__", None)
    else:
        spec = find_spec(name)
        origin = spec.origin if spec else None
    if origin is None:  # nothing, or a folder without __init__.py: those never come before a real package
        return None
    path = Path(origin).resolve()
    return path.parent if path.name == "__init__.py" else path
