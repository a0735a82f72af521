"""Strangers at a server: without a token, from other origins, with tricks in paths, huge or slow bodies, in crowds.

Each is refused, and the server serves on.
"""

from __future__ import annotations

import asyncio
import resource
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from agent.web.connections import GuardedProtocol
from agent.web.guard import LARGE, Guard
from tests.agent.served import Served, served
from tests.agent.sessions import begin

TOKEN = "only-friends-know-this"
FRIEND = {"authorization": f"Bearer {TOKEN}"}
PATHS = (
    "/", "/api/sessions", "/api/about", "/api/events", "/api/openapi.json", "/api/sessions/desk/picture.png",
    "/v1/models", "/mcp", "/favicon.ico", "/static/x.js", "/_nicegui/x",
)  # fmt: skip
TRICKS = (
    "/api/sessions/../../etc/passwd", "/api/sessions/..%2f..%2fetc%2fpasswd", "/api/sessions/%2e%2e/report",
    "/api/sessions/desk/pictures/../run.json", "/api/sessions/desk/pictures/..%2frun.json.png",
    "/api/sessions/desk/pictures/%2e%2e%2f%2e%2e%2fsecret.png", "/api/sessions/desk/pictures/secret.png",
    "/api/sessions/.deleted/report", "/api/sessions/.queue.json", "/api/sessions/desk%00/report",
    "/api/sessions/desk/picture./../run.json", "/api/sessions/run:..%2fsecret/report", "//etc/passwd", "/../secret",
    "/api/sessions/outside/report",
)  # fmt: skip
SECRET = "the secret of this folder's parent"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    base = tmp_path_factory.mktemp("base")
    begin(base / "sessions" / "desk").close()
    for name in ("secret", "secret.png", "sessions/desk/secret.png"):
        (base / name).write_text(SECRET)
    (base / "outside").mkdir()
    (base / "outside" / "run.json").write_text(SECRET)
    (base / "sessions" / "outside").symlink_to(base / "outside")
    with served(base / "sessions", token=TOKEN) as found:
        yield found


def raw(server: Served, request: bytes, seconds: float = 30) -> bytes:
    """Send bytes as they are and return what comes back."""
    with socket.create_connection(("127.0.0.1", server.port), seconds) as connection:
        connection.sendall(request)
        answer = b""
        while part := connection.recv(65536):
            answer += part
            if b"\r\n\r\n" in answer and b"transfer-encoding" not in answer.lower():
                length = int(answer.lower().partition(b"content-length: ")[2].split(b"\r\n")[0] or b"0")
                if len(answer.partition(b"\r\n\r\n")[2]) >= length:
                    break
        return answer


