"""What langgraph.json names exists, and a request without a context gets one."""

import asyncio
import importlib.util
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

import agent.web.langgraph_pictures
import agent.web.langgraph_server
from agent.offline.planner import OfflinePlanner
from tests.agent.conversation import START
from tests.agent.web.test_api import png
from tests.world import World, settings, truth
from tools.context import Context
from tools.images import ImageStore, open_picture

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


def test_pictures_are_sent_and_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent.web.langgraph_pictures, "PICTURES", tmp_path)
    named = json.loads((ROOT / "langgraph.json").read_text())["http"]["app"]
    assert (ROOT / named.partition(":")[0]).resolve() == Path(agent.web.langgraph_pictures.__file__).resolve()

    async def talk() -> None:
        transport = httpx.ASGITransport(app=agent.web.langgraph_pictures.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
            sent = await client.put("/pictures", content=png())
            assert sent.status_code == 201
            fetched = await client.get(f"/pictures/{sent.json()['id']}.png")
            assert truth(open_picture(fetched.content)) == START
            assert (await client.get("/pictures/0123.png")).status_code == 404
            assert (await client.get("/pictures/..%2f..%2fx.png")).status_code in (400, 404)
            refused = await client.post("/pictures", content=b"<svg/>")
            assert (refused.status_code, "not a picture" in refused.json()["error"]) == (400, True)

    asyncio.run(talk())
