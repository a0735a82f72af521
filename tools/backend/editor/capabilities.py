"""What each kind of engine can do. Apart from the engines, as it is asked for before anything heavy is imported."""

from __future__ import annotations

from tools.backend.protocol import Capabilities

OPERATIONS = frozenset({"add", "remove", "move", "restyle", "replace", "adjust"})
GROUNDED = Capabilities(OPERATIONS, needs=frozenset({"mask", "boxes"}))


def paste() -> Capabilities:
    """Return what the engine that cuts and fills can do."""
    from tools.backend.editor.recolour import WORDS

    return Capabilities(
        OPERATIONS,
        generates=False,
        draws=frozenset(),
        attributes=WORDS,
        needs=frozenset({"mask", "boxes"}),
        copies=True,
    )
