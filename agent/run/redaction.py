"""What no file may say: secrets, and where things are on this machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from tools.scene.box import Box

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from agent.run.folder import RunFolder
    from configs.settings import Settings


def hide_of(folder: RunFolder, settings: Settings) -> dict[str, str]:
    """Return what no file in the folder may say: secrets, and where things are on this machine; with stand-ins."""
    key = settings.chat.api_key
    secrets = {key.get_secret_value(): "***"} if key else {}
    named = [Path(text) for text in _texts(settings.model_dump(mode="json"))]
    models = {str(path): path.name for path in named if path.is_absolute()}
    home = os.path.expanduser("~")  # noqa: PTH111 - Path.home() raises where there is none
    return secrets | models | {str(folder.path.resolve()): ".", str(Path.cwd()): ".", home: "~"}


def without(value: Any, hide: Mapping[str, str]) -> Any:
    """Return a value of the state with stand-ins for the texts of ``hide``."""
    if isinstance(value, str):
        for text, stand_in in hide.items():
            value = value.replace(text, stand_in)
        return value
    if isinstance(value, dict):
        return {without(key, hide): without(item, hide) for key, item in value.items()}
    if isinstance(value, (list, tuple)) and not isinstance(value, Box):
        return type(value)(without(item, hide) for item in value)
    if isinstance(value, BaseModel):  # messages, and the values of a state
        return value.model_copy(update=without(dict(value), hide))
    return value


def _texts(tree: Any) -> Iterator[str]:
    if isinstance(tree, str):
        yield tree
    for item in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, (list, tuple)) else ():
        yield from _texts(item)


def shown(tree: Any) -> Any:
    """Return settings as they may be shown: no secret, no absolute path, no login in an address."""
    if isinstance(tree, dict):
        return {key: None if key == "api_key" else shown(value) for key, value in tree.items()}
    if isinstance(tree, str) and Path(tree).is_absolute():
        return Path(tree).name
    if isinstance(tree, str) and "://" in tree and "@" in tree:
        scheme, _, rest = tree.partition("://")
        return f"{scheme}://{rest.rpartition('@')[2]}"
    return tree
