"""What those who run a server ask of it: health, readiness, and metrics for whoever has the token."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from starlette.testclient import TestClient

from agent.web.access import Access
from agent.web.server import make_app
from tests.agent.studios import make, said, studio

if TYPE_CHECKING:
    from pathlib import Path

prometheus = pytest.importorskip("prometheus_client.parser", reason="the extra [metrics] is not installed")
TOKEN = "a-token-of-a-test-17"


def read(text: str) -> dict[str, float]:
    """Return the samples by name and labels."""
    return {
        sample.name + "".join(f",{value}" for value in sample.labels.values()): sample.value
        for family in prometheus.text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_turns_models_and_tokens_are_counted(tmp_path: Path) -> None:
    with studio(tmp_path) as opened:
        name = make(opened)
        said(opened, name, "add a blue cup")
        said(opened, name, "how many cups are there?")
        with TestClient(make_app(opened, Access()), base_url="http://127.0.0.1") as client:
            found = read(client.get("/metrics").text)
    assert found["sld_turns_total,agreed"] == found["sld_turns_total,answered"] == 1
    assert found["sld_turn_seconds_count"] == 2
    assert found["sld_model_call_seconds_count,edit"] == 1
    assert found["sld_model_call_seconds_count,detect"] >= 3
    assert found["sld_llm_calls_total"] >= 2
    assert found["sld_rounds_total"] == 1
    assert (found["sld_queue_turns,waiting"], found["sld_queue_turns,running"]) == (0, 0)


def test_metrics_ask_for_the_token_and_health_does_not(tmp_path: Path) -> None:
    with studio(tmp_path) as opened:
        access = Access("0.0.0.0", TOKEN)
        with TestClient(make_app(opened, access), base_url="http://10.0.0.7") as client:
            assert client.get("/health").json() == {"status": "ok"}
            assert client.get("/ready").json() == {"status": "ready"}
            assert client.post("/health").status_code == 401
        with TestClient(make_app(opened, access), base_url="http://127.0.0.1") as client:
            assert client.get("/metrics").status_code == 401
            assert client.get("/metrics", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200
            opened._queue.close()
            assert client.get("/ready").status_code == 503
            assert client.get("/health").status_code == 200
