"""One prompt of GenEval: make its picture, correct it, and let the scorer look at every round."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from evals.geneval.prompts import PROMPTS
from evals.geneval.scoring import best_colour, boxes_by_name, queries, what_is_wrong
from evals.lmd.measure import SEEDS_PER_PROMPT, correct, draw, head

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL.Image import Image

    from evals.geneval.prompts import GenevalPrompt
    from evals.lmd.measure import Plan
    from tools.backend.protocol import Detected
    from tools.context import Context
    from tools.scene.box import Box
    from tools.scene.spec import Query


class Scorer(Protocol):
    """What judges: a detector that also says how well words fit a box."""

    def detect(self, image: Image, queries: Sequence[Query], threshold: float | None = None) -> Detected:
        """Find every query."""
        ...

    def score(self, image: Image, box: Box, queries: Sequence[Query]) -> tuple[float, ...]:
        """Return how well each query fits what is inside a box."""
        ...


@dataclass(frozen=True)
class Services:
    """The loop's services, and the detector that judges."""

    context: Context
    scorer: Scorer


def measure(prompt: GenevalPrompt, plan: Plan, services: Services) -> dict[str, Any]:
    """Return everything about one prompt, as JSON types.

    - ``attempts``: one per judged picture, as `evals.lmd.measure.measure` has them;
    - ``wrong``: for each picture that matters, what it lacks by GenEval's rules; empty when it is right.
    """
    seed = (plan.seed * PROMPTS + prompt.number) * SEEDS_PER_PROMPT
    start = {"image": None, "model_evaluations": 0, "seconds": 0.0}
    if not plan.layout:
        start = draw(prompt.text, services.context, seed)
    attempts, result = correct(prompt.text, services.context, start, seed)
    pictures = {attempt["kept"] for attempt in attempts}
    return head(prompt) | {
        "exit": result["exit"],
        "detail": result["detail"],
        "attempts": attempts,
        "wrong": {image: look(prompt, services, image) for image in sorted(pictures)},
    }


def look(prompt: GenevalPrompt, services: Services, image: str) -> list[str]:
    """Return what a picture lacks, as the scorer sees it."""
    scorer, picture = services.scorer, services.context.images.load(image)
    found = boxes_by_name(scorer.detect(picture, queries(prompt)).detections)

    def colour_of(name: str, box: Box) -> str:
        return best_colour(name, lambda asked: scorer.score(picture, box, asked))

    return what_is_wrong(prompt, found, colour_of, picture.size)
