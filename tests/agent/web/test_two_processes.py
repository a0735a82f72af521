"""Two web processes on one Postgres, killed again and again: no turn is lost, and none is done twice."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from typing import IO, TYPE_CHECKING, Any

import httpx
import pytest

from agent.run.folder import RunFolder
from agent.run.opening import opened_storage
from agent.session.reading import read_session
from agent.trace.events import effective, read_trace
from configs.settings import StorageSettings
from tests.agent.conversation import START
from tests.killing import serving
from tests.world import draw, truth
from tools.images import open_picture

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytest.importorskip("psycopg", reason="the extra [postgres] is not installed")

TEXTS = ("add a blue cup", "make it green", "move it to the top")
STARTING = 180.0  # seconds on a busy machine
LONGEST = 1500.0  # seconds for all conversations on a busy machine


@dataclass
class Web:
    """The processes, by port; each is started anew after a kill."""

    requests: IO[str]
    answers: IO[str]
    given: dict[str, Any]
    ports: tuple[int, ...]
    living: dict[int, int] = field(default_factory=dict)

    def start(self, port: int) -> None:
        self.living[port] = self._ask(json.dumps(self.given | {"port": port}))
        until = time.monotonic() + STARTING
        while time.monotonic() < until:
            try:
                httpx.get(f"http://127.0.0.1:{port}/api/about", timeout=30)
                return
            except httpx.TransportError:
                time.sleep(0.05)
        raise AssertionError("a web process did not start")

    def end(self, port: int, how: signal.Signals) -> int:
        process = self.living.pop(port)
        os.kill(process, how)
        return self._ask(f"wait {process}")

    def _ask(self, line: str) -> int:
        self.requests.write(f"{line}\n")
        self.requests.flush()
        return int(self.answers.readline())


@contextmanager
def two_processes(url: str, base: Path, *, embedded: bool = False) -> Iterator[Web]:
    ports = tuple(_free_port() for _ in range(2))
    given = {"url": url, "base": str(base), "log": str(base / "edits"), "embedded": embedded}
    with serving("tests.agent.killable_web") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        web = Web(process.stdin, process.stdout, given, ports)
        try:
            for port in ports:
                web.start(port)
            yield web
        finally:
            for port in list(web.living):
                web.end(port, signal.SIGKILL)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def ask(web: Web, method: str, path: str, **given: Any) -> dict[str, Any] | None:
    """Ask any of the processes; None where it was killed, or said "not now"."""
    try:
        answer = httpx.request(method, f"http://127.0.0.1:{random.choice(web.ports)}/api{path}", timeout=60, **given)
    except httpx.TransportError:
        return None
    if answer.status_code in (409, 500, 503):
        return None
    assert answer.is_success, answer.text
    found: dict[str, Any] = answer.json()
    return found


def converse(web: Web, name: str, texts: tuple[str, ...], until: float) -> None:
    """Say every text once, as a person who looks before saying anything again."""
    while time.monotonic() < until:
        view = ask(web, "GET", f"/sessions/{name}")
        if view is None or view["work"] is not None:
            time.sleep(0.1)
            continue
        done = [moment["text"] for moment in view["history"]][1:]
        if view["unfinished"] is not None:
            ask(web, "POST", f"/sessions/{name}/resume")
        elif len(done) == len(texts):
            return
        else:
            ask(web, "POST", f"/sessions/{name}/turns", json={"text": texts[len(done)]})
    raise AssertionError(f"{name} did not get there")


def begin(web: Web, picture: bytes, count: int) -> list[str]:
    names: list[str] = []
    while len(names) < count:
        made = ask(web, "POST", "/sessions", files={"picture": ("desk.png", picture, "image/png")})
        names += [made["name"]] if made else []
    return names


def talk_while_killing(web: Web, names: list[str], texts: tuple[str, ...], kills: int, pause: float) -> None:
    """Hold all conversations at once, in a few threads, while each process is killed ``kills`` times."""
    waiting, failed, until = list(names), list[BaseException](), time.monotonic() + LONGEST

    def work() -> None:
        while waiting:
            try:
                converse(web, waiting.pop(), texts, until)
            except IndexError:
                return
            except BaseException as error:  # noqa: BLE001 - it is raised below
                failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for _ in range(kills):
        for port in web.ports:
            time.sleep(random.uniform(0, pause))
            web.end(port, signal.SIGKILL)
            web.start(port)
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]


def check(url: str, base: Path, names: list[str], texts: tuple[str, ...], edits: int) -> None:
    """See that each session has each turn once, done once."""
    settings = StorageSettings.model_validate({"url": url, "pictures": str(base / "pictures")})
    with opened_storage(settings, base / "reader") as storage:
        assert storage.shared is not None
        assert sorted(path.name for path, *_ in storage.listed(base)) == sorted(names)
        assert storage.shared.run("SELECT session FROM sld_orders") == []
        for name in names:
            folder = RunFolder(base / "reader" / name, storage=storage)
            state = read_session(folder)
            assert [(moment.turn, moment.parent, moment.text) for moment in state.moments] == [
                (number, number - 1 if number else None, text) for number, text in enumerate(("", *texts))
            ]
            assert all(moment.agreed for moment in state.moments[1:]), name
            events = effective(read_trace(folder.trace))
            nodes = [event for event in events if event["event"] == "node"]
            assert len({node["task"] for node in nodes}) == len(nodes), name
            assert sum(node["node"] == "edit" for node in nodes) == edits, name
            for kind, field_ in (("start", "input"), ("end", "result")):
                told = [event["turn"] for event in events if event["event"] == kind and field_ in event]
                assert told == list(range(1, len(texts) + 1)), (name, kind, told)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("sessions", "kills"), [(4, 1), pytest.param(50, 10, marks=pytest.mark.slow, id="fifty sessions, ten kills each")]
)
def test_killed_at_random_no_turn_is_lost_or_done_twice(
    database_url: str, tmp_path: Path, sessions: int, kills: int
) -> None:
    buffer = BytesIO()
    draw(START).save(buffer, format="PNG")
    with two_processes(database_url, tmp_path) as web:
        names = begin(web, buffer.getvalue(), sessions)
        talk_while_killing(web, names, TEXTS, kills, pause=3.0)
        shown = httpx.get(f"http://127.0.0.1:{web.ports[0]}/api/sessions/{names[0]}/picture.png").content
        assert sorted(placed.phrase for placed in truth(open_picture(shown)).objects) == [
            "brown dog", "green cup", "red car",
        ]  # fmt: skip
        for port in web.ports:
            assert web.end(port, signal.SIGTERM) == 0
    check(database_url, tmp_path, names, TEXTS, edits=len(TEXTS))
    again = len((tmp_path / "edits").read_text().split()) - len(names) * len(TEXTS)
    assert 0 <= again <= 4 * kills  # at most what each kill cut off in the middle: two workers of two processes


def test_a_process_that_is_asked_to_stop_hands_its_turn_over(database_url: str, tmp_path: Path) -> None:
    buffer = BytesIO()
    draw(START).save(buffer, format="PNG")
    with two_processes(database_url, tmp_path) as web:
        (name,) = begin(web, buffer.getvalue(), 1)
        first, second = web.ports
        for text in TEXTS:
            httpx.post(f"http://127.0.0.1:{first}/api/sessions/{name}/turns", json={"text": text}).raise_for_status()
            if text == TEXTS[1]:
                assert web.end(first, signal.SIGTERM) == 0
                first = second
            converse(web, name, TEXTS[: TEXTS.index(text) + 1], time.monotonic() + 60)
    check(database_url, tmp_path, [name], TEXTS, edits=len(TEXTS))
