"""Open-vocabulary detection behind one class, whatever the checkpoint.

Knows thresholds, suppression and the vocabulary; how a kind of model is asked is in `detector_heads`.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from transformers import AutoConfig, AutoTokenizer

from tools.backend import checkpoints
from tools.backend.detector_heads import PICTURES_KEPT, Candidates, Head
from tools.backend.detector_kinds import KINDS
from tools.backend.protocol import BackendError, Cost, Detected
from tools.backend.suppression import not_suppressed
from tools.backend.text import truncation_warning, vocabulary_warning
from tools.backend.tiles import against_the_grid, confirmed, farther, joined, only_large, views, with_large
from tools.scene.box import Box
from tools.scene.layout import Detection

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from PIL.Image import Image

    from configs.settings import DetectorSettings
    from tools.backend.together import Together
    from tools.scene.spec import Query

MOST_PER_QUERY = 300  # before suppression, whose cost is quadratic
SMALL = 0.15  # shorter side of what is better looked at closer, as a fraction of the picture
SMALLEST_SIDE = 1e-3  # as a fraction of the picture; thinner boxes lie in the padding


class ZeroShotDetector:
    """A detector with the thresholds of its preset."""

    def __init__(self, head: Head, settings: DetectorSettings) -> None:
        self.head, self.settings = head, settings

    @classmethod
    def from_settings(cls, settings: DetectorSettings) -> ZeroShotDetector:
        """Load a checkpoint of any of the `KINDS`.

        Raises:
            BackendError: the checkpoint is unreadable, or of a kind that is not supported.
        """
        folder = checkpoints.resolve(settings)
        device = checkpoints.choose_device(settings.device)
        with checkpoints.reading(folder):
            kind = AutoConfig.from_pretrained(folder, trust_remote_code=False).model_type
        if kind not in KINDS:
            raise BackendError(f"{settings.path!r} is a {kind!r} model; detector.path takes one of: {', '.join(KINDS)}")
        model = checkpoints.load(
            KINDS[kind].model,
            folder,
            device=device,
            dtype=checkpoints.choose_dtype(settings.dtype, device, folder),
        )
        with checkpoints.reading(folder):
            processor = KINDS[kind].processor(folder)
            tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        return cls(KINDS[kind].head(model, processor, tokenizer), settings)

    def work_together(self, together: Together) -> None:
        """Look at the pictures of several calls at the same time, and remember more of them."""
        self.head.compute = together
        self.head.looks.size *= together.calls

    @property
    def components(self) -> list[Any]:
        """The models in it."""
        return [self.head.model]

    @property
    def kinds(self) -> None:
        """It takes any noun."""
        return None

    def detect(self, image: Image, queries: Sequence[Query], threshold: float | None = None) -> Detected:
        """Find every query; plain and attributed ones have their own threshold unless one is given.

        A candidate box counts for the best-fitting plain query and for the best-fitting attributed
        one: a red car is a "car" and a "red car", but not a "blue car" as well. Boxes of one query that
        overlap more than ``settings.nms`` (IoU) are one; so are boxes of different plain queries, and of
        different attributed ones, that overlap more than ``settings.nms_across``. Doubtful is what scores
        within ``settings.doubt`` of its threshold; nothing is, if a threshold is given.
        """
        queries = tuple(dict.fromkeys(queries))
        if not queries:
            return Detected(())
        start, passes = time.perf_counter(), self.head.passes.count
        found = self._candidates(image, queries)
        doubt = self.settings.doubt if threshold is None else 0.0
        kept: list[Detection] = []
        doubtful: list[Detection] = []
        for attributed in (False, True):
            group = [i for i, query in enumerate(queries) if bool(query.attributes) == attributed]
            if group:
                limit = threshold or (self.settings.attribute_threshold if attributed else self.settings.threshold)
                for score, i, box in self._best(found, group, max(limit - doubt, 0.0)):
                    detection = Detection(name=queries[i].name, attributes=queries[i].attributes, box=box, score=score)
                    kept += [detection] if score > limit else []
                    doubtful += [detection] if doubt and score < limit + doubt else []
        warnings = dict.fromkeys(self._warnings(queries))
        cost = Cost(detector_passes=self.head.passes.count - passes, seconds={"detect": time.perf_counter() - start})
        detections, unsettled = (
            tuple(sorted(some, key=lambda detection: -detection.score)) for some in (kept, doubtful)
        )
        said = tuple(warning for warning in warnings if warning)
        return Detected(detections, unsettled, said, cost, scored=self.head.scored)

    def score(self, image: Image, box: Box, queries: Sequence[Query]) -> tuple[float, ...]:
        """Return, for each query, how well it fits what is inside ``box``, in [0, 1].

        The candidate that covers the box best and fits any of the queries answers for all of them.
        """
        if not queries:
            return ()
        found = self._candidates(image, queries)
        if not len(found.scores):
            return (0.0,) * len(queries)
        overlaps = torch.tensor([Box.from_xyxy(*corners).iou(box) for corners in found.boxes_xyxy.tolist()])
        best = int((overlaps * found.scores.amax(dim=-1)).argmax())
        return tuple(found.scores[best].tolist())

    def _warnings(self, queries: Sequence[Query]) -> Iterator[str | None]:
        for query in queries:
            yield vocabulary_warning(self.head.tokenizer, query.phrase)
            prompt = self.head.prompt(query.phrase, self.settings.template)
            yield truncation_warning(self.head.tokenizer, prompt, self.head.longest)

    @torch.no_grad()
    def _candidates(self, image: Image, queries: Sequence[Query]) -> Candidates:
        prompts = [self.head.prompt(query.phrase, self.settings.template) for query in queries]
        settings, picture = self.settings, image.convert("RGB")
        found = self._looked(picture, prompts, settings.known_side)
        plain = [number for number, query in enumerate(queries) if not query.attributes]
        if settings.closer_side and self._wants_closer(found, plain):
            closer = self._looked(picture, prompts, settings.closer_side)
            # many looks have many doubts, and what is not small was seen well enough
            surely = closer.scores * (closer.scores > settings.threshold) * _is_small(closer)[:, None]
            found = Candidates(torch.cat([found.boxes_xyxy, closer.boxes_xyxy]), torch.cat([found.scores, surely]))
        if not (torch.isfinite(found.scores).all() and torch.isfinite(found.boxes_xyxy).all()):
            raise BackendError(
                f"detector {self.settings.path!r} made values that are not finite in dtype "
                f"{self.settings.dtype!r}; set detector.dtype to float32"
            )
        return found

    def _wants_closer(self, found: Candidates, plain: list[int]) -> bool:
        """Return whether nothing was found of any kind, or something small is doubtful."""
        limit, doubt = self.settings.threshold, self.settings.doubt
        nothing = bool(plain) and bool((found.scores[:, plain] <= limit).all())
        faint = (found.scores > limit - doubt) & (found.scores < limit + doubt) & _is_small(found)[:, None]
        return nothing or bool(faint.any())

    def _looked(self, picture: Image, prompts: Sequence[str], known_side: int | None) -> Candidates:
        """Look at a picture as the settings say: near, from farther away, and once more against the model's grid."""
        found = self._joined(picture, prompts, known_side)
        if self.settings.margin is None:
            return found
        wider, size = against_the_grid(picture, self.settings.margin)
        return confirmed(found, self._joined(wider, prompts, known_side), size)

    def _joined(self, picture: Image, prompts: Sequence[str], known_side: int | None) -> Candidates:
        seen = views(picture.size, known_side)
        # what it has looked at is asked about again: for attributes, scores and the next verdict
        looks_each = (len(seen) + bool(self.settings.known_share)) * (1 + bool(self.settings.margin))
        self.head.looks.size = max(self.head.looks.size, PICTURES_KEPT * looks_each if looks_each > 1 else 0)
        looks = [self.head.candidates(picture.crop(view) if len(seen) > 1 else picture, prompts) for view in seen]
        found = joined(looks, seen, picture.size, self.settings.threshold) if len(seen) > 1 else looks[0]
        if self.settings.known_share is None:
            return found
        wide, view = farther(picture)
        large = only_large(self.head.candidates(wide, prompts), view, picture.size, self.settings.known_share)
        return with_large(found, large, self.settings.threshold)

    def _best(self, found: Candidates, group: list[int], limit: float) -> list[tuple[float, int, Box]]:
        scores, labels = found.scores[:, group].max(dim=-1)
        boxes = found.boxes_xyxy.clamp(0, 1)
        good = (scores > limit) & ((boxes[:, 2:] - boxes[:, :2]) > SMALLEST_SIDE).all(dim=-1)
        rows = np.concatenate([boxes[good], scores[good, None], labels[good, None].float()], axis=1)
        rows = rows[np.argsort(-rows[:, 4], kind="stable")][: MOST_PER_QUERY * len(group)]
        if not len(rows):
            return []
        rows = rows[not_suppressed(rows, self.settings.nms)]
        if self.settings.nms_across is not None:
            rows = rows[not_suppressed(rows[:, :5], self.settings.nms_across)]
        return [(float(row[4]), group[int(row[5])], Box.from_xyxy(*row[:4].tolist())) for row in rows]


def _is_small(found: Candidates) -> torch.Tensor:
    sides: torch.Tensor = (found.boxes_xyxy[:, 2:] - found.boxes_xyxy[:, :2]).amin(dim=1)
    return sides < SMALL
