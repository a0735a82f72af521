"""A package registry on this machine: npm's and PyPI's answers, archives with ranges, and ways to go wrong."""

from __future__ import annotations

import io
import json
import tarfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType


def tarball(members: dict[str, bytes], links: dict[str, str] | None = None) -> bytes:
    """Return a .tgz with these files, and symbolic links by name."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for name, target in (links or {}).items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            archive.addfile(info)
    return buffer.getvalue()


class Registry:
    """Serves ``archives`` by package name; ``cut`` ends each of the first answers after so many bytes."""

    def __init__(self, archives: dict[str, bytes], cut: list[int] | None = None) -> None:
        self.archives, self.cut, self.ranges = archives, list(cut or []), list[str]()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.answer(self)

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        parts = request.path.strip("/").split("/")
        if parts[0] == "simple":
            links = "".join(f'<a href="/file/{name}#sha256=x">{name}</a>' for name in self.archives)
            self._send(request, 200, f"<html><body>{links}</body></html>".encode(), "text/html")
        elif parts[0] == "file" and parts[-1] in self.archives:
            self._send_archive(request, self.archives[parts[-1]])
        elif parts[0] in self.archives:
            about = {"dist": {"tarball": f"{self.url}/file/{parts[0]}"}}
            self._send(request, 200, json.dumps(about).encode(), "application/json")
        else:
            self._send(request, 404, b"{}", "application/json")

    def _send_archive(self, request: BaseHTTPRequestHandler, data: bytes) -> None:
        given = request.headers.get("Range", "")
        self.ranges.append(given)
        start = int(given.removeprefix("bytes=").rstrip("-")) if given else 0
        body = data[start:]
        request.send_response(206 if given else 200)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body[: self.cut.pop(0)] if self.cut else body)
        request.close_connection = True

    @staticmethod
    def _send(request: BaseHTTPRequestHandler, code: int, body: bytes, kind: str) -> None:
        request.send_response(code)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    def __enter__(self) -> Self:
        Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.shutdown()
        self.server.server_close()
