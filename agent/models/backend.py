"""The backend that the settings ask for. Knows nothing of what is done with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from configs.settings import Settings
    from tools.backend.local import LocalBackend


def make_backend(settings: Settings) -> LocalBackend:
    """Return the backend; it loads its models when they are first used."""
    from tools.backend.local import LocalBackend  # torch is not needed to look at a session or a run

    return LocalBackend(settings)
