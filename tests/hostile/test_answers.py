"""Answers that no server should send: each goes back to the model, or ends the run in a way that has a name."""

from __future__ import annotations

import gzip
import json
import re
import socket
import tempfile
import threading
import time
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.models import endpoint
from agent.models.chat import ChatModelError, make_chat_model
from agent.report.render import write_report
from agent.run.folder import RunFolder
from agent.trace.events import read_trace
from configs.settings import ChatSettings
from graphs.state import Exit
from tests.agent.endpoint import said
from tests.agent.jobs import FIRST, LOOK, SPEC, START, run
from tests.world import World
from tests.world import settings as world_settings
from tools.bounded_http import BoundedTransport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

EXITS = get_args(Exit)
METHODS = ("json_schema", "function_calling", "json_object", "actions")
KEPT = 3 * 2**20  # bytes that a run of a few answers may take


class Canned(httpx.BaseTransport):
    """Answers with these bodies, the last one again and again."""

    def __init__(self, *bodies: bytes) -> None:
        self.bodies, self.asked = bodies, 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        body = self.bodies[min(self.asked, len(self.bodies)) - 1]
        return httpx.Response(200, content=body, headers={"content-type": "application/json"}, request=request)


def outcome(folder: Path, *bodies: bytes, method: str = "json_schema", **loop: Any) -> str:
    """Run the job with a server that answers so; return how it ended, after a look at all that it left behind."""
    given: dict[str, Any] = {"base_url": "http://127.0.0.1:9/v1", "structured_output": method, "attempts": 1}
    chat = make_chat_model(ChatSettings.model_validate(given))
    chat.root_client._client._transport = Canned(*bodies)  # type: ignore[attr-defined]
    try:
        result = run(folder, chat=chat, world=World(START), settings=world_settings(loop={"tool_failures": 2, **loop}))
        ended = result.exit
    except ChatModelError as error:
        ended = str(error)
    assert ended in EXITS or ended.startswith("http://127.0.0.1:9/v1 "), ended
    assert read_trace(folder / "trace.jsonl")[-1]["event"] == "end"
    write_report(RunFolder(folder))
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < KEPT
    return ended


SENTENCE = json.dumps(said(json.dumps(SPEC)).body).encode()
LOOKS = said("", tools=[("detect", LOOK.tool_calls[0]["args"]), ("edit", FIRST.tool_calls[0]["args"])]).body


def call(**changes: Any) -> bytes:
    """Return an answer with one call of a tool, changed."""
    body = deepcopy(LOOKS)
    body["choices"][0]["message"]["tool_calls"] = [
        {"id": "call_0", "type": "function", "function": {"name": "edit", "arguments": "{}"} | changes}
    ]
    return json.dumps(body).encode()


CALL = json.loads(call())["choices"][0]["message"]["tool_calls"]


def body(**changes: Any) -> bytes:
    return json.dumps(said("hm").body | changes).encode()


