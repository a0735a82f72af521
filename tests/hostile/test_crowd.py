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

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not complete(), reason="the embedded models are not all there")]
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
        at_once(server.client, names, [f"move the {wish.split()[1]} to the top" for wish in WISHES])
        wait(server.client)
        at_once(server.client, names, [f"how many {wish}s are there?" for wish in WISHES])
        wait(server.client)
        seconds, last = time.monotonic() - started, server.memory()
        order = began(server.client)
        assert len(order) == 60
        assert all(sorted(order[at : at + 20]) == sorted(names) for at in (0, 20, 40))
        for name, wish in wanted.items():
            noun = wish.split()[1]
            texts = [f"add a {wish}", f"move the {noun} to the top", f"how many {wish}s are there?"]
            assert [turn["text"] for turn in view(server.client, name)["history"]] == ["", *texts]
        layouts = {name: [seen["phrase"] for seen in view(server.client, name)["layout"]] for name in names}
        added = sum(wanted[name] in phrases for name, phrases in layouts.items())
        mixed = {phrase for name in names for phrase in layouts[name] if phrase in WISHES and phrase != wanted[name]}
        with capsys.disabled():
            memory = f"{middle / MEBI:.0f} MiB after 20 turns, {last / MEBI:.0f} after 60"
            print(f"\n20 first turns in {first:.0f} s, 60 in {seconds:.0f} s, {memory}, {added} of 20 as wished")  # noqa: T201
        assert len(mixed) <= 2, mixed  # a small model may see a cup in another colour; nobody else's wish is drawn
        assert last < middle + 200 * MEBI


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
