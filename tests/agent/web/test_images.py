"""OpenAI's Images protocol, spoken by the official client."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from agent.web.images import size_of
from tests.agent.conversation import START
from tests.agent.served import Served, served
from tests.agent.studios import Held, until
from tests.agent.web.test_api import png
from tests.world import World, scene, truth
from tools.images import open_picture

TOKEN = "only-friends-know-this"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    world = World(scene(("red car", [0.1, 0.5, 0.3, 0.3])))
    with served(tmp_path_factory.mktemp("sessions"), world, token=TOKEN) as found:
        yield found


@pytest.fixture
def client(server: Served) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key=TOKEN, max_retries=0) as found:
        yield found


def shown(image: Any) -> list[str]:
    return sorted(placed.phrase for placed in truth(open_picture(base64.b64decode(image.b64_json))).objects)


def test_a_generated_picture_is_corrected(client: openai.OpenAI, server: Served) -> None:
    made = client.images.generate(prompt="a red car and a blue cup", model="iconworld", n=2)
    assert made.created
    assert made.data is not None
    for image in made.data:
        assert shown(image) == ["blue cup", "red car"]
        extra = image.model_extra
        assert extra is not None
        assert extra["verdict"]["agreed"]
        assert {line["state"] for line in extra["verdict"]["lines"]} == {"pass"}
        assert server.studio.view(extra["run"]).agreed
    runs = [(image.model_extra or {})["run"] for image in made.data]
    assert len(set(runs)) == 2


def test_an_edited_picture_comes_by_address_that_opens_that_picture_alone(
    client: openai.OpenAI, tmp_path: Path
) -> None:
    path = tmp_path / "desk.png"
    path.write_bytes(png())
    with path.open("rb") as file:
        made = client.images.edit(image=file, prompt="make the car blue", response_format="url")
    assert made.data is not None
    url = made.data[0].url
    assert url is not None
    assert sorted(placed.phrase for placed in truth(open_picture(httpx.get(url).content)).objects) == [
        "blue car",
        "brown dog",
    ]
    assert httpx.get(url.partition("?")[0]).status_code == 401


def test_a_picture_is_corrected_by_what_it_shall_show(client: openai.OpenAI) -> None:
    made = client.images.edit(
        image=("desk.png", png()), prompt="a red car and two cups", extra_body={"correct": "true"}
    )
    assert made.data is not None
    assert [phrase.split()[-1] for phrase in shown(made.data[0])].count("cup") == 2


def test_a_picture_that_does_not_agree_says_so(tmp_path: Path) -> None:
    world = World()
    world.distort = lambda layout, number: START
    with served(tmp_path, world) as other:
        with openai.OpenAI(base_url=f"{other.url}/v1", api_key="none", max_retries=0) as client:
            made = client.images.edit(image=("desk.png", png()), prompt="remove the dog")
        assert made.data is not None
        verdict = (made.data[0].model_extra or {})["verdict"]
        assert not verdict["agreed"]
        assert verdict["detail"]


@pytest.mark.parametrize(
    ("given", "param", "words"),
    [
        ({"prompt": " "}, "prompt", "empty"),
        ({"prompt": "a car", "size": "huge"}, "size", "cannot be made"),
        ({"prompt": "a car", "size": "5000x5000"}, "size", "64 to 2048"),
        ({"prompt": "a car", "n": 9}, "n", "4"),
        ({"prompt": "a car", "response_format": "gif"}, "response_format", "url"),
        ({"prompt": "hello", "model": "iconworld"}, "prompt", "run"),
    ],
)
def test_mistakes_are_told_in_openai_s_shape(
    client: openai.OpenAI, given: dict[str, Any], param: str, words: str
) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        client.images.generate(**given)
    assert caught.value.status_code in (400, 422)
    assert caught.value.param == param
    assert caught.value.type == "invalid_request_error"
    assert words in caught.value.message


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"image": ("x.png", b"<svg/>")}, "not a picture"),
        ({"image": ("x.png", png()), "mask": ("m.png", png())}, "mask is not used"),
        ({"image": [("x.png", png()), ("y.png", png())]}, "one picture at a time"),
    ],
)
def test_pictures_that_cannot_be_used_are_named(client: openai.OpenAI, given: dict[str, Any], words: str) -> None:
    with pytest.raises(openai.BadRequestError, match=words):
        client.images.edit(prompt="remove the car", **given)


def test_without_the_key_there_is_nothing(server: Served) -> None:
    with (
        openai.OpenAI(base_url=f"{server.url}/v1", api_key="another-key-entirely", max_retries=0) as client,
        pytest.raises(openai.AuthenticationError, match="a token is needed"),
    ):
        client.images.generate(prompt="a red car")


def test_presets_are_the_models(client: openai.OpenAI) -> None:
    assert "iconworld" in [model.id for model in client.models.list()]


def test_who_has_gone_is_not_worked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.web.images.LOOK", 0.05)
    world = Held()
    with served(tmp_path, world) as other:
        files, data = {"image": ("desk.png", png())}, {"prompt": "add a blue cup"}
        with other.client() as client, pytest.raises(httpx.ReadTimeout):
            client.post("/v1/images/edits", files=files, data=data, timeout=httpx.Timeout(60, read=3))
        name = other.studio.summaries()[0].name
        assert until(other.studio, name).kind == "cancelled"


@pytest.mark.parametrize(
    ("text", "size"),
    [(None, None), ("auto", None), ("128x256", (128, 256)), ("1e3x5", (0, 0)), ("128x", (0, 0)), ("-1x5", (0, 0))],
)
def test_sizes_are_read(text: str | None, size: tuple[int, int] | None) -> None:
    assert size_of(text) == size
