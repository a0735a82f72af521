"""What no file of a run may say: which secrets and which places of this machine, by its settings.

The taking out itself is `tools.redaction`; a `RunFolder` carries the redactor to everything that writes into it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.redaction import Redactor, environment_secrets, login_secrets

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from agent.run.folder import RunFolder
    from configs.settings import Settings


SECRET = ("api_key", "token")  # names of settings


def is_secret(setting: str) -> bool:
    """Return whether a setting, by its dotted name, is one that nobody may read."""
    return setting.rpartition(".")[2] in SECRET or setting in ("storage", "storage.url")


def hiding(folder: RunFolder, settings: Settings) -> RunFolder:
    """Return the folder with a redactor for what its files must not say when a run with ``settings`` writes them."""
    named = [Path(text) for text in _texts(settings.model_dump(mode="json"))]
    models = {str(path): path.name for path in named if path.is_absolute()}
    home = os.path.expanduser("~")  # noqa: PTH111 - Path.home() raises where there is none
    places = models | {str(folder.path.resolve()): ".", str(Path.cwd()): ".", home: "~"}
    known = Redactor((*secrets_of(settings), *environment_secrets()), tuple(places.items()))
    return folder.with_redactor(known)


def secrets_of(settings: Settings) -> tuple[str, ...]:
    """Return what the settings hold that nobody may read: the key, the token, and logins in addresses."""
    worker = settings.backend
    held = (settings.chat.api_key, worker.token if worker else None, settings.storage.url)
    addresses = (settings.chat.base_url, worker.url if worker else None)
    stored = settings.storage.url.get_secret_value() if settings.storage.url else None
    logins = [login for address in (*addresses, stored) for login in login_secrets(address)]
    return (*(secret.get_secret_value() for secret in held if secret), *logins)


def recordable(overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return overrides as run.json may keep them, to be given again on a resume: without keys and logins.

    Where sessions are kept is no part of a session.
    """
    own = {name: value for name, value in overrides.items() if name.partition(".")[0] != "storage"}
    kept: dict[str, Any] = _recordable(own)
    return kept


def shown_settings(settings: Settings) -> dict[str, Any]:
    """Return settings as a record keeps them, to be looked at; where sessions are kept is no part of it."""
    tree: dict[str, Any] = shown(settings.model_dump(mode="json", exclude={"storage"}))
    return tree


def shown(tree: Any) -> Any:
    """Return settings as they may be shown: no secret, no absolute path, no login in an address."""
    if isinstance(tree, dict):
        return {key: None if is_secret(key) else shown(value) for key, value in tree.items()}
    if isinstance(tree, str) and Path(tree).is_absolute():
        return Path(tree).name
    return _without_login(tree)


def _recordable(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _recordable(item) for key, item in value.items() if not is_secret(str(key))}
    return _without_login(value)


def _without_login(value: Any) -> Any:
    if not isinstance(value, str) or "://" not in value:
        return value
    scheme, _, rest = value.partition("?")[0].partition("://")
    place, slash, path = rest.partition("/")
    return f"{scheme}://{place.rpartition('@')[2]}{slash}{path}"


def _texts(tree: Any) -> Iterator[str]:
    if isinstance(tree, str):
        yield tree
    for item in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, (list, tuple)) else ():
        yield from _texts(item)
