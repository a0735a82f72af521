"""OpenTelemetry spans of a run, by OpenInference's conventions: Phoenix, Langfuse, MLflow or any collector shows them.

Made from trace events, so spans hold exactly what the trace holds. Switched on by the usual environment
(``OTEL_EXPORTER_OTLP_ENDPOINT`` or ``OTEL_EXPORTER_OTLP_TRACES_ENDPOINT``) and the extra ``otel``.
Attribute names: https://arize-ai.github.io/openinference/spec/attributes/semantic-conventions.html
"""

from __future__ import annotations

import json
import os
import socket
import threading
import warnings
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tools.tracing import TRACEPARENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
KNOCK = 2.0  # seconds in which a collector that is there takes a connection; nobody waits for it meanwhile
LINGER = 2.0  # seconds that the end of a turn waits for a collector that is there and slow
ATTRIBUTES = 4096  # of one span: long conversations have a few for each message
ROLES = {"human": "user", "ai": "assistant"}


def follower(session: str) -> Callable[[dict[str, Any]], None] | None:
    """Return what makes spans of trace events, or None where no collector is named.

    ``session`` groups the spans of several turns (OpenInference's ``session.id``).
    """
    off = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or os.environ.get("OTEL_TRACES_EXPORTER") == "none"
    if off or not any(os.environ.get(name) for name in ENDPOINTS):
        return None
    try:
        return Spans(session)
    except ImportError as error:
        warnings.warn(f"no spans are sent ({error}): pip install 'sld-agent[otel]'", stacklevel=2)
        return None


class Spans:
    """Turns the events of a trace into spans: one for the turn, one for each node, model call and tool call.

    A node's span is made when the node ends, its calls' with it. When the turn's last event has been taken,
    everything has been sent; or the collector is away, which costs the turn nothing; or it takes longer than
    `LINGER`, and sending goes on beside the program.
    """

    def __init__(self, session: str) -> None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        self._session = session
        self._processor: Callable[[], BatchSpanProcessor] = lambda: BatchSpanProcessor(OTLPSpanExporter())
        self._provider: TracerProvider | None = None
        self._root: Span | None = None
        self._calls: dict[Any, list[tuple[dict[str, Any], list[dict[str, Any]]]]] = {}
        self._said: list[dict[str, Any]] = []
        self._knock = _Knock(_address())

    def __call__(self, event: dict[str, Any]) -> None:
        """Take one event of the trace."""
        if event["event"] in ("start", "resume", "decision") and self._root is None:
            self._open(event)
        if self._root is None:
            return
        if event["event"] == "llm":
            self._said = [*self._said[: event.get("keep", 0)], *event.get("new", [])]
        if event["event"] in ("llm", "tool"):
            self._calls.setdefault(event.get("task"), []).append((event, self._said))
        elif event["event"] == "node":
            node = self._span(event["node"], self._root, event, _node(event))
            self._add_calls(node, event.get("task"))
        elif event["event"] == "end":
            self._close(event)

    def _open(self, event: dict[str, Any]) -> None:
        from opentelemetry.sdk.resources import SERVICE_NAME, Resource
        from opentelemetry.sdk.trace import SpanLimits, TracerProvider

        named = {} if os.environ.get("OTEL_SERVICE_NAME") else {SERVICE_NAME: "sld-agent"}
        limits = SpanLimits(max_span_attributes=ATTRIBUTES)
        # not told of the program's end, at which it would try for seconds to reach a collector that is away
        self._provider = TracerProvider(resource=Resource.create(named), span_limits=limits, shutdown_on_exit=False)
        self._provider.add_span_processor(self._processor())
        asked = event.get("input") or {}
        fields = {"openinference.span.kind": "AGENT", "session.id": self._session} | _value("input", asked)
        self._root = self._tracer.start_span("turn", start_time=_moment(event["at"]), attributes=fields)
        known = self._root.get_span_context()
        TRACEPARENT.set(f"00-{known.trace_id:032x}-{known.span_id:016x}-{int(known.trace_flags):02x}")

    def _close(self, event: dict[str, Any]) -> None:
        assert self._root is not None
        assert self._provider is not None
        for task in list(self._calls):
            self._add_calls(self._root, task)
        self._root.set_attributes(_value("output", event.get("result") or {}))
        _mark(self._root, event)
        self._root.end(_moment(event["at"]))
        if self._knock.answered:
            sending = threading.Thread(target=self._provider.shutdown, name="spans", daemon=True)
            sending.start()
            sending.join(LINGER)
        else:
            warnings.warn(f"no spans are sent: nothing answers at {self._knock.place}", stacklevel=2)
        self._provider, self._root, self._said = None, None, []
        TRACEPARENT.set("")

    @property
    def _tracer(self) -> Any:
        assert self._provider is not None
        return self._provider.get_tracer("sld-agent")

    def _span(self, name: str, parent: Span, event: dict[str, Any], attributes: dict[str, Any]) -> Span:
        from opentelemetry.trace import set_span_in_context

        begun, ended = _moment(event.get("started") or event["at"]), _moment(event["at"])
        inside = set_span_in_context(parent)
        span: Span = self._tracer.start_span(name, context=inside, start_time=begun, attributes=attributes)
        _mark(span, event)
        span.end(max(begun, ended))
        return span

    def _add_calls(self, parent: Span, task: Any) -> None:
        for event, messages in self._calls.pop(task, []):
            if event["event"] == "llm":
                self._span("language model", parent, event, _llm(event, messages))
            else:
                self._span(str(event.get("tool")), parent, event, _tool(event))


