"""What files of earlier versions of the program call by another name; they are still read."""

from __future__ import annotations

from typing import Any

RENAMED = {"unet_evaluations": "model_evaluations"}


def renamed(value: Any) -> Any:
    """Return JSON-like data with today's names for its keys, however deep they lie."""
    if isinstance(value, dict):
        return {RENAMED.get(key, key): renamed(below) for key, below in value.items()}
    if isinstance(value, list):
        return [renamed(below) for below in value]
    return value
