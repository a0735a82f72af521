from __future__ import annotations

import base64
import json
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BytesIO
from threading import Thread
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from PIL import Image

from configs.settings import RefinerSettings, Settings, load_settings
from tests.tiny_models import save_models, save_pipeline
from tools.backend.local import LocalBackend
from tools.backend.pipelines import until_usable
from tools.backend.protocol import Backend, BackendError
from tools.backend.refiner import Refiner
from tools.backend.segmenter import Segmenter
from tools.scene.box import Box
from tools.scene.layout import Layout, PlacedObject
from tools.scene.operations import Move
from tools.scene.spec import Query

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CAR = PlacedObject(id="car #1", name="car", attributes=("red",), box=Box(0.1, 0.1, 0.4, 0.4))
LAYOUT = Layout(objects=(CAR,))
RED_CAR = Query(name="car", attributes=("red",))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_models(tmp_path_factory.mktemp("models"))


def make_settings(folder: Path, **sections: dict[str, Any]) -> Settings:
    tree: dict[str, Any] = {
        "detector": {"path": str(folder / "owl"), "threshold": 0.001, "attribute_threshold": 0.001},
        "segmenter": {"path": str(folder / "sam")},
        "generator": {"path": str(folder / "gligen"), "steps": 2, "width": 40, "height": 32},
        "editor": {"path": str(folder / "gligen"), "steps": 4},
    }
    for name, section in sections.items():
        tree[name] = tree.get(name, {}) | section
    return Settings.model_validate(tree)


@pytest.fixture
def backend(folder: Path) -> LocalBackend:
    return LocalBackend(make_settings(folder))


def same(one: Image.Image, other: Image.Image) -> bool:
    return one.tobytes() == other.tobytes()


def test_the_whole_way_from_sentence_to_edit(backend: LocalBackend) -> None:
    assert isinstance(backend, Backend)
    assert backend.memory() == {}
    generated = backend.generate("a red car", layout=LAYOUT, n=2, seed=5)
    assert [image.size for image in generated.images] == [(40, 32)] * 2
    assert generated.cost.model_evaluations == 2 * 2 * 2
    image = generated.images[0]
    assert backend.detect(image, [RED_CAR]).cost.detector_passes == 1
    assert len(backend.score(image, CAR.box, [RED_CAR])) == 1
    assert backend.segment(image, [CAR.box]).masks.shape == (1, 32, 40)
    edited = backend.edit(image, [Move(id="car #1", box=Box(0.5, 0.5, 0.4, 0.4))], LAYOUT)
    outside = ~edited.region
    assert np.array_equal(np.asarray(edited.image)[outside], np.asarray(image)[outside])
    assert not same(edited.image, image)


def test_generator_and_editor_share_one_model(backend: LocalBackend, folder: Path) -> None:
    image = backend.generate("a red car").images[0]
    backend.edit(image, [Move(id="car #1", box=Box(0.5, 0.5, 0.4, 0.4))], LAYOUT)
    names = [name for name in backend.memory() if "UNet" in name]
    assert names == [f"{folder / 'gligen'}: UNet2DConditionModel"]
    assert backend.memory()[names[0]]["dtype"] == "float32"
    assert backend.memory()[names[0]]["bytes"] > 100_000


def test_the_same_call_gives_the_same_picture(folder: Path) -> None:
    first, second = (LocalBackend(make_settings(folder)).generate("a car", layout=LAYOUT, seed=3) for _ in range(2))
    assert same(first.images[0], second.images[0])


def test_seeds_count_up_and_layouts_matter(backend: LocalBackend) -> None:
    pair = backend.generate("a car", layout=LAYOUT, n=2, seed=3).images
    assert not same(*pair)
    assert not same(pair[0], backend.generate("a car", seed=3).images[0])


