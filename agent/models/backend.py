"""The backend that the settings ask for. Knows nothing of what is done with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.models.preset_choice import missing_libraries, missing_networks, missing_packages
from configs.errors import SettingsError
from tools.backend.local import LocalBackend

if TYPE_CHECKING:
    from configs.settings import Settings
    from tools.backend.remote.client import RemoteBackend
    from tools.backend.together import Together


def make_backend(settings: Settings, together: Together | None = None) -> LocalBackend | RemoteBackend:
    """Return the backend: a worker's models where ``backend.url`` names one, else those of this process.

    Models are loaded, and a worker is asked, when they are first used; the models' libraries are imported from now on.
    ``together`` has the models of this process compute for several calls at a time.

    Raises:
        SettingsError: the models would run here, and their libraries or their files' runtimes are not installed.
    """
    if settings.backend is not None:
        from tools.backend.remote.client import RemoteBackend

        return RemoteBackend(settings)
    if missing := missing_libraries(settings):
        raise SettingsError(
            f"the models need {missing[0]}, which is not installed: pip install {' '.join(missing)}, or set "
            "backend.url to a worker that has them"
        )
    if lacking := missing_packages(settings):
        commands = "; ".join((*lacking, *missing_networks(settings)))
        raise SettingsError(f"the settings name networks whose runtimes are not on this machine: {commands}")
    backend = LocalBackend(settings, together)
    backend.prepare()
    return backend
