"""Weights in pickle files: read as tensors and nothing else, and written anew as safetensors.

A pickle can run code when it is opened. Torch's ``weights_only`` reader builds tensors and plain containers alone; a
file that holds more is not opened.
"""

from __future__ import annotations

import json
import pickle
from typing import TYPE_CHECKING

import torch
from safetensors.torch import save_file

from tools.backend.hub import PICKLES
from tools.backend.protocol import BackendError
from tools.files import write_text

if TYPE_CHECKING:
    from pathlib import Path

INDEX = ".bin.index.json"  # says which piece of a sharded checkpoint holds which weight


def read_tensors(file: Path) -> dict[str, torch.Tensor]:
    """Return the named tensors of a pickle file, on the CPU.

    Raises:
        BackendError: it cannot be read, is damaged, or holds anything but named tensors.
    """
    try:
        read = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise BackendError(
            f"weights {str(file)!r} are no plain file of tensors, and nothing else is opened, as it could run code; "
            "use a file that holds a state dict, or the safetensors of the same model"
        ) from None
    except (OSError, RuntimeError, EOFError, ValueError, LookupError, TypeError, AttributeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise BackendError(
            f"weights {str(file)!r} cannot be read ({type(error).__name__}: {reason}); the file is damaged, cut short "
            "or no file of weights: restore it"
        ) from None
    if isinstance(read, dict) and isinstance(read.get("state_dict"), dict):
        read = read["state_dict"]
    if not (isinstance(read, dict) and read and all(isinstance(value, torch.Tensor) for value in read.values())):
        raise BackendError(f"weights {str(file)!r} hold something else than named tensors; use a file of a state dict")
    return {str(name): value for name, value in read.items()}


def convert(folder: Path) -> list[Path]:
    """Write safetensors beside the pickles of a checkpoint's folder, under the names that loaders expect.

    What is there already stays. Returns the new files.

    Raises:
        BackendError: there is no such folder or no pickle in it, or one cannot be read as tensors.
    """
    if not folder.is_dir():
        raise BackendError(f"there is no folder {str(folder)!r} to convert; name a checkpoint's folder")
    found = sorted(file for file in folder.rglob("*") if file.is_file() and file.suffix in PICKLES)
    if not found:
        raise BackendError(f"{str(folder)!r} has no pickle weights ({', '.join(PICKLES)}): there is nothing to convert")
    written = []
    for file in found:
        target = file.with_name(f"{_renamed(file.stem)}.safetensors")
        if target.exists():
            continue
        # cloned: what shares memory is refused by the format
        tensors = {name: value.contiguous().clone() for name, value in read_tensors(file).items()}
        fresh = target.with_suffix(".part")
        save_file(tensors, fresh, metadata={"format": "pt"})
        fresh.replace(target)
        written.append(target)
    for file in folder.rglob(f"*{INDEX}"):
        index = json.loads(file.read_text(encoding="utf-8"))
        pieces = index.get("weight_map", {}).items()
        index["weight_map"] = {name: f"{_renamed(piece.removesuffix('.bin'))}.safetensors" for name, piece in pieces}
        target = file.with_name(f"{_renamed(file.name.removesuffix(INDEX))}.safetensors.index.json")
        write_text(target, json.dumps(index, indent=1) + "\n")
    return written


def _renamed(stem: str) -> str:
    return f"model{stem.removeprefix('pytorch_model')}" if stem.startswith("pytorch_model") else stem
