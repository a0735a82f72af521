"""Which settings a call is made with: the client's numbers with the worker's models.

Client and worker have the same preset. Numbers (steps, thresholds, sizes) may differ, as ``--set`` and a batch item
change them; what names a model, a file or words may not, so that no client makes a worker load anything of its own.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from configs.settings import Settings
from tools.backend.protocol import BackendError

if TYPE_CHECKING:
    from collections.abc import Iterator

PARTS = ("detector", "segmenter", "generator", "editor", "inpainter", "refiner")
WORKERS = frozenset({"device", "dtype", "offload", "threads"})
"""Settings that are the worker's alone: where and how its models run."""


@dataclass(frozen=True)
class Terms:
    """Settings as both sides call them."""

    settings: Settings
    parts: dict[str, Any]
    id: str

    @classmethod
    def of(cls, settings: Settings) -> Terms:
        """Describe settings."""
        parts = described(settings)
        return cls(settings, parts, terms_id(parts))

    @property
    def models(self) -> str:
        """What identifies the models: the same for settings that differ in numbers only."""
        return terms_id(_without_numbers(self.parts))


def described(settings: Settings) -> dict[str, Any]:
    """Return the parts of the settings that a backend depends on, as plain values."""
    tree = settings.model_dump(mode="json", include=set(PARTS))
    return {
        name: None if part is None else {key: value for key, value in part.items() if key not in WORKERS}
        for name, part in tree.items()
    }


def terms_id(parts: Any) -> str:
    """Return what identifies such parts.

    Raises:
        BackendError: they are no plain values.
    """
    try:
        text = json.dumps(parts, sort_keys=True)
    except (TypeError, ValueError, RecursionError):
        raise BackendError("the settings hold something else than texts, numbers, lists and maps") from None
    return hashlib.sha256(text.encode()).hexdigest()


def agreed(own: Settings, parts: Any) -> Settings:
    """Return a worker's ``own`` settings with the numbers of a client's parts.

    Raises:
        BackendError: the parts name other models or words than the worker has, or a number that is none.
    """
    if not isinstance(parts, dict) or set(parts) != set(PARTS):
        raise BackendError(f"expected the settings of {', '.join(PARTS)}: give the whole preset")
    mine = described(own)
    for name in PARTS:
        for key, theirs, ours in _differences(parts[name], mine[name]):
            if not (_is_number(theirs) and _is_number(ours)):
                raise BackendError(
                    f"your preset has {name}{key} {_shown(theirs)} and the worker's has {_shown(ours)}: use the same "
                    "preset on both sides (only numbers may differ)"
                )
    tree = own.model_dump(mode="json", include=set(PARTS))
    changed = {name: part and part | parts[name] for name, part in tree.items()}
    try:
        valid = Settings.model_validate(changed)
    except ValidationError as error:
        raise BackendError(f"these settings are not valid: {error.errors()[0]['msg']}") from None
    return own.model_copy(update={name: getattr(valid, name) for name in PARTS})


def _differences(theirs: Any, ours: Any) -> Iterator[tuple[str, Any, Any]]:
    if not (isinstance(theirs, dict) and isinstance(ours, dict)):
        if theirs != ours:
            yield "", theirs, ours
        return
    for key in sorted({*theirs, *ours}):
        if theirs.get(key) != ours.get(key) or (key in theirs) != (key in ours):
            yield f".{key}", theirs.get(key), ours.get(key)


def _without_numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_numbers(part) for key, part in value.items()}
    return None if _is_number(value) else value


def _is_number(value: Any) -> bool:
    if isinstance(value, list):
        return all(_is_number(item) for item in value)
    return value is None or isinstance(value, int | float)


def _shown(value: Any) -> str:
    return repr(value)[:120]