@pytest.mark.parametrize(
    ("arguments", "said"), [({"n": 0}, "n must be at least 1"), ({"size_wh": (0, 64)}, "0x64 pixels")]
)
def test_impossible_pictures_are_refused(backend: LocalBackend, arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(BackendError, match=said):
        backend.generate("a car", **arguments)


def test_any_text_to_image_checkpoint_generates(folder: Path) -> None:
    plain = LocalBackend(make_settings(folder, generator={"path": str(folder / "plain" / "pipeline"), "height": 30}))
    told: list[tuple[str, int, int]] = []
    made = plain.generate("a red car", layout=LAYOUT, n=2, progress=lambda *given: told.append(given))
    assert [image.size for image in made.images] == [(40, 30)] * 2
    assert told == [("generate", 1, 2), ("generate", 2, 2)]
    assert "the layout was not used" in made.warnings[0]
    assert made.cost.model_evaluations == 2 * 2 * 2
    assert same(made.images[0], plain.generate("a red car").images[0])


def test_the_refiner_keeps_the_size(folder: Path) -> None:
    refiner = {"path": str(folder / "plain" / "pipeline"), "steps": 2, "strength": 0.3}
    backend = LocalBackend(make_settings(folder, refiner=refiner))
    image = Image.fromarray(np.random.default_rng(0).integers(0, 255, (30, 45, 3), dtype=np.uint8))
    refined = backend.refine(image, "a red car")
    assert refined.images[0].size == (45, 30)
    assert not same(refined.images[0], image)
    assert refined.cost.model_evaluations == 2


def test_a_prompt_that_is_too_long_leaves_the_terminal_clean(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    refiner = {"path": str(folder / "plain" / "pipeline"), "steps": 2}
    LocalBackend(make_settings(folder, refiner=refiner)).refine(Image.new("RGB", (32, 32)), "a red car " * 20)
    assert capfd.readouterr() == ("", "")


def test_a_small_picture_is_polished_at_the_refiners_own_size(folder: Path) -> None:
    refiner = {"path": str(folder / "plain" / "pipeline"), "steps": 2, "side": 64, "aesthetic_score": 7.0}
    backend = LocalBackend(make_settings(folder, refiner=refiner))  # this pipeline takes no score
    assert backend.refine(Image.new("RGB", (30, 45)), "a red car").images[0].size == (43, 64)
    assert backend.refine(Image.new("RGB", (100, 80)), "a red car").images[0].size == (100, 80)


def test_the_refiner_is_told_how_good_the_picture_shall_look() -> None:
    class Pipe:
        def __call__(self, prompt: str, aesthetic_score: float = 6.0, **_: object) -> None:
            """Take a score, as SDXL's refiner does."""

    class Told:
        pipe, name, told = Pipe(), "pipe", dict[str, object]()

        def __call__(self, *_: object, **given: object) -> list[Image.Image]:
            self.told = given
            return [Image.new("RGB", (32, 32), "red")]

    pipeline: Any = Told()
    Refiner(pipeline, RefinerSettings(path="x", aesthetic_score=7.0)).refine(Image.new("RGB", (32, 32)), "a", 0, None)
    assert pipeline.told["aesthetic_score"] == 7.0


def test_without_a_refiner_the_field_is_named(backend: LocalBackend) -> None:
    with pytest.raises(BackendError, match=r"set refiner\.path"):
        backend.refine(Image.new("RGB", (32, 32)), "a car")


def test_a_pipeline_with_code_is_refused(folder: Path, tmp_path: Path) -> None:
    pipeline = save_pipeline(tmp_path)
    (pipeline / "unet" / "evil.py").write_text("raise SystemExit")
    with pytest.raises(BackendError, match=r"code of its own .evil\.py., which is never run"):
        LocalBackend(make_settings(folder, generator={"path": str(pipeline)})).generate("a car")


def test_a_file_stands_for_a_closed_generator(folder: Path, tmp_path: Path) -> None:
    Image.new("RGB", (20, 10), "red").save(tmp_path / "made.png")
    generator = {"kind": "file", "path": str(tmp_path / "made.png")}
    assert LocalBackend(make_settings(folder, generator=generator)).generate("a car").images[0].size == (20, 10)
    generator["path"] = str(tmp_path / "missing.png")
    with pytest.raises(BackendError, match=r"generator\.path: .*missing\.png"):
        LocalBackend(make_settings(folder, generator=generator)).generate("a car")


def test_the_heldout_is_another_detector(folder: Path) -> None:
    settings = make_settings(folder, heldout_detector={"path": str(folder / "owl"), "threshold": 0.9})
    backend = LocalBackend(settings)
    assert settings.heldout_detector is not None
    heldout = backend.detector_for(settings.heldout_detector)
    assert heldout is backend.detector_for(settings.heldout_detector)
    assert heldout is not backend.detector_for(settings.detector)


def test_out_of_memory_is_tried_once_more_then_said(backend: LocalBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    image, calls = Image.new("RGB", (32, 32)), []

    def segment(*given: Any) -> Any:
        calls.append(1)
        raise torch.OutOfMemoryError

    monkeypatch.setattr(Segmenter, "segment", segment)
    with pytest.raises(BackendError, match=r"out of memory for this picture.*gligen-sd14-8gb"):
        backend.segment(image, [CAR.box])
    assert len(calls) == 2


# black pictures


def test_black_pictures_are_tried_with_other_seeds() -> None:
    def make(seeds: list[int]) -> list[Image.Image]:
        return [Image.new("RGB", (4, 4), "black" if seed < 10 else "white") for seed in seeds]

    images, warnings = until_usable(make, [5, 20], "tiny")
    assert all(np.asarray(image).max() == 255 for image in images)
    assert warnings == ("seed 5 gave a black picture; took 1000008",)


def test_black_pictures_for_ever_are_an_error() -> None:
    with pytest.raises(BackendError, match="'tiny' gave only black pictures in 3 tries"):
        until_usable(lambda seeds: [Image.new("RGB", (4, 4))] * len(seeds), [0], "tiny")


# the OpenAI Images protocol


class ImageServer(BaseHTTPRequestHandler):
    answer: tuple[int, dict[str, Any]] = (200, {})
    asked: list[dict[str, Any]]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append(body | {"path": self.path, "key": self.headers["Authorization"]})
        status, answer = self.answer
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[tuple[type[ImageServer], str]]:
    handler = type("Handler", (ImageServer,), {"asked": []})
    with HTTPServer(("127.0.0.1", 0), handler) as http:
        Thread(target=http.serve_forever, daemon=True).start()
        yield handler, f"http://127.0.0.1:{http.server_port}/v1"
        http.shutdown()


def api_backend(folder: Path, url: str) -> LocalBackend:
    chat = {"base_url": url, "api_key": "sk-very-secret", "attempts": 1}
    return LocalBackend(make_settings(folder, generator={"kind": "openai", "path": "painter"}, chat=chat))


def test_pictures_come_from_an_image_service(folder: Path, server: tuple[type[ImageServer], str]) -> None:
    handler, url = server
    file = BytesIO()
    Image.new("RGB", (24, 16), "blue").save(file, "PNG")
    handler.answer = (200, {"created": 1, "data": [{"b64_json": base64.b64encode(file.getvalue()).decode()}]})
    made = api_backend(folder, url).generate("a car", n=2)
    assert [image.getpixel((0, 0)) for image in made.images] == [(0, 0, 255)] * 2
    assert "takes no seed" in made.warnings[0]
    asked = handler.asked[0]
    assert (asked["path"], asked["model"], asked["prompt"], asked["size"]) == (
        "/v1/images/generations",
        "painter",
        "a car",
        "40x32",
    )
    assert asked["key"] == "Bearer sk-very-secret"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((401, {"error": {"message": "bad key sk-very-secret"}}), "refused the key"),
        ((400, {"error": {"message": "size 40x32 is not for sk-very-secret"}}), "made no picture.*size 40x32 is not"),
        ((200, {"created": 1, "data": [{"url": "http://127.0.0.1/x.png"}]}), "without base64"),
        ((200, {"created": 1, "data": [{"b64_json": "bm8gcGljdHVyZQ=="}]}), "no picture"),
        ((200, {"created": 1, "data": []}), "without base64"),
    ],
    ids=["key", "size", "url", "not a picture", "empty"],
)
def test_failures_of_an_image_service_are_clear_and_keep_the_key(
    folder: Path, server: tuple[type[ImageServer], str], answer: tuple[int, dict[str, Any]], said: str
) -> None:
    handler, url = server
    handler.answer = answer
    with pytest.raises(BackendError, match=said) as caught:
        api_backend(folder, url).generate("a car")
    assert "sk-very-secret" not in str(caught.value)


def test_an_image_service_needs_a_key_or_an_address(folder: Path) -> None:
    settings = make_settings(folder, generator={"kind": "openai", "path": "painter"})
    with pytest.raises(BackendError, match="set OPENAI_API_KEY"):
        LocalBackend(settings).generate("a car")


def test_what_the_editor_draws_is_said_before_anything_is_drawn() -> None:
    draws = LocalBackend(load_settings("iconworld")).capabilities.draws
    assert draws is not None
    assert "dog" in draws
    assert "zebra" not in draws
