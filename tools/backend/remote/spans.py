"""OpenTelemetry spans of a worker's calls, under the turn that made them: the agent sends ``traceparent`` along.

Switched on by the usual environment (``OTEL_EXPORTER_OTLP_ENDPOINT``) and the extra ``otel``, as in the agent.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from opentelemetry.trace import Tracer

    from tools.backend.remote.asks import Ask

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


@contextmanager
def called(traceparent: str | None, ask: Ask) -> Iterator[Callable[[Any], None]]:
    """Make a span of the block; what it yields is told the result, whose cost goes into the span."""
    tracer = _tracer() if traceparent else None
    if tracer is None:
        yield lambda result: None
        return
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    parent = TraceContextTextMapPropagator().extract({"traceparent": traceparent})
    name = type(ask).__name__.lower()
    with tracer.start_as_current_span(f"worker {name}", context=parent) as span:
        span.set_attribute("openinference.span.kind", "TOOL")

        def telling(result: Any) -> None:
            cost = getattr(result, "cost", None)
            for phase, seconds in (cost.seconds if cost else {}).items():
                span.set_attribute(f"sld.seconds.{phase}", seconds)
            if cost:
                span.set_attribute("sld.model_evaluations", cost.model_evaluations)

        yield telling


@cache
def _tracer() -> Tracer | None:
    named = any(os.environ.get(name) for name in ENDPOINTS) and os.environ.get("OTEL_TRACES_EXPORTER") != "none"
    off = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    if off or not named or not find_spec("opentelemetry.exporter.otlp.proto.http"):
        return None
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    service = {} if os.environ.get("OTEL_SERVICE_NAME") else {SERVICE_NAME: "sld-worker"}
    provider = TracerProvider(resource=Resource.create(service))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(), schedule_delay_millis=500))
    return provider.get_tracer("sld-agent")
