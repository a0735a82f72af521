"""The line to a worker: one HTTP client that follows nothing, waits no longer than asked, and trusts no answer.

A worker that is gone is waited for; a call that it was cut off in is made once more (every call is deterministic, so
it does no harm). Knows nothing of what is asked.
"""

from __future__ import annotations

import json
import threading
import time
import weakref
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import httpx

from tools.backend.protocol import BackendError, BackendUnavailable
from tools.backend.remote.frames import HEARTBEAT, TYPE, Frames, Malformed, packed, unpacked
from tools.redaction import login_secrets
from tools.tracing import TRACEPARENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from configs.settings import BackendSettings
    from tools.backend.protocol import Progress

KNOWN = 4096  # ids of pictures that the worker is believed to have
LARGEST_REPLY = 2**20  # bytes of an answer that is no stream
SILENCE = 4 * HEARTBEAT  # seconds without a sign of life after which a worker is gone


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


class Link:
    """The line to one worker; threads may share it."""

    def __init__(self, settings: BackendSettings) -> None:
        self.settings = settings
        self._address = settings.url.rstrip("/")
        token = settings.token.get_secret_value() if settings.token else ""
        self._client = httpx.Client(
            headers={"accept-encoding": "identity"} | ({"authorization": f"Bearer {token}"} if token else {}),
            timeout=httpx.Timeout(SILENCE, connect=5.0),
            follow_redirects=False,
            limits=httpx.Limits(max_connections=None),
        )
        weakref.finalize(self, self._client.close)
        self._known: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def place(self) -> str:
        """The worker's address, without a login."""
        url = httpx.URL(self._address)
        return str(url.copy_with(userinfo=b"", query=None)) if list(login_secrets(self._address)) else self._address

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

    def post(self, path: str, value: Any, end: float) -> dict[str, Any]:
        """Send plain values and return the plain values of the answer."""
        with self._stream("POST", path, packed(value), TYPE, end, begun=False) as answer:
            return unpacked(self._read(answer, end))

    def put_picture(self, picture: str, png: bytes, end: float) -> None:
        """Send a picture."""
        with self._stream("PUT", f"/v1/pictures/{picture}", png, "image/png", end, begun=False):
            self.note([picture])

    def call(self, value: Any, progress: Progress | None, end: float) -> dict[str, Any]:
        """Send a call and return its result, telling its progress; an error that ``progress`` raises ends the call."""
        with self._stream("POST", "/v1/call", packed(value), TYPE, end, begun=True) as answer:
            for frame in self._frames(answer, end):
                if "result" in frame:
                    return dict(frame["result"])
                if "again" in frame:
                    raise Lost(str(frame["again"]), begun=False)
                if "error" in frame:
                    raise self._failure(frame)
                if progress is not None and "progress" in frame:
                    phase, done, total = frame["progress"]
                    progress(str(phase), int(done), int(total))
        raise Lost("the answer ended early", begun=True)

    def _frames(self, answer: httpx.Response, end: float) -> Iterator[dict[str, Any]]:
        frames = Frames()
        for piece in answer.iter_raw():
            yield from frames.feed(piece)
            self._check_time(end)

    def _failure(self, frame: Mapping[str, Any]) -> Exception:
        error = str(frame["error"])[:4000]
        if frame.get("kind") == "refused":
            return BackendError(error)
        if frame.get("kind") == "late":
            return BackendUnavailable(f"the worker at {self.place}: {error}; backend.seconds is the time for one call")
        return RuntimeError(f"the worker at {self.place} failed: {error}")

    def _stream(self, method: str, path: str, body: bytes, kind: str, end: float, *, begun: bool) -> Any:
        return _Exchange(self, method, path, body, kind, end, begun=begun)

    def _read(self, answer: httpx.Response, end: float) -> bytes:
        body = bytearray()
        for piece in answer.iter_raw():
            body += piece
            if len(body) > LARGEST_REPLY:
                raise BackendUnavailable(
                    f"{self.place} answers with more than {LARGEST_REPLY:,} bytes: is it a worker?"
                )
            self._check_time(end)
        return bytes(body)

    def _check_time(self, end: float) -> None:
        if time.monotonic() > end:
            raise BackendUnavailable(
                f"the worker at {self.place} gave no answer within {self.settings.seconds:g} s (backend.seconds)"
            )


def _joined() -> dict[str, str]:
    """Return the header that joins the worker's spans to the turn's."""
    trace = TRACEPARENT.get()
    return {"traceparent": trace} if trace else {}


class _Exchange:
    """One request and its answer, as a context: what goes wrong with the line in it is `Lost`."""

    def __init__(self, link: Link, method: str, path: str, body: bytes, kind: str, end: float, *, begun: bool) -> None:
        self._link, self._end, self._begun = link, end, begun
        self._request = link._client.build_request(
            method, link._address + path, content=body, headers={"content-type": kind} | _joined()
        )
        self._answer: httpx.Response | None = None

    def __enter__(self) -> httpx.Response:
        link = self._link
        link._check_time(self._end)
        try:
            self._answer = answer = link._client.send(self._request, stream=True)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise Lost(str(error) or type(error).__name__, begun=False) from None
        except httpx.TransportError as error:
            raise Lost(str(error) or type(error).__name__, begun=self._begun) from None
        try:
            self._check(answer)
        except BaseException:
            answer.close()
            raise
        return answer

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        assert self._answer is not None
        self._answer.close()
        if isinstance(error, httpx.TransportError):
            raise Lost(str(error) or type(error).__name__, begun=self._begun) from None
        if isinstance(error, Malformed):
            raise BackendUnavailable(f"{self._link.place} does not answer as a worker does: {error}") from None

    def _check(self, answer: httpx.Response) -> None:
        link, status = self._link, answer.status_code
        if answer.headers.get("content-encoding", "identity") != "identity":
            raise BackendUnavailable(f"{link.place} packs its answers, though it was asked not to: is it a worker?")
        if answer.is_redirect:
            target = httpx.URL(answer.headers.get("location", "")).host or "elsewhere"
            raise BackendUnavailable(
                f"{link.place} sends to {target!r}, and pictures go nowhere else than to backend.url: set it to the "
                "worker's own address"
            )
        if answer.is_success:
            return
        said = self._said(answer)
        if status == 503:
            raise Lost(str(said.get("error") or "it is full"), begun=False)
        if status == 428:
            raise Unmet(said)
        reason = str(said.get("error") or f"HTTP status {status}: is it a worker?")[:2000]
        raise BackendUnavailable(f"the worker at {link.place} refuses: {reason}")

    def _said(self, answer: httpx.Response) -> dict[str, Any]:
        try:
            said = json.loads(self._link._read(answer, self._end))
        except (ValueError, RecursionError, httpx.TransportError):
            return {}
        return said if isinstance(said, dict) else {}
