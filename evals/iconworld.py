"""How good the embedded models are, on icon-world scenes that no training ever drew.

Everything goes through the same backend as any other use; the truth comes from the renderer. Parts
whose weights are not there yet can be left out.
"""

from __future__ import annotations

import statistics
from collections import Counter
from typing import TYPE_CHECKING, Protocol

import numpy as np

from evals.edit_cases import scene_layout
from iconworld.captions import listing
from iconworld.renderer import CLASSES, COLORS, draw_scene
from tools.scene.spec import Query

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from PIL.Image import Image

    from iconworld.renderer import IconObject, Scene
    from tools.backend.protocol import Backend, Detected, Generated
    from tools.scene.box import Box
    from tools.scene.layout import Detection

    Progress = Callable[[str, int, int], None]
    RoundTrip = Callable[[Sequence[Image]], list[Image]]
    """Pictures of one size through the autoencoder and back."""

PARTS = ("autoencoder", "detector", "segmenter", "heldout_detector", "generator")
AT = 0.5  # IoU from which a detection is at the place
FIRST_SCENE = 1 << 32  # far from the scenes of `edit_cases` and below those of any training
SCENES_PER_SEED = 1_000_000
SEEDS = 10_000
BATCH = 20  # pictures at once through the autoencoder
SHADE = 70.0  # RGB distance that shading may bring; lines are further away
FIVE = 5  # boxes that the segmenter is timed with
NAMES = tuple(Query(name=name) for name in CLASSES)
PHRASES = tuple(Query(name=name, attributes=(color,)) for color in COLORS for name in CLASSES)


class Detector(Protocol):
    """What is needed of a detector: the backend has it, and so has `ZeroShotDetector`."""

    def detect(self, image: Image, queries: Sequence[Query], threshold: float | None = None) -> Detected:
        """Find every query."""
        ...


def run_iconworld(
    backend: Backend,
    heldout: Detector,
    round_trip: RoundTrip,
    *,
    seed: int = 0,
    scenes: int = 500,
    parts: Sequence[str] = PARTS,
    progress: Progress | None = None,
) -> dict[str, float]:
    """Measure ``parts`` on ``scenes`` fresh scenes; the same arguments ask for the same scenes.

    Flat result. Rates are in [0, 1]; matches need IoU >= 0.5.

    - autoencoder: ``psnr_db`` (mean over pictures); ``color_C``, the share of objects of colour C whose
      painted pixels are nearest to C (their median) after a round trip, and ``color_worst``, the least of these;
    - detector: ``class_precision``, ``class_recall`` for plain names; ``attribute_precision``,
      ``attribute_recall`` for colour + class; ``count_accuracy`` over all classes with 1 to 5 objects in a
      scene; ``detect_seconds`` (median, one picture, ten names);
    - heldout: the same with ``heldout_`` before each name;
    - segmenter: ``mask_iou`` (mean over objects, true boxes given); ``segment_seconds`` (median, five boxes);
    - generator: ``grounded_accuracy``, the share of objects that the held-out detector finds, colour and class, in
      the boxes that were asked for; ``grounded_class_accuracy``, whatever the colour; ``generate_seconds`` (median).

    Raises:
        ValueError: an unknown part, or a seed whose scenes may have been trained on.
    """
    unknown = sorted(set(parts) - set(PARTS))
    if unknown:
        raise ValueError(f"unknown parts {', '.join(unknown)}: choose among {', '.join(PARTS)}")
    if not 0 <= seed < SEEDS or not 0 < scenes <= SCENES_PER_SEED:
        raise ValueError(f"seed {seed} must be from 0 to {SEEDS - 1}, and scenes {scenes} from 1 to {SCENES_PER_SEED}")
    numbers = range(FIRST_SCENE + seed * SCENES_PER_SEED, FIRST_SCENE + seed * SCENES_PER_SEED + scenes)

    def fresh(part: str) -> Iterator[Scene]:
        for done, number in enumerate(numbers, 1):
            yield draw_scene(number)
            if progress:
                progress(part, done, len(numbers))

    measures: dict[str, Callable[[Iterator[Scene]], dict[str, float]]] = {
        "autoencoder": lambda some: measure_autoencoder(round_trip, some),
        "detector": lambda some: measure_detector(backend, some),
        "segmenter": lambda some: measure_segmenter(backend, some),
        "heldout_detector": lambda some: {
            f"heldout_{key}": value for key, value in measure_detector(heldout, some).items()
        },
        "generator": lambda some: measure_grounding(backend, heldout, some, seed),
    }
    result: dict[str, float] = {"seed": seed, "scenes": scenes}
    for part, measure in measures.items():
        if part in parts:
            result |= measure(fresh(part))
    return result


def measure_autoencoder(round_trip: RoundTrip, scenes: Iterable[Scene]) -> dict[str, float]:
    """Measure what a picture loses on its way through the latents."""
    psnr: list[float] = []
    seen: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for batch in _batches(scenes):
        for scene, restored in zip(batch, round_trip([scene.image for scene in batch]), strict=True):
            wrong = np.asarray(scene.image, np.float64) - np.asarray(restored, np.float64)
            psnr.append(float(10 * np.log10(255**2 / max(float(np.square(wrong).mean()), 1e-6))))
            for index, item in enumerate(scene.objects):
                seen[item.color] += 1
                right[item.color] += nearest_color(restored, _painted(scene, index)) == item.color
    colors = {f"color_{color}": right[color] / seen[color] for color in COLORS if seen[color]}
    return {"psnr_db": statistics.fmean(psnr), **colors, "color_worst": min(colors.values(), default=1.0)}


