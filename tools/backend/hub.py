"""What is fetched of a checkpoint's repository on the hub: its configuration, and of its weights those that are used.

Pickle files are never fetched, half precision files where half precision is used, and nothing twice.
"""

from __future__ import annotations

import json
import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from tools.backend.protocol import BackendError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

CONFIGURATION = (".json", ".txt", ".model")
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
INDEX = "model_index.json"  # of a pipeline: which parts it has
GROUNDED_PARTS = ("vae", "unet", "text_encoder", "tokenizer", "scheduler")  # of a GLIGEN checkpoint: no safety checker
HALF = "fp16"  # the variant name of half precision files
_HALF = re.compile(rf"\.{HALF}[.-]")  # "model.fp16.safetensors", "model.fp16-00001-of-00002.safetensors"


def is_half(name: str) -> bool:
    """Return whether a file of weights is a half precision variant, one of several pieces included."""
    return _HALF.search(PurePosixPath(name).name) is not None


def fetch(repository: str, revision: str | None, *, half: bool, weights: bool = True) -> Path:
    """Return the local folder of what is used of a repository; ``weights`` False leaves those for later.

    Raises:
        BackendError: it cannot be fetched and was not before, or has pickles where weights are needed.
    """
    from huggingface_hub import HfApi, snapshot_download

    try:
        files = HfApi().list_repo_files(repository, revision=revision)
        wanted = [name for name in files if name.endswith(CONFIGURATION)]
        folder = Path(snapshot_download(repository, revision=revision, allow_patterns=wanted))
        if not weights:
            return folder
        wanted = choose_files(_named(repository, revision), files, half=half, parts=parts_of(folder))
        return Path(snapshot_download(repository, revision=revision, allow_patterns=wanted))
    except BackendError:
        raise
    except Exception as error:  # noqa: BLE001 - the hub's client lets through whatever its transport raises
        try:  # without the hub, what was fetched before will do
            return Path(snapshot_download(repository, revision=revision, local_files_only=True))
        except (OSError, ValueError):
            raise BackendError(
                f"checkpoint {_named(repository, revision)} is no local folder and cannot be "
                f"fetched from the hub ({type(error).__name__}); check the spelling, the network and access rights"
            ) from None


def parts_of(folder: Path) -> tuple[str, ...] | None:
    """Return which parts of a pipeline's folder are used, by its configuration; None for a model of its own."""
    index, unet = _read(folder / INDEX), _read(folder / "unet" / "config.json")
    if unet.get("attention_type") == "gated":
        return GROUNDED_PARTS
    parts = tuple(name for name, part in index.items() if isinstance(part, list) and part[-1])
    return parts or None


def choose_files(
    repository: str, files: Iterable[str], *, half: bool = False, parts: Collection[str] | None = None
) -> list[str]:
    """Return what to fetch of a repository: configuration, and every weight that is used once.

    ``parts`` are the folders of a pipeline that are used. Of full and half precision copies the one that fits is
    taken where both exist. Single-file copies beside a pipeline's folders are left out, and so is what else lies in
    folders beside a model.

    Raises:
        BackendError: no weights, or a part that has pickles only.
    """
    names = sorted(name for name in files if "non_ema" not in name)
    weights = [name for name in names if name.endswith(".safetensors")]
    if parts is None and INDEX in names:
        parts = {PurePosixPath(name).parts[0] for name in names if "/" in name}
    if parts is not None:
        pickled = _folders(name for name in names if name.endswith(PICKLES)) - _folders(weights)
        if lacking := sorted(pickled & set(parts)):
            raise BackendError(no_safetensors(repository, f"of {', '.join(lacking)} "))
        weights = [name for name in weights if name.partition("/")[0] in parts and "/" in name]
        names = [name for name in names if "/" not in name or name.partition("/")[0] in parts]
    elif any("/" not in name for name in weights):
        weights = [name for name in weights if "/" not in name]
    if not weights:
        raise BackendError(no_safetensors(repository))
    fitting = {PurePosixPath(name).parent for name in weights if is_half(name) == half}
    weights = [name for name in weights if is_half(name) == half or PurePosixPath(name).parent not in fitting]
    return [name for name in names if name.endswith(CONFIGURATION)] + weights


def no_safetensors(repository: str, what: str = "") -> str:
    """Say that a repository has only pickles, and what can be done."""
    return (
        f"checkpoint {repository} has no .safetensors {what}on the hub; pickle weights can run code and are never "
        "loaded: choose another repository or revision, or download it and convert it once with "
        "`sld weights convert FOLDER`"
    )


def _folders(names: Iterable[str]) -> set[str]:
    return {name.partition("/")[0] for name in names if "/" in name}


def _named(repository: str, revision: str | None) -> str:
    return f"{repository!r} (revision {revision or 'newest'})"


def _read(file: Path) -> dict[str, Any]:
    try:
        read = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # whoever loads it will say what is wrong
    return read if isinstance(read, dict) else {}
