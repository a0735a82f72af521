"""An edit that waits for a person: what is planned, in words, as operations, and drawn on the picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageDraw, ImageFont
from pydantic import TypeAdapter

from tools.edit import describe
from tools.images import ImageStore
from tools.scene.box import Box
from tools.scene.layout import Layout
from tools.scene.lexicon import parse_phrase
from tools.scene.operations import Add, Adjust, Move, Operation, Remove, Replace, Restyle

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from langgraph.types import StateSnapshot

    from agent.run.folder import RunFolder

SIDE = 768  # pixels: smaller pictures are enlarged, so that labels can be read
COLOURS = {
    "add": "#1a9850", "remove": "#d73027", "move": "#2166ac", "restyle": "#8e44ad", "replace": "#e08214",
    "adjust": "#4d4d4d",
}  # fmt: skip
WHOLE = Box(0, 0, 1, 1)


@dataclass(frozen=True)
class Proposal:
    """Planned operations. ``problem`` says why the last answer could not be used."""

    operations: tuple[Operation, ...]
    words: tuple[str, ...]
    image: Path
    drawing: Path
    problem: str = ""

    @classmethod
    def of(cls, state: StateSnapshot, folder: RunFolder) -> Proposal:
        """Read the proposal that a state waits with, and draw it."""
        shown: dict[str, Any] = state.interrupts[0].value
        scene: Layout = state.values["layout"]
        operations = TypeAdapter(list[Operation]).validate_python(shown["operations"])
        store = folder.images
        plans = ImageStore(folder.path / "plans")
        drawing = plans.save(draw(store.load(shown["image"]), scene, operations))
        return cls(
            operations=tuple(operations),
            words=tuple(describe(scene, operations, planned=True)),
            image=store.path(shown["image"]),
            drawing=plans.path(drawing),
            problem=shown["problem"],
        )


def draw(picture: Image.Image, scene: Layout, operations: Sequence[Operation]) -> Image.Image:
    """Return the picture with the operations drawn on it, numbered from 1; small pictures are enlarged."""
    factor = max(1, round(SIDE / max(picture.size)))
    shown = picture.convert("RGB").resize((picture.width * factor, picture.height * factor))
    pen, font = ImageDraw.Draw(shown), ImageFont.load_default(16)
    for number, operation in enumerate(operations, start=1):
        colour = COLOURS[operation.op]
        named: str | None = getattr(operation, "id", None)
        old = None if named is None else scene[named].box
        new: Box | None = getattr(operation, "box", None)
        place = new or old or WHOLE
        if old is not None:
            _frame(pen, old, shown.size, colour, width=2)
        if isinstance(operation, Remove):
            x0, y0, x1, y1 = place.to_px(shown.size)
            pen.line((x0, y0, x1, y1), fill=colour, width=3)
            pen.line((x0, y1, x1, y0), fill=colour, width=3)
        if new is not None:
            _frame(pen, new, shown.size, colour, width=4)
            if old is not None:
                pen.line([_centre(box, shown.size) for box in (old, new)], fill=colour, width=2)
        x0, y0, _, _ = place.to_px(shown.size)
        _label(pen, font, (x0, y0), f"{number} {_words(operation)}", colour, shown.size)
    return shown


def change(operations: tuple[Operation, ...], number: int, text: str) -> tuple[Operation, ...]:
    """Return the operations with another box ("0.1 0.2 0.3 0.3") or other words ("blue cup") in one of them.

    Raises:
        ValueError: there is no such operation, or it has no box or no words.
    """
    if not 1 <= number <= len(operations):
        raise ValueError(f"there is no operation {number}: they are numbered from 1 to {len(operations)}")
    old, values = operations[number - 1], text.replace(",", " ").strip("[]() ").split()
    new: Operation
    try:
        box = Box(*(float(value) for value in values)) if len(values) == 4 else None
    except ValueError:
        box = None
    if box is not None:
        if not isinstance(old, (Add, Move, Replace)):
            raise ValueError(f"operation {number} ({old.op}) has no box")
        new = old.model_copy(update={"box": box})
    elif isinstance(old, Restyle):
        new = old.model_copy(update={"attributes": tuple(values)})
    elif isinstance(old, (Add, Replace)):
        query = parse_phrase(text)
        new = old.model_copy(update={"name": query.name, "attributes": query.attributes})
    else:
        raise ValueError(f"operation {number} ({old.op}) has no words to change: give a box as x y w h")
    new = type(old).model_validate(new.model_dump())
    return (*operations[: number - 1], new, *operations[number:])


def _frame(pen: ImageDraw.ImageDraw, box: Box, size_wh: tuple[int, int], colour: str, width: int) -> None:
    x0, y0, x1, y1 = box.to_px(size_wh)
    pen.rectangle((x0, y0, max(x0, x1 - 1), max(y0, y1 - 1)), outline=colour, width=width)


def _centre(box: Box, size_wh: tuple[int, int]) -> tuple[float, float]:
    x, y = box.center
    return x * size_wh[0], y * size_wh[1]


def _label(
    pen: ImageDraw.ImageDraw, font: Any, at: tuple[int, int], text: str, colour: str, size_wh: tuple[int, int]
) -> None:
    left, top, right, bottom = pen.textbbox((0, 0), text, font=font)
    width, height = right - left + 8, bottom - top + 8
    x, y = max(0, min(at[0], size_wh[0] - width)), max(0, min(at[1], size_wh[1] - height))
    pen.rectangle((x, y, x + width, y + height), fill=colour)
    pen.text((x + 4 - left, y + 4 - top), text, fill="white", font=font)


def _words(operation: Operation) -> str:
    match operation:
        case Add() | Replace():
            return f"{operation.op} {' '.join([*operation.attributes, operation.name])}"
        case Restyle():
            return f"{operation.id}: {' '.join(operation.attributes)}"
        case Move() | Remove():
            return f"{operation.op} {operation.id}"
        case Adjust():
            return f"{operation.wish} {operation.id or 'the picture'}"
