"""The worker: a `LocalBackend` behind HTTP, for agents on other machines.

    GET  /health            it lives                                 GET  /ready     it takes calls
    POST /v1/connect        versions and settings in, capabilities and fingerprints out
    PUT  /v1/pictures/ID    a picture, once
    GET  /metrics           what is counted, with the token
    POST /v1/call           a call in; frames out: signs of life, progress, then the result

Everything under /v1 asks for the token, and for the content type that no web page can send unasked. Keeps nothing on
disk; whoever wants to reach it over a network that others use puts it behind TLS.
"""

from __future__ import annotations

import hmac
from collections import deque
from typing import TYPE_CHECKING, Any

import anyio
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tools.backend.protocol import BackendError
from tools.backend.remote.asks import pictures_of, read_request
from tools.backend.remote.calls import Calls, Full
from tools.backend.remote.frames import LARGEST_ASK, TYPE, Malformed, check_protocol, framed, packed, unpacked
from tools.backend.remote.terms import agreed, described, terms_id
from tools.backend.remote.work import Pictures, introduced, working
from tools.backend.watched import TYPE as METRICS_TYPE
from tools.backend.watched import worker_metrics
from tools.images import MAX_BYTES, PictureError, open_picture

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

    from configs.settings import Settings
    from tools.backend.remote.work import Served

UNKNOWN = "the token is missing or wrong: set backend.token to the worker's SLD_WORKER_TOKEN"
BODY_SECONDS = 60.0  # for a request to arrive whole
MOST_TERMS = 16  # settings that are served at a time: each may load a model of its own


class Refusal(Exception):
    """A request that is not served: the status and one sentence."""

    def __init__(self, status: int, sentence: str, **more: Any) -> None:
        super().__init__(sentence)
        self.status, self.more = status, more


