"""The line to whoever has the models, whatever it is made of: what was sent along it, and how long it is waited for.

A worker that is gone is waited for; a call that it was cut off in is made once more (every call is deterministic, so
it does no harm). Knows nothing of what is asked.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from tools.backend.protocol import BackendError, BackendUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from configs.settings import BackendSettings
    from tools.backend.protocol import Progress
    from tools.backend.remote.asks import Ask
    from tools.backend.remote.terms import Terms

KNOWN = 4096  # ids of pictures that the worker is believed to have


class Lost(Exception):
    """The worker could not be reached, or went away in the middle; ``begun`` says whether it had the call."""

    def __init__(self, reason: str, *, begun: bool) -> None:
        super().__init__(reason)
        self.begun = begun


class Unmet(Exception):
    """The worker wants something first: to be connected with, or pictures."""

    def __init__(self, answer: Mapping[str, Any]) -> None:
        super().__init__(str(answer.get("error")))
        self.missing = [str(key) for key in answer.get("missing") or []]


class Line(ABC):
    """The line to one worker, or to a cluster of them; threads may share it."""

    def __init__(self, settings: BackendSettings) -> None:
        self.settings = settings
        self._known: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()

    @property
    @abstractmethod
    def place(self) -> str:
        """Where the worker is, without a login."""

    @abstractmethod
    def connect(self, terms: Terms, program: str, end: float) -> dict[str, Any]:
        """Tell under which terms calls will be made, and return what the worker says of itself."""

    @abstractmethod
    def put_picture(self, picture: str, png: bytes, end: float) -> None:
        """Send a picture."""

    @abstractmethod
    def call(self, terms: Terms, ask: Ask, progress: Progress | None, end: float) -> dict[str, Any]:
        """Make a call and return its result, telling its progress; an error that ``progress`` raises ends the call.

        Raises:
            Lost: the worker went away.
            Unmet: it wants something first.
        """

    def knows(self, picture: str) -> bool:
        """Whether the worker was given a picture, or gave it."""
        with self._lock:
            return picture in self._known

    def note(self, pictures: list[str]) -> None:
        """Remember that the worker has these pictures."""
        with self._lock:
            for picture in pictures:
                self._known[picture] = None
            while len(self._known) > KNOWN:
                self._known.popitem(last=False)

    def forget(self, pictures: list[str] | None = None) -> None:
        """Forget that the worker has these pictures, or any."""
        with self._lock:
            for picture in list(self._known) if pictures is None else pictures:
                self._known.pop(picture, None)

    def persistent(self, do: Callable[[float], Any]) -> Any:
        """Return what ``do`` does (it is told until when), again after the worker was gone or full.

        Raises:
            BackendUnavailable: it does not come back, goes away twice in one call, or takes too long.
        """
        begun, end = time.monotonic(), time.monotonic() + self.settings.seconds
        cut_off, gone_since = 0, begun
        while True:
            try:
                return do(end)
            except Lost as lost:
                now = time.monotonic()
                cut_off += lost.begun
                if lost.begun:
                    self.forget()
                    gone_since = now
                if cut_off > 1:
                    raise BackendUnavailable(
                        f"the worker at {self.place} went away twice in one call: {lost}"
                    ) from None
                if now >= min(end, gone_since + self.settings.patience):
                    raise BackendUnavailable(
                        f"the worker at {self.place} cannot be reached ({lost}): start it with `sld worker`, or set "
                        "backend.url to where it is"
                    ) from None
                time.sleep(min(0.5, max(0.0, end - now)))

    def heard(self, frame: Mapping[str, Any], progress: Progress | None) -> dict[str, Any] | None:
        """Take what is told of a call; return its result, or None where it goes on."""
        if "result" in frame:
            return dict(frame["result"])
        if "again" in frame:
            raise Lost(str(frame["again"]), begun=False)
        if "error" in frame:
            raise self._failure(frame)
        if progress is not None and "progress" in frame:
            phase, done, total = frame["progress"]
            progress(str(phase), int(done), int(total))
        return None

    def _failure(self, frame: Mapping[str, Any]) -> Exception:
        error = str(frame["error"])[:4000]
        if frame.get("kind") == "refused":
            return BackendError(error)
        if frame.get("kind") == "late":
            return BackendUnavailable(f"the worker at {self.place}: {error}; backend.seconds is the time for one call")
        return RuntimeError(f"the worker at {self.place} failed: {error}")

    def check_time(self, end: float) -> None:
        """Raise where the time for a call is over."""
        if time.monotonic() > end:
            raise BackendUnavailable(
                f"the worker at {self.place} gave no answer within {self.settings.seconds:g} s (backend.seconds)"
            )


def left(end: float) -> float:
    """Return how many seconds are left until then: never none, as that would be no time at all to ask for."""
    return max(end - time.monotonic(), 0.001)