def message(**changes: Any) -> bytes:
    return body(choices=[{"index": 0, "message": {"role": "assistant", "content": "hm"} | changes}])


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        pytest.param(body(error={"message": "model is loading"}), "an error: 'model is loading'", id="an error"),
        pytest.param(b"<html>please log in</html>", "no JSON .*please log in", id="a web page"),
        pytest.param(b"", "no JSON", id="nothing"),
        pytest.param(b"\xff\xfe\x00", "no JSON", id="bytes"),
        pytest.param(b"[" * 100_000, "no JSON .*nested too deeply", id="deep"),
        pytest.param(body(choices=None), "choices that are null", id="null choices"),
        pytest.param(body(choices=[]), "an empty list of choices", id="no choices"),
        pytest.param(body(choices={"a": 1}), "choices that are an object", id="choices of another kind"),
        pytest.param(body(choices=["hm"]), "a choice without a message: 'hm'", id="a choice of another kind"),
        pytest.param(b"[1, 2]", "a list instead of a chat completion", id="a list"),
        pytest.param(b"null", "null instead of a chat completion", id="null"),
        pytest.param(message(content=7), "content is a number: '7'", id="a number for a text"),
        pytest.param(message(content={"text": "hm"}), "content is an object", id="an object for a text"),
    ],
)
def test_what_is_no_chat_completion_is_named_with_what_was_sent(tmp_path: Path, sent: bytes, told: str) -> None:
    assert re.search(f"answered with .*{told}.*, which is no chat completion", outcome(tmp_path, SENTENCE, sent))


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(message(role="user"), id="another role"),
        pytest.param(message(role=None), id="no role"),
        pytest.param(message(content=[{"type": "text", "text": "hm"}, {"text": None}, 3]), id="parts"),
        pytest.param(message(content=None, tool_calls="edit"), id="calls of another kind"),
        pytest.param(message(content=None, tool_calls=[None, {}, {"function": 3}]), id="calls without a function"),
        pytest.param(message(content="half \ud800 a character"), id="half a character"),
        pytest.param(message(content="x" * 3_000_000), id="a long text"),
        pytest.param(body(usage="many"), id="usage as text"),
        pytest.param(body(usage={"prompt_tokens": "11", "completion_tokens": -1e300}), id="odd counts"),
        pytest.param(body(usage=[1]), id="usage as a list"),
        pytest.param(call(arguments="[1, 2]"), id="arguments in a list"),
        pytest.param(call(arguments=[1, 2]), id="arguments that are a list"),
        pytest.param(call(arguments='{"operations": ' + "[" * 900 + "]" * 900 + "}"), id="900 levels"),
        pytest.param(call(arguments='{"operations": NaN}'), id="no number"),
        pytest.param(call(arguments='{"operations": ' + "9" * 40 + "}"), id="a number of 40 digits"),
        pytest.param(call(arguments='{"operations": ["\\ud800"]}'), id="half a character in arguments"),
        pytest.param(call(arguments='{"\\udfff": 1}'), id="half a character in a key"),
        pytest.param(call(name="no such tool"), id="no such tool"),
        pytest.param(call(name=None), id="no name"),
        pytest.param(call(name="x" * 1_000_000), id="a long name"),
        pytest.param(call(name="\x1b[2J"), id="a name of control characters"),
        pytest.param(
            call(arguments=json.dumps({"operations": [{"op": "remove", "id": "car #1"}] * 10_000})),
            id="operations",
        ),
        pytest.param(
            message(content=None, tool_calls=CALL * 10_000),
            id="10,000 calls",
        ),
        pytest.param(call(arguments=json.dumps({"operations": "x" * 1_000_000})), id="long arguments"),
    ],
)
@pytest.mark.parametrize("method", ["json_schema", "actions"])
def test_a_mistake_of_the_model_goes_back_to_it(tmp_path: Path, sent: bytes, method: str) -> None:
    assert outcome(tmp_path, SENTENCE, sent, method=method) in EXITS


def test_a_long_id_is_replaced(tmp_path: Path) -> None:
    sent = json.loads(call(arguments=json.dumps(LOOK.tool_calls[0]["args"]), name="detect"))
    sent["choices"][0]["message"]["tool_calls"][0]["id"] = "x" * 1_000_000
    assert outcome(tmp_path, SENTENCE, json.dumps(sent).encode(), tool_calls=5) in EXITS


# -- any shape --------------------------------------------------------------------------------

TEXTS = st.text(st.characters(), max_size=12) | st.sampled_from(["\ud800", "\x1b[2J", "null", "{", "<html>", "car #1"])
NUMBERS = st.integers(-(2**70), 2**70) | st.floats() | st.integers(-3, 3)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda below: st.lists(below, max_size=4) | st.dictionaries(TEXTS, below, max_size=4),
    max_leaves=12,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(item, (*path, key))


