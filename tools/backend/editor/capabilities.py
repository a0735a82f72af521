"""What each kind of engine can do. Apart from the engines, as it is asked for before anything heavy is imported."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.backend.protocol import Capabilities

if TYPE_CHECKING:
    from configs.settings import InpaintSettings, InstructSettings, ServiceEditorSettings

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


def inpaint(settings: InpaintSettings) -> Capabilities:
    """Return what an inpainting pipeline can do: anything that can be said."""
    return Capabilities(OPERATIONS, needs=frozenset({"mask", "boxes"}), best_side=settings.side)


def instruct(settings: InstructSettings | ServiceEditorSettings) -> Capabilities:
    """Return what a pipeline that follows instructions can do: anything that can be said."""
    return Capabilities(OPERATIONS, needs=frozenset({"mask", "boxes", "instruction"}), best_side=settings.side)
