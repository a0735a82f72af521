"""Detectors that say where things are and not how sure they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from configs.settings import DetectorSettings
from tests.tiny_detectors import save_florence
from tests.tools.backend.test_detector import CAR, DOG, RED_CAR, picture
from tools.backend.detector import ZeroShotDetector
from tools.backend.detector_florence import places
from tools.backend.remote.asks import pack_result
from tools.scene.box import Box
from tools.scene.layout import Detection
from tools.scene.requirement import Requirement
from tools.scene.verdict import verdict, with_no_scores

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_florence(tmp_path_factory.mktemp("florence"))


def load(folder: Path, **changes: Any) -> ZeroShotDetector:
    return ZeroShotDetector.from_settings(DetectorSettings(path=str(folder), device="cpu", **changes))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_picture_is_embedded_once_and_every_phrase_asked_once(
    folder: Path, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    detector, asked = load(folder, dtype=dtype), list[str]()
    ask = detector.head._ask  # type: ignore[attr-defined]
    monkeypatch.setattr(
        detector.head, "_ask", lambda features, prompts: asked.extend(prompts) or ask(features, prompts)
    )
    first = detector.detect(picture(), [CAR, RED_CAR])
    second = detector.detect(picture(), [CAR, DOG])
    assert asked == [f"Locate {phrase} in the image." for phrase in ("car", "red car", "dog")]
    assert (first.cost.detector_passes, second.cost.detector_passes) == (1, 0)
    assert not first.scored
    assert not first.doubtful


def test_what_it_writes_counts_with_full_score(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    detector = load(folder, threshold=0.6, attribute_threshold=0.7)
    answers = {"car": [[0.1, 0.1, 0.4, 0.4], [0.6, 0.6, 0.9, 0.9]], "red car": [[0.1, 0.1, 0.4, 0.4]], "dog": []}
    monkeypatch.setattr(
        detector.head, "_ask", lambda _, prompts: [answers[prompt.removeprefix("Locate ")[:-14]] for prompt in prompts]
    )
    found = detector.detect(picture(), [CAR, RED_CAR, DOG]).detections
    assert sorted((one.phrase, one.score) for one in found) == [("car", 1.0), ("car", 1.0), ("red car", 1.0)]
    assert detector.score(picture(), Box(0.1, 0.1, 0.3, 0.3), [CAR, DOG]) == (1.0, 0.0)
    assert detector.detect(picture(seed=1), [DOG]).detections == ()
    assert detector.score(picture(seed=1), Box(0.1, 0.1, 0.3, 0.3), [DOG]) == (0.0,)


@pytest.mark.parametrize(
    ("text", "boxes"),
    [
        ("</s><s>car<loc_0><loc_499><loc_999><loc_999></s>", [(0.0005, 0.4995, 0.9995, 0.9995)]),
        (
            "car<loc_1><loc_2><loc_3><loc_4><loc_10><loc_20><loc_30><loc_40>",
            [(0.0015, 0.0025, 0.0035, 0.0045), (0.0105, 0.0205, 0.0305, 0.0405)],
        ),
        ("car<loc_1><loc_2><loc_3>", []),
        ("car<loc_9><loc_2><loc_3><loc_4>", []),
        ("car<poly><loc_1><loc_2><loc_3><loc_4></poly>", []),
        ("nothing of that kind", []),
        ("", []),
    ],
)
def test_places_are_read_off_the_answer(text: str, boxes: list[tuple[float, ...]]) -> None:
    assert [tuple(corners) for corners in places(text)] == [pytest.approx(corners) for corners in boxes]


def test_the_verdict_says_that_there_were_no_scores() -> None:
    demands = (Requirement(kind="count", query=CAR), Requirement(kind="unchecked", said="shiny"))
    seen = Detection(name="car", box=Box(0.1, 0.1, 0.2, 0.2), score=1.0)
    count, unchecked = with_no_scores(verdict(demands, [seen])).results
    assert count.passed
    assert count.reason.endswith("; the detector gives no scores")
    assert "scores" not in unchecked.reason


def test_a_worker_passes_it_on(folder: Path) -> None:
    packed = pack_result(load(folder).detect(Image.new("RGB", (40, 30)), [CAR]), lambda _: "")
    assert packed["scored"] is False