def put(tree: Any, path: tuple[Any, ...], change: Callable[[Any], Any]) -> Any:
    """Return the tree with the value at ``path`` changed; None removes it from an object or a list."""
    if not path:
        return change(tree)
    changed = dict(tree) if isinstance(tree, dict) else list(tree)
    new = put(changed[path[0]], path[1:], change)
    changed[path[0]] = new
    return changed


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """Draw a body that was a good answer before something in it was replaced, once or twice."""
    operations = [{"op": "restyle", "id": "car #1", "attributes": ["red"]}, {"op": "remove", "id": "dog #1"}]
    inner: Any = draw(st.sampled_from([{"operations": operations}, {"phrases": ["red car"]}, {"id": "car #1"}, SPEC]))
    for _ in range(draw(st.integers(0, 2))):
        value = draw(VALUES)
        inner = put(inner, draw(st.sampled_from(sorted(places(inner), key=repr))), lambda _: value)  # noqa: B023
    text = json.dumps(inner)
    text = draw(st.sampled_from([text, text[: len(text) // 2], f"```json\n{text}\n```", f"<think>{{</think>{text}"]))
    name = draw(st.sampled_from(["edit", "detect", "inspect", "suggest_layout", "nothing"]))
    tree: Any = said(text).body if draw(st.booleans()) else said(None, tools=[(name, text)]).body
    for _ in range(draw(st.integers(0, 2))):
        value = draw(VALUES)
        tree = put(tree, draw(st.sampled_from(sorted(places(tree), key=repr))), lambda _: value)  # noqa: B023
    data = json.dumps(tree).encode()
    return data if draw(st.integers(0, 9)) else data[: draw(st.integers(0, len(data)))]


def check_any_answer(shapes: list[bytes], method: str) -> None:
    with tempfile.TemporaryDirectory() as place:
        outcome(Path(place) / "run", *shapes, method=method, tool_calls=4, repairs=1)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), database=None, derandomize=True)
@given(st.lists(bodies(), min_size=1, max_size=3), st.sampled_from(METHODS))
def test_any_answer_ends_in_a_way_that_has_a_name(shapes: list[bytes], method: str) -> None:
    check_any_answer([SENTENCE, *shapes], method)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@settings(max_examples=2000, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(st.lists(bodies(), min_size=1, max_size=3), st.sampled_from(METHODS), st.booleans())
def test_two_thousand_answers_end_in_ways_that_have_names(shapes: list[bytes], method: str, parsed: bool) -> None:
    check_any_answer([SENTENCE, *shapes] if parsed else shapes, method)


# -- answers without an end -------------------------------------------------------------------


def _read_request(connection: socket.socket) -> None:
    request = b""
    while b"\r\n\r\n" not in request:
        request += connection.recv(2**16)
    head, _, body = request.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
    missing = int(length[1]) - len(body) if length else 0
    while missing > 0:
        missing -= len(connection.recv(2**16))


class Raw:
    """A server that writes pieces of bytes for as long as anybody listens."""

    def __init__(self, pieces: Callable[[], Iterator[bytes]], pause: float = 0.0) -> None:
        self._pieces, self._pause = pieces, pause
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/v1"
        self.sent = 0

    def __enter__(self) -> Raw:
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        self._thread.join(10)

    def _serve(self) -> None:
        try:
            connection, _ = self._socket.accept()
        except OSError:
            return
        with connection:
            _read_request(connection)  # all of it: what is closed unread is reset, and the answer lost
            try:
                for piece in self._pieces():
                    connection.sendall(piece)
                    self.sent += len(piece)
                    time.sleep(self._pause)
            except OSError:
                pass  # the client has had enough

    def ask(self, seconds: float, whole: float | None = None) -> str:
        given = {"base_url": self.url, "timeout": seconds, "answer_timeout": whole or seconds, "attempts": 1}
        return make_chat_model(ChatSettings.model_validate(given)).invoke("hi").text


def for_ever(head: bytes, piece: bytes) -> Callable[[], Iterator[bytes]]:
    def pieces() -> Iterator[bytes]:
        yield head
        while True:
            yield piece

    return pieces


OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def test_a_slow_answer_is_waited_for_while_it_comes() -> None:
    def pieces() -> Iterator[bytes]:
        yield OK.replace(b"application/json", b"text/event-stream") + b"Connection: close\r\n\r\n"
        for word in ("a ", "slow ", "local ", "model ", "just ", "works"):
            yield f"data: {json.dumps({'choices': [{'delta': {'content': word}}]})}\n\n".encode()

    with Raw(pieces, pause=0.4) as server:  # longer in all than it may be silent
        assert server.ask(2, whole=60) == "a slow local model just works"


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param(for_ever(OK + b"Content-Length: 100000\r\n\r\n", b" "), id="body"),
        pytest.param(for_ever(OK, b"X: y\r\n"), id="headers"),
        pytest.param(for_ever(b"", b"H"), id="the first line"),
    ],
)
def test_an_answer_that_drips_ends_at_the_deadline(pieces: Callable[[], Iterator[bytes]]) -> None:
    with (
        Raw(pieces, pause=0.05) as server,
        pytest.raises(ChatModelError, match=r"no whole answer within 0\.5 s|cannot reach"),
    ):
        server.ask(0.5)


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(OK + b"\r\n", id="without a length"),
        pytest.param(OK + b"Content-Length: 99999999999\r\n\r\n", id="with a length"),
        pytest.param(b"HTTP/1.1 500 Oops\r\n\r\n", id="of an error"),
    ],
)
def test_an_answer_without_an_end_stops_at_the_limit(head: bytes) -> None:
    with Raw(for_ever(head, b" " * 65536)) as server:
        with pytest.raises(ChatModelError, match="an answer of more than 4,194,304 bytes"):
            server.ask(60)
        assert server.sent < 64 * 2**20


