"""Twenty sessions at once on a real server with the embedded models: none lost or mixed, in order; also after kills."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.agent.conversation import START
from tests.agent.embedded import complete, picture
from tests.agent.serving import serving

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(not complete(), reason="the embedded models are not all there"),
]
COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white")
WISHES = [f"{colour} {noun}" for noun in ("cup", "book") for colour in COLOURS]
MEBI = 2**20


def begin(client: httpx.Client) -> str:
    buffer = BytesIO()
    picture(START).save(buffer, format="PNG")
    answer = client.post("/api/sessions", files={"picture": ("desk.png", buffer.getvalue())})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["name"])


def view(client: httpx.Client, name: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/api/sessions/{name}").json()
    return found


def say(client: httpx.Client, name: str, text: str) -> None:
    answer = client.post(f"/api/sessions/{name}/turns", json={"text": text})
    assert answer.status_code == 202, answer.text


def at_once(client: httpx.Client, names: list[str], texts: list[str]) -> None:
    with ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(lambda name, text: say(client, name, text), names, texts))


def wait(client: httpx.Client) -> None:
    while client.get("/api/about").json()["queued"]:
        time.sleep(0.5)


def began(client: httpx.Client) -> list[str]:
    """Return the sessions in the order in which their turns were begun, as the kept events tell."""
    found = list[str]()
    with client.stream("GET", "/api/events", timeout=httpx.Timeout(300, read=3)) as stream:
        kind = ""
        try:
            for line in stream.iter_lines():
                key, _, value = line.partition(": ")
                kind = value if key == "event" else kind
                if key == "data" and kind == "began":
                    found.append(value.partition('"session":"')[2].partition('"')[0])
        except httpx.ReadTimeout:
            return found
    return found


def assert_own(client: httpx.Client, name: str, wish: str, texts: list[str]) -> None:
    """Check that a session did what it was told, all of it, and nothing that another was told."""
    shown = view(client, name)
    assert [turn["text"] for turn in shown["history"]] == ["", *texts]
    for other in WISHES:
        mentioned = other in " ".join(line["text"] for line in shown["verdict"])
        assert mentioned == (other == wish), (name, wish, shown["verdict"])


def test_twenty_sessions_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(tmp_path) as server:
        names = [begin(server.client) for _ in WISHES]
        wanted = dict(zip(names, WISHES, strict=True))
        started = time.monotonic()
        at_once(server.client, names, [f"add a {wish}" for wish in WISHES])
        wait(server.client)
        first, middle = time.monotonic() - started, server.memory()
        for name, wish in wanted.items():
            assert_own(server.client, name, wish, [f"add a {wish}"])
        at_once(server.client, names, [f"how many {wish}s are there?" for wish in WISHES])
        wait(server.client)
        seconds, last = time.monotonic() - started, server.memory()
        order = began(server.client)
        assert all(sorted(order[at : at + 20]) == sorted(names) for at in (0, 20))
        assert len(order) == 40
        agreed = 0
        for name, wish in wanted.items():
            shown = view(server.client, name)
            assert [turn["text"] for turn in shown["history"]] == ["", f"add a {wish}", f"how many {wish}s are there?"]
            agreed += shown["history"][1]["agreed"]
        with capsys.disabled():
            memory = f"{middle / MEBI:.0f} MiB after 20 turns, {last / MEBI:.0f} after 40"
            print(f"\n20 edits in {first:.0f} s, with 20 questions {seconds:.0f} s, {memory}, {agreed} of 20 agreed")  # noqa: T201
        assert last < middle + 200 * MEBI


def test_a_server_that_is_asked_to_stop_leaves_its_turn_to_be_gone_on_with(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        name = begin(server.client)
        say(server.client, name, "add a red cup")
        while view(server.client, name)["work"]["place"] != 0:
            time.sleep(0.05)
        server.process.terminate()
        assert server.process.stdout is not None
        assert "1 unfinished turn will go on at the next start" in server.process.stdout.read()
        assert server.process.wait() == 0
    with serving(tmp_path) as server:
        wait(server.client)
        assert_own(server.client, name, "red cup", ["add a red cup"])


def test_twenty_sessions_whose_server_is_killed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kills, chance = 5, random.Random(5)
    with serving(tmp_path) as server:
        names = [begin(server.client) for _ in WISHES]
        wanted = dict(zip(names, WISHES, strict=True))
        at_once(server.client, names, [f"add a {wish}" for wish in WISHES])
        time.sleep(3)
        server.kill()
    for _ in range(kills - 1):
        with serving(tmp_path) as server:
            time.sleep(chance.uniform(2, 12))
            server.kill()
    with serving(tmp_path) as server:
        wait(server.client)
        done = offered = 0
        for name, wish in wanted.items():
            shown = view(server.client, name)
            if len(shown["history"]) == 2:
                assert_own(server.client, name, wish, [f"add a {wish}"])
                done += 1
            else:
                assert f"add a {wish}" in (shown["unfinished"], shown["stopped"]), shown
                offered += 1
        with capsys.disabled():
            print(f"\nafter {kills} kills: {done} of 20 turns done, once each; {offered} offered again")  # noqa: T201
        assert done + offered == len(WISHES)
