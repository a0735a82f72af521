"""Fresh icon-world pictures that their sentence does not fit: one to three faults planted in each, with the truth.

Knows no models.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from evals.edit_cases import scene_layout
from iconworld.captions import PLURALS, a, counted
from iconworld.renderer import BACKGROUNDS, CLASSES, COLORS, SIDE, IconObject, place_object, render
from tools.scene.box import Box
from tools.scene.relations import holds
from tools.scene.spec import Relation, SceneObject, SceneSpec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL.Image import Image

    from tools.scene.layout import Layout
    from tools.scene.spec import Predicate

FAULTS = ("count", "colour", "side", "extra", "missing")
_OF_A_GROUP = ("count", "colour", "missing")
_FIRST = 1 << 30  # numbers of these cases: no other evaluation uses them
_CASES_PER_SEED = 100_000
_OPPOSITE: dict[str, Predicate] = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}
_SAID = {"left of": "on the left of", "right of": "on the right of", "above": "above", "below": "below"}


@dataclass(frozen=True)
class FaultCase:
    """A sentence, what it demands, a picture with faults, and the picture without them."""

    number: int
    faults: tuple[str, ...]
    prompt: str
    spec: SceneSpec
    image: Image
    layout: Layout
    expected: Image
    expected_layout: Layout


@dataclass(frozen=True)
class _Group:
    """Alike things that the sentence names together."""

    name: str
    color: str
    count: int

    @property
    def phrase(self) -> str:
        return f"{self.color} {self.name}"


def fault_cases(seed: int, number: int) -> list[FaultCase]:
    """Draw ``number`` cases with one, two or three different faults in turn; the same arguments give the same cases."""
    first = _FIRST + seed * _CASES_PER_SEED
    cases: list[FaultCase] = []
    for case_number in range(first, first + _CASES_PER_SEED):
        if len(cases) == number:
            break
        case = _fault_case(case_number, 1 + len(cases) % 3)
        if case is not None:
            cases.append(case)
    return cases


def _fault_case(number: int, how_many: int) -> FaultCase | None:
    """Draw one case; None where there is no room for what it needs."""
    rng = np.random.default_rng(number)
    faults = tuple(str(fault) for fault in rng.permutation(FAULTS)[:how_many])
    names = [str(name) for name in rng.permutation(CLASSES)]
    groups = _groups(rng, faults, names)
    absent = names.pop() if "extra" in faults else ""
    right: list[IconObject] = []
    for group in groups:
        if not all(_add(rng, group.name, group.color, right) for _ in range(group.count)):
            return None
    relation = _relation(right[0], right[1]) if "side" in faults else None
    if relation is not None and not holds(relation, right[0].box, right[1].box):
        return None  # too near to be called so
    wrong = _plant(rng, right, groups, relation, faults)
    if wrong is None or (absent and not _add(rng, absent, _color(rng), wrong)):
        return None
    background = str(rng.choice(list(BACKGROUNDS)))
    shown, meant = (render(them, background, (SIDE, SIDE), seed=number) for them in (wrong, right))
    return FaultCase(
        number,
        faults,
        _sentence(groups, relation, absent),
        _spec(groups, relation, absent),
        shown.image,
        scene_layout(shown),
        meant.image,
        scene_layout(meant),
    )


def _groups(rng: np.random.Generator, faults: Sequence[str], names: list[str]) -> list[_Group]:
    """Draw what the sentence names, one group for each fault and at least two; what is related stands first."""
    counts = [1, 1] if "side" in faults else []
    counts += [int(rng.integers(2, 4)) if fault == "count" else 1 for fault in _OF_A_GROUP if fault in faults]
    return [_Group(names.pop(), _color(rng), count) for count in (*counts, 1, 1)[: max(2, len(counts))]]


def _plant(
    rng: np.random.Generator,
    right: Sequence[IconObject],
    groups: Sequence[_Group],
    relation: Predicate | None,
    faults: Sequence[str],
) -> list[IconObject] | None:
    """Return the objects with the faults in them."""
    wrong = list(right)
    if relation is not None:
        wrong[:2] = _swapped(right[0], right[1])
        if _relation(wrong[0], wrong[1]) != _OPPOSITE[relation] or not _apart(wrong[:2], wrong[2:]):
            return None
    planted = [fault for fault in _OF_A_GROUP if fault in faults]
    for fault, group in zip(planted, groups[0 if relation is None else 2 :], strict=False):
        place = next(index for index, item in enumerate(wrong) if item.name == group.name)
        if fault == "colour":
            wrong[place] = replace(wrong[place], color=_color(rng, group.color))
        elif fault == "missing" or rng.random() < 0.5:
            del wrong[place]
        elif not _add(rng, group.name, group.color, wrong):
            return None
    return wrong


def _color(rng: np.random.Generator, but: str = "") -> str:
    return str(rng.choice([color for color in COLORS if color != but]))


def _add(rng: np.random.Generator, name: str, color: str, others: list[IconObject]) -> bool:
    placed = place_object(rng, name, color, others)
    if placed is not None:
        others.append(placed)
    return placed is not None


def _relation(one: IconObject, two: IconObject) -> Predicate:
    """Say where the first stands, along the axis on which they are further apart."""
    (x, y), (u, v) = one.box.center, two.box.center
    if abs(x - u) >= abs(y - v):
        return "left of" if x < u else "right of"
    return "above" if y < v else "below"


def _swapped(one: IconObject, two: IconObject) -> list[IconObject]:
    """Put each where the other is, in its own size, inside the picture."""
    moved = []
    for it, other in ((one, two), (two, one)):
        (x, y), (w, h) = other.box.center, (it.box.w, it.box.h)
        box = Box(min(max(x - w / 2, 0.0), 1 - w), min(max(y - h / 2, 0.0), 1 - h), w, h)
        moved.append(replace(it, box=box))
    return moved


def _apart(some: Sequence[IconObject], others: Sequence[IconObject]) -> bool:
    pairs = [(some[0].box, some[1].box), *((item.box, other.box) for item in some for other in others)]
    return all(first.intersection(second) <= 0.15 * min(first.area, second.area) for first, second in pairs)


def _sentence(groups: Sequence[_Group], relation: Predicate | None, absent: str) -> str:
    phrases = [counted(group.name, group.color, group.count) for group in groups]
    if relation is not None:
        phrases[:2] = [f"{a(groups[0].phrase)} {_SAID[relation]} {a(groups[1].phrase)}"]
    if absent:
        phrases.append(f"no {PLURALS[absent]}")
    return phrases[0] if len(phrases) == 1 else f"{', '.join(phrases[:-1])} and {phrases[-1]}"


def _spec(groups: Sequence[_Group], relation: Predicate | None, absent: str) -> SceneSpec:
    return SceneSpec(
        objects=tuple(SceneObject(name=item.name, attributes=(item.color,), count=item.count) for item in groups),
        relations=(Relation(subject=groups[0].phrase, predicate=relation, object=groups[1].phrase),)
        if relation
        else (),
        absent=(absent,) if absent else (),
    )
