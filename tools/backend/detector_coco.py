"""Detection of the 80 kinds of COCO, asked for in plain English; attributes are judged from the pixels.

Knows which words mean which kinds and which looks can be judged; the networks are in `coco_networks`, colours in
`colour_naming`. What it is asked for and cannot know, it names in its answer.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from tools.backend.coco_kinds import KINDS, WORDS, kinds_of
from tools.backend.coco_networks import Looked, Looker, open_looker
from tools.backend.colour_naming import Look, is_known
from tools.backend.protocol import Cost, Detected
from tools.backend.recent import Recent, as_rgb, picture_key
from tools.backend.suppression import not_suppressed
from tools.scene.box import Box
from tools.scene.layout import Detection
from tools.scene.spec import Query

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from PIL.Image import Image as Picture

    from configs.settings import CocoDetectorSettings
    from tools.backend.protocol import Segmented

    Segment = Callable[[Picture, Sequence[Box]], Segmented]

PICTURES_KEPT, LOOKS_KEPT = 64, 256
OVERLAP = 0.25  # of neighbouring pieces of a picture, as a share of a piece
EDGE = 0.01  # a box so near to where a piece was cut is part of something larger
FITS = 0.95  # least score of a colour that fits
FEW = 12  # queries: who asks for so few wants to know of each, and what is not found is looked for once more
GLIMPSES, FAINT, ALONE = 6, 0.1, 0.6  # boxes looked at closely, their least score, and IoU from which two are one
AROUND, SURE, SAME_PLACE = 0.25, 0.5, 0.45  # margin of a close look, the score it needs, IoU with what was looked at
SMALL = 0.5  # what is longer, as a share of a piece, was there to be seen in the whole picture


class CocoDetector:
    """A detector of COCO's kinds with the thresholds of its preset.

    Args:
        looker: the network.
        settings: thresholds and pieces.
        segment: makes the masks under which colours are judged.
    """

    def __init__(self, looker: Looker, settings: CocoDetectorSettings, segment: Segment) -> None:
        self.looker, self.settings, self.segment = looker, settings, segment
        self._found: Recent[Any, Looked] = Recent(PICTURES_KEPT)
        self._looks: Recent[Any, Look] = Recent(LOOKS_KEPT)
        self._passes = 0

    @classmethod
    def from_settings(cls, settings: CocoDetectorSettings, segment: Segment) -> CocoDetector:
        """Open the network.

        Raises:
            BackendError: its file or its runtime is missing, or it is another kind of network.
        """
        return cls(open_looker(settings), settings, segment)

    @property
    def kinds(self) -> frozenset[str]:
        """Every noun that it understands, synonyms included."""
        return frozenset(WORDS)

    def detect(self, image: Picture, queries: Sequence[Query], threshold: float | None = None) -> Detected:
        """Find every query.

        A box counts for the first plain query that covers its kind, so ask in the user's words first: "man" or
        "animal" before "person" and "dog". It counts for every attributed query that its pixels fit (at least
        ``attribute_threshold``). Scores of plain names are the network's. Several colours may fit one thing, and
        people disagree: their scores are close, in the order of fit, so that a word that was asked for can win.
        """
        queries = tuple(dict.fromkeys(queries))
        start, before = time.perf_counter(), self._passes
        unknown = tuple(query for query in queries if not _answerable(query))
        asked = [query for query in queries if query not in unknown]
        limit = threshold or self.settings.threshold
        doubt = self.settings.doubt if threshold is None else 0.0
        kept: list[Detection] = []
        doubtful: list[Detection] = []
        cost = Cost()
        if asked:
            rows = self._rows(image, max(limit - doubt, 0.0))
            plain = [query for query in asked if not query.attributes]
            if len(plain) <= FEW:
                rows = [*rows, *self._overlooked(image, rows, plain, limit)]
            for kind, box, score in rows:
                for query in _first(kind, plain):
                    detection = Detection(name=query.name, box=box, score=score)
                    kept += [detection] if score > limit else []
                    doubtful += [detection] if doubt and score < limit + doubt else []
            attributed = [query for query in asked if query.attributes]
            good = [(kind, box) for kind, box, score in rows if score > limit]
            more, cost = self._coloured(image, good, attributed, threshold or self.settings.attribute_threshold)
            kept += more
        seconds = time.perf_counter() - start - sum(cost.seconds.values())
        cost += Cost(detector_passes=self._passes - before, seconds={"detect": seconds})
        detections, unsettled = (
            tuple(sorted(some, key=lambda detection: -detection.score)) for some in (kept, doubtful)
        )
        return Detected(detections, unsettled, tuple(_warnings(queries)), cost, unknown)

    def score(self, image: Picture, box: Box, queries: Sequence[Query]) -> tuple[float, ...]:
        """Return, for each query, how well it fits what is inside ``box``, in [0, 1].

        A query that cannot be judged scores 0.
        """
        rows = [(kind, found.iou(box), score) for kind, found, score in self._rows(image, 0.0)]
        look: Look | None = None
        scores = []
        for query in queries:
            here = [score * overlap for kind, overlap, score in rows if kind in kinds_of(query.name)]
            value = max(here, default=0.0) if _answerable(query) else 0.0
            if value and query.attributes:
                look = look or self._look(image, box, "person" in kinds_of(query.name))[0]
                value = min(value, look.fits(query.attributes))
            scores.append(value)
        return tuple(scores)

    def _coloured(
        self, image: Picture, found: Sequence[tuple[str, Box]], queries: Sequence[Query], limit: float
    ) -> tuple[list[Detection], Cost]:
        kept: list[Detection] = []
        cost = Cost()
        for kind, box in found:
            wanted = [query for query in queries if kind in kinds_of(query.name)]
            if not wanted:
                continue
            look, spent = self._look(image, box, kind == "person")
            cost += spent
            for query in wanted:
                fit = look.fits(query.attributes)
                if fit > limit:
                    score = FITS + (1 - FITS) * fit
                    kept.append(Detection(name=query.name, attributes=query.attributes, box=box, score=score))
        return kept, cost

    def _look(self, image: Picture, box: Box, person: bool) -> tuple[Look, Cost]:
        cost = Cost()

        def make() -> Look:
            nonlocal cost
            segmented = self.segment(image, [box])
            cost = segmented.cost
            return Look(np.asarray(as_rgb(image)), segmented.masks[0], dressed=person)

        return self._looks.get((picture_key(image), box, person), make), cost

    def _rows(self, image: Picture, limit: float) -> list[tuple[str, Box, float]]:
        """Return kind, box and score of everything better than ``limit``, best first, each thing once."""
        image = as_rgb(image)
        found = self._found.get(picture_key(image), lambda: self._look_everywhere(image))
        boxes, scores = found.boxes_xyxy, found.scores
        good = (scores > limit) & ((boxes[:, 2:] - boxes[:, :2]) > 0).all(axis=1)
        order = [row for row in np.argsort(-scores, kind="stable") if good[row]]
        if not order:
            return []
        numbers = np.array([KINDS.index(found.kinds[row]) for row in order], dtype=np.float64)
        table = np.concatenate([boxes[order], scores[order, None], numbers[:, None]], axis=1)
        kept = np.flatnonzero(not_suppressed(table, self.settings.nms))
        if self.settings.nms_across is not None:
            kept = kept[not_suppressed(table[kept][:, :5], self.settings.nms_across)]
        return [(KINDS[int(row[5])], Box.from_xyxy(*row[:4].tolist()), float(row[4])) for row in table[kept]]

    def _overlooked(
        self, image: Picture, rows: Sequence[tuple[str, Box, float]], queries: Sequence[Query], limit: float
    ) -> list[tuple[str, Box, float]]:
        """Return things of asked kinds, of which nothing was found, that a close look tells from what they look like.

        From afar a cup may be taken for a toilet; cut out with little around it, it is a cup.
        """
        seen = {kind for kind, _, score in rows if score > limit}
        lost = set().union(*(kinds for query in queries if not (kinds := set(kinds_of(query.name))) & seen))
        found: list[tuple[str, Box, float]] = []
        for place in self._glimpses(image) if lost else ():
            best = max(
                (look for look in self._close_look(image, place) if look[1].iou(place) >= SAME_PLACE),
                key=lambda look: look[2],
                default=None,
            )
            known = best and any(best[1].iou(box) > ALONE for kind, box, _ in found if kind == best[0])
            if best and best[0] in lost and best[2] > max(limit, SURE) and not known:
                found.append(best)
        return found

    def _glimpses(self, image: Picture) -> list[Box]:
        """Return the likeliest places of things, whatever they are taken for."""
        places: list[Box] = []
        for _, box, _ in sorted(self._rows(image, FAINT), key=lambda row: -row[2]):
            if len(places) < GLIMPSES and not any(box.iou(other) > ALONE for other in places):
                places.append(box)
        return places

    def _close_look(self, image: Picture, place: Box) -> list[tuple[str, Box, float]]:
        """Return what is seen in a place alone, little of its surroundings with it."""
        grown = Box(
            place.x - AROUND * place.w,
            place.y - AROUND * place.h,
            place.w * (1 + 2 * AROUND),
            place.h * (1 + 2 * AROUND),
        ).clipped()
        window = grown.to_px(image.size)
        frame = Box.from_px(*window, image.size)

        def look() -> Looked:
            self._passes += 1
            return self.looker.look(image.crop(window).convert("RGB"))

        looked = self._found.get((picture_key(image), window), look)
        scale, start = np.array([frame.w, frame.h] * 2), np.array([frame.x, frame.y] * 2)
        return [
            (kind, Box.from_xyxy(*(box * scale + start).tolist()), float(score))
            for kind, box, score in zip(looked.kinds, looked.boxes_xyxy, looked.scores, strict=True)
        ]

    def _look_everywhere(self, image: Picture) -> Looked:
        self._passes += 1
        whole = self.looker.look(image)
        parts = [(whole, np.ones(len(whole.scores), dtype=bool))]
        for x0, y0, x1, y1 in pieces(image.size, self.settings.tiles):
            self._passes += 1
            seen = self.looker.look(image.crop((x0, y0, x1, y1)))
            inside = _uncut(seen.boxes_xyxy, (x0 > 0, y0 > 0, x1 < image.width, y1 < image.height))
            inside &= (seen.boxes_xyxy[:, 2:] - seen.boxes_xyxy[:, :2]).max(axis=1, initial=0) < SMALL
            scale = np.array([x1 - x0, y1 - y0] * 2) / np.array(image.size * 2)
            moved = seen.boxes_xyxy * scale + np.array([x0, y0] * 2) / np.array(image.size * 2)
            parts.append((Looked(moved, seen.kinds, seen.scores), inside))
        return Looked(
            np.concatenate([part.boxes_xyxy[kept] for part, kept in parts]),
            tuple(kind for part, kept in parts for kind, here in zip(part.kinds, kept, strict=True) if here),
            np.concatenate([part.scores[kept] for part, kept in parts]),
        )


def pieces(size_wh: tuple[int, int], along: int) -> list[tuple[int, int, int, int]]:
    """Return overlapping squares that cover the picture, ``along`` of them on its longer side, in pixels."""
    if along < 2:
        return []
    side = math.ceil(max(size_wh) / (along - (along - 1) * OVERLAP))
    spans = []
    for length in size_wh:
        count = max(1, math.ceil((length - side * OVERLAP) / (side * (1 - OVERLAP)) - 1e-6))
        last = max(length - side, 0)
        starts = [round(last * place / (count - 1)) if count > 1 else 0 for place in range(count)]
        spans.append([(start, min(start + side, length)) for start in starts])
    return [(x0, y0, x1, y1) for y0, y1 in spans[1] for x0, x1 in spans[0]]


def _uncut(boxes_xyxy: np.ndarray, cut: tuple[bool, bool, bool, bool]) -> np.ndarray:
    """Return which boxes do not touch a side where the piece was cut out of the picture."""
    touches = np.concatenate([boxes_xyxy[:, :2] < EDGE, boxes_xyxy[:, 2:] > 1 - EDGE], axis=1)
    uncut: np.ndarray = ~(touches & np.array(cut)).any(axis=1)
    return uncut


def _answerable(query: Query) -> bool:
    return bool(kinds_of(query.name)) and all(is_known(word) for word in query.attributes)


def _first(kind: str, queries: Iterable[Query]) -> list[Query]:
    """Return the first query that covers the kind; none if no query does."""
    return [query for query in queries if kind in kinds_of(query.name)][:1]


def _warnings(queries: Sequence[Query]) -> Iterable[str]:
    strange = dict.fromkeys(query.name for query in queries if not kinds_of(query.name))
    if strange:
        words = ", ".join(repr(name) for name in strange)
        yield f"the detector does not know {words}: it knows the 80 kinds of COCO: {', '.join(KINDS)}"
    looks = dict.fromkeys(word for query in queries for word in query.attributes if not is_known(word))
    if looks:
        yield f"the detector cannot see whether something is {', '.join(map(repr, looks))}: it judges colours only"
    plain = dict.fromkeys(query.name for query in queries)
    for kind in KINDS:
        same = [name for name in plain if kinds_of(name) == {kind} and name != kind]
        if len(same) > 1:
            yield f"the detector cannot tell {' from '.join(map(repr, same))}: both are {kind!r} to it"
