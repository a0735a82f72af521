"""The preset that fits a picture, where the user names none: nobody's photograph is edited by models of icons."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from configs.errors import SettingsError
from configs.settings import FilePart, OnnxSegmenterSettings, load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL.Image import Image

    from configs.settings import Settings

DEFAULT, PHOTO = "iconworld", "photo"
NOTICE = f"This picture is none of the icon world: using the preset {PHOTO} (another: --preset NAME)."
RUNTIMES = {"tflite": "ai_edge_litert", "onnx": "onnxruntime"}


def choose_preset(picture: Image | None) -> str:
    """Return the preset for a picture that comes from outside; without one, the embedded models draw it.

    Raises:
        SettingsError: it is a photograph, and what edits photographs is not on this machine.
    """
    from tools.backend.icon_world import is_icon_world

    if picture is None or is_icon_world(picture):
        return DEFAULT
    if lacking := "; ".join(_lacking(load_settings(PHOTO))):
        raise SettingsError(
            f"this picture is none of the icon world, whose models are built in, and what the preset {PHOTO!r} needs "
            f"for photographs is not here: {lacking}. (--preset {DEFAULT} insists on the built-in models)"
        )
    return PHOTO


def _lacking(settings: Settings) -> Iterator[str]:
    from tools.weights.places import SCHEME, WeightsError, locate

    parts = [part for part in (settings.detector, settings.segmenter, settings.inpainter) if isinstance(part, FilePart)]
    if not all(find_spec(RUNTIMES[getattr(part, "kind", "onnx")]) for part in parts):
        yield "get the packages with `pip install 'sld-agent[photo]'`"
    paths = [part.path for part in parts]
    paths += [part.decoder for part in parts if isinstance(part, OnnxSegmenterSettings)]
    try:
        for path in paths:
            if path.startswith(SCHEME):
                locate(path)
    except WeightsError:
        yield f"get the networks with `sld weights get {PHOTO}`"
