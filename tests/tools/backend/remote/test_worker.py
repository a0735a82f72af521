"""Whatever is sent to a worker: one sentence comes back, and the next call is served."""

from __future__ import annotations

import random
import socket
from collections import deque
from importlib import metadata
from io import BytesIO
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from PIL import Image
from starlette.testclient import TestClient

from tests.workers import ServedWorld, serving_here
from tests.world import draw, settings
from tools.backend.remote import worker as worker_module
from tools.backend.remote.client import RemoteBackend
from tools.backend.remote.frames import PROTOCOL, TYPE, Frames, packed
from tools.backend.remote.terms import described, terms_id
from tools.backend.remote.work import Pictures
from tools.images import content_id, to_png
from tools.scene.layout import Layout
from tools.scene.spec import Query

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKEN = "a-long-enough-token"
PICTURE = draw(Layout())
ID = content_id(PICTURE)
PARTS = described(settings())
DETECT = {"call": "detect", "image": ID, "queries": [{"name": "car"}], "threshold": None}
EDIT = {
    "call": "edit",
    "image": ID,
    "operations": [{"op": "add", "name": "car", "box": [0.1, 0.1, 0.2, 0.2]}],
    "scene": {"objects": [], "background": ""},
    "seed": 1,
    "references": {},
}
CALL = {"terms": terms_id(PARTS), "seconds": 5.0, "ask": DETECT}


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    headers = {"authorization": f"Bearer {TOKEN}", "content-type": TYPE}
    with serving_here(ServedWorld(), TOKEN) as url, httpx.Client(base_url=url, headers=headers, timeout=10) as client:
        connect(client)
        assert client.put(f"/v1/pictures/{ID}", content=to_png(PICTURE, 1), headers=PNG).status_code == 204
        yield client


PNG = {"content-type": "image/png"}


def connect(client: httpx.Client, **changes: Any) -> httpx.Response:
    value = {"protocol": PROTOCOL, "program": metadata.version("sld-agent"), "parts": PARTS} | changes
    return client.post("/v1/connect", content=packed(value))


def frames(answer: httpx.Response) -> list[dict[str, Any]]:
    return list(Frames().feed(answer.content))


def check_serves(client: httpx.Client) -> None:
    """A good call is answered."""
    assert frames(client.post("/v1/call", content=packed(CALL)))[-1].keys() == {"result"}


def sentence(answer: httpx.Response) -> str:
    """The one sentence of a refusal."""
    assert 400 <= answer.status_code < 500, (answer.status_code, answer.text[:200])
    said = answer.json()["error"]
    assert isinstance(said, str)
    assert 0 < len(said) < 1000
    assert "Traceback" not in said
    return said


@pytest.mark.parametrize("token", [None, "Bearer", "Bearer nonsense-nonsense", f"Basic {TOKEN}", f"Bearer {TOKEN}x"])
@pytest.mark.parametrize("path", ["/v1/connect", "/v1/call"])
def test_without_the_token_nothing_is_read(client: httpx.Client, path: str, token: str | None) -> None:
    with httpx.Client(base_url=client.base_url, headers={"content-type": TYPE}) as other:
        answer = other.post(path, content=b"\0" * 100, headers={"authorization": token} if token else {})
    assert answer.status_code == 401
    assert "SLD_WORKER_TOKEN" in sentence(answer)
    check_serves(client)


@pytest.mark.parametrize("kind", ["text/plain", "application/json", "application/x-www-form-urlencoded", ""])
def test_what_a_web_page_can_send_is_refused(client: httpx.Client, kind: str) -> None:
    assert "content type" in sentence(client.post("/v1/call", content=packed(CALL), headers={"content-type": kind}))


def test_health_needs_no_token(client: httpx.Client) -> None:
    with httpx.Client(base_url=client.base_url) as other:
        assert [other.get(path).status_code for path in ("/health", "/ready", "/docs", "/")] == [200, 200, 404, 404]


