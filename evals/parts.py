"""What a measurement needs of a preset, or one sentence about what the preset has instead."""

from __future__ import annotations

from typing import TypeVar

from agent.cli.options import fail

Kind = TypeVar("Kind")


def needed(part: object, kind: type[Kind], section: str) -> Kind:
    """Return a section of the settings, which must be of the kind that the measurement knows.

    Raises:
        UserMistake: it is of another kind, or missing.
    """
    if not isinstance(part, kind):
        found = "nothing" if part is None else f"kind {getattr(part, 'kind', '')!r}"
        fail(f"of a preset with {found} for its {section} this cannot be measured: try --preset iconworld")
    return part
