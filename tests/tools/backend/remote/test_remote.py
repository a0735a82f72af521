from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from agent.models.backend import make_backend
from configs.settings import Settings
from tests.tiny_models import save_models
from tests.workers import Process, ServedWorld, serving_here
from tests.world import scene, settings, truth
from tools.backend.local import LocalBackend
from tools.backend.protocol import Backend, BackendError, BackendUnavailable, Cost
from tools.backend.remote.calls import Calls
from tools.backend.remote.client import RemoteBackend
from tools.backend.remote.frames import framed
from tools.images import content_id
from tools.scene.box import Box
from tools.scene.layout import Layout, PlacedObject
from tools.scene.operations import Adjust, Move, Remove
from tools.scene.spec import Query

if TYPE_CHECKING:
    from collections.abc import Iterator

CAR = PlacedObject(id="car #1", name="car", attributes=("red",), box=Box(0.1, 0.1, 0.4, 0.4))
LAYOUT = Layout(objects=(CAR,))
QUERIES = [Query(name="car", attributes=("red",)), Query(name="dog")]
TOKEN = "a-long-enough-token"


def make_settings(folder: Path, **more: Any) -> Settings:
    tree: dict[str, Any] = {
        "detector": {"path": str(folder / "owl"), "threshold": 0.001, "attribute_threshold": 0.001},
        "segmenter": {"path": str(folder / "sam")},
        "generator": {"path": str(folder / "gligen"), "steps": 2, "width": 40, "height": 32},
        "editor": {"path": str(folder / "gligen"), "steps": 4},
    }
    return Settings.model_validate(tree | more)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[str]:
    with serving_here(LocalBackend(make_settings(folder)), TOKEN) as url:
        yield url


@pytest.fixture
def remote(folder: Path, served: str) -> RemoteBackend:
    made = make_backend(make_settings(folder, backend={"url": served, "token": TOKEN}))
    assert isinstance(made, RemoteBackend)
    return made


@pytest.fixture
def local(folder: Path) -> LocalBackend:
    return LocalBackend(make_settings(folder))


def counted(cost: Cost) -> tuple[int, ...]:
    """The counts of a cost, without its times."""
    return cost.model_evaluations, cost.encoder_passes, cost.decoder_passes


def world(url: str, **more: Any) -> RemoteBackend:
    return RemoteBackend(settings(backend={"url": url, **more}))


def draw_car() -> Image.Image:
    from tests.world import draw

    return draw(LAYOUT)


# -- equal to local ------------------------------------------------------------------------------------


def test_everything_it_answers_equals_what_the_models_answer_here(local: LocalBackend, remote: RemoteBackend) -> None:
    assert isinstance(remote, Backend)
    assert remote.capabilities == local.capabilities
    for drawing in ("generate", "edit", "refine"):
        assert remote.fingerprint(drawing) == local.fingerprint(drawing)  # type: ignore[arg-type]  # one of the three
    here, there = (backend.generate("a red car", layout=LAYOUT, n=2, seed=5) for backend in (local, remote))
    assert [content_id(image) for image in here.images] == [content_id(image) for image in there.images]
    assert (here.warnings, counted(here.cost)) == (there.warnings, counted(there.cost))
    image = here.images[0]
    found_here, found_there = (backend.detect(image, QUERIES) for backend in (local, remote))
    assert found_here.detections
    for name in ("detections", "doubtful", "warnings", "unanswered"):
        assert getattr(found_here, name) == getattr(found_there, name)
    odd = Box(0.123456, 0.1, 0.4, 0.4)
    assert local.score(image, odd, QUERIES) == remote.score(image, odd, QUERIES)
    cut_here, cut_there = (backend.segment(image, [odd, CAR.box]) for backend in (local, remote))
    assert np.array_equal(cut_here.masks, cut_there.masks)
    assert cut_here.scores == cut_there.scores


