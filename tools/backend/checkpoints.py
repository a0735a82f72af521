"""Where a checkpoint lies and how it is read: folders, package data and pinned hub ids, safetensors only.

Everything below deals with local folders: a hub id is fetched first. Pickle files are never opened and
a checkpoint's own code is never run, because checkpoints are untrusted.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open

from tools.backend import hub
from tools.backend.hub import HALF, PICKLES
from tools.backend.protocol import BackendError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch

    from configs.settings import GroundedPart, Part

PACKAGE = "package:"
DENOISERS = ("unet", "transformer")  # folders of a pipeline
# a damaged or foreign configuration shows as any of these somewhere inside a library's loader
LOADER_ERRORS = (
    OSError,
    ValueError,
    LookupError,
    RuntimeError,
    TypeError,
    AttributeError,
    ImportError,
    SafetensorError,
)


def resolve(part: Part) -> Path:
    """Return the local folder of a checkpoint, fetching it when ``part.path`` is a hub id.

    Raises:
        BackendError: there is no such folder or repository, or it holds no safetensors.
    """
    folder = find_folder(part)
    if folder is None:
        half = choose_dtype(part.dtype, choose_device(part.device)).itemsize == 2
        folder = hub.fetch(part.path, part.revision, half=half)
    check_files(folder)
    return folder


def find_folder(part: Part) -> Path | None:
    """Return the local folder that a part names, and None where it names a repository on the hub.

    Raises:
        BackendError: there is no such folder.
    """
    path = part.path
    if path.startswith(PACKAGE):
        package, _, inside = path.removeprefix(PACKAGE).partition("/")
        try:
            folder = Path(str(resources.files(package))) / inside
        except ModuleNotFoundError:
            raise BackendError(f"checkpoint {path!r}: no package {package!r} is installed") from None
    else:
        folder = Path(path).expanduser()
    if folder.is_file():
        raise BackendError(f"checkpoint {path!r} is a file: name the folder that holds config.json and *.safetensors")
    if not folder.is_dir():
        if not _is_hub_id(path):
            raise BackendError(f"checkpoint {path!r}: there is no folder {str(folder)!r}; correct the preset's path")
        return None
    return folder


def _is_hub_id(path: str) -> bool:
    return not path.startswith((PACKAGE, ".", "/", "~")) and path.count("/") == 1 and "\\" not in path


def check_files(folder: Path) -> None:
    """Refuse a folder without safetensors, or with one that cannot be read.

    Only headers are read, so this is cheap for large files.

    Raises:
        BackendError: names the file and what to do.
    """
    files = sorted(folder.rglob("*.safetensors"))
    if not files:
        pickles = sorted(file.name for file in folder.rglob("*") if file.suffix in PICKLES)
        if pickles:
            raise BackendError(
                f"checkpoint {str(folder)!r} has only pickle weights ({', '.join(pickles[:3])}), which can run "
                "code and are never loaded; use a checkpoint or revision with .safetensors, or convert this one with "
                "`sld weights convert`"
            )
        raise BackendError(f"checkpoint {str(folder)!r} has no .safetensors file; is it complete?")
    for file in files:
        try:
            with safe_open(file, framework="numpy"):  # which is not asked for any array
                pass
        except (SafetensorError, OSError) as error:
            raise BackendError(
                f"weights {str(file)!r} cannot be read ({error}); the file is damaged or cut short: "
                "restore it or fetch the checkpoint again"
            ) from None


def variant(folder: Path, dtype: torch.dtype) -> str | None:
    """Return "fp16" when the folder holds half precision files alone, or such ones and ``dtype`` is half; else None."""
    halves = [hub.is_half(file.name) for file in folder.glob("*.safetensors")]
    return HALF if halves and (all(halves) or (any(halves) and dtype.itemsize == 2)) else None


def is_grounded(part: GroundedPart) -> bool:
    """Return whether a checkpoint is a GLIGEN one, which takes boxes with phrases.

    Raises:
        BackendError: it cannot be read.
    """
    folder = find_folder(part)
    if folder is None:  # a question about its configuration fetches no weights
        folder = hub.fetch(part.path, part.revision, half=False, weights=False)
    file = folder / "unet" / "config.json"
    if not file.is_file():
        return False
    try:
        described = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise unreadable(file.parent, error) from error
    return isinstance(described, dict) and described.get("attention_type") == "gated"


def model_kind(part: Part) -> str:
    """Return the kind of a transformers checkpoint, such as "owlv2".

    Raises:
        BackendError: it cannot be read.
    """
    file = resolve(part) / "config.json"
    try:
        return str(json.loads(file.read_text(encoding="utf-8"))["model_type"])
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise unreadable(file.parent, error) from error


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the libraries' progress bars and advice off the terminal; what matters is checked and raised here."""
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    loggers = (transformers_logging, diffusers_logging)
    before = [logger.get_verbosity() for logger in loggers]
    bars = transformers_logging.is_progress_bar_enabled()
    for logger in loggers:
        logger.set_verbosity_error()
        logger.disable_progress_bar()
    try:
        yield
    finally:
        for logger, verbosity in zip(loggers, before, strict=True):
            logger.set_verbosity(verbosity)
            if bars:
                logger.enable_progress_bar()


