from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from PIL import Image

from configs.settings import DetectorSettings
from tests.tiny_detectors import save_sam3
from tests.tiny_models import save_grounding_dino, save_mm_grounding_dino, save_omdet, save_owl
from tools.backend.detector import ZeroShotDetector
from tools.backend.detector_heads import Candidates, OwlHead
from tools.backend.meter import Tally
from tools.backend.recent import Recent
from tools.scene.box import Box
from tools.scene.spec import Query

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

CAR, RED_CAR, BLUE_CAR, DOG = (
    Query(name="car"),
    Query(name="car", attributes=("red",)),
    Query(name="car", attributes=("blue",)),
    Query(name="dog"),
)
KINDS: dict[str, Callable[[Path], Path]] = {
    "owlv2": save_owl,
    "owlvit": lambda folder: save_owl(folder, version=1),
    "grounding-dino": save_grounding_dino,
    "mm-grounding-dino": save_mm_grounding_dino,
    "omdet-turbo": save_omdet,
    "sam3": save_sam3,
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {kind: save(tmp_path_factory.mktemp(kind)) for kind, save in KINDS.items()}


def load(folder: Path, **changes: Any) -> ZeroShotDetector:
    values: dict[str, Any] = {"path": str(folder), "device": "cpu", "threshold": 0.001, "attribute_threshold": 0.001}
    return ZeroShotDetector.from_settings(DetectorSettings(**(values | changes)))


def picture(width: int = 60, height: int = 40, seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8))


class Said:
    """A head that answers what a test says: boxes, and scores by prompt."""

    model = tokenizer = None
    passes, longest, scored = Tally(), 0, True

    def __init__(self, boxes_xyxy: list[list[float]], scores: dict[str, list[float]]) -> None:
        self.boxes, self.scores = boxes_xyxy, scores
        self.looks: Recent[Any, Any] = Recent(1)

    def prompt(self, phrase: str, template: str) -> str:
        return phrase

    def candidates(self, image: Image.Image, prompts: Sequence[str]) -> Candidates:
        return Candidates(torch.tensor(self.boxes), torch.tensor([self.scores[prompt] for prompt in prompts]).T)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> Callable[..., ZeroShotDetector]:
    monkeypatch.setattr(ZeroShotDetector, "_warnings", lambda self, queries: iter(()))

    def make(boxes: list[list[float]], scores: dict[str, list[float]], **changes: Any) -> ZeroShotDetector:
        values: dict[str, Any] = {"path": "said", "threshold": 0.2, "attribute_threshold": 0.5, "nms": 0.5}
        return ZeroShotDetector(Said(boxes, scores), DetectorSettings(**(values | changes)))

    return make


class Seeing:
    """A head that is sure of one thing in pictures that a test describes: by size, and by what is in it."""

    model = tokenizer = None
    longest, scored = 0, True

    def __init__(self, sees: Callable[[Image.Image], float], side: float = 0.5) -> None:
        self.sees, self.side, self.passes = sees, side, Tally()
        self.looks: Recent[Any, Any] = Recent(1)

    def prompt(self, phrase: str, template: str) -> str:
        return phrase

    def candidates(self, image: Image.Image, prompts: Sequence[str]) -> Candidates:
        self.passes.count += 1
        end = 0.25 + self.side
        return Candidates(torch.tensor([[0.25, 0.25, end, end]]), torch.full((1, len(prompts)), self.sees(image)))


def seeing(
    sees: Callable[[Image.Image], float], monkeypatch: pytest.MonkeyPatch, side: float = 0.5, **changes: Any
) -> ZeroShotDetector:
    monkeypatch.setattr(ZeroShotDetector, "_warnings", lambda self, queries: iter(()))
    return ZeroShotDetector(Seeing(sees, side), DetectorSettings(path="seeing", **changes))


