from __future__ import annotations

import base64
import json
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BytesIO
from threading import Thread
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from configs.settings import ChatSettings, ServiceEditorSettings
from tests.tools.backend.editor.test_grounded import OPERATIONS, SCENE, BoxSegmenter, changed, picture
from tools.backend.editor.composer import Composer
from tools.backend.editor.engines.instruct import InstructEngine
from tools.backend.editor.masks import box_mask
from tools.backend.images_api import ImagesApi, ServiceEditor, fitted, nearest_size
from tools.backend.protocol import BackendError
from tools.scene.box import Box
from tools.scene.operations import Remove

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "sk-very-secret"


class EditServer(BaseHTTPRequestHandler):
    """Answers every edit with the picture it was sent, in other colours; or sends the caller elsewhere."""

    asked: list[dict[str, Any]]
    elsewhere = ""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.asked.append({"path": self.path, "key": self.headers["Authorization"]})
        if self.elsewhere:
            self.send_response(307)
            self.send_header("Location", self.elsewhere)
            self.end_headers()
            return
        form = BytesParser().parsebytes(b"Content-Type: " + self.headers["Content-Type"].encode() + b"\r\n\r\n" + body)
        for part in form.get_payload():
            name = part.get_param("name", header="content-disposition")
            value = part.get_payload(decode=True)
            self.asked[-1][name] = Image.open(BytesIO(value)) if part.get_filename() else value.decode()
        file = BytesIO()
        Image.eval(self.asked[-1]["image"], lambda value: 255 - value).save(file, "PNG")
        answer = {"created": 1, "data": [{"b64_json": base64.b64encode(file.getvalue()).decode()}]}
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def servers() -> Iterator[list[tuple[type[EditServer], str]]]:
    """Two servers: the one that is configured, and another."""
    started, found = [], []
    for _ in range(2):
        handler = type("Handler", (EditServer,), {"asked": []})
        http = HTTPServer(("127.0.0.1", 0), handler)
        Thread(target=http.serve_forever, daemon=True).start()
        started.append(http)
        found.append((handler, f"http://127.0.0.1:{http.server_port}/v1"))
    yield found
    for http in started:
        http.shutdown()
        http.server_close()


def editor(url: str, **changes: Any) -> Composer:
    ours = ServiceEditorSettings(kind="openai", path="painter", **({"grow": 2, "feather": 2} | changes))
    api = ImagesApi("painter", ChatSettings(base_url=url, api_key=KEY, attempts=1))
    segmenter = BoxSegmenter()
    return Composer(InstructEngine(ServiceEditor(api), segmenter, ours), segmenter)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_operation_is_an_edit_and_only_the_region_changes(
    servers: list[tuple[type[EditServer], str]], operation: str
) -> None:
    (handler, url), _ = servers
    image = picture((60, 40))
    edited = editor(url).edit(image, OPERATIONS[operation], SCENE)
    assert changed(edited, image).any()
    assert not (changed(edited, image) & ~edited.region).any()
    assert not edited.region.all()
    assert handler.asked[0]["path"] == "/v1/images/edits"
    assert edited.cost.model_evaluations == edited.cost.encoder_passes == 0


def test_the_picture_the_mask_and_the_instruction_are_sent_as_the_protocol_wants_them(
    servers: list[tuple[type[EditServer], str]],
) -> None:
    (handler, url), _ = servers
    image = picture((96, 64))
    editor(url, sizes=("96x96", "192x128")).edit(image, [Remove(id="car #1")], SCENE)
    (asked,) = handler.asked
    assert (asked["key"], asked["model"], asked["size"]) == (f"Bearer {KEY}", "painter", "192x128")
    assert asked["prompt"].startswith("Remove the red car.")
    assert asked["image"].size == asked["mask"].size == (192, 128)
    painted = np.asarray(asked["mask"])[..., 3] == 0  # transparent is where it may paint
    assert painted[40, 40]
    assert not painted[100, 150]
    assert (np.asarray(asked["mask"])[..., 3][:, 120:] == 255).all()


def test_the_key_goes_to_the_configured_server_alone(servers: list[tuple[type[EditServer], str]]) -> None:
    (handler, url), (other, elsewhere) = servers
    handler.elsewhere = f"{elsewhere}/images/edits"
    with pytest.raises(BackendError) as caught:
        editor(url).edit(picture((60, 40)), [Remove(id="car #1")], SCENE)
    assert KEY not in str(caught.value)
    assert [asked["key"] for asked in handler.asked] == [f"Bearer {KEY}"]
    assert [asked["key"] for asked in other.asked if asked["key"]] == []


@pytest.mark.parametrize(
    ("size_wh", "sizes", "nearest"),
    [
        ((800, 600), ("1024x1024", "1536x1024", "1024x1536"), (1536, 1024)),
        ((600, 800), ("1024x1024", "1536x1024", "1024x1536"), (1024, 1536)),
        ((640, 600), ("1024x1024", "1536x1024", "1024x1536"), (1024, 1024)),
        ((640, 600), (), (640, 600)),
    ],
)
def test_the_size_nearest_in_shape_is_taken(
    size_wh: tuple[int, int], sizes: tuple[str, ...], nearest: tuple[int, int]
) -> None:
    assert nearest_size(size_wh, sizes) == nearest


def test_what_is_padded_keeps_its_place() -> None:
    image = picture((30, 20))
    wide = fitted(image, (30, 20), (48, 32))
    assert wide.size == (48, 32)
    assert wide.crop((0, 0, 30, 20)).tobytes() == image.tobytes()
    mask = Image.fromarray(box_mask(Box(0.5, 0.5, 0.5, 0.5), (30, 20)).astype(np.uint8) * 255)
    assert np.asarray(fitted(mask, (30, 20), (48, 32), fill=0))[:, 30:].max() == 0