def nearest_color(image: Image, mask: np.ndarray) -> str:
    """Return the colour of icon world that is nearest to the median pixel under a mask."""
    pixel = np.median(np.asarray(image, np.float64)[mask], axis=0) if mask.any() else np.zeros(3)
    return min(COLORS, key=lambda color: float(np.square(pixel - np.array(COLORS[color])).sum()))


def _painted(scene: Scene, index: int) -> np.ndarray:
    """Return an object's visible pixels without its lines, which are drawn in another colour."""
    distance = np.asarray(scene.image, np.float64) - np.array(COLORS[scene.objects[index].color])
    painted: np.ndarray = scene.mask(index) & (np.linalg.norm(distance, axis=-1) < SHADE)
    return painted


def measure_detector(detector: Detector, scenes: Iterable[Scene]) -> dict[str, float]:
    """Ask a detector for everything that icon world has, and compare with the truth."""
    plain, colored, counts, seconds = _Rates(), _Rates(), [], []
    for scene in scenes:
        answer = detector.detect(scene.image, NAMES)
        seconds.append(sum(answer.cost.seconds.values()))
        plain.add(answer.detections, [(Query(name=item.name), item.box) for item in scene.objects])
        colored.add(detector.detect(scene.image, PHRASES).detections, [_phrase(item) for item in scene.objects])
        found = Counter(detection.name for detection in answer.detections)
        there = Counter(item.name for item in scene.objects)
        counts += [found[name] == number for name, number in there.items() if number <= FIVE]
    return {
        "class_precision": plain.precision,
        "class_recall": plain.recall,
        "attribute_precision": colored.precision,
        "attribute_recall": colored.recall,
        "count_accuracy": _share(counts),
        "detect_seconds": statistics.median(seconds),
    }


def measure_segmenter(backend: Backend, scenes: Iterable[Scene]) -> dict[str, float]:
    """Give the segmenter every object's true box and compare the masks with the visible pixels."""
    ious: list[float] = []
    seconds: list[float] = []
    for scene in scenes:
        boxes = [item.box for item in scene.objects]
        if not boxes:
            continue
        answer = backend.segment(scene.image, boxes)
        for index, mask in enumerate(answer.masks):
            truth = scene.mask(index)
            ious.append(float((mask & truth).sum() / max((mask | truth).sum(), 1)))
        if len(boxes) == FIVE:
            seconds.append(sum(answer.cost.seconds.values()))
    timed = {"segment_seconds": statistics.median(seconds)} if seconds else {}
    return {"mask_iou": statistics.fmean(ious) if ious else 1.0, **timed}


def measure_grounding(backend: Backend, heldout: Detector, scenes: Iterable[Scene], seed: int) -> dict[str, float]:
    """Ask for each scene's objects in its boxes, and let the held-out detector look at what was made."""
    colored, plain, seconds = _Rates(), _Rates(), []
    for number, scene in enumerate(scenes):
        if not scene.objects:
            continue
        made = draw_again(backend, scene, seed * SCENES_PER_SEED + number)
        seconds.append(sum(made.cost.seconds.values()))
        image = made.images[0]
        colored.add(heldout.detect(image, PHRASES).detections, [_phrase(item) for item in scene.objects])
        plain.add(
            heldout.detect(image, NAMES).detections, [(Query(name=item.name), item.box) for item in scene.objects]
        )
    return {
        "grounded_accuracy": colored.recall,
        "grounded_class_accuracy": plain.recall,
        "generate_seconds": statistics.median(seconds) if seconds else 0.0,
    }


def draw_again(backend: Backend, scene: Scene, seed: int) -> Generated:
    """Let the generator draw a scene's objects in their boxes."""
    sentence = listing(np.random.default_rng(seed), scene.objects, colored=True)
    return backend.generate(f"a realistic photo of a scene with {sentence}", layout=scene_layout(scene), seed=seed)


class _Rates:
    """Precision and recall over many pictures."""

    def __init__(self) -> None:
        self.hits = self.found = self.there = 0

    def add(self, detections: Sequence[Detection], truth: Sequence[tuple[Query, Box]]) -> None:
        """Count one picture: each detection, best score first, may claim one object."""
        left = list(truth)
        self.found += len(detections)
        self.there += len(truth)
        for detection in sorted(detections, key=lambda detection: -detection.score):
            fitting = [it for it in left if it[0] == detection.query and it[1].iou(detection.box) >= AT]
            if fitting:
                left.remove(max(fitting, key=lambda it: it[1].iou(detection.box)))
                self.hits += 1

    @property
    def precision(self) -> float:
        return self.hits / self.found if self.found else 1.0

    @property
    def recall(self) -> float:
        return self.hits / self.there if self.there else 1.0


def _phrase(item: IconObject) -> tuple[Query, Box]:
    return Query(name=item.name, attributes=(item.color,)), item.box


def _share(values: Sequence[bool]) -> float:
    return sum(values) / len(values) if values else 1.0


def _batches(scenes: Iterable[Scene]) -> Iterator[list[Scene]]:
    batch: list[Scene] = []
    for scene in scenes:
        batch.append(scene)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
