"""What every request passes before anything else: access, the size and the time of its body, and safe headers.

Plain ASGI, so that it also stands before sockets and before whatever a page brings along.
"""

from __future__ import annotations

import json
import time
from asyncio import wait_for
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, urlencode

from starlette.exceptions import HTTPException

from agent.web.access import COOKIE

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from agent.web.access import Access

OPEN = ("/health", "/ready")
"""Answered to everybody: whoever watches a server has no token, and these two tell nothing."""

MEBI = 2**20
SMALL = 1 * MEBI  # bytes of a request that brings no picture
LARGE = 66 * MEBI  # of one that may: a picture of at most 64 MiB, and what is around it
BRINGING = ("/api/sessions", "/v1/images/edits", "/mcp", "/_nicegui/")
MOST_LARGE = 8  # requests with large bodies at a time; what is uploaded lies on the disk meanwhile
SECONDS = 120.0  # for a whole body to arrive

PAGE_POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; font-src 'self' data:; style-src 'self' 'unsafe-inline'; "
    "script-src 'self' 'unsafe-inline' 'unsafe-eval'; connect-src 'self'; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'self'"
)
API_POLICY = "default-src 'none'; frame-ancestors 'none'"
HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"SAMEORIGIN"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)


class BodyRefused(HTTPException):
    """A body that is too long, or comes too slowly."""


class Guard:
    """ASGI middleware; see the module."""

    def __init__(
        self, app: ASGIApp, access: Access, *, seconds: float = SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._app, self._access, self._seconds, self._clock = app, access, seconds, clock
        self._large = 0  # large bodies that are being read

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or let it through."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        method, path, query = scope.get("method", "GET"), scope["path"], scope["query_string"].decode("latin-1")
        asked_by_all = method == "GET" and path in OPEN
        refusal = None if asked_by_all else self._access.refusal(method, path, query, headers)
        if refusal and refusal.status == 401 and method == "GET" and self._access.opens(query):
            await _redirect(scope, send, self._access.cookie, query)
        elif refusal and scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        elif refusal:
            await _refuse(send, refusal.status, refusal.message)
        elif scope["type"] == "websocket":
            await self._app(scope, receive, send)
        else:
            await self._pass(scope, receive, send, headers)

    async def _pass(self, scope: Scope, receive: Receive, send: Send, headers: dict[str, str]) -> None:
        most = LARGE if scope["path"].startswith(BRINGING) else SMALL
        given = headers.get("content-length", "")
        declared = int(given) if given.isdecimal() else 0
        if declared > most:
            await _refuse(send, 413, _too_large(most))
            return
        large = declared > SMALL or ("transfer-encoding" in headers and most > SMALL)
        if large and self._large >= MOST_LARGE:
            await _refuse(send, 503, "too many uploads at a time: try again in a moment")
            return
        self._large += large
        body = _Body(receive, most, self._seconds, self._clock)
        brings = bool(declared) or "transfer-encoding" in headers
        safe = _Answer(scope["path"], send, lambda: brings and not body.whole)
        try:
            await self._app(scope, body, safe)
        except BodyRefused as error:  # where the app itself does not make an answer of it
            if not safe.begun:
                await _refuse(send, error.status_code, error.detail)
        finally:
            self._large -= large


class _Body:
    """Receives a body up to its limits."""

    def __init__(self, receive: Receive, most: int, seconds: float, clock: Callable[[], float]) -> None:
        self._receive, self._most, self._left, self._clock = receive, most, most, clock
        self._until, self.whole = clock() + seconds, False

    async def __call__(self) -> Message:
        if self.whole:
            return await self._receive()  # nothing but the news that the client has gone
        try:
            message = await wait_for(self._receive(), max(0.0, self._until - self._clock()))
        except TimeoutError:
            raise BodyRefused(408, "the body came too slowly: send it again") from None
        if message["type"] == "http.request":
            self._left -= len(message.get("body", b""))
            self.whole = not message.get("more_body", False)
            if self._left < 0:
                raise BodyRefused(413, _too_large(self._most))
        return message


class _Answer:
    """Sends an answer with safe headers; ``closing``: what else the client sends shall not be listened to."""

    def __init__(self, path: str, send: Send, closing: Callable[[], bool]) -> None:
        self._send, self._closing, self.begun = send, closing, False
        policy = API_POLICY if path.startswith(("/api/", "/v1/", "/mcp", "/metrics", *OPEN)) else PAGE_POLICY
        self._more = (*HEADERS, (b"content-security-policy", policy.encode()), (b"cache-control", b"no-store"))

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            known = {name.lower() for name, _ in message.get("headers", ())}
            more = [(name, value) for name, value in self._more if name not in known]
            more += [(b"connection", b"close")] if self._closing() else []
            message = {**message, "headers": [*message.get("headers", ()), *more]}
        await self._send(message)


def _too_large(most: int) -> str:
    return f"the request is too large: at most {most // MEBI} MiB are read here"


async def _refuse(send: Send, status: int, message: str) -> None:
    kind = "authentication_error" if status == 401 else "invalid_request_error"
    body = json.dumps({"error": {"message": message, "type": kind, "param": None, "code": None}}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
        (b"cache-control", b"no-store"),
        (b"content-security-policy", API_POLICY.encode()),
        *HEADERS,
        *([(b"www-authenticate", b"Bearer")] if status == 401 else []),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _redirect(scope: Scope, send: Send, cookie: str, query: str) -> None:
    """Keep the token's proof in a cookie and take the token out of the address."""
    secure = "; Secure" if scope.get("scheme") == "https" else ""
    rest = urlencode([(name, value) for name, value in parse_qsl(query) if name != "token"])
    place = f"/{quote(scope['path'].lstrip('/'))}{'?' if rest else ''}{rest}"
    headers = [
        (b"location", place.encode()),
        (b"set-cookie", f"{COOKIE}={cookie}; Path=/; HttpOnly; SameSite=Strict{secure}".encode()),
        (b"content-length", b"0"),
        (b"cache-control", b"no-store"),
        *HEADERS,
    ]
    await send({"type": "http.response.start", "status": 303, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