class Worker:
    """Serves a backend; ``token`` is asked for where one is given."""

    def __init__(
        self,
        backend: Served,
        program: str,
        token: str = "",
        calls: Calls | None = None,
        batches: deque[int] | None = None,
        others: Sequence[Settings] = (),
    ) -> None:
        """``others`` are presets that it serves besides the backend's own.

        ``batches`` is where whatever computes for several calls notes the size of each pass.
        """
        self._program, self._token = program, token
        self._owns = (backend, *(backend.with_settings(other) for other in others))
        self._backends = {terms_id(described(own.settings)): own for own in self._owns}
        self.pictures, self.calls = Pictures(), calls or Calls()
        self._batches = deque() if batches is None else batches
        self.metrics = worker_metrics(self.calls)
        self.app = Starlette(
            routes=[
                Route("/health", self._health),
                Route("/ready", self._ready),
                Route("/metrics", self._show_metrics),
                Route("/v1/connect", self._guarded(self._connect), methods=["POST"]),
                Route("/v1/pictures/{picture_id}", self._guarded(self._take_picture), methods=["PUT"]),
                Route("/v1/call", self._guarded(self._call), methods=["POST"]),
            ],
        )

    async def _health(self, request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def _ready(self, request: Request) -> Response:
        try:
            self.calls.check_room()
        except Full as error:
            return JSONResponse({"error": str(error)}, 503)
        return JSONResponse({"status": "ready", "calls": self.calls.open})

    async def _show_metrics(self, request: Request) -> Response:
        if not self._is_known(request):
            return JSONResponse({"error": UNKNOWN}, 401)
        if self.metrics is None:
            return JSONResponse({"error": "no metrics are counted here: pip install 'sld-agent[metrics]'"}, 404)
        self.metrics.rows(self._batches)
        return Response(self.metrics.text(), media_type=METRICS_TYPE)

    def _is_known(self, request: Request) -> bool:
        given = request.headers.get("authorization", "")
        return not self._token or hmac.compare_digest(given.encode(), f"Bearer {self._token}".encode())

    def _guarded(
        self, serve: Callable[[Request, bytes], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        """Serve a request only with the token, of the right type, whole, and small enough; refuse in one sentence."""

        async def answer(request: Request) -> Response:
            try:
                self._check_headers(request)
                return await serve(request, await _body(request))
            except Refusal as refusal:
                return JSONResponse({"error": str(refusal)} | refusal.more, refusal.status)
            except (Malformed, PictureError) as error:
                return JSONResponse({"error": str(error)}, 400)
            except BackendError as error:
                return JSONResponse({"error": str(error)}, 409)
            except Full as error:
                return JSONResponse({"error": str(error)}, 503, {"retry-after": "1"})
            except ClientDisconnect:
                return Response(status_code=499)

        return answer

    def _check_headers(self, request: Request) -> None:
        if not self._is_known(request):
            raise Refusal(401, UNKNOWN)
        wanted = "image/png" if request.method == "PUT" else TYPE
        found = request.headers.get("content-type", "")
        if found != wanted:
            raise Refusal(415, f"expected the content type {wanted}, not {found[:80]!r}")
        if "content-encoding" in request.headers:
            raise Refusal(415, "send the body as it is, without a content encoding")

    async def _connect(self, request: Request, body: bytes) -> Response:
        value = unpacked(body)
        check_protocol(value.get("protocol"), value.get("program"), self._program, "client")
        key = terms_id(value.get("parts"))
        if key not in self._backends:
            backend = self._agreed(value.get("parts"))
            if len(self._backends) >= MOST_TERMS:
                raise BackendError(
                    f"this worker serves {MOST_TERMS} variants of its preset already: use one, or start another"
                )
            self._backends[key] = backend
        backend = self._backends[key]
        answer = await run_in_threadpool(introduced, backend, self._program, key)
        return Response(packed(answer), media_type=TYPE)

    def _agreed(self, parts: Any) -> Served:
        """Return a backend with a client's numbers and the models of the first preset that they fit."""
        refusals = []
        for own in self._owns:
            try:
                return own.with_settings(agreed(own.settings, parts))
            except BackendError as error:
                refusals.append(error)
        raise refusals[0]

    def _counted(self, name: str, do: Callable[[], Any]) -> Any:
        return do() if self.metrics is None else self.metrics.call(name, do)

    async def _take_picture(self, request: Request, body: bytes) -> Response:
        picture = await run_in_threadpool(open_picture, body)
        wanted, found = request.path_params["picture_id"], await run_in_threadpool(self.pictures.keep, picture)
        if found != wanted:
            raise Malformed(f"the picture is {found[:16]}, not {str(wanted)[:16]!r}: it was changed on the way")
        return Response(status_code=204)

    async def _call(self, request: Request, body: bytes) -> Response:
        asked = read_request(unpacked(body))
        backend = self._backends.get(asked.terms)
        if backend is None:
            raise Refusal(428, "these settings are not known here: connect first", connect=True)
        pictures, missing = self.pictures.find(pictures_of(asked.ask))
        if missing:
            raise Refusal(428, "pictures are missing: send them first", missing=missing)
        self.calls.check_room()

        trace = request.headers.get("traceparent")
        work = working(backend, asked.ask, pictures, self.pictures, trace, self._counted)
        return StreamingResponse(_frames(self.calls.run(work, asked.seconds)), media_type=TYPE)


async def _frames(told: AsyncIterator[Mapping[str, Any]]) -> AsyncIterator[bytes]:
    async for frame in told:
        yield await run_in_threadpool(framed, frame) if "result" in frame else framed(frame)


async def _body(request: Request) -> bytes:
    most = MAX_BYTES if request.method == "PUT" else LARGEST_ASK
    body = bytearray()
    try:
        with anyio.fail_after(BODY_SECONDS):
            async for piece in request.stream():
                body += piece
                if len(body) > most:
                    raise Refusal(413, f"the body has more than {most:,} bytes")
    except TimeoutError:
        raise Refusal(408, f"the request did not arrive within {BODY_SECONDS:g} s") from None
    return bytes(body)
