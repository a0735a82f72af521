"""The backend that the settings ask for. Knows nothing of what is done with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.backend.local import LocalBackend

if TYPE_CHECKING:
    from configs.settings import Settings


def make_backend(settings: Settings) -> LocalBackend:
    """Return the backend; it loads its models when they are first used, and begins to import their libraries now."""
    backend = LocalBackend(settings)
    backend.prepare()
    return backend