@pytest.mark.parametrize("path", ["/v1/call", "/v1/connect", f"/v1/pictures/{ID}"])
def test_what_is_too_long_is_refused(client: httpx.Client, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "LARGEST_ASK", 10_000)
    monkeypatch.setattr(worker_module, "MAX_BYTES", 10_000)
    put = "pictures" in path
    answer = client.request("PUT" if put else "POST", path, content=b"\0" * 10_001, headers=PNG if put else {})
    assert "more than 10,000 bytes" in sentence(answer)
    check_serves(client)


def test_what_arrives_too_slowly_is_refused_while_others_are_served(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "BODY_SECONDS", 0.3)
    with socket.create_connection((client.base_url.host, client.base_url.port or 80), timeout=10) as slow:
        slow.sendall(
            f"POST /v1/call HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {TOKEN}\r\ncontent-type: {TYPE}\r\n"
            "content-length: 1000\r\n\r\nx".encode()
        )
        check_serves(client)
        said = slow.recv(4096).decode()
    assert said.startswith("HTTP/1.1 408")
    assert "did not arrive within 0.3 s" in said


def bomb() -> bytes:
    """A small PNG of very many pixels."""
    buffer = BytesIO()
    Image.new("L", (12_000, 12_000)).save(buffer, format="PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    "png", [b"", b"\x89PNG\r\n\x1a\n", to_png(PICTURE, 1)[:-40], b"GIF89a", bomb()],
    ids=["nothing", "head", "cut off", "other", "bomb"],
)  # fmt: skip
def test_what_is_no_picture_is_refused(client: httpx.Client, png: bytes) -> None:
    sentence(client.put(f"/v1/pictures/{ID}", content=png, headers=PNG))
    check_serves(client)


def test_a_picture_that_is_another_is_refused(client: httpx.Client) -> None:
    other = to_png(Image.new("RGB", (8, 8), "red"), 1)
    assert "changed on the way" in sentence(client.put(f"/v1/pictures/{ID}", content=other, headers=PNG))


def changed(value: Any, random: random.Random) -> Any:
    """Return a value with one thing in it changed: a field lost, added, renamed, or another kind of value."""
    odd: list[Any] = [
        None, -1, 2**63, 1e308, float("nan"), "", "x" * 300, [], {}, [[]] * 50, True, b"\0\xff", "../../etc/passwd",
        {"$ref": "x"}, [0.5, 0.5, -3.0, 9.0], {"op": "remove", "id": "\0"}, "{background.__class__}",
    ]  # fmt: skip
    if isinstance(value, dict) and value and random.random() < 0.8:
        key = random.choice(list(value))
        match random.randrange(4):
            case 0:
                return {name: item for name, item in value.items() if name != key}
            case 1:
                return value | {random.choice(["call", "x", "__class__", "op"]): random.choice(odd)}
            case _:
                return value | {key: changed(value[key], random)}
    if isinstance(value, list) and value and random.random() < 0.6:
        return [*value[:-1], changed(value[-1], random)]
    return random.choice(odd)


def malformed(number: int) -> tuple[str, bytes]:
    """Return a request by its number: broken bytes, or a good one with one thing changed."""
    chance = random.Random(number)
    good: list[tuple[str, Any]] = [
        ("/v1/call", CALL),
        ("/v1/call", CALL | {"ask": EDIT}),
        ("/v1/connect", {"protocol": PROTOCOL, "program": metadata.version("sld-agent"), "parts": PARTS}),
    ]
    path, value = chance.choice(good)
    data = packed(changed(value, chance))
    match number % 4:
        case 0:
            at = chance.randrange(len(data))
            return path, data[:at] + chance.randbytes(chance.randrange(1, 9)) + data[at + 1 :]
        case 1:
            return path, data[: chance.randrange(len(data))]
        case 2:
            return path, chance.randbytes(chance.randrange(200))
        case _:
            return path, data


