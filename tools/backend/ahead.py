"""Imports made in the background, while something else is waited for: the libraries of models take seconds."""

from __future__ import annotations

import threading
from importlib import import_module
from typing import TYPE_CHECKING, Any

from configs.settings import CocoDetectorSettings, FilePart, OnnxSegmenterSettings, PasteSettings, ServiceEditorSettings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from contextlib import AbstractContextManager

    from configs.settings import Settings


def import_ahead(modules: Iterable[str], lock: AbstractContextManager[Any]) -> threading.Thread:
    """Begin to import ``modules``, one after the other, each under ``lock``; return the thread that does it.

    Whoever holds the lock imports alone: two threads inside one package may meet half of a module. A module that
    cannot be imported is left to whoever needs it, who can say so. Stops when the program ends.
    """

    def run() -> None:
        for name in modules:
            if not threading.main_thread().is_alive():
                return
            try:
                with lock:
                    import_module(name)
            except Exception:  # noqa: BLE001 - libraries that do not fit together fail in many ways
                return

    thread = threading.Thread(target=run, name="imports ahead")
    thread.start()
    return thread


def modules_of(settings: Settings) -> Iterator[str]:
    """Yield the modules that a picture takes, in the order in which it asks for them."""
    if not runs_without_torch(settings):
        yield "torch"
    if settings.generator is not None and settings.generator.kind == "diffusers":
        yield "tools.backend.gligen"
        yield "tools.backend.generator"
    yield f"tools.backend.{'detector_coco' if isinstance(settings.detector, CocoDetectorSettings) else 'detector'}"
    onnx = isinstance(settings.segmenter, OnnxSegmenterSettings)
    yield f"tools.backend.{'segmenter_onnx' if onnx else 'segmenter'}"
    yield "tools.backend.editor.composer"
    engine = "instruct" if isinstance(settings.editor, ServiceEditorSettings) else settings.editor.kind
    yield f"tools.backend.editor.engines.{engine}"


def runs_without_torch(settings: Settings) -> bool:
    """Return whether all parts are files with runtimes of their own, and none draws."""
    parts = (settings.detector, settings.segmenter, settings.inpainter)
    files = all(part is None or isinstance(part, FilePart) for part in parts)
    return files and isinstance(settings.editor, PasteSettings) and not (settings.generator or settings.refiner)