@contextmanager
def reading(folder: Path) -> Iterator[None]:
    """Turn what loaders raise for a bad folder into a BackendError that names it."""
    try:
        with quiet():
            yield
    except LOADER_ERRORS as error:
        raise unreadable(folder, error) from error


def unreadable(folder: Path, error: Exception) -> BackendError:
    """Return the error that says why a checkpoint's folder cannot be loaded."""
    reason = " ".join(str(error).split())[:300]
    return BackendError(
        f"checkpoint {str(folder)!r} cannot be loaded ({type(error).__name__}: {reason}); "
        "check that its configuration and its weights belong together"
    )


def load(kind: Any, folder: Path, *, device: torch.device, dtype: torch.dtype, **options: Any) -> Any:
    """Load a model of class ``kind`` (transformers or diffusers) from ``folder``, in evaluation mode.

    Raises:
        BackendError: the folder holds another kind of model, or weights are missing or unreadable.
    """
    if not folder.is_dir():
        raise BackendError(f"checkpoint folder {str(folder)!r} is missing; is the checkpoint complete?")
    check_files(folder)
    if kind.__module__.startswith("diffusers"):
        options |= {**dtype_argument(dtype), "low_cpu_mem_usage": False}
    else:
        options |= {"dtype": dtype, "trust_remote_code": False}
    with reading(folder):
        model, report = kind.from_pretrained(
            folder,
            use_safetensors=True,
            local_files_only=True,
            variant=variant(folder, dtype),
            output_loading_info=True,
            **options,
        )
    missing = sorted(report["missing_keys"])
    if missing:  # a missing weight would be drawn at random and work, badly
        raise BackendError(
            f"checkpoint {str(folder)!r} lacks {len(missing)} weights, such as {missing[0]!r}; "
            "its configuration and its weights do not belong together"
        )
    return model.to(device).eval().requires_grad_(False)


def choose_device(name: str) -> torch.device:
    """Return the device called ``name``; "auto" takes cuda, else mps, else cpu.

    Raises:
        BackendError: no such device on this machine.
    """
    import torch

    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise BackendError(f"device {name!r} is unknown; use auto, cpu, cuda, cuda:1 or mps") from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise BackendError(f"device {name!r}: this machine has {torch.cuda.device_count()} CUDA devices; use cpu")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise BackendError("device 'mps' is not available on this machine; use cpu")
    return device


def choose_dtype(name: str, device: torch.device, folder: Path | None = None) -> torch.dtype:
    """Return the dtype called ``name``.

    "auto" is float32, and half precision on cuda: bfloat16 where the device has it and the weights in ``folder`` were
    published in it, else float16.

    Raises:
        BackendError: the device has no such numbers.
    """
    import torch

    if name == "auto":
        if device.type != "cuda":
            return torch.float32
        return torch.bfloat16 if _published_in_bfloat16(folder) and _has_bfloat16(device) else torch.float16
    dtype = getattr(torch, name)
    assert isinstance(dtype, torch.dtype)
    if dtype == torch.bfloat16 and device.type == "cuda" and not _has_bfloat16(device):
        raise BackendError(f"dtype 'bfloat16': {torch.cuda.get_device_name(device)} has none; use float16 or float32")
    return dtype


def _has_bfloat16(device: torch.device) -> bool:
    import torch

    with torch.cuda.device(device):
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))


def _published_in_bfloat16(folder: Path | None) -> bool:
    """Return whether most of a checkpoint's weights (a pipeline's denoiser's) are stored in bfloat16."""
    if folder is None:
        return False
    below = next((folder / name for name in DENOISERS if (folder / name).is_dir()), folder)
    file = next(iter(sorted(below.glob("*.safetensors"))), None)
    if file is None:
        return False
    with safe_open(file, framework="numpy") as weights:
        kinds = [weights.get_slice(name).get_dtype() for name in weights.keys()]  # noqa: SIM118 - no mapping
    return kinds.count("BF16") > len(kinds) / 2


def dtype_argument(dtype: torch.dtype) -> dict[str, torch.dtype]:
    """Return what tells diffusers' loaders the number format, by the name that this version has for it."""
    from diffusers.pipelines import pipeline_utils

    return {"dtype" if hasattr(pipeline_utils, "_resolve_dtype") else "torch_dtype": dtype}