@pytest.mark.parametrize("amount", [60, pytest.param(1000, marks=pytest.mark.slow)])
def test_malformed_requests_are_answered_in_a_sentence_and_it_goes_on_serving(
    client: httpx.Client, amount: int
) -> None:
    refused = 0
    for number in range(amount):
        path, body = malformed(number)
        answer = client.post(path, content=body)
        if answer.status_code == 200:  # a change that changed nothing, or one that only the backend can refuse
            if path == "/v1/call":
                assert frames(answer)[-1].keys() & {"result", "error"}
            continue
        sentence(answer)
        refused += 1
        if number % 20 == 0:
            check_serves(client)
    assert refused > 0.8 * amount
    check_serves(client)


def test_settings_that_are_no_plain_values_are_refused(client: httpx.Client) -> None:
    said = connect(client, parts=PARTS | {"editor": {"path": b"nowhere"}})
    assert "something else than texts" in sentence(said)


def test_only_so_many_settings_are_served(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "MOST_TERMS", 2)
    headers = {"content-type": TYPE}
    with serving_here(ServedWorld()) as url, httpx.Client(base_url=url, headers=headers) as client:
        said = [
            connect(client, parts=described(settings(editor={"path": "nowhere", "steps": steps})))
            for steps in (50, 20, 30)
        ]
    assert [answer.status_code for answer in said] == [200, 200, 409]
    assert "2 variants" in sentence(said[-1])


def test_a_client_of_any_of_its_presets_is_served() -> None:
    first, second = settings(), settings(detector={"path": "elsewhere", "vocabulary": ["dog"]})
    worker = worker_module.Worker(ServedWorld(), metadata.version("sld-agent"), others=[second])
    with TestClient(worker.app, headers={"content-type": TYPE}) as client:
        said = [connect(client, parts=described(given)) for given in (first, second)]
        third = connect(client, parts=described(settings(detector={"path": "a third"})))
    assert [answer.status_code for answer in said] == [200, 200]
    assert third.status_code == 409
    assert "use the same preset" in sentence(third)


def test_a_bug_in_the_worker_is_told_and_ends_no_other_call() -> None:
    served = ServedWorld()
    served.edit_errors.append(ZeroDivisionError("a bug"))
    with serving_here(served) as url:
        backend = RemoteBackend(settings(backend={"url": url}))
        with pytest.raises(RuntimeError, match="failed: ZeroDivisionError: a bug"):
            backend.edit(PICTURE, [], Layout())
        assert backend.detect(PICTURE, [Query(name="car")]).detections == ()


def test_the_longest_unused_pictures_are_let_go() -> None:
    pictures = Pictures(most=3 * 10 * 10 * 2)
    ids = [pictures.keep(Image.new("RGB", (10, 10), (number, 0, 0))) for number in range(3)]
    found, missing = pictures.find(tuple(ids))
    assert (list(found), missing) == (ids[1:], ids[:1])


def test_what_is_done_is_counted_for_whoever_has_the_token(client: httpx.Client) -> None:
    pytest.importorskip("prometheus_client", reason="the extra [metrics] is not installed")
    check_serves(client)
    assert client.get("/metrics", headers={"authorization": ""}).status_code == 401
    shown = client.get("/metrics").text
    lines = dict(line.rsplit(" ", 1) for line in shown.splitlines() if not line.startswith("#"))
    assert float(lines['sld_model_call_seconds_count{call="detect"}']) >= 1
    assert float(lines["sld_queue_calls"]) >= 0


def test_the_sizes_of_batches_are_counted_once() -> None:
    pytest.importorskip("prometheus_client", reason="the extra [metrics] is not installed")
    sizes = deque([3, 4])
    worker = worker_module.Worker(ServedWorld(), "1", batches=sizes)
    with TestClient(worker.app) as client:
        shown = [client.get("/metrics").text for _ in range(2)]
    assert all("sld_batch_size_count 2.0" in text and "sld_batch_size_sum 7.0" in text for text in shown)
    assert not sizes
