"""The HTTP API of a real server: sessions, turns, what happens as it happens, pictures by their ids."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.agent.conversation import START
from tests.agent.served import Served, served
from tests.agent.studios import ENDS, Held
from tests.world import draw, truth
from tools.images import open_picture

JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("sessions")) as found:
        yield found


@pytest.fixture
def client(server: Served) -> Iterator[httpx.Client]:
    with server.client() as opened:
        yield opened


def png(image: Image.Image | None = None) -> bytes:
    buffer = BytesIO()
    (image or draw(START)).save(buffer, format="PNG")
    return buffer.getvalue()


def begin(client: httpx.Client, **form: Any) -> dict[str, Any]:
    answer = client.post("/api/sessions", files={"picture": ("desk.png", png())}, data=form)
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"/api/sessions/{answer.json()['name']}"
    found: dict[str, Any] = answer.json()
    return found


def events(client: httpx.Client, name: str, after: int = 0, until: tuple[str, ...] = ENDS) -> list[dict[str, Any]]:
    """Return what the stream tells up to the first event of these kinds."""
    found, headers = list[dict[str, Any]](), {"last-event-id": str(after)} if after else {}
    with client.stream("GET", f"/api/sessions/{name}/events", headers=headers) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        fields: dict[str, str] = {}
        for line in stream.iter_lines():
            key, _, value = line.partition(":")
            fields[key] = value.strip()
            if line:
                continue
            if "data" in fields:
                event = json.loads(fields["data"])
                assert (fields["id"], fields["event"]) == (str(event["id"]), event["kind"])
                found.append(event)
                if event["kind"] in until:
                    return found
            fields = {}
    raise AssertionError("the stream ended")


def say(client: httpx.Client, name: str, text: str, **more: Any) -> dict[str, Any]:
    """Do one turn and return the session after it."""
    answer = client.post(f"/api/sessions/{name}/turns", json={"text": text, **more})
    assert answer.status_code == 202, answer.text
    events(client, name, answer.json()["event"])
    found: dict[str, Any] = client.get(f"/api/sessions/{name}").json()
    return found


def test_a_conversation_over_http(client: httpx.Client) -> None:
    name = begin(client)["name"]
    first = client.get(f"/api/sessions/{name}").json()["picture"]
    view = say(client, name, "add a blue cup")
    assert view["agreed"]
    assert sorted(seen["phrase"] for seen in view["layout"]) == ["blue cup", "brown dog", "red car"]
    picture = client.get(f"/api/sessions/{name}/pictures/{view['picture']}.png")
    assert picture.headers["cache-control"].endswith("immutable")
    assert sorted(placed.phrase for placed in truth(open_picture(picture.content)).objects)[0] == "blue cup"
    assert client.get(f"/api/sessions/{name}/thumbnails/{view['picture']}.png").status_code == 200
    assert client.post(f"/api/sessions/{name}/undo").json()["picture"] == first
    assert client.post(f"/api/sessions/{name}/redo").json()["picture"] == view["picture"]
    assert client.post(f"/api/sessions/{name}/branches", json={"name": "b", "turn": 0}).json()["branch"] == "b"
    assert client.post(f"/api/sessions/{name}/switch", json={"branch": "main"}).json()["picture"] == view["picture"]
    retried = client.post(f"/api/sessions/{name}/retry").json()
    assert retried["work"]["verb"] == "retry"
    assert events(client, name, retried["event"])[-1]["data"]["agreed"]
    for kind, shown in (("png", "PNG"), ("jpg", "JPEG"), ("webp", "WEBP")):
        with Image.open(BytesIO(client.get(f"/api/sessions/{name}/picture.{kind}").content)) as current:
            assert current.format == shown
    assert "add a blue cup" in client.get(f"/api/sessions/{name}/report").text
    assert client.get(f"/api/sessions/{name}/trace").json()[0]["event"] == "start"
    assert name in [summary["name"] for summary in client.get("/api/sessions").json()]


def test_the_stream_goes_on_after_the_last_event_that_was_seen(client: httpx.Client) -> None:
    name = begin(client, text="add a blue cup")["name"]
    told = events(client, name)
    assert told[0]["kind"] == "changed"
    again = events(client, name, told[3]["id"])
    assert again == told[4:]
    assert events(client, name, 1, ("ended",))[0]["kind"] == "missed"


def test_an_edit_is_accepted_as_it_was_changed(client: httpx.Client) -> None:
    name = begin(client, approve=True)["name"]
    proposal = say(client, name, "add a blue cup")["proposal"]
    assert client.get(f"/api/sessions/{name}/plans/{proposal['drawing']}.png").status_code == 200
    operations = [{**proposal["operations"][0], "attributes": ["green"]}]
    stale = client.post(f"/api/sessions/{name}/accept", json={"proposal": "0" * 16})
    assert (stale.status_code, stale.json()["error"]["code"]) == (409, "conflict")
    wrong = client.post(f"/api/sessions/{name}/accept", json={"operations": [{"op": "explode"}]})
    assert wrong.status_code == 422
    body = {"operations": operations, "proposal": proposal["id"]}
    accepted = client.post(f"/api/sessions/{name}/accept", json=body).json()
    assert events(client, name, accepted["event"])[-1]["data"]["agreed"]
    layout = client.get(f"/api/sessions/{name}").json()["layout"]
    assert "green cup" in [seen["phrase"] for seen in layout]
    assert client.post(f"/api/sessions/{name}/approve", json={"wanted": False}).json()["approve"] is False


def test_a_turn_is_cancelled_while_it_runs(tmp_path: Path) -> None:
    world = Held()
    with served(tmp_path, world) as server, server.client() as client:
        name = begin(client)["name"]
        client.post(f"/api/sessions/{name}/turns", json={"text": "add a blue cup"})
        assert world.begun.wait(60)
        busy = client.post(f"/api/sessions/{name}/undo")
        assert (busy.status_code, busy.json()["error"]["type"]) == (409, "invalid_request_error")
        client.post(f"/api/sessions/{name}/cancel")
        events(client, name, until=("cancelled",))
        view = client.get(f"/api/sessions/{name}").json()
        assert (view["stopped"], view["work"], view["can_undo"]) == ("add a blue cup", None, False)


def test_what_is_deleted_comes_back(client: httpx.Client) -> None:
    name = begin(client)["name"]
    assert client.delete(f"/api/sessions/{name}").status_code == 204
    assert client.get(f"/api/sessions/{name}").status_code == 404
    assert name in [summary["name"] for summary in client.get("/api/deleted").json()]
    client.post(f"/api/sessions/{name}/undelete")
    assert client.get(f"/api/sessions/{name}").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "given", "status", "words"),
    [
        ("GET", "/api/sessions/nobody", {}, 404, "there is no session 'nobody'"),
        ("GET", "/api/nothing", {}, 404, "there is nothing at"),
        ("POST", "/api/sessions", {}, 400, "give a picture, a text, or both"),
        ("POST", "/api/sessions", {"data": {"text": "a car", "preset": "nobody"}}, 400, "no preset 'nobody'"),
        ("POST", "/api/sessions", {"files": {"picture": b"<svg/>"}}, 400, "not a picture"),
        ("POST", "/api/sessions", {"data": {"text": "x", "seed": "-1"}}, 422, "seed"),
        ("POST", "/api/sessions/nobody/turns", {"json": {"text": "x", "more": 1}}, 422, "more"),
        ("POST", "/api/sessions/nobody/turns", {"content": b"{", "headers": JSON}, 422, "JSON"),
        ("POST", "/api/sessions/nobody/turns", {"content": b"{}"}, 422, "dictionary"),
        ("DELETE", "/api/sessions", {}, 405, "Not Allowed"),
    ],
)
def test_a_refusal_is_one_sentence(
    client: httpx.Client, method: str, path: str, given: dict[str, Any], status: int, words: str
) -> None:
    answer = client.request(method, path, **given)
    assert answer.status_code == status
    assert words in answer.json()["error"]["message"]


def test_the_api_describes_itself_and_loads_nothing_from_elsewhere(client: httpx.Client) -> None:
    described = client.get("/api/openapi.json").json()
    assert {"/api/sessions", "/api/sessions/{name}/events", "/v1/images/edits"} <= set(described["paths"])
    assert client.get("/docs").status_code == 404
    assert client.get("/api/about").json()["presets"]
