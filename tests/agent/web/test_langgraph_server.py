"""What langgraph.json names exists, and a request without a context gets one."""

import asyncio
import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

import agent.web.langgraph_server
from agent.offline.planner import OfflinePlanner
from tests.world import World, settings
from tools.context import Context
from tools.images import ImageStore

ROOT = Path(__file__).parents[3]


def test_the_served_graph_needs_no_context_from_the_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = Context(World(), OfflinePlanner(), ImageStore(tmp_path), settings())
    monkeypatch.setattr(agent.web.langgraph_server, "services", lambda: context)
    graph = asyncio.run(agent.web.langgraph_server.make_graph())
    # The server hands on an empty mapping when a request brings nothing.
    nothing: Any = {}
    state = graph.invoke({"prompt": "flurb the wug"}, context=nothing, version="v2").value
    assert state["result"].exit == "parse_failed"


def test_langgraph_json_names_the_factory() -> None:
    named = json.loads((ROOT / "langgraph.json").read_text())["graphs"]["correction"]
    path, _, name = named.partition(":")
    assert importlib.util.find_spec("agent.web.langgraph_server") is not None
    assert (ROOT / path).resolve() == Path(agent.web.langgraph_server.__file__).resolve()
    assert callable(getattr(agent.web.langgraph_server, name))
