"""What later turns are told about earlier ones: recent turns in full, older ones in a line, and what was taken away.

This is the language model's memory, not the record: nothing is left out of the checkpoints and the trace.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from graphs.state import History
from tools.scene.lexicon import singular

if TYPE_CHECKING:
    from graphs.state import State, TurnSummary
    from tools.scene.layout import Layout, PlacedObject

TURNS_KEPT = 100
IN_FULL = 6  # turns that the model is told in full
IN_A_LINE = 20  # turns before those, of which it is told the instruction only
REMOVED_KEPT = 20
LINE = 80  # characters of an older instruction
_NAMED = re.compile(r"'([^'#]+) #\d+'")


def remember(state: State, turn: TurnSummary, image: str | None, layout: Layout) -> dict[str, Any]:
    """Return ``turns`` and ``history`` with one more turn, which ended with ``image`` and ``layout``."""
    history, before = state["history"], state["before"]
    if before is not None and image != state["first_picture"]:
        # An object that the detector lost sight of was not removed: only what the edits name is.
        gone = [
            placed
            for placed in before.objects
            if placed.id not in layout.ids and any(repr(placed.id) in line for line in turn.done)
        ]
        known = [*history.seen_in, *[""] * len(history.removed)]
        pairs = [pair for pair in zip(history.removed, known, strict=False) if not _is_back(pair[0], before, layout)]
        pairs = [*pairs, *((placed, state["first_picture"] or "") for placed in gone)][-REMOVED_KEPT:]
        history = History(
            removed=tuple(placed for placed, _ in pairs), seen_in=tuple(seen for _, seen in pairs), before=before
        )
    return {"turns": (*state["turns"], turn)[-TURNS_KEPT:], "history": history}


def recall(state: State) -> dict[str, Any]:
    """Return ``recent`` and ``history`` as the prompt for an instruction shows them (JSON types)."""
    turns, history = state["turns"], state["history"].model_dump(mode="json")
    older = turns[:-IN_FULL]
    shown = [*(turn for turn in older if _speaks_of(turn, state["text"])), *turns[-IN_FULL:]][-2 * IN_FULL :]
    recent = [{key: value for key, value in turn.model_dump(mode="json").items() if value} for turn in shown]
    lines = [_shortened(turn.instruction) for turn in older[-IN_A_LINE:]]
    more = len(older) - len(lines)
    return {
        "recent": recent,
        "history": {
            "earlier": [*([f"{more} turns before these"] if more else []), *lines],
            "removed": history["removed"],
            "seen_in": history["seen_in"],
            "before_last_change": history["before"],
        },
    }


def _speaks_of(turn: TurnSummary, text: str) -> bool:
    """Whether a turn did something to what the new text names: "why did you move the dog?" asks for old ones too."""
    words = {singular(word) for word in re.findall(r"[a-z]{3,}", text.lower())}
    return any(name.rpartition(" ")[2] in words for line in turn.done for name in _NAMED.findall(line))


def _is_back(removed: PlacedObject, before: Layout, after: Layout) -> bool:
    """Whether a removed object was put back: something of its name has arrived at its place."""
    arrived = [placed for placed in after.objects if placed.id not in before.ids and placed.name == removed.name]
    return any(placed.box.iou(removed.box) >= 0.5 for placed in arrived)


def _shortened(text: str) -> str:
    return text if len(text) <= LINE else f"{text[: LINE - 1]}…"
