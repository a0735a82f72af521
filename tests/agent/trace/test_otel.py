from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.agent.jobs import SCRIPT, SPEC, run
from tests.scripted import ScriptedChat, calls
from tests.workers import ServedWorld, serving_here
from tests.world import settings
from tools.backend.remote import spans
from tools.backend.remote.client import RemoteBackend
from tools.tracing import TRACEPARENT

pytest.importorskip("opentelemetry.sdk", reason="the extra otel is not installed")
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

SECRET = "sk-never-write-this-down"


class Collector(ThreadingHTTPServer):
    """Takes spans over OTLP, as a real collector would."""

    daemon_threads = True

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.services: set[str] = set()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                assert self.path == "/v1/traces"
                request = ExportTraceServiceRequest()
                request.ParseFromString(self.rfile.read(int(self.headers["Content-Length"])))
                for resource in request.resource_spans:
                    collector.services |= {str(_value(one.value)) for one in resource.resource.attributes}
                    collector.spans += [span for scope in resource.scope_spans for span in scope.spans]
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)

    def named(self, name: str) -> list[Span]:
        return [span for span in self.spans if span.name == name]


def attributes(span: Span) -> dict[str, Any]:
    return {one.key: _value(one.value) for one in span.attributes}


def _value(value: Any) -> Any:
    return getattr(value, value.WhichOneof("value"))


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with Collector() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        yield server
        server.shutdown()


def test_a_collector_receives_the_run_as_a_tree_of_spans(collector: Collector, tmp_path: Path) -> None:
    run(tmp_path / "mine")

    (turn,) = collector.named("turn")
    nodes = [span for span in collector.spans if span.parent_span_id == turn.span_id]
    assert [span.name for span in nodes][:4] == ["begin", "parse", "judge", "think"]
    assert len(nodes) == 14
    assert len({span.trace_id for span in collector.spans}) == 1
    assert attributes(turn)["openinference.span.kind"] == "AGENT"
    assert attributes(turn)["session.id"] == "mine"
    assert json.loads(attributes(turn)["output.value"])["agreed"] is True
    assert all(turn.start_time_unix_nano <= span.start_time_unix_nano for span in collector.spans)
    assert all(span.end_time_unix_nano <= turn.end_time_unix_nano for span in collector.spans)
    assert "sld-agent" in collector.services


def test_model_and_tool_calls_follow_openinference(collector: Collector, tmp_path: Path) -> None:
    run(tmp_path)

    thinking = {span.span_id for span in collector.named("think")}
    asked = next(span for span in collector.named("language model") if span.parent_span_id in thinking)
    told = attributes(asked)
    assert told["openinference.span.kind"] == "LLM"
    assert (told["llm.token_count.prompt"], told["llm.token_count.completion"]) == (10, 5)
    assert told["llm.token_count.total"] == 15
    assert told["llm.input_messages.0.message.role"] == "system"
    assert told["llm.input_messages.1.message.role"] == "user"
    assert told["llm.output_messages.0.message.role"] == "assistant"
    assert told["llm.output_messages.0.message.content"] == "I look at the cars first."
    wish = "llm.output_messages.0.message.tool_calls.0.tool_call.function"
    assert told[f"{wish}.name"] == "detect"
    assert json.loads(told[f"{wish}.arguments"]) == {"phrases": ["red car"]}
    tool = attributes(collector.named("detect")[0])
    assert tool["openinference.span.kind"] == "TOOL"
    assert tool["tool.name"] == "detect"
    assert json.loads(tool["input.value"]) == {"phrases": ["red car"]}
    assert tool["output.value"]


def test_failures_are_marked_and_secrets_are_not_sent(collector: Collector, tmp_path: Path) -> None:
    wrong = calls(("edit", {"operations": [{"op": "remove", "id": "cat #1"}]}))
    chat = ScriptedChat(script=[SPEC, wrong, RuntimeError(f"the server hates {SECRET}")])

    with pytest.raises(RuntimeError):
        run(tmp_path, chat=chat, settings=settings(chat={"api_key": SECRET}))

    failed = [span.name for span in collector.spans if span.status.code == Status.STATUS_CODE_ERROR]
    assert sorted(failed) == ["edit", "language model", "think", "turn"]
    assert "the server hates ***" in collector.named("turn")[0].status.message
    assert all(SECRET.encode() not in span.SerializeToString() for span in collector.spans)


def test_a_collector_that_is_away_is_neither_waited_for_nor_kept_quiet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def export(*_: Any, **__: Any) -> None:
        raise AssertionError("a collector that is away was sent something, which is tried again for seconds")

    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr("opentelemetry.sdk.trace.TracerProvider.shutdown", export)

    with pytest.warns(UserWarning, match=r"nothing answers at 127\.0\.0\.1:9"):
        assert run(tmp_path).agreed


def test_a_collector_that_takes_and_never_answers_does_not_hold_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, and that is all
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
        monkeypatch.setattr("agent.trace.otel.LINGER", 0.01)

        assert run(tmp_path).agreed
        sending = [thread for thread in threading.enumerate() if thread.name == "spans"]

        assert sending, "the run waited for the answer"
        for thread in sending:
            thread.join(30)


@pytest.mark.parametrize("switch", [("OTEL_SDK_DISABLED", "true"), ("OTEL_TRACES_EXPORTER", "none")])
def test_the_usual_switches_turn_it_off(
    collector: Collector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, switch: tuple[str, str]
) -> None:
    monkeypatch.setenv(*switch)

    run(tmp_path, chat=ScriptedChat(script=list(SCRIPT)))

    assert collector.spans == []


def test_a_workers_spans_are_under_the_turn_that_asked(collector: Collector, tmp_path: Path) -> None:
    spans._tracer.cache_clear()  # another test may have looked at another environment
    with serving_here(ServedWorld(), "") as url:
        remote = RemoteBackend(settings(backend={"url": url}))
        run(tmp_path, world=remote)  # type: ignore[arg-type]  # a backend like any other
        until = time.monotonic() + 20
        while not collector.named("worker edit") and time.monotonic() < until:
            time.sleep(0.05)
    spans._tracer.cache_clear()

    (turn,) = collector.named("turn")
    for edit in collector.named("worker edit"):
        assert (edit.trace_id, edit.parent_span_id) == (turn.trace_id, turn.span_id)
    assert collector.named("worker edit")
    assert collector.named("worker detect")
    assert "sld-worker" in collector.services
    assert TRACEPARENT.get() == ""