@pytest.mark.parametrize(
    "operations",
    [[Move(id="car #1", box=Box(0.5, 0.5, 0.4, 0.4))], [Remove(id="car #1"), Adjust(wish="darker")],
     [Adjust(wish="cut out", id="car #1")]],
)  # fmt: skip
def test_edits_are_equal_with_masks_profile_and_transparency(
    local: LocalBackend, remote: RemoteBackend, operations: list[Any]
) -> None:
    image = local.generate("a red car").images[0]
    image.info["icc_profile"] = b"a profile of colours" * 9
    here, there = (backend.edit(image, operations, LAYOUT, seed=3) for backend in (local, remote))
    assert (here.image.mode, content_id(here.image)) == (there.image.mode, content_id(there.image))
    assert here.image.info.get("icc_profile") == there.image.info.get("icc_profile")
    assert np.array_equal(here.region, there.region)
    assert here.masks.keys() == there.masks.keys()
    assert all(np.array_equal(here.masks[name], there.masks[name]) for name in here.masks)
    assert (here.warnings, here.doubts, counted(here.cost)) == (there.warnings, there.doubts, counted(there.cost))


def test_what_the_models_refuse_is_refused_in_the_same_words(local: LocalBackend, remote: RemoteBackend) -> None:
    image = local.generate("a red car").images[0]
    for call in (
        lambda backend: backend.edit(image, [], LAYOUT),
        lambda backend: backend.edit(image, [Remove(id="cat #1")], LAYOUT),
        lambda backend: backend.generate("a car", n=0),
        lambda backend: backend.refine(image, "a car"),
    ):
        said = []
        for backend in (local, remote):
            with pytest.raises(BackendError) as refused:
                call(backend)
            said.append(str(refused.value))
        assert said[0] == said[1]


def test_numbers_may_be_ones_own_and_models_may_not(folder: Path, served: str) -> None:
    line = {"url": served, "token": TOKEN}
    mine = make_settings(folder, editor={"path": str(folder / "gligen"), "steps": 6}, backend=line)
    image = LocalBackend(mine).generate("a red car").images[0]
    move = [Move(id="car #1", box=Box(0.5, 0.5, 0.4, 0.4))]
    here, there = (backend.edit(image, move, LAYOUT) for backend in (LocalBackend(mine), RemoteBackend(mine)))
    assert content_id(here.image) == content_id(there.image)
    for other in (
        {"editor": {"path": str(folder / "plain"), "steps": 4}},
        {"generator": None},
        {"refiner": {"path": "/etc"}},
    ):
        with pytest.raises(BackendUnavailable, match="use the same preset on both sides"):
            RemoteBackend(make_settings(folder, backend=line, **other)).detect(image, QUERIES)


# -- the line ------------------------------------------------------------------------------------------


