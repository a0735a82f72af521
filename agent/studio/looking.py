"""What can be looked at in a studio: lists, sessions, pictures. Nothing here begins or changes a turn."""

from __future__ import annotations

import os
import threading
from importlib.util import find_spec
from io import BytesIO
from typing import TYPE_CHECKING, Any

from agent.report.render import write_report
from agent.session.reading import read_session
from agent.session.turn_result import thumbnail
from agent.studio.events import EventLog
from agent.studio.library import Library
from agent.studio.masks import write_mask
from agent.studio.metrics import StudioMetrics
from agent.studio.models import SharedModels
from agent.studio.queue import Queue, StudioError
from agent.studio.session_view import session_view
from agent.studio.turns import Turns
from tools.images import ImageStore, open_picture
from tools.scene.lexicon import parse_phrase

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence
    from pathlib import Path

    from agent.run.folder import RunFolder
    from agent.run.storage import Storage
    from agent.session.reading import SessionState
    from agent.studio.relay import Relay
    from agent.studio.shared_queue import SharedQueue
    from agent.studio.views import SessionView, Summary
    from tools.scene.layout import Detection

VIEWS = 64  # sessions whose state is kept in memory
KINDS = {"png": "PNG", "jpg": "JPEG", "webp": "WEBP"}


class Looking:
    """The part of `agent.studio.studio.Studio` that only looks. Safe from any thread."""

    def __init__(
        self,
        sessions: Path,
        runs: Path | None,
        overrides: Mapping[str, Any] | None,
        models: SharedModels | None,
        most_queued: int,
        storage: Storage | None = None,
    ) -> None:
        self.sessions, self.overrides = sessions, dict(overrides or {})
        self.events = EventLog()
        self.library = Library(sessions, runs, storage)
        self.models = models or SharedModels()
        self._queue, self._relay = _queue(sessions, storage, most_queued, self.events)
        self.metrics = StudioMetrics(self._queue.counts) if find_spec("prometheus_client") else None
        self._turns = Turns(self.models, self.overrides, self.events, self.metrics)
        self._views: dict[str, tuple[Hashable, SessionState]] = {}
        self._lock = threading.Lock()

    def check_ready(self) -> None:
        """See whether turns are taken.

        Raises:
            StudioError: the server shuts down.
            OSError: what sessions are kept in cannot be reached.
        """
        if self._queue.closed:
            raise StudioError("the server is shutting down", "busy")
        self._queue.counts()

    @property
    def busy(self) -> int:
        """How many turns run or wait."""
        return len(self._queue.sessions())

    def summaries(self) -> tuple[Summary, ...]:
        """Return the sessions and runs, the newest change first."""
        return tuple(
            summary.model_copy(update={"work": self._queue.work(summary.name)}) for summary in self.library.summaries()
        )

    def deleted(self) -> tuple[Summary, ...]:
        """Return what `undelete` can bring back."""
        return self.library.summaries(deleted=True)

    def folder(self, name: str) -> RunFolder:
        """Return the folder of a session or a run.

        Raises:
            StudioError: there is none of this name.
        """
        return self.library.folder(name)

    def view(self, name: str) -> SessionView:
        """Return how a session stands; also while a turn runs, here or in another process.

        Raises:
            StudioError: there is none of this name.
            RunError: its folder is damaged, or it is a single run.
        """
        event, work = self.events.last, self._queue.work(name)
        return session_view(name, self._state(name), work, event)

    def _state(self, name: str) -> SessionState:
        folder = self.folder(name)
        stamp = folder.storage.stamp(folder.path)  # another whenever something has ended
        with self._lock:
            known = self._views.get(name)
        if known is None or known[0] != stamp:
            known = (stamp, read_session(folder))
            with self._lock:
                self._views.pop(name, None)
                self._views[name] = known
                while len(self._views) > VIEWS:
                    self._views.pop(next(iter(self._views)))
        return known[1]

    def picture(self, name: str, image_id: str) -> Path:
        """Return where a picture lies.

        Raises:
            StudioError, PictureError: there is none of this id.
        """
        return _kept(self.folder(name).images, image_id)

    def thumbnail(self, name: str, image_id: str) -> Path:
        """Return where a small copy of a picture lies; raises as `picture` does."""
        return thumbnail(self.picture(name, image_id), self.folder(name).path / "thumbnails")

    def plan(self, name: str, image_id: str) -> Path:
        """Return where the drawing of a proposal lies; raises as `picture` does."""
        return _kept(ImageStore(self.folder(name).path / "plans"), image_id)

    def mask(self, name: str, image_id: str) -> Path:
        """Return where an object's mask lies, opaque where the object is; it is made when it is first asked for.

        Raises:
            StudioError, PictureError: no object of the current picture has a mask of this id.
            BackendError: the segmenter cannot be used.
        """
        folder = self.folder(name)
        path = ImageStore(folder.path / "masks").path(image_id)
        if not path.is_file():
            view = self.view(name)
            meant = next((seen for seen in view.layout if seen.mask == image_id), None)
            if meant is None or view.picture is None:
                raise StudioError(f"no object of the current picture has the mask {image_id!r}", "missing")
            write_mask(path, self.picture(name, view.picture), meant.box, self._turns.backend(folder))
        return path

    def detect(self, name: str, phrases: Sequence[str]) -> tuple[Detection, ...]:
        """Return where the detector sees these things ("red cup") in the current picture, the surest first.

        Raises:
            StudioError: there is no picture yet.
            BackendError: the detector cannot be used.
        """
        image = self._state(name).standing.image
        if image is None:
            raise StudioError("there is no picture yet", "missing")
        queries = [parse_phrase(phrase) for phrase in phrases]
        found = self._turns.backend(self.folder(name)).detect(open_picture(image), queries).detections
        return tuple(sorted(found, key=lambda detection: -detection.score))

    def download(self, name: str, kind: str = "png") -> bytes:
        """Return the current picture as a file of this kind: png, jpg or webp.

        Raises:
            StudioError: there is no picture yet, or no such kind.
        """
        if kind not in KINDS:
            raise StudioError(f"{kind!r} is no kind of picture: use png, jpg or webp", "mistake")
        image = self._state(name).standing.image
        if image is None:
            raise StudioError("there is no picture yet", "missing")
        if kind == "png":
            return image.read_bytes()
        buffer = BytesIO()
        open_picture(image).save(buffer, format=KINDS[kind], quality=95)
        return buffer.getvalue()

    def report(self, name: str) -> Path:
        """Return where the report lies; it is written anew when something has happened since."""
        folder = self.folder(name)
        newest = folder.storage.changed(folder.path)
        if not folder.report_path.is_file() or folder.report_path.stat().st_mtime_ns < newest:
            write_report(folder)
            os.utime(folder.report_path, ns=(newest, newest))  # the storage's clock may be another machine's
        return folder.report_path


def _queue(
    sessions: Path, storage: Storage | None, most: int, events: EventLog
) -> tuple[Queue | SharedQueue, Relay | None]:
    if storage is None or storage.shared is None:
        return Queue(sessions / ".queue.json", most), None
    from agent.studio.relay import Relay
    from agent.studio.shared_queue import SharedQueue

    queue = SharedQueue(storage.shared, most)
    return queue, Relay(storage.shared, events, queue)


def _kept(store: ImageStore, image_id: str) -> Path:
    path = store.path(image_id)
    if not path.is_file():
        raise StudioError(f"there is no picture {image_id!r} here", "missing")
    return path
