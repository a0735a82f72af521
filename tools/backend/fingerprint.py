"""What identifies the settings and weights behind a picture, so that a kept one is not taken for another's.

Knows files, not models: nothing is loaded.
"""

from __future__ import annotations

import functools
import hashlib
import json
from typing import TYPE_CHECKING, Any

from configs.settings import FilePart, Part, Section, Settings
from tools.backend import checkpoints
from tools.backend.network_files import file_of

if TYPE_CHECKING:
    from pathlib import Path

    from tools.backend.protocol import Drawing

PARTS: dict[Drawing, tuple[str, ...]] = {
    "generate": ("generator",),
    "edit": ("editor", "segmenter", "inpainter"),
    "refine": ("refiner",),
}
WHOLE = 64 * 2**20  # bytes up to which a file is read whole ...
PIECES, PIECE = 64, 2**16  # ... and beyond it so many evenly spread pieces of so many bytes
NO_LOOKS = frozenset({"offload", "threads", "turns"})  # settings that change where and how fast, not what


def fingerprint(settings: Settings, drawing: Drawing) -> str:
    """Return a digest of the parts that take part in ``drawing``: their settings and what their files hold.

    Raises:
        BackendError: a part's files are not there.
    """
    parts = {name: getattr(settings, name) for name in PARTS[drawing]}
    described = {name: None if part is None else _described(part) for name, part in parts.items()}
    if drawing == "generate":  # where a picture begins
        described["backdrops"] = {name: one.model_dump(mode="json") for name, one in settings.backdrops.items()} or None
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()


def _described(part: Section) -> dict[str, Any]:
    kept = {key: value for key, value in part.model_dump(mode="json").items() if key not in NO_LOOKS | {"path"}}
    for name in type(part).model_fields:
        if isinstance(within := getattr(part, name), Part):
            kept[name] = _described(within)
    if not isinstance(part, Part):  # an engine without weights of its own
        return kept
    if kept.get("kind") == "openai":  # a server's model is known by its name alone
        return kept | {"model": part.path}
    if kept.get("kind") == "file" or isinstance(part, FilePart):
        return kept | {"weights": [_digest(file_of(part.path))]}
    folder = checkpoints.resolve(part)
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix in {".safetensors", ".json"})
    return kept | {"weights": [(path.relative_to(folder).as_posix(), _digest(path)) for path in files]}


def _digest(path: Path) -> str:
    state = path.stat()
    return _digest_of(path, state.st_size, state.st_mtime_ns)


@functools.cache
def _digest_of(path: Path, size: int, changed: int) -> str:
    """Read a file once in a process, as long as it stays as it is."""
    sums = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        if size <= WHOLE:
            sums.update(file.read())
        else:
            for number in range(PIECES):
                file.seek(max(0, number * (size - PIECE) // (PIECES - 1)))
                sums.update(file.read(PIECE))
    return sums.hexdigest()