def still_serves(server: Served) -> None:
    with server.client(headers=FRIEND) as client:
        assert [summary["name"] for summary in client.get("/api/sessions").json()] == ["desk"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS", "HEAD"])
def test_no_token_nothing(server: Served, method: str, path: str) -> None:
    with server.client() as client:
        answer = client.request(method, path)
    assert answer.status_code == 401
    assert "desk" not in answer.text
    assert answer.headers["www-authenticate"] == "Bearer"


def test_no_token_no_socket(server: Served) -> None:
    request = (
        f"GET /_nicegui_ws/socket.io/?transport=websocket HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    assert raw(server, request.encode()).startswith(b"HTTP/1.1 403")


def test_the_printed_address_brings_a_cookie_and_hides_the_token(server: Served) -> None:
    with server.client() as client:
        answer = client.get("/api/sessions", params={"token": TOKEN, "page": "2"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/api/sessions?page=2")
        cookie = answer.headers["set-cookie"]
        assert all(word in cookie for word in ("HttpOnly", "SameSite=Strict", "Path=/"))
        assert TOKEN not in cookie
        assert client.get("/api/sessions").status_code == 200
        assert client.get("//evil.example/", params={"token": TOKEN}).headers.get("location", "/").startswith("/")


@pytest.mark.parametrize("path", TRICKS)
def test_no_path_leads_out_of_the_folder(server: Served, path: str) -> None:
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close\r\n\r\n"
    answer = raw(server, request.encode())
    assert answer.split(b" ", 2)[1] in (b"400", b"404"), answer
    assert SECRET.encode() not in answer


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
    ],
)
def test_other_names_and_origins_are_refused_even_with_the_token(server: Served, headers: dict[str, str]) -> None:
    with server.client(headers=FRIEND | headers) as client:
        assert client.get("/api/sessions").status_code == 403
        answer = client.post("/api/sessions", data={"text": "a red car"})
        assert answer.status_code == 403
        assert "access-control-allow-origin" not in answer.headers
    still_serves(server)


def test_a_form_of_another_kind_is_no_order(server: Served) -> None:
    """What a page elsewhere could send without asking first (no preflight) is not read as JSON."""
    with server.client(headers=FRIEND | {"content-type": "text/plain"}) as client:
        answer = client.post("/api/sessions/desk/turns", content=b'{"text": "remove the dog"}')
    assert answer.status_code == 422


def test_what_is_too_large_is_refused_before_it_is_read(server: Served) -> None:
    head = f"POST /api/sessions HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {TOKEN}\r\n"
    answer = raw(server, f"{head}Content-Length: {10**12}\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 413")
    with server.client(headers=FRIEND) as client:
        answer_json = client.post("/api/sessions/desk/turns", json={"text": "x" * 2**21})
        assert answer_json.status_code in (413, 422)
    still_serves(server)


def test_a_body_that_never_ends_is_cut_off(server: Served) -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield b"x" * 2**16

    json = {"content-type": "application/json"}
    # closed while it was still sending: refused as well
    with server.client(headers=FRIEND | json) as client, suppress(httpx.TransportError):
        assert client.post("/api/sessions/desk/turns", content=endless()).status_code == 413
    still_serves(server)


def test_a_body_that_never_comes_is_given_up() -> None:
    """With a clock of its own: the hour passes at the second look."""
    times, sent = iter([0.0, 0.0, 3600.0, 3600.0]), list[dict[str, object]]()

    async def app(scope: object, receive: object, send: object) -> None:
        while True:
            await receive()  # type: ignore[operator]

    async def dripping() -> dict[str, object]:
        if sent == []:
            await asyncio.sleep(0)
        return {"type": "http.request", "body": b"x", "more_body": True}

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    class Everybody:
        def refusal(self, *args: object) -> None:
            return None

    guard = Guard(app, Everybody(), seconds=60, clock=lambda: next(times))  # type: ignore[arg-type]
    scope = {"type": "http", "method": "POST", "path": "/api/x", "query_string": b"", "headers": []}
    asyncio.run(guard(scope, dripping, send))  # type: ignore[arg-type]
    assert sent[0]["status"] == 408


def test_many_large_uploads_at_a_time_wait_for_each_other(server: Served) -> None:
    head = f"POST /api/sessions HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {TOKEN}\r\n"
    request = f"{head}Content-Length: {LARGE - 1}\r\nContent-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
    held = [socket.create_connection(("127.0.0.1", server.port), 30) for _ in range(8)]
    try:
        for connection in held:
            connection.sendall(request.encode())
        answers = [raw(server, request.encode()) for _ in range(3)]
        assert any(answer.startswith(b"HTTP/1.1 503") for answer in answers)
        still_serves(server)
    finally:
        for connection in held:
            connection.close()


@pytest.mark.parametrize(
    "request_",
    [
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET " + b"/x" * 40_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"X: y\r\n" * 10_000 + b"\r\n",
    ],
    ids=["tls", "version", "no host", "long path", "two hosts", "smuggling", "many headers"],
)
def test_what_is_no_request_is_refused(server: Served, request_: bytes) -> None:
    try:
        answer = raw(server, request_)
    except OSError:
        answer = b""  # closed in the middle
    assert not answer or answer.split(b" ", 2)[1][:1] == b"4"
    still_serves(server)


def test_a_thousand_silent_connections_keep_nobody_out(server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    monkeypatch.setattr(GuardedProtocol, "most", 50)
    crowd = list[socket.socket]()
    try:
        for number in range(1000):
            connection = socket.create_connection(("127.0.0.1", server.port), 30)
            connection.sendall(b"GET / HTTP/1.1\r\n" if number % 2 else b"")
            crowd.append(connection)
            if number % 250 == 0:
                still_serves(server)
        still_serves(server)
        closed = sum(_is_closed(connection) for connection in crowd)
        assert closed >= 900
    finally:
        for connection in crowd:
            connection.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    still_serves(server)


def test_a_connection_that_says_nothing_is_closed(server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GuardedProtocol, "seconds", 0.05)
    with socket.create_connection(("127.0.0.1", server.port), 30) as connection:
        connection.sendall(b"GET /api/about HTTP/1.1\r\nHost:")
        with suppress(ConnectionResetError):
            assert connection.recv(1024) == b""
    still_serves(server)


def _is_closed(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def test_a_session_s_own_words_run_nowhere(tmp_path: Path) -> None:
    """What is said comes back as JSON and is never a page; the report shows it as text."""
    with served(tmp_path / "sessions") as server, server.client() as client:
        begin(tmp_path / "sessions" / "desk").close()
        said = "<script>alert(1)</script> add a blue cup"
        answer = client.post("/api/sessions/desk/turns", json={"text": said})
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
