"""What can be asked of a worker: the calls of the `Backend` protocol as checked values, their results as plain ones.

Pictures are named by their content (`tools.images.content_id`); they travel apart from the calls, once each.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, FiniteFloat, StringConstraints, TypeAdapter, ValidationError

from configs.errors import in_words
from tools.backend.protocol import Capabilities, Cost, Detected, Edited, Generated, Segmented
from tools.backend.remote.frames import Malformed, pack_masks, unpack_masks
from tools.images import PictureError, open_picture, to_png
from tools.scene.box import Box
from tools.scene.layout import Detection, Layout
from tools.scene.operations import Operation
from tools.scene.spec import Frozen, Query

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from PIL.Image import Image

    from tools.backend.protocol import Backend, Progress

PictureId = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]
Queries = Annotated[tuple[Query, ...], Field(max_length=5000)]
Seed = Annotated[int, Field(ge=-(2**63), lt=2**63)]
Text = Annotated[str, StringConstraints(max_length=20_000)]
Corners = tuple[FiniteFloat, FiniteFloat, FiniteFloat, FiniteFloat]
"""A box as it is: a model's own check would round it."""

RESULTS = (Detected, Segmented, Generated, Edited)
Result = Detected | Segmented | Generated | Edited | tuple[float, ...]


class Detect(Frozen):
    """`Backend.detect`."""

    call: Literal["detect"] = "detect"
    image: PictureId
    queries: Queries
    threshold: float | None = Field(default=None, gt=0, lt=1)

    def run(self, backend: Backend, pictures: Mapping[str, Image], progress: Progress) -> Result:
        return backend.detect(pictures[self.image], self.queries, self.threshold)


class Score(Frozen):
    """`Backend.score`."""

    call: Literal["score"] = "score"
    image: PictureId
    box: Corners
    queries: Queries

    def run(self, backend: Backend, pictures: Mapping[str, Image], progress: Progress) -> Result:
        return backend.score(pictures[self.image], Box(*self.box), self.queries)


class Segment(Frozen):
    """`Backend.segment`."""

    call: Literal["segment"] = "segment"
    image: PictureId
    boxes: Annotated[tuple[Corners, ...], Field(max_length=500)]

    def run(self, backend: Backend, pictures: Mapping[str, Image], progress: Progress) -> Result:
        return backend.segment(pictures[self.image], [Box(*box) for box in self.boxes])


class Generate(Frozen):
    """`Backend.generate`."""

    call: Literal["generate"] = "generate"
    prompt: Text
    layout: Layout | None = None
    n: int = Field(default=1, le=64)
    seed: Seed = 0
    size_wh: tuple[int, int] | None = None

    def run(self, backend: Backend, pictures: Mapping[str, Image], progress: Progress) -> Result:
        asked = {"n": self.n, "seed": self.seed, "size_wh": self.size_wh, "progress": progress}
        return backend.generate(self.prompt, layout=self.layout, **asked)  # type: ignore[arg-type]  # as declared above


class Edit(Frozen):
    """`Backend.edit`."""

    call: Literal["edit"] = "edit"
    image: PictureId
    operations: Annotated[tuple[Operation, ...], Field(max_length=500)]
    scene: Layout
    seed: Seed = 0
    references: Annotated[dict[Text, PictureId], Field(default={}, max_length=16)]

    def run(self, backend: Backend, pictures: Mapping[str, Image], progress: Progress) -> Result:
        return backend.edit(
            pictures[self.image],
            self.operations,
            self.scene,
            seed=self.seed,
            progress=progress,
            references={name: pictures[place] for name, place in self.references.items()} or None,
        )


class Refine(Frozen):
    """`Backend.refine`."""

    call: Literal["refine"] = "refine"
    image: PictureId
    prompt: Text
    seed: Seed = 0

    def run(self, backend: Backend, pictures: Mapping[str, Image], progress: Progress) -> Result:
        return backend.refine(pictures[self.image], self.prompt, seed=self.seed, progress=progress)


Ask = Annotated[Detect | Score | Segment | Generate | Edit | Refine, Field(discriminator="call")]


class Request(Frozen):
    """One call as it is sent: for which settings (`tools.backend.remote.terms`), and for how long it is waited."""

    terms: PictureId
    seconds: float = Field(gt=0, le=86_400)
    ask: Ask


def corners(box: Box) -> Corners:
    """Return a box as it travels."""
    return box.x, box.y, box.w, box.h


def pictures_of(ask: Ask) -> tuple[str, ...]:
    """Return the ids of the pictures that a call needs."""
    own = () if isinstance(ask, Generate) else (ask.image,)
    return tuple(dict.fromkeys([*own, *(ask.references.values() if isinstance(ask, Edit) else ())]))