def test_a_picture_is_sent_once(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    with serving_here(ServedWorld()) as url:
        backend = world(url)
        put = backend._link.put_picture
        monkeypatch.setattr(backend._link, "put_picture", lambda key, *rest: (sent.append(key), put(key, *rest))[1])
        image = draw_car()
        for _ in range(3):
            backend.detect(image, QUERIES)
        edited = backend.edit(image, [Remove(id="car #1")], LAYOUT).image
        backend.detect(edited, QUERIES)  # it came from there
    assert sent == [content_id(image)]


def test_a_worker_that_forgot_a_picture_gets_it_again() -> None:
    with serving_here(ServedWorld()) as url:
        backend, image = world(url), draw_car()
        backend._link.note([content_id(image)])
        assert backend.detect(image, QUERIES).detections


def test_progress_is_told_as_it_happens() -> None:
    told: list[tuple[str, int, int]] = []
    with serving_here(ServedWorld(steps=3)) as url:
        world(url).edit(draw_car(), [Remove(id="car #1")], LAYOUT, progress=lambda *step: told.append(step))
    assert told == [("compose", 1, 3), ("compose", 2, 3), ("compose", 3, 3), ("compose", 1, 1)]


def test_who_stops_listening_stops_the_work() -> None:
    served = ServedWorld(0.01, steps=10_000)

    def stop(*step: Any) -> None:
        raise KeyboardInterrupt

    with serving_here(served) as url:
        with pytest.raises(KeyboardInterrupt):
            world(url).edit(draw_car(), [Remove(id="car #1")], LAYOUT, progress=stop)
        assert served.stopped.wait(10)
        assert world(url).detect(draw_car(), QUERIES).detections, "the next call has its turn"


def test_a_call_ends_when_its_time_is_over() -> None:
    served = ServedWorld(0.01, steps=10_000)
    with serving_here(served) as url:
        with pytest.raises(
            BackendUnavailable, match=r"(took more than its 0\.\d+ s|gave no answer within 0\.5 s).*backend\.seconds"
        ):
            world(url, seconds=0.5).edit(draw_car(), [Remove(id="car #1")], LAYOUT)
        assert served.stopped.wait(10)


def test_calls_have_their_turn_in_order_and_a_full_worker_is_waited_for() -> None:
    served, ended = ServedWorld(0.02), list[int]()
    with serving_here(served, calls=Calls(longest_line=1)) as url:

        def call(number: int) -> None:
            world(url).edit(draw_car(), [Remove(id="car #1")], LAYOUT, seed=number)
            ended.append(number)

        threads = [threading.Thread(target=call, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
            served.begun.wait(5)
        for thread in threads:
            thread.join(30)
    assert sorted(ended) == [0, 1, 2, 3]
    assert served.seeds[0] == 0


@pytest.mark.parametrize("token", [None, "another-token-than-it"])
def test_a_wrong_token_is_said(folder: Path, served: str, token: str | None) -> None:
    backend = RemoteBackend(make_settings(folder, backend={"url": served, "token": token}))
    with pytest.raises(BackendUnavailable, match=r"the token is missing or wrong: set backend\.token"):
        backend.detect(draw_car(), QUERIES)


def test_a_worker_that_is_not_there_is_waited_for_and_then_named() -> None:
    backend = world("http://127.0.0.1:9", patience=0.2)
    with pytest.raises(BackendUnavailable, match=r"http://127.0.0.1:9 cannot be reached .*sld worker"):
        backend.detect(draw_car(), QUERIES)


class Liar(BaseHTTPRequestHandler):
    """Answers whatever it is told to."""

    answer: tuple[int, dict[str, str], bytes] = (200, {}, b"")
    drip = False

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        status, headers, body = self.answer
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        while self.drip:
            time.sleep(0.05)
            try:
                self.wfile.write(b"\0")
                self.wfile.flush()
            except OSError:
                return

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@pytest.mark.parametrize(
    ("answer", "drip", "said"),
    [
        ((302, {"location": "http://elsewhere.example/"}, b""), False, "sends to 'elsewhere.example'"),
        ((200, {}, b"<html>"), False, "does not answer as a worker does"),
        ((200, {"content-encoding": "gzip"}, b"x"), False, "packs its answers"),
        ((200, {}, b"\0" * (2**20 + 9)), False, "more than 1,048,576 bytes"),
        ((404, {}, b"not here"), False, "HTTP status 404: is it a worker?"),
        ((403, {}, b"[" * 9000), False, "HTTP status 403"),
        ((200, {}, framed({"protocol": 1})[4:]), False, "install the same version on both sides"),
        ((200, {}, b""), True, "gave no answer within 0.5 s"),
    ],
    ids=["redirect", "page", "packed", "long", "missing", "deep", "other program", "drip"],
)
def test_what_is_no_worker_is_named_and_followed_nowhere(
    answer: tuple[int, dict[str, str], bytes], drip: bool, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Liar, "answer", answer)
    monkeypatch.setattr(Liar, "drip", drip)
    server = HTTPServer(("127.0.0.1", 0), Liar)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        with pytest.raises(BackendUnavailable, match=said):
            world(f"http://127.0.0.1:{server.server_port}", seconds=0.5, patience=0).detect(draw_car(), QUERIES)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_worker_killed_in_the_middle_of_an_edit_is_asked_again_when_it_is_back() -> None:
    begun, move = threading.Event(), [Move(id="car #1", box=Box(0.5, 0.5, 0.4, 0.4))]
    with Process("-m", "tests.workers") as worker:
        backend, results = world(worker.url), list[Any]()
        thread = threading.Thread(
            target=lambda: results.append(
                backend.edit(draw_car(), move, LAYOUT, seed=7, progress=lambda *step: begun.set())
            )
        )
        thread.start()
        assert begun.wait(60)
        worker.kill()
        worker.start()
        thread.join(90)
        (edited,) = results
    whole = ServedWorld().edit(draw_car(), move, LAYOUT, seed=7)
    assert content_id(edited.image) == content_id(whole.image)
    assert truth(edited.image)["car #1"].box == Box(0.5, 0.5, 0.4, 0.4)
    assert scene(("red car", [0.5, 0.5, 0.4, 0.4])) == truth(edited.image)