@pytest.mark.parametrize(("margin", "score"), [(None, 0.9), (0.04, 0.4)])
def test_a_thing_is_what_is_seen_in_both_looks(
    margin: float | None, score: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = picture(60, 60)
    detector = seeing(lambda image: 0.9 if image.tobytes() == shown.tobytes() else 0.4, monkeypatch, margin=margin)
    assert [one.score for one in detector.detect(shown, [CAR]).detections] == [pytest.approx(score)]


@pytest.mark.parametrize(
    ("near", "closer", "side", "found"),
    [
        (0.9, 0.9, 0.2, (1, False)),  # sure already
        (0.1, 0.9, 0.2, (0.9, True)),  # not found, and small
        (0.3, 0.9, 0.1, (0.9, True)),  # small, and doubtful
        (0.3, 0.9, 0.5, (0.3, False)),  # doubtful, and large
        (0.1, 0.9, 0.9, (0, True)),  # nothing that large was overlooked
    ],
)
def test_small_things_are_looked_at_closer_where_there_is_doubt(
    near: float, closer: float, side: float, found: tuple[float, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    seer = seeing(lambda image: near if image.width == 128 else closer, monkeypatch, side, closer_side=100, doubt=0.15)
    answer = seer.detect(picture(128, 128), [CAR])
    best = max((one.score for one in answer.detections), default=0)
    assert (best if found[0] != 1 else 1, answer.cost.detector_passes > 1) == (pytest.approx(found[0]), found[1])


def test_what_fills_the_picture_is_seen_from_farther_away(monkeypatch: pytest.MonkeyPatch) -> None:
    detector = seeing(lambda image: 0.9 if image.width > 100 else 0.0, monkeypatch, known_share=0.5)
    assert detector.detect(picture(100, 100), [CAR]).detections[0].box.w == pytest.approx(0.8)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_every_kind_answers_in_every_dtype(folders: dict[str, Path], kind: str, dtype: str) -> None:
    detector = load(folders[kind], dtype=dtype)
    found = detector.detect(picture(), [CAR, RED_CAR])
    assert found.detections
    assert found.cost.detector_passes == 1
    assert {one.query for one in found.detections} <= {CAR, RED_CAR}
    scores = [one.score for one in found.detections]
    assert scores == sorted(scores, reverse=True)
    for one in found.detections:
        assert one.box.checked()
    assert len(detector.score(picture(), Box(0.1, 0.1, 0.5, 0.5), [CAR, DOG, RED_CAR])) == 3


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_question_again_embeds_nothing(folders: dict[str, Path], kind: str) -> None:
    detector = load(folders[kind])
    first = detector.detect(picture(), [CAR, RED_CAR])
    again = detector.detect(picture(), [CAR, RED_CAR])
    assert again.cost.detector_passes == 0
    assert again.detections == first.detections
    assert detector.detect(picture(seed=1), [CAR]).cost.detector_passes == 1


@pytest.mark.parametrize("kind", ["owlv2", "owlvit"])
def test_owl_embeds_a_picture_once_for_any_question(
    folders: dict[str, Path], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    detector = load(folders[kind])
    passes = []
    inner = detector.head.model.image_embedder

    def embed(pixels: torch.Tensor) -> Any:
        passes.append(len(pixels))
        return inner(pixels)

    monkeypatch.setattr(detector.head.model, "image_embedder", embed)
    detector.detect(picture(), [CAR, RED_CAR])
    detector.detect(picture(), [DOG, BLUE_CAR])
    detector.score(picture(), Box(0, 0, 1, 1), [CAR])
    assert passes == [1]


@pytest.mark.parametrize(("kind", "size_wh"), [("owlv2", (60, 40)), ("owlv2", (30, 50)), ("owlvit", (60, 40))])
def test_boxes_are_of_the_picture_as_the_models_own_processor_says(
    folders: dict[str, Path], kind: str, size_wh: tuple[int, int]
) -> None:
    detector = load(folders[kind])
    head = detector.head
    assert isinstance(head, OwlHead)
    image = picture(*size_wh)
    with torch.no_grad():
        candidates = head.candidates(image, ["image of a car"])
        output = head.model(
            **head.tokenizer(["image of a car"], padding="max_length", max_length=16, return_tensors="pt"),
            pixel_values=head.processor(images=image, return_tensors="pt")["pixel_values"],
        )
    expected = head.processor.post_process_object_detection(output, threshold=0, target_sizes=[size_wh[::-1]])[0]
    assert torch.allclose(candidates.boxes_xyxy * torch.tensor(size_wh * 2), expected["boxes"], atol=0.05)  # pixels
    assert torch.allclose(candidates.scores[:, 0], expected["scores"], atol=1e-3)


def test_boxes_in_the_padding_are_dropped(folders: dict[str, Path]) -> None:
    # of the 4 x 4 grid of an OWLv2 input, the lower rows lie below a picture twice as wide as high
    detections = load(folders["owlv2"], nms=1.0).detect(picture(80, 40), [CAR]).detections
    assert detections
    assert max(one.box.y + one.box.h for one in detections) <= 1
    assert min(min(one.box.w, one.box.h) for one in detections) > 0


def test_two_names_for_one_thing_are_one_where_asked_for(said: Callable[..., ZeroShotDetector]) -> None:
    boxes = [[0.1, 0.1, 0.5, 0.5], [0.12, 0.1, 0.5, 0.5], [0.6, 0.6, 0.9, 0.9]]
    scores = {"car": [0.9, 0.1, 0.1], "dog": [0.1, 0.7, 0.8], "red car": [0.6, 0.1, 0.1]}
    queries = [CAR, DOG, RED_CAR]
    assert [one.phrase for one in said(boxes, scores).detect(picture(), queries).detections].count("dog") == 2
    found = said(boxes, scores, nms_across=0.5).detect(picture(), queries).detections
    assert sorted(one.phrase for one in found) == ["car", "dog", "red car"], "a car may still be a red car"
    assert next(one for one in found if one.phrase == "dog").box.x > 0.5


def test_long_captions_are_asked_in_parts(tmp_path: Path) -> None:
    detector = load(save_grounding_dino(tmp_path, max_text_len=8))
    found = detector.detect(picture(), [CAR, RED_CAR, DOG, BLUE_CAR])
    assert found.cost.detector_passes == 2
    assert {one.query for one in found.detections} > {DOG}


def test_plain_and_attributed_queries_have_their_own_threshold(said: Callable[..., ZeroShotDetector]) -> None:
    detector = said([[0.1, 0.1, 0.4, 0.4]], {"car": [0.3], "red car": [0.3]})
    assert [one.query for one in detector.detect(picture(), [CAR, RED_CAR]).detections] == [CAR]
    given = detector.detect(picture(), [CAR, RED_CAR], threshold=0.25)
    assert {one.query for one in given.detections} == {CAR, RED_CAR}


def test_a_box_has_one_plain_and_one_attributed_answer(said: Callable[..., ZeroShotDetector]) -> None:
    detector = said([[0.1, 0.1, 0.4, 0.4]], {"car": [0.9], "dog": [0.5], "red car": [0.8], "blue car": [0.6]})
    found = detector.detect(picture(), [DOG, BLUE_CAR, CAR, RED_CAR])
    assert [(one.query, round(one.score, 3)) for one in found.detections] == [(CAR, 0.9), (RED_CAR, 0.8)]


def test_overlapping_boxes_of_one_query_are_one(said: Callable[..., ZeroShotDetector]) -> None:
    boxes = [[0.1, 0.1, 0.5, 0.5], [0.12, 0.1, 0.5, 0.5], [0.1, 0.1, 0.5, 0.52], [0.6, 0.6, 0.9, 0.9]]
    detector = said(boxes, {"car": [0.9, 0.8, 0.1, 0.7], "dog": [0.1, 0.1, 0.6, 0.1]})
    found = detector.detect(picture(), [CAR, DOG])
    assert [(one.name, round(one.score, 3)) for one in found.detections] == [("car", 0.9), ("car", 0.7), ("dog", 0.6)]


def test_score_reads_the_candidate_that_covers_the_box(said: Callable[..., ZeroShotDetector]) -> None:
    boxes = [[0.1, 0.1, 0.5, 0.5], [0.1, 0.1, 0.52, 0.5], [0.6, 0.6, 0.9, 0.9]]
    detector = said(boxes, {"red car": [0.1, 0.7, 0.2], "blue car": [0.1, 0.3, 0.9]})
    scores = detector.score(picture(), Box(0.1, 0.1, 0.4, 0.4), [RED_CAR, BLUE_CAR])
    assert scores == pytest.approx((0.7, 0.3))
    assert detector.score(picture(), Box(0.1, 0.1, 0.4, 0.4), []) == ()


def test_unknown_words_are_said_with_the_known_ones(folders: dict[str, Path]) -> None:
    queries = [CAR, Query(name="zebra"), Query(name="car", attributes=("mauve",))]
    said = load(folders["owlv2"]).detect(picture(), queries).warnings
    assert len(said) == 2
    assert said[0].startswith("the model does not know 'zebra' in 'zebra'; it knows: an, backpack, ")
    assert "'mauve'" in said[1]


def test_phrases_that_are_too_long_are_said(folders: dict[str, Path]) -> None:
    query = Query(name="car", attributes=("red",) * 20)
    (said,) = load(folders["owlv2"]).detect(picture(), [query]).warnings
    assert "the text encoder takes 16; left out: 'red " in said


@pytest.mark.parametrize(
    ("template", "phrase", "prompt"),
    [
        ("image of a {phrase}", "red car", "image of a red car"),
        ("image of a {phrase}", "orange car", "image of an orange car"),
        ("{phrase}", "orange car", "orange car"),
    ],
)
def test_the_template_takes_the_right_article(
    folders: dict[str, Path], template: str, phrase: str, prompt: str
) -> None:
    assert load(folders["owlv2"]).head.prompt(phrase, template) == prompt


def test_no_queries_cost_nothing(folders: dict[str, Path]) -> None:
    found = load(folders["owlv2"]).detect(picture(), [])
    assert found.detections == ()
    assert found.cost.detector_passes == 0


def test_a_score_near_its_threshold_is_doubtful(said: Callable[..., ZeroShotDetector]) -> None:
    boxes = [[0.1 * n, 0.1, 0.1 * n + 0.08, 0.2] for n in range(5)]
    scores = {"car": [0.9, 0.6, 0.4, 0.2, 0.1]}
    doubting = said(boxes, scores, threshold=0.5, doubt=0.2)
    found = doubting.detect(picture(), [CAR])
    assert [round(one.score, 2) for one in found.detections] == [0.9, 0.6]
    assert [round(one.score, 2) for one in found.doubtful] == [0.6, 0.4]
    for sure in (
        said(boxes, scores, threshold=0.5).detect(picture(), [CAR]),
        doubting.detect(picture(), [CAR], threshold=0.5),
    ):
        assert [round(one.score, 2) for one in sure.detections] == [0.9, 0.6]
        assert sure.doubtful == ()


@pytest.mark.parametrize(("threshold", "attribute_threshold", "doubt"), [(0.2, 0.45, 0.2), (0.5, 0.8, 0.3)])
def test_doubt_must_leave_something_sure(threshold: float, attribute_threshold: float, doubt: float) -> None:
    with pytest.raises(ValueError, match=r"give less than 0\.20"):
        DetectorSettings(path="x", threshold=threshold, attribute_threshold=attribute_threshold, doubt=doubt)
    DetectorSettings(path="x", threshold=threshold, attribute_threshold=attribute_threshold, doubt=0.19)