def read_request(value: Mapping[str, Any]) -> Request:
    """Check a call that came in.

    Raises:
        Malformed: it is none; says what is wrong with it.
    """
    try:
        return Request.model_validate(value)
    except ValidationError as error:
        problems = in_words(error.errors(include_url=False, include_input=False), whole="the call")
        raise Malformed(f"that is no call of the backend: {problems[:600]}") from None
    except (ValueError, TypeError, RecursionError) as error:
        raise Malformed(f"that is no call of the backend: {str(error)[:300]}") from None


def pack_result(result: Result, keep: Callable[[Image], str]) -> dict[str, Any]:
    """Return a result as plain values; ``keep`` takes its pictures, which the next call may be about, for their ids."""

    def picture(image: Image) -> dict[str, Any]:
        return {"id": keep(image), "png": to_png(image, 1)}

    match result:
        case Detected():
            found = {name: _dumped(getattr(result, name)) for name in ("detections", "doubtful", "unanswered")}
            more = {"warnings": list(result.warnings), "cost": asdict(result.cost), "scored": result.scored}
            return found | more
        case Segmented():
            return {"masks": pack_masks(result.masks), "scores": list(result.scores), "cost": asdict(result.cost)}
        case Generated():
            images = [picture(image) for image in result.images]
            return {"images": images, "warnings": list(result.warnings), "cost": asdict(result.cost)}
        case Edited():
            return {
                "image": picture(result.image),
                "region": pack_masks(result.region),
                "warnings": list(result.warnings),
                "cost": asdict(result.cost),
                "masks": {name: pack_masks(mask) for name, mask in result.masks.items()},
                "doubts": None if result.doubts is None else list(result.doubts),
            }
        case _:
            return {"scores": list(result)}


def unpack_result(ask: Ask, value: Mapping[str, Any]) -> Result:
    """Return the result of a call from plain values; pictures keep their transparency and colour profile.

    Raises:
        Malformed: it is none.
    """
    try:
        match ask:
            case Detect():
                return Detected(
                    _DETECTIONS.validate_python(value["detections"]),
                    _DETECTIONS.validate_python(value["doubtful"]),
                    _TEXTS.validate_python(value["warnings"]),
                    _COST.validate_python(value["cost"]),
                    _QUERIES.validate_python(value["unanswered"]),
                    value["scored"] is True,
                )
            case Score():
                return _SCORES.validate_python(value["scores"])
            case Segment():
                scores, cost = _SCORES.validate_python(value["scores"]), _COST.validate_python(value["cost"])
                return Segmented(unpack_masks(value["masks"]), scores, cost)
            case Generate() | Refine():
                images = tuple(_picture(image) for image in value["images"])
                return Generated(
                    images, _TEXTS.validate_python(value["warnings"]), _COST.validate_python(value["cost"])
                )
            case Edit():
                doubts = value["doubts"]
                return Edited(
                    _picture(value["image"]),
                    unpack_masks(value["region"]),
                    _TEXTS.validate_python(value["warnings"]),
                    _COST.validate_python(value["cost"]),
                    {str(name): unpack_masks(mask) for name, mask in value["masks"].items()},
                    None if doubts is None else _TEXTS.validate_python(doubts),
                )
    except (KeyError, TypeError, AttributeError, ValidationError, PictureError) as error:
        raise Malformed(f"the worker's answer to {ask.call!r} is none ({str(error)[:200]})") from None


def pack_capabilities(can: Capabilities) -> dict[str, Any]:
    """Return capabilities as plain values."""
    return {name: sorted(value) if isinstance(value, frozenset) else value for name, value in asdict(can).items()}


def unpack_capabilities(value: Any) -> Capabilities:
    """Return capabilities from plain values.

    Raises:
        Malformed: these are none.
    """
    try:
        return _CAPABILITIES.validate_python(value)
    except ValidationError as error:
        raise Malformed(f"these are no capabilities ({str(error)[:200]})") from None


def _dumped(values: tuple[Frozen, ...]) -> list[dict[str, Any]]:
    return [value.model_dump(mode="json") for value in values]


def _picture(value: Mapping[str, Any]) -> Image:
    return open_picture(value["png"], transparent=True)


_DETECTIONS = TypeAdapter(tuple[Detection, ...])
_QUERIES = TypeAdapter(tuple[Query, ...])
_TEXTS = TypeAdapter(tuple[str, ...])
_SCORES = TypeAdapter(tuple[float, ...])
_COST = TypeAdapter(Cost)
_CAPABILITIES = TypeAdapter(Capabilities)
