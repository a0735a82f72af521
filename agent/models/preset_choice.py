"""The preset that fits a picture, where the user names none: nobody's photograph is edited by models of icons."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from configs.errors import SettingsError
from configs.settings import FilePart, OnnxSegmenterSettings, load_settings
from tools.backend.ahead import runs_without_torch

if TYPE_CHECKING:
    from PIL.Image import Image

    from configs.settings import Settings

DEFAULT, PHOTO = "iconworld", "photo"
NOTICE = f"This picture is none of the icon world: using the preset {PHOTO} (another: --preset NAME)."
LIBRARIES = ("torch", "diffusers", "transformers")
RUNTIMES = {"tflite": "ai_edge_litert", "onnx": "onnxruntime"}
INSTALL = "pip install 'sld-agent[photo]'"


def choose_preset(picture: Image | None) -> str:
    """Return the preset for a picture that comes from outside; without one, the embedded models draw it.

    Raises:
        SettingsError: it is a photograph, and what edits photographs is not on this machine.
    """
    from tools.backend.icon_world import is_icon_world

    if picture is None or is_icon_world(picture):
        return DEFAULT
    if lacking := "; ".join((*missing_packages(load_settings(PHOTO)), *missing_networks(load_settings(PHOTO)))):
        raise SettingsError(
            f"this picture is none of the icon world, whose models are built in, and what the preset {PHOTO!r} needs "
            f"for photographs is not here: {lacking}. (the preset {DEFAULT!r} insists on the built-in models)"
        )
    return PHOTO


def missing_libraries(settings: Settings) -> tuple[str, ...]:
    """Return the libraries of models that the settings need and this machine lacks."""
    return () if runs_without_torch(settings) else tuple(name for name in LIBRARIES if find_spec(name) is None)


def missing_packages(settings: Settings) -> tuple[str, ...]:
    """Return the command that installs the runtimes that the settings' files need; nothing where they are here."""
    kinds = {getattr(part, "kind", "onnx") for part in _files(settings)}
    return () if all(find_spec(RUNTIMES[kind]) for kind in kinds) else (f"get the packages with `{INSTALL}`",)


def missing_networks(settings: Settings) -> tuple[str, ...]:
    """Return the commands that get what the settings name as ``weights:SET/FILE`` and this machine lacks."""
    from tools.weights.places import SCHEME, WeightsError, locate

    parts = _files(settings)
    paths = [
        *(part.path for part in parts),
        *(part.decoder for part in parts if isinstance(part, OnnxSegmenterSettings)),
    ]
    lacking = dict[str, None]()
    for path in paths:
        if path.startswith(SCHEME):
            try:
                locate(path)
            except WeightsError:
                lacking[path.removeprefix(SCHEME).partition("/")[0]] = None
    return tuple(f"get the networks with `sld weights get {group}`" for group in lacking)


def _files(settings: Settings) -> list[FilePart]:
    return [part for part in (settings.detector, settings.segmenter, settings.inpainter) if isinstance(part, FilePart)]
