"""The backend whose models are in a worker (`sld worker`): the same calls, over the wire. Needs no torch."""

from __future__ import annotations

import threading
from importlib import metadata
from typing import TYPE_CHECKING, Any

from tools.backend.protocol import BackendError, BackendUnavailable
from tools.backend.remote.asks import (
    Detect,
    Edit,
    Generate,
    Refine,
    Score,
    Segment,
    corners,
    pictures_of,
    unpack_capabilities,
    unpack_result,
)
from tools.backend.remote.frames import Malformed, check_protocol
from tools.backend.remote.line import Unmet
from tools.backend.remote.terms import Terms
from tools.images import content_id, to_png

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from PIL.Image import Image

    from configs.settings import BackendSettings, Settings
    from tools.backend.protocol import Capabilities, Detected, Drawing, Edited, Generated, Progress, Segmented
    from tools.backend.remote.asks import Ask
    from tools.backend.remote.line import Line
    from tools.scene.box import Box
    from tools.scene.layout import Layout
    from tools.scene.operations import Operation
    from tools.scene.spec import Query

CLUSTER = "ray:"  # how the address of a Ray cluster begins
MOST_REQUESTS = 4  # of one call before the worker has all it wants


class RemoteBackend:
    """Implements `tools.backend.protocol.Backend` with the models of a worker.

    Building one asks nothing of anybody; the first call connects. Threads may share it.
    """

    def __init__(self, settings: Settings, link: Line | None = None) -> None:
        assert settings.backend is not None
        self.settings = settings
        self._link = link or line_to(settings.backend)
        self._terms = Terms.of(settings)
        self._connection: dict[str, Any] | None = None
        self._lock = threading.RLock()

    @property
    def place(self) -> str:
        """The worker's address, without a login."""
        return self._link.place

    def with_settings(self, settings: Settings) -> RemoteBackend:
        """Return a backend with other settings on the same line."""
        return RemoteBackend(settings, self._link)

    def detect(self, image: Image, queries: Sequence[Query], threshold: float | None = None) -> Detected:
        """Find every query in the picture; see the protocol."""
        ids, pictures = _named({"image": image})
        result: Detected = self._ask(Detect(image=ids["image"], queries=tuple(queries), threshold=threshold), pictures)
        return result

    def score(self, image: Image, box: Box, queries: Sequence[Query]) -> tuple[float, ...]:
        """Return how well each query fits what is inside ``box``; see the protocol."""
        ids, pictures = _named({"image": image})
        result: tuple[float, ...] = self._ask(
            Score(image=ids["image"], box=corners(box), queries=tuple(queries)), pictures
        )
        return result

    def segment(self, image: Image, boxes: Sequence[Box]) -> Segmented:
        """Return one mask per box; see the protocol."""
        ids, pictures = _named({"image": image})
        result: Segmented = self._ask(Segment(image=ids["image"], boxes=tuple(corners(box) for box in boxes)), pictures)
        return result

    def generate(
        self,
        prompt: str,
        *,
        layout: Layout | None = None,
        n: int = 1,
        seed: int = 0,
        size_wh: tuple[int, int] | None = None,
        progress: Progress | None = None,
    ) -> Generated:
        """Make ``n`` pictures; see the protocol."""
        ask = Generate(prompt=prompt, layout=layout, n=n, seed=seed, size_wh=size_wh)
        result: Generated = self._ask(ask, {}, progress)
        return result

    def edit(
        self,
        image: Image,
        operations: Sequence[Operation],
        scene: Layout,
        *,
        seed: int = 0,
        progress: Progress | None = None,
        references: Mapping[str, Image] | None = None,
    ) -> Edited:
        """Do all operations in one pass; see the protocol."""
        ids, pictures = _named({"": image} | {f"={name}": other for name, other in (references or {}).items()})
        others = {name[1:]: picture for name, picture in ids.items() if name}
        ask = Edit(image=ids[""], operations=tuple(operations), scene=scene, seed=seed, references=others)
        result: Edited = self._ask(ask, pictures, progress)
        return result

    def refine(self, image: Image, prompt: str, *, seed: int = 0, progress: Progress | None = None) -> Generated:
        """Polish the picture with the worker's image-to-image model; see the protocol."""
        ids, pictures = _named({"image": image})
        result: Generated = self._ask(Refine(image=ids["image"], prompt=prompt, seed=seed), pictures, progress)
        return result

    @property
    def capabilities(self) -> Capabilities:
        """What the worker's models can do; asking loads nothing there."""
        return unpack_capabilities(self._connected()["capabilities"])

    def fingerprint(self, drawing: Drawing) -> str:
        """Return the worker's fingerprint of a kind of drawing; see the protocol."""
        return str(self._connected()["fingerprints"][drawing])

    # the wire

    def _connected(self) -> dict[str, Any]:
        with self._lock:
            if self._connection is None:
                self._connection = self._link.persistent(self._connect)
            return self._connection

    def _connect(self, end: float) -> dict[str, Any]:
        program = metadata.version("sld-agent")
        answer = self._link.connect(self._terms, program, end)
        try:
            check_protocol(answer.get("protocol"), answer.get("program"), program, "worker")
            fingerprints = answer["fingerprints"]
            before = self._connection
            if before is not None and before["fingerprints"] != fingerprints:
                raise BackendUnavailable(
                    f"the worker at {self._link.place} came back with other weights than it had: begin again with "
                    "those, or start it with the old ones"
                )
            unpack_capabilities(answer["capabilities"])
        except (KeyError, TypeError, Malformed) as error:
            raise BackendUnavailable(f"{self._link.place} does not answer as a worker does: {error}") from None
        except BackendError as error:
            raise BackendUnavailable(str(error)) from None
        return answer

    def _ask(self, ask: Ask, pictures: Mapping[str, Image], progress: Progress | None = None) -> Any:
        self._connected()

        def once(end: float) -> Any:
            self._send([key for key in pictures_of(ask) if not self._link.knows(key)], pictures, end)
            for _ in range(MOST_REQUESTS):
                try:
                    return self._link.call(self._terms, ask, progress, end)
                except Unmet as unmet:
                    if unmet.missing:
                        self._link.forget(unmet.missing)
                        self._send([key for key in unmet.missing if key in pictures], pictures, end)
                    else:
                        self._connection = self._connect(end)
            raise BackendUnavailable(f"the worker at {self._link.place} loses what it is sent: give it more memory")

        answer = self._link.persistent(once)
        try:
            result = unpack_result(ask, answer)
        except Malformed as error:
            raise BackendUnavailable(f"{self._link.place} does not answer as a worker does: {error}") from None
        self._link.note(_ids(answer))
        return result

    def _send(self, keys: Sequence[str], pictures: Mapping[str, Image], end: float) -> None:
        for key in keys:
            self._link.put_picture(key, to_png(pictures[key], 1), end)


def line_to(settings: BackendSettings) -> Line:
    """Return the line to where ``backend.url`` says the models are."""
    if settings.url.startswith(CLUSTER):
        from tools.backend.remote.cluster import ClusterLine

        return ClusterLine(settings)
    from tools.backend.remote.link import Link

    return Link(settings)


def _named(images: Mapping[str, Image]) -> tuple[dict[str, str], dict[str, Image]]:
    """Return the ids of pictures by what they are called, and the pictures (as RGB, as models see them) by id."""
    ids, pictures = {}, {}
    for name, image in images.items():
        seen = image if image.mode == "RGB" else image.convert("RGB")
        ids[name] = key = content_id(seen)
        pictures[key] = seen
    return ids, pictures


def _ids(answer: Mapping[str, Any]) -> list[str]:
    made = [answer.get("image"), *(answer.get("images") or [])]
    return [str(picture["id"]) for picture in made if isinstance(picture, dict) and "id" in picture]
