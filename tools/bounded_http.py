"""HTTP answers with an end: a deadline for the whole answer and a limit to its size, whatever the server does.

httpx's own time-outs are per read, so a server that sends a byte now and then is never late, and its decoders
unpack whatever they are given. Here the whole exchange runs under one clock, and unpacking stops at the limit.
"""

from __future__ import annotations

import ssl
import zlib
from concurrent.futures import wait
from typing import TYPE_CHECKING

import anyio
import httpx
from anyio.from_thread import start_blocking_portal

from tools.stopping import current_stop

if TYPE_CHECKING:
    from collections.abc import Callable

    Enough = Callable[[bytes], bool]

JUDGED = 16 * 2**10  # bytes that come between two looks at whether an answer shall go on
LOOK = 0.1  # seconds between looks at whether somebody wants the exchange to end
PACKED = {"gzip": 31, "x-gzip": 31, "deflate": 15}  # zlib's window bits


class UnboundedAnswer(Exception):
    """An answer that is too long, or packed in a way that cannot be bounded; the message says which."""


class BoundedAsyncTransport(httpx.AsyncBaseTransport):
    """Fetches whole answers: within ``seconds``, of at most ``most`` bytes. Proxies of the environment are used.

    ``silence``: seconds that nothing may come; without it only the whole counts. ``enough`` says of what has come so
    far whether the rest is not worth waiting for: the answer then ends after its last whole line.
    """

    def __init__(self, seconds: float, most: int, silence: float | None = None, enough: Enough | None = None) -> None:
        self._seconds, self._most, self._silence, self._enough = seconds, most, silence or seconds, enough
        self._certificates: ssl.SSLContext | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Return the answer with its body read.

        Raises:
            httpx.ReadTimeout: it did not end in time.
            UnboundedAnswer: it is too long.
        """
        try:
            with anyio.fail_after(self._seconds):
                return await self._fetch(request)
        except TimeoutError:
            raise httpx.ReadTimeout(f"no whole answer within {self._seconds:g} s", request=request) from None

    async def _fetch(self, request: httpx.Request) -> httpx.Response:
        headers = [pair for pair in request.headers.multi_items() if pair[0].lower() != "accept-encoding"]
        # A client of its own for each answer: it belongs to this event loop, and nothing is left open.
        self._certificates = self._certificates or httpx.create_ssl_context()
        async with httpx.AsyncClient(timeout=self._silence, verify=self._certificates) as client:
            again = client.build_request(
                request.method,
                request.url,
                headers=[*headers, ("accept-encoding", "identity")],
                content=await request.aread(),
            )
            answer = await client.send(again, stream=True)
            try:
                body = await self._read(answer)
            finally:
                await answer.aclose()
        known = ("content-encoding", "content-length", "transfer-encoding")
        kept = [pair for pair in answer.headers.multi_items() if pair[0].lower() not in known]
        return httpx.Response(answer.status_code, headers=kept, content=body, request=request)

    async def _read(self, answer: httpx.Response) -> bytes:
        coding = answer.headers.get("content-encoding", "identity").strip().lower()
        if coding not in ("", "identity", *PACKED):
            raise UnboundedAnswer(f"an answer packed as {coding[:40]!r}, though none was asked for")
        unpacking = zlib.decompressobj(PACKED[coding]) if coding in PACKED else None
        body, judged = bytearray(), 0
        async for chunk in answer.aiter_raw():
            try:
                body += unpacking.decompress(chunk, self._most + 1 - len(body)) if unpacking else chunk
            except zlib.error:
                raise UnboundedAnswer(f"an answer that is no {coding}, though it says so") from None
            if len(body) > self._most:
                raise UnboundedAnswer(f"an answer of more than {self._most:,} bytes")
            if self._enough and len(body) >= judged + JUDGED:
                judged = len(body)
                if self._enough(bytes(body)):
                    return bytes(body[: body.rfind(b"\n") + 1])
        return bytes(body)


class BoundedTransport(httpx.BaseTransport):
    """The same for blocking clients; the exchange runs in an event loop of its own, where it can be cut off.

    It also ends when the work of this thread shall stop (`tools.stopping`).
    """

    def __init__(self, seconds: float, most: int, silence: float | None = None, enough: Enough | None = None) -> None:
        self._transport = BoundedAsyncTransport(seconds, most, silence, enough)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Return the answer with its body read; raises as `BoundedAsyncTransport` does."""
        request.read()
        stop = current_stop()
        with start_blocking_portal() as portal:
            answer = portal.start_task_soon(self._transport.handle_async_request, request)
            while not wait([answer], LOOK).done:
                if stop is not None and stop.asked:
                    answer.cancel()
                    stop.check()
            return answer.result()


def unbounded(error: BaseException | None) -> UnboundedAnswer | None:
    """Return the `UnboundedAnswer` behind an error: some SDKs wrap what a transport raises in one of their own."""
    while error is not None and not isinstance(error, UnboundedAnswer):
        error = error.__cause__
    return error