class _Knock:
    """Whether somebody listens at a host and port, found out in the background from the start of a turn on."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.place = "{}:{}".format(*address)
        self._address, self._open = address, False
        self._thread = threading.Thread(target=self._try, name="knock", daemon=True)
        self._thread.start()

    def _try(self) -> None:
        try:
            socket.create_connection(self._address, timeout=KNOCK).close()
        except OSError:
            return
        self._open = True

    @property
    def answered(self) -> bool:
        """Whether it took a connection; one that has not yet is as good as away."""
        self._thread.join(0.2)  # a turn of milliseconds ends before the answer of the next machine is here
        return self._open


def _address() -> tuple[str, int]:
    """Return host and port of the collector that the environment names."""
    url = urlsplit(next(os.environ[name] for name in ENDPOINTS if os.environ.get(name)))
    return url.hostname or "", url.port or (443 if url.scheme == "https" else 80)


def _node(event: dict[str, Any]) -> dict[str, Any]:
    step = {} if event.get("step") is None else {"metadata": json.dumps({"step": event["step"]})}
    return {"openinference.span.kind": "CHAIN"} | step | _value("output", event.get("update") or {})


def _llm(event: dict[str, Any], said: list[dict[str, Any]]) -> dict[str, Any]:
    answer = event.get("answer")
    answered = [answer] if isinstance(answer, dict) else []
    counts = {"prompt": event.get("input_tokens", 0), "completion": event.get("output_tokens", 0)}
    return {
        "openinference.span.kind": "LLM",
        **({"llm.model_name": event["model"]} if event.get("model") else {}),
        **dict(_messages("llm.input_messages", said)),
        **dict(_messages("llm.output_messages", answered)),
        **{f"llm.token_count.{name}": count for name, count in (counts | {"total": sum(counts.values())}).items()},
        **_value("input", said),
        **_value("output", answer or ""),
    }


def _tool(event: dict[str, Any]) -> dict[str, Any]:
    values = _value("input", event.get("arguments") or {}) | _value("output", event.get("answer") or "")
    return {"openinference.span.kind": "TOOL", "tool.name": str(event.get("tool"))} | values


def _messages(prefix: str, messages: list[dict[str, Any]]) -> Iterator[tuple[str, Any]]:
    for at, message in enumerate(messages):
        place = f"{prefix}.{at}.message"
        yield f"{place}.role", ROLES.get(message["role"], message["role"])
        yield f"{place}.content", message["content"]
        if message.get("tool_call_id"):
            yield f"{place}.tool_call_id", message["tool_call_id"]
        for number, call in enumerate(message.get("tool_calls") or []):
            arguments = call["args"] if isinstance(call["args"], str) else json.dumps(call["args"])
            yield f"{place}.tool_calls.{number}.tool_call.id", str(call["id"])
            yield f"{place}.tool_calls.{number}.tool_call.function.name", str(call["name"])
            yield f"{place}.tool_calls.{number}.tool_call.function.arguments", arguments


def _value(name: str, value: Any) -> dict[str, str]:
    if isinstance(value, str):
        return {f"{name}.value": value, f"{name}.mime_type": "text/plain"}
    return {f"{name}.value": json.dumps(value), f"{name}.mime_type": "application/json"}


def _mark(span: Span, event: dict[str, Any]) -> None:
    from opentelemetry.trace import Status, StatusCode

    error = event.get("error") or (str(event.get("answer")) if event.get("failed") else "")
    if error:
        kind, _, text = error.partition(": ")
        span.add_event("exception", {"exception.type": kind, "exception.message": text or error})
    span.set_status(Status(StatusCode.ERROR, error) if error else Status(StatusCode.OK))


def _moment(text: str) -> int:
    """Return an ISO 8601 time as nanoseconds since 1970, as OpenTelemetry counts."""
    return int(datetime.fromisoformat(text).timestamp() * 1e9)
