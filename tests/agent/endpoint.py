"""An OpenAI-compatible server on loopback that plays what a test writes down, and keeps what it was sent."""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class Reply:
    """One answer: a status with a body (JSON, or raw text), perhaps late, perhaps with headers."""

    body: Any
    status: int = 200
    delay: float = 0.0
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Endpoint:
    """What the server will answer, one reply per request (the last one again and again)."""

    replies: list[Reply] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    url: str = ""


def said(content: str | None = "", *, tools: list[tuple[str, Any]] | None = None, finish: str = "stop") -> Reply:
    """Return a chat completion; arguments of tool calls that are no text are dumped as JSON."""
    message: dict[str, Any] = {"role": "assistant", "content": content}
    if tools:
        message["tool_calls"] = [
            {
                "id": f"call_{at}",
                "type": "function",
                "function": {"name": name, "arguments": args if isinstance(args, str) else json.dumps(args)},
            }
            for at, (name, args) in enumerate(tools)
        ]
    return Reply(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": "test-model",
            "choices": [{"index": 0, "message": message, "finish_reason": finish}],
            "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
        }
    )


def failed(status: int, text: str, code: str | None = None, **headers: str) -> Reply:
    """Return an error the way OpenAI words it."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply({"error": {"message": text, "type": "error", "code": code}}, status, headers=named)


class Server:
    """One server for many tests: ``with server.play(reply, ...) as endpoint``."""

    def __init__(self) -> None:
        self.endpoint = Endpoint()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                reply = outer.take(json.loads(body), self.headers["Authorization"])
                time.sleep(reply.delay)
                text = reply.body if isinstance(reply.body, str) else json.dumps(reply.body)
                with suppress(BrokenPipeError, ConnectionResetError):  # the client did not wait
                    self.send_response(reply.status)
                    for name, value in {"Content-Type": "application/json", **reply.headers}.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(text.encode())))
                    self.end_headers()
                    self.wfile.write(text.encode())

            def log_message(self, *_: Any) -> None:
                """Stay quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def take(self, request: dict[str, Any], key: str) -> Reply:
        """Keep a request and return its reply."""
        self.endpoint.requests.append(request)
        self.endpoint.keys.append(key)
        return self.endpoint.replies[min(len(self.endpoint.requests), len(self.endpoint.replies)) - 1]

    @contextmanager
    def play(self, *replies: Reply) -> Iterator[Endpoint]:
        """Answer with these replies from now on."""
        self.endpoint = Endpoint(list(replies), url=f"http://127.0.0.1:{self._server.server_port}/v1")
        yield self.endpoint

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
