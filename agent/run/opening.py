"""From the settings to where sessions are kept."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from agent.run.files import Files
from agent.run.storage import RunError
from tools.remote_files import PlaceError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from agent.run.storage import Storage
    from configs.settings import StorageSettings


@contextmanager
def opened_storage(given: StorageSettings, sessions: Path) -> Iterator[Storage]:
    """Yield where the sessions under a folder are kept, for as long as they are used.

    Raises:
        RunError: the database or the place for pictures cannot be used, or their packages are missing.
    """
    if given.url is None:
        yield Files()
        return
    try:
        from agent.run.database import Database
        from agent.run.postgres import Postgres
    except ImportError:
        raise RunError("storage.url needs packages that are not here: pip install 'sld-agent[postgres]'") from None
    try:
        storage = Postgres(
            Database(given.url.get_secret_value(), given.lease), given.pictures or str(sessions / ".pictures")
        )
    except PlaceError as error:
        raise RunError(f"storage.pictures: {error}") from None
    with storage:
        yield storage
