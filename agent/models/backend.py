"""The backend that the settings ask for. Knows nothing of what is done with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from configs.settings import Settings
    from tools.backend.local import LocalBackend
    from tools.backend.remote.client import RemoteBackend


def make_backend(settings: Settings) -> LocalBackend | RemoteBackend:
    """Return the backend: a worker's models where ``backend.url`` names one, else those of this process.

    Models are loaded, and a worker is asked, when they are first used.

    Raises:
        SettingsError: the models would run here, and their libraries are not installed.
    """
    if settings.backend is not None:
        from tools.backend.remote.client import RemoteBackend

        return RemoteBackend(settings)
    try:
        from tools.backend.local import LocalBackend  # torch is not needed to look at a session or a run
    except ModuleNotFoundError as error:
        if error.name not in ("torch", "diffusers", "transformers"):
            raise
        from configs.errors import SettingsError

        raise SettingsError(
            f"the models need {error.name}, which is not installed: pip install 'sld-agent[models]', or set "
            "backend.url to a worker that has them"
        ) from None
    return LocalBackend(settings)
