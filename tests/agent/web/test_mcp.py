"""The tool for other agents, used by the official client: over HTTP, and over the pipes of a real process."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters

from agent.web.mcp_server import make_server
from tests.agent.served import served
from tests.agent.studios import Held, studio
from tests.agent.web.test_api import png
from tests.killing import ROOT
from tests.world import truth
from tools.images import open_picture

TOOLS = {"generate", "correct", "edit", "detect", "inspect", "undo", "picture"}
PICTURE = base64.b64encode(png()).decode()


def told(result: Any) -> dict[str, Any]:
    assert not result.is_error, result.content
    found: dict[str, Any] = json.loads(result.content[0].text)
    return found


def shown(result: Any) -> list[str]:
    picture = result.content[1]
    assert (picture.type, picture.mime_type) == ("image", "image/png")
    return sorted(placed.phrase for placed in truth(open_picture(base64.b64decode(picture.data))).objects)


async def converse(client: Client) -> None:
    """Use every tool but `generate`, each on what the one before it made."""
    assert {tool.name for tool in (await client.list_tools()).tools} == TOOLS
    steps = list[str | None]()

    async def tell(done: float, total: float | None, message: str | None) -> None:
        steps.append(message)

    call = client.call_tool
    given = {"instruction": "add a blue cup", "picture": PICTURE}
    edited = await call("edit", given, progress_callback=tell)
    name = told(edited)["session"]
    assert told(edited)["agreed"]
    assert shown(edited) == ["blue cup", "brown dog", "red car"]
    assert "editing" in steps
    corrected = await call("correct", {"prompt": "a red car and a green cup", "session": name})
    assert told(corrected)["agreed"]
    assert "green cup" in shown(corrected)
    assert "blue cup" in shown(await call("undo", {"session": name}))
    assert "blue cup" in shown(await call("picture", {"session": name}))
    looked = told(await call("inspect", {"session": name}))
    assert {"id", "phrase", "box"} == set(looked["objects"][0])
    assert [turn["text"] for turn in looked["history"]] == ["", "add a blue cup", "a red car and a green cup"]
    found = told(await call("detect", {"phrases": ["dog", "blue cup"], "session": name}))["found"]
    assert sorted(each["phrase"] for each in found) == ["blue cup", "dog"]
    assert told(await call("detect", {"phrases": ["dog"], "picture": PICTURE}))["found"]


@pytest.mark.parametrize(
    ("tool", "given", "words"),
    [
        ("edit", {"instruction": "x"}, "give a session"),
        ("edit", {"instruction": "x", "picture": "%%%"}, "not base64"),
        ("edit", {"instruction": "x", "picture": base64.b64encode(b"<svg/>").decode()}, "not a picture"),
        ("edit", {"instruction": "x", "path": "/etc/passwd"}, "paths are not read here"),
        ("edit", {"instruction": "x", "session": "nobody"}, "there is no session 'nobody'"),
        ("inspect", {"session": "../.."}, "there is no session"),
        ("generate", {"prompt": " "}, "the text is empty"),
        ("generate", {"prompt": "a car", "preset": "/tmp/evil.yaml"}, "no preset"),
        ("detect", {"phrases": [], "picture": PICTURE}, "phrases"),
    ],
)
def test_mistakes_are_told_in_words(tmp_path: Path, tool: str, given: dict[str, Any], words: str) -> None:
    async def ask() -> None:
        with studio(tmp_path) as opened:
            async with Client(make_server(opened, files=False)) as client:
                result = await client.call_tool(tool, given)
                assert result.is_error
                assert words in result.content[0].text  # type: ignore[union-attr]

    asyncio.run(ask())


def test_over_http_with_the_token(tmp_path: Path) -> None:
    with served(tmp_path) as server:

        async def talk() -> None:
            async with Client(f"{server.url}/mcp") as client:
                await converse(client)

        asyncio.run(talk())


def test_who_gives_up_is_not_worked_for(tmp_path: Path) -> None:
    world = Held()

    async def give_up() -> None:
        with studio(tmp_path, world) as opened:
            async with Client(make_server(opened, files=False)) as client:
                given = {"instruction": "add a blue cup", "picture": PICTURE}
                call = asyncio.create_task(client.call_tool("edit", given))
                assert await asyncio.to_thread(world.begun.wait, 60)
                call.cancel()
                async for event in opened.events.follow("", 0):
                    if event.kind == "cancelled":
                        break

    asyncio.run(asyncio.wait_for(give_up(), 60))


@pytest.mark.slow
def test_over_the_pipes_of_a_real_process_with_the_embedded_models(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    server = StdioServerParameters(
        command=sys.executable, args=["-m", "sld", "mcp"], env=environment, cwd=str(tmp_path)
    )

    async def talk() -> None:
        async with Client(server) as client:
            made = await client.call_tool("generate", {"prompt": "a red car and a blue cup"})
            name = told(made)["session"]
            picture = open_picture(base64.b64decode(made.content[1].data))  # type: ignore[union-attr]
            assert picture.size == (128, 128)
            (tmp_path / "car.png").write_bytes(base64.b64decode(made.content[1].data))  # type: ignore[union-attr]
            edited = await client.call_tool("edit", {"instruction": "make the cup green", "session": name})
            assert told(edited)["session"] == name
            found = told(await client.call_tool("detect", {"phrases": ["car"], "path": str(tmp_path / "car.png")}))
            assert found["found"][0]["phrase"] == "car"

    asyncio.run(talk())
