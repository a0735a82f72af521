"""Where fetched files of networks lie: a folder that the user names, then the cache of this account.

The environment variable ``SLD_WEIGHTS`` names a folder laid out as ``SET/FILE``; it is only read.
"""

from __future__ import annotations

import os
from pathlib import Path

SCHEME = "weights:"
VARIABLE = "SLD_WEIGHTS"


class WeightsError(ValueError):
    """A file of a network that is missing, damaged or unknown; the message says what to do."""


class UnknownWeights(WeightsError):
    """A name that the manifest does not have."""


def locate(name: str) -> Path:
    """Return the file that ``weights:SET/FILE`` names.

    Raises:
        WeightsError: it is not a name of that form, or lies nowhere; the message says the command that gets it.
    """
    group, slash, file = name.removeprefix(SCHEME).partition("/")
    if not name.startswith(SCHEME) or not slash or not _plain(group) or not _plain(file):
        raise WeightsError(f"{name!r} names no network's file: write 'weights:SET/FILE', as `sld weights list` does")
    for folder in folders():
        if (folder / group / file).is_file():
            return folder / group / file
    raise WeightsError(f"the network {group}/{file} is not on this machine: get it with `sld weights get {group}`")


def folders() -> tuple[Path, ...]:
    """Return the folders that are looked in, in that order; `cache` is the last."""
    given = os.environ.get(VARIABLE)
    return (*((Path(given).expanduser(),) if given else ()), cache())


def cache() -> Path:
    """Return the folder that fetched files go to; it need not exist."""
    import platformdirs

    return platformdirs.user_cache_path("sld", appauthor=False) / "weights"


def _plain(name: str) -> bool:
    """Return whether it is one name and no path: it becomes part of one."""
    return bool(name) and name not in {".", ".."} and not set(name) & set('/\\:"') and name == name.strip()
