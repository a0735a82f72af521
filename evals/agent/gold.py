"""The sentences and instructions of the benchmark, with what is right. Knows no models.

What their files (``prompts.yaml``, ``prompts_unseen.yaml``, ``instructions.yaml``) can say stands at their top.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

from iconworld.renderer import IconObject, icon_aspect, icons_of, render
from tools.scene.box import Box
from tools.scene.layout import Layout, PlacedObject
from tools.scene.spec import SIZES, Query, Relation, SceneObject, SceneSpec

if TYPE_CHECKING:
    from PIL.Image import Image

_AMOUNT = re.compile(r"(?:(at least|at most) )?(\d+) (.*)")
_HOLDS = re.compile(r"(\S+ #\d+) (.+?)(?: (\S+ #\d+)(?: and (\S+ #\d+))?)?")


@dataclass(frozen=True)
class PromptCase:
    """A sentence, its right readings, and for each the words that must be kept somewhere in it."""

    number: int
    text: str
    readings: tuple[tuple[SceneSpec, tuple[str, ...]], ...]


@dataclass(frozen=True)
class Holds:
    """What must be true of an object's place: a predicate of `tools.scene.relations`, or compared with before."""

    id: str
    predicate: str
    others: tuple[str, ...]


@dataclass(frozen=True)
class InstructionCase:
    """A picture, an instruction, and what is right after it."""

    number: int
    text: str
    layout: Layout
    image: Image
    after: tuple[str, ...]
    holds: tuple[Holds, ...]
    adjusts: tuple[str, ...]
    answer: tuple[str, ...]
    """Words of which a right answer has one; empty where no question is asked."""


def prompt_cases(name: str = "prompts") -> tuple[PromptCase, ...]:
    """Return the sentences of a file in order."""
    return tuple(
        PromptCase(number, given["text"], tuple(_reading(one) for one in (given, given.get("or")) if one))
        for number, given in enumerate(_read(f"{name}.yaml"), 1)
    )


def instruction_cases() -> tuple[InstructionCase, ...]:
    """Return the instructions in order, with their pictures."""
    tree = _read("instructions.yaml")
    pictures = {name: _picture(name, given) for name, given in tree["pictures"].items()}
    return tuple(
        InstructionCase(
            number,
            given["text"],
            *pictures[given["picture"]],
            after=tuple(given.get("after", ())),
            holds=tuple(_holds(words) for words in given.get("holds", ())),
            adjusts=tuple(given.get("adjusts", ())),
            answer=tuple(given.get("answer", ())),
        )
        for number, given in enumerate(tree["cases"], 1)
    )


def wanted(phrase: str) -> SceneObject:
    """Return the object that a phrase such as "2 large red car" stands for.

    Raises:
        ValueError: it is not valid.
    """
    amount, every = _AMOUNT.fullmatch(phrase), phrase.startswith("every ")
    bound, count, rest = amount.groups() if amount else ("a", 1, phrase.removeprefix("every "))
    query = _query(rest)
    given = query.model_dump() | {"count": int(count), "bound": bound or "exactly", "every": every}
    return SceneObject.model_validate(given)


def _query(phrase: str) -> Query:
    *words, name = phrase.split()
    lacks = [word for before, word in zip(["", *words], words, strict=False) if before == "not"]
    size = next((SIZES[word] for word in words if word in SIZES), None)
    looks = [word for word in words if word not in SIZES and word not in {*lacks, "not"}]
    return Query(name=name, attributes=tuple(looks), lacks=tuple(lacks), size=size)


def _reading(given: dict[str, Any]) -> tuple[SceneSpec, tuple[str, ...]]:
    relations = []
    for subject, predicate, *more in given.get("relations", ()):
        said = {"subject": subject, "predicate": predicate, **dict(zip(("object", "factor"), more, strict=False))}
        relations.append(Relation.model_validate(said))
    spec = SceneSpec(
        objects=tuple(wanted(phrase) for phrase in given.get("objects", ())),
        relations=tuple(relations),
        absent=tuple(given.get("absent", ())),
    )
    return spec, tuple(given.get("says", ()))


def _picture(name: str, given: dict[str, list[str]]) -> tuple[Layout, Image]:
    """Return what is in a picture, and the picture, each thing drawn by the icon that fits its box best."""
    ((background, things),) = given.items()
    layout, drawn = Layout(), list[IconObject]()
    for thing in things:
        color, noun, *sides = thing.split()
        box = Box(*map(float, sides))
        icon = min(icons_of(noun), key=lambda icon, box=box: abs(np.log(icon_aspect(icon) * box.h / box.w)))  # type: ignore[misc]
        placed = PlacedObject(id=layout.new_id(noun), name=noun, attributes=(color,), box=box)
        layout = layout.model_copy(update={"objects": (*layout.objects, placed)})
        drawn.append(IconObject(noun, color, box, icon))
    return layout, render(drawn, background, seed=len(name)).image


def _holds(words: str) -> Holds:
    found = _HOLDS.fullmatch(words)
    if found is None:
        raise ValueError(f"cannot read {words!r}: it begins with an id, and may end with one or two")
    return Holds(found[1], found[2], tuple(other for other in found.groups()[2:] if other))


def _read(name: str) -> Any:
    return yaml.safe_load(resources.files("evals.agent").joinpath(name).read_text(encoding="utf-8"))