@pytest.mark.parametrize("coding", ["gzip", "br", "gzip, gzip", "zstd"])
def test_a_packed_answer_is_unpacked_up_to_the_limit_only(coding: str) -> None:
    packed = gzip.compress(b" " * 2**26)
    head = OK + f"Content-Encoding: {coding}\r\nContent-Length: {len(packed)}\r\n\r\n".encode()
    told = "more than 4,194,304 bytes" if coding == "gzip" else f"packed as '{coding}'"
    with Raw(lambda: iter([head, packed])) as server, pytest.raises(ChatModelError, match=told):
        server.ask(60)


def test_a_packed_answer_of_the_usual_size_is_read() -> None:
    packed = gzip.compress(json.dumps(said("hello").body).encode())
    head = OK + f"Content-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n".encode()
    with Raw(lambda: iter([head, packed])) as server:
        answer = make_chat_model(ChatSettings(base_url=server.url, attempts=1)).invoke("hi")
    assert answer.text == "hello"


@pytest.mark.parametrize("asked", ["nan", "inf", "-5", "1e400", "\u00b2", "soon", "Wed, 21 Oct 2099 07:28:00 GMT"])
def test_an_odd_wish_to_wait_is_no_reason_to_fail(asked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    def busy(request: httpx.Request) -> httpx.Response:
        return httpx.Response(503, headers={"retry-after": asked.encode("utf-8")}, json={}, request=request)  # type: ignore[dict-item]

    chat = make_chat_model(ChatSettings(base_url="http://127.0.0.1:9/v1", attempts=2))
    chat.root_client._client._transport = httpx.MockTransport(busy)  # type: ignore[attr-defined]
    monkeypatch.setattr("tenacity.nap.time.sleep", waits.append)
    with pytest.raises(ChatModelError, match="failed with status 503 after 2 tries"):
        chat.invoke("hi")
    assert all(0 <= wait <= endpoint.LONGEST_WAIT for wait in waits)
    assert len(waits) == 1


def test_a_server_that_sends_elsewhere_is_not_followed() -> None:
    head = b"HTTP/1.1 307 Moved\r\nLocation: http://127.0.0.1:1/v1\r\nContent-Length: 0\r\n\r\n"
    with Raw(lambda: iter([head])) as server, pytest.raises(ChatModelError, match=r"sends elsewhere \(307\)"):
        server.ask(20)


def test_the_blocking_transport_leaves_no_thread_behind() -> None:
    packed = json.dumps(said("hello").body).encode()
    before = threading.active_count()
    with Raw(lambda: iter([OK + f"Content-Length: {len(packed)}\r\n\r\n".encode() + packed])) as server:
        httpx.Client(transport=BoundedTransport(5, 10_000)).post(server.url)
    assert threading.active_count() <= before
