"""Which trace the work in hand belongs to (W3C trace context), for whoever passes it on to another process."""

from __future__ import annotations

from contextvars import ContextVar

TRACEPARENT: ContextVar[str] = ContextVar("traceparent", default="")
"""The header of that name; "" where nobody follows. It goes along into the threads that a graph's nodes run in."""
