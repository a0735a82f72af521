"""The line to a worker over HTTP: a client that follows nothing, waits no longer than asked, and trusts no answer."""

from __future__ import annotations

import json
import weakref
from typing import TYPE_CHECKING, Any

import httpx

from tools.backend.protocol import BackendUnavailable
from tools.backend.remote.frames import HEARTBEAT, PROTOCOL, TYPE, Frames, Malformed, packed, unpacked
from tools.backend.remote.line import Line, Lost, Unmet, left
from tools.redaction import login_secrets
from tools.tracing import TRACEPARENT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from configs.settings import BackendSettings
    from tools.backend.protocol import Progress
    from tools.backend.remote.asks import Ask
    from tools.backend.remote.terms import Terms

LARGEST_REPLY = 2**20  # bytes of an answer that is no stream
SILENCE = 4 * HEARTBEAT  # seconds without a sign of life after which a worker is gone


class Link(Line):
    """The line to one worker over HTTP."""

    def __init__(self, settings: BackendSettings) -> None:
        super().__init__(settings)
        self._address = settings.url.rstrip("/")
        token = settings.token.get_secret_value() if settings.token else ""
        self._client = httpx.Client(
            headers={"accept-encoding": "identity"} | ({"authorization": f"Bearer {token}"} if token else {}),
            timeout=httpx.Timeout(SILENCE, connect=5.0),
            follow_redirects=False,
            limits=httpx.Limits(max_connections=None),
        )
        weakref.finalize(self, self._client.close)

    @property
    def place(self) -> str:
        """The worker's address, without a login."""
        url = httpx.URL(self._address)
        return str(url.copy_with(userinfo=b"", query=None)) if list(login_secrets(self._address)) else self._address

    def connect(self, terms: Terms, program: str, end: float) -> dict[str, Any]:
        """Tell the worker under which terms calls will be made, and return what it says of itself."""
        value = packed({"protocol": PROTOCOL, "program": program, "parts": terms.parts})
        with self._stream("POST", "/v1/connect", value, TYPE, end, begun=False) as answer:
            return unpacked(self._read(answer, end))

    def put_picture(self, picture: str, png: bytes, end: float) -> None:
        """Send a picture."""
        with self._stream("PUT", f"/v1/pictures/{picture}", png, "image/png", end, begun=False):
            self.note([picture])

    def call(self, terms: Terms, ask: Ask, progress: Progress | None, end: float) -> dict[str, Any]:
        """Send a call and return its result, telling its progress; an error that ``progress`` raises ends the call."""
        value = {"terms": terms.id, "seconds": left(end), "ask": ask.model_dump(mode="json")}
        with self._stream("POST", "/v1/call", packed(value), TYPE, end, begun=True) as answer:
            for frame in self._frames(answer, end):
                if (result := self.heard(frame, progress)) is not None:
                    return result
        raise Lost("the answer ended early", begun=True)

    def _frames(self, answer: httpx.Response, end: float) -> Iterator[dict[str, Any]]:
        frames = Frames()
        for piece in answer.iter_raw():
            yield from frames.feed(piece)
            self.check_time(end)

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
            self.check_time(end)
        return bytes(body)


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
        link.check_time(self._end)
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
