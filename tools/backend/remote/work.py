"""What a worker does for a call, however the call came: its pictures, the models, the result as it travels back."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Protocol

from tools.backend.remote.asks import pack_capabilities, pack_result
from tools.backend.remote.frames import PROTOCOL
from tools.backend.remote.spans import called
from tools.images import content_id

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from PIL.Image import Image

    from configs.settings import Settings
    from tools.backend.protocol import Backend, Drawing, Progress
    from tools.backend.remote.asks import Ask

    class Served(Backend, Protocol):
        """A backend that can be had with other numbers in its settings, the models shared."""

        settings: Settings

        def with_settings(self, settings: Settings) -> Served:
            """Return it with other settings."""
            ...


DRAWINGS: tuple[Drawing, ...] = ("generate", "edit", "refine")
KEPT = 512 * 2**20  # bytes of pixels that are kept for the next calls


class Pictures:
    """The pictures that calls were and will be about, the longest unused let go."""

    def __init__(self, most: int = KEPT) -> None:
        self._most, self._held = most, 0
        self._kept: OrderedDict[str, Image] = OrderedDict()
        self._lock = threading.Lock()

    def keep(self, image: Image) -> str:
        """Take a picture and return its id."""
        key = content_id(image)
        with self._lock:
            if key not in self._kept:
                self._kept[key] = image
                self._held += _bytes(image)
            self._kept.move_to_end(key)
            while self._held > self._most and len(self._kept) > 1:
                self._held -= _bytes(self._kept.popitem(last=False)[1])
        return key

    def find(self, keys: tuple[str, ...]) -> tuple[dict[str, Image], list[str]]:
        """Return those of the pictures that are here, and the ids of the others."""
        with self._lock:
            found = {key: self._kept[key] for key in keys if key in self._kept}
            for key in found:
                self._kept.move_to_end(key)
        return found, [key for key in keys if key not in found]


def introduced(backend: Backend, program: str, terms: str) -> dict[str, Any]:
    """Return what a worker says of itself and of its models when it is connected with."""
    return {
        "protocol": PROTOCOL,
        "program": program,
        "terms": terms,
        "capabilities": pack_capabilities(backend.capabilities),
        "fingerprints": {name: backend.fingerprint(name) for name in DRAWINGS},
    }


def working(
    backend: Backend,
    ask: Ask,
    pictures: Mapping[str, Image],
    kept: Pictures,
    trace: str | None,
    counted: Callable[[str, Callable[[], Any]], Any],
) -> Callable[[Progress], dict[str, Any]]:
    """Return what does a call and gives its result as it travels; ``kept`` takes the pictures that were made.

    ``trace`` is the ``traceparent`` of whoever called; ``counted`` does what is called by a name, and counts it.
    """

    def work(progress: Progress) -> dict[str, Any]:
        with called(trace, ask) as telling:
            result = counted(type(ask).__name__.lower(), lambda: ask.run(backend, pictures, progress))
            telling(result)
        return pack_result(result, kept.keep)

    return work


def _bytes(image: Image) -> int:
    return image.width * image.height * len(image.getbands())
