"""Whether a language model understood: compared by what is demanded, not by how it is written down."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any, get_args

from tools.scene.difference import KEPT
from tools.scene.lexicon import singular
from tools.scene.operations import Adjust, apply
from tools.scene.relations import BIGGER, compares, holds, side
from tools.scene.requirements import requirements
from tools.scene.spec import PairPredicate, PicturePredicate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evals.agent.gold import Holds, InstructionCase, PromptCase
    from tools.scene.box import Box
    from tools.scene.layout import Layout
    from tools.scene.operations import Operation
    from tools.scene.requirement import Requirement
    from tools.scene.spec import Query, SceneSpec

_TURNED = {"right of": "left of", "below": "above"}
_MUTUAL = {"next to", "near", "as many as"}
_ONE_WAY = {"further left": (0, -1), "further right": (0, 1), "further up": (1, -1), "further down": (1, 1)}
SHIFT = 0.05  # the least that counts as a way
KEEPS_SIZE = 1.1


def reads_right(spec: SceneSpec, case: PromptCase) -> bool:
    """Return whether a spec demands what one of the case's readings demands, and keeps the words that must be kept."""
    try:
        demanded = _demands(spec)
    except ValueError:
        return False
    kept = _words(" ".join((spec.background, *spec.unchecked)))
    return any(demanded == _demands(right) and _words(" ".join(says)) <= kept for right, says in case.readings)


def does_right(operations: Sequence[Operation], answer: str, case: InstructionCase) -> bool:
    """Return whether operations (or an answer to a question) do what the case's instruction asks for."""
    if case.answer:
        return not operations and bool(set(case.answer) & set(re.findall(r"\w+", answer.lower())))
    wishes = [operation.wish for operation in operations if isinstance(operation, Adjust)]
    if sorted(wishes) != sorted(case.adjusts):
        return False
    try:
        target = apply(case.layout, operations)
    except (KeyError, ValueError):
        return False
    return (
        _has(target, case.after)
        and _keeps_places(target, case)
        and all(_is_true(wish, case.layout, target) for wish in case.holds)
    )


def _demands(spec: SceneSpec) -> Counter[tuple[str, ...]]:
    """Return the demands, each in one way of saying it."""
    return Counter(_key(demand) for demand in requirements(spec) if demand.kind != "unchecked")


def _key(demand: Requirement) -> tuple[str, ...]:
    """Return what tells a demand from others: what is right of a thing has that on its left."""
    predicate, (first, *others) = str(demand.predicate), map(_name, (demand.query, *demand.objects))
    counts = [demand.count, demand.object_count]
    if len(others) == 1 and (predicate in _TURNED or (predicate in _MUTUAL and others[0] < first)):
        predicate, first, others, counts = _TURNED.get(predicate, predicate), others[0], [first], counts[::-1]
    if demand.kind == "relation" and demand.counts:  # a group: no member comes first
        first, others = "", [first, *others]
    said = (demand.kind, predicate, first, *sorted(others), *counts, demand.bound, demand.factor)
    return tuple(map(str, said))


def _name(query: Query) -> str:
    return " ".join([query.size or "", *(f"not {word}" for word in query.lacks), *sorted(query.attributes), query.name])


def _words(text: str) -> set[str]:
    return {singular(word) for word in re.findall(r"[a-z]+", text.lower())}


def _has(target: Layout, after: Sequence[str]) -> bool:
    """Return whether the target holds exactly these things."""
    left = [(placed.name, set(placed.attributes)) for placed in target.objects]
    for phrase in sorted(after, key=lambda phrase: phrase.startswith("any ")):
        *looks, name = phrase.split()
        fits = next((one for one in left if one[0] == name and (looks == ["any"] or one[1] == set(looks))), None)
        if fits is None:
            return False
        left.remove(fits)
    return not left


def _keeps_places(target: Layout, case: InstructionCase) -> bool:
    free = {wish.id for wish in case.holds} | {other for wish in case.holds for other in wish.others}
    stay = (placed for placed in case.layout.objects if placed.id in target.ids and placed.id not in free)
    return all(placed.box.iou(target[placed.id].box) >= KEPT for placed in stay)


def _is_true(wish: Holds, before: Layout, target: Layout) -> bool:
    if not {wish.id, *wish.others} <= set(target.ids):
        return False
    box, others = target[wish.id].box, [target[other].box for other in wish.others]
    if wish.predicate in {*get_args(PairPredicate), *get_args(PicturePredicate)}:
        predicate: Any = wish.predicate
        return holds(predicate, box, *others)
    return _is_changed(wish.predicate, before[wish.id].box, box)


def _is_changed(how: str, old: Box, new: Box) -> bool:
    if how in _ONE_WAY:
        axis, sign = _ONE_WAY[how]
        return sign * (new.center[axis] - old.center[axis]) >= SHIFT
    match how:
        case "larger":
            return compares("bigger than", new, old)
        case "smaller":
            return side(old) / side(new) >= BIGGER
        case "same size":
            return 1 / KEEPS_SIZE <= side(new) / side(old) <= KEEPS_SIZE
    raise ValueError(f"unknown {how!r}")
