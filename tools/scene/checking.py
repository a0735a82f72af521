"""What each kind of requirement means of the things in a picture: when it is met, and what was seen instead."""

from __future__ import annotations

from itertools import combinations, permutations
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linear_sum_assignment

from tools.scene.relations import (
    BIGGER,
    DIRECTIONS,
    PAIR_DIRECTIONS,
    compares,
    has_size,
    hold_together,
    holds,
    is_beyond,
    is_mainly,
    side,
)
from tools.scene.requirement import LEFTOVER, RANKS, Requirement, counted
from tools.scene.results import RequirementResult
from tools.scene.spec import GROUP_PREDICATES, SIZE_PREDICATES, Query

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tools.scene.box import Box
    from tools.scene.merge import Thing


AT = 0.5  # IoU from which a thing is at a box
STILL = 0.5  # share of the smaller of thing and box that they share, from which it is still there


class Found:
    """The things in a picture, and which of them the demands mean."""

    def __init__(self, demands: Sequence[Requirement], found: Sequence[Thing]) -> None:
        self.all = found
        self.claimed = _claim(demands, found)
        self.stuck = {
            id(thing) for demand in demands if (thing := self.claimed.get(id(demand))) and _is_stuck(demand, thing)
        }
        self.cast = _cast(demands, found)

    def of(self, query: Query) -> list[Thing]:
        """Return what a phrase means: things that fit; where sizes tell those of a name apart, the ones cast as it."""
        fitting = [thing for thing in self.all if thing.fits(query)]
        if query.name not in {role.name for role in self.cast.values() if role.size}:
            return fitting
        return [thing for thing in fitting if self.cast.get(id(thing), _unsized(query)) == query]


def _cast(demands: Sequence[Requirement], found: Sequence[Thing]) -> dict[int, Query]:
    """Say which thing is the large one, the small one, ...: the best cast, by looks first and then by size."""
    counts = {
        query: count
        for demand in demands
        if demand.kind == "size"
        for query, count in zip((demand.query, *demand.objects), demand.counts, strict=True)
    }
    cast: dict[int, Query] = {}
    for name in {query.name for query in counts if query.size}:
        roles = [query for query, count in counts.items() if query.name == name for _ in range(count)]
        candidates = [thing for thing in found if thing.name == name]
        gain = np.array(
            [
                [
                    1 + bool(role.size) + RANKS[role.size] * side(thing.box) / 4 if thing.fits(role) else 0.0
                    for thing in candidates
                ]
                for role in roles
            ]
        ).reshape(len(roles), len(candidates))
        for row, column in zip(*linear_sum_assignment(-gain), strict=True):
            if gain[row, column] > 0:
                cast[id(candidates[column])] = roles[row]
    return cast


def _unsized(query: Query) -> Query | None:
    """What is not cast is nothing that a size tells apart."""
    return None if query.size else query


def claims(requirement: Requirement) -> bool:
    """Return whether the requirement is about one thing at one place."""
    return requirement.box is not None and requirement.kind != "absent"


def is_leftover(box: Box, place: Box) -> bool:
    """Return whether something in ``box`` is still at a place that shall be empty."""
    return box.intersection(place) >= STILL * min(box.area, place.area)


def _claim(demands: Sequence[Requirement], found: Sequence[Thing]) -> dict[int, Thing]:
    """Give each demand for a place its own thing, best overlap first, so that none counts twice."""
    candidates = sorted(
        (
            (-demand.box.iou(thing.box), demand.query.name != thing.name, index, number)
            for index, demand in enumerate(demands)
            for number, thing in enumerate(found)
            if claims(demand) and demand.box is not None and thing.name == demand.query.name
        ),
    )
    claimed: dict[int, Thing] = {}
    taken: set[int] = set()
    for overlap, _, index, number in candidates:
        if -overlap >= AT and index not in claimed and number not in taken:
            claimed[index] = found[number]
            taken.add(number)
    return {id(demands[index]): thing for index, thing in claimed.items()}


def check(demand: Requirement, found: Found) -> RequirementResult:
    """Return whether one requirement is met by the things found, and what was seen."""
    if claims(demand):
        return _at_place(demand, found)
    same_name = [thing for thing in found.all if thing.name == demand.query.name]
    match demand.kind:
        case "count":
            number = len(same_name)
            met = {
                "exactly": number == demand.count,
                "at least": number >= demand.count,
                "at most": number <= demand.count,
            }
            return _result(demand, met[demand.bound], same_name, counted(number, demand.query.phrase))
        case "absent":
            return _gone(demand, found)
        case "relation":
            return _relation(demand, found)
        case "number":
            return _number(demand, found)
        case "size":
            return _size(demand, found)
        case "every":
            odd = [thing for thing in same_name if not thing.fits(demand.query)]
            return _result(demand, not odd, odd or same_name, _seen(odd or same_name))
        case "clean":
            left = [thing for thing in found.all if thing.name == LEFTOVER.name]
            return _result(demand, not left, left, _seen(left, places=True))
        case "setting" | "unchecked":
            return RequirementResult(requirement=demand, passed=None, reason=f"not checked: {demand.text}")
    fitting = [thing for thing in same_name if thing.fits(demand.query)]
    passed = len(fitting) <= demand.count if demand.bound == "at most" else len(fitting) >= demand.count
    return _result(demand, passed, same_name, _seen(same_name))


def _at_place(demand: Requirement, found: Found) -> RequirementResult:
    here = found.claimed.get(id(demand))
    if here and _is_stuck(demand, here):
        return _result(demand, False, [here], f"it still at {[round(v, 2) for v in here.box]}")
    passed = here is not None and (
        not here.contradicts(demand.query) if demand.kind == "kept" else here.fits(demand.query)
    )
    seen = [here] if here else [thing for thing in found.all if thing.name == demand.query.name]
    return _result(demand, passed, seen, _seen(seen) if here or not seen else f"it elsewhere: {_seen(seen, True)}")


def _is_stuck(demand: Requirement, here: Thing) -> bool:
    """Return whether what should have moved is nearer to where it was."""
    return bool(demand.was and demand.box and here.box.iou(demand.was) >= here.box.iou(demand.box))


def _gone(demand: Requirement, found: Found) -> RequirementResult:
    fitting = [thing for thing in found.all if thing.fits(demand.query)]
    if demand.box is not None:
        taken = {id(thing) for thing in found.claimed.values()} - found.stuck
        place = demand.box
        fitting = [thing for thing in fitting if id(thing) not in taken and is_leftover(thing.box, place)]
    return _result(demand, not fitting, fitting, _seen(fitting, places=True))


def _number(demand: Requirement, found: Found) -> RequirementResult:
    mine, theirs = (found.of(query) for query in (demand.query, demand.objects[0]))
    passed = {
        "more than": len(mine) > len(theirs),
        "fewer than": len(mine) < len(theirs),
        "as many as": len(mine) == len(theirs),
        "no more than": len(mine) <= len(theirs),
        "no fewer than": len(mine) >= len(theirs),
    }
    answer = f"{counted(len(mine), demand.query.phrase)} and {counted(len(theirs), demand.objects[0].phrase)}"
    return _result(demand, passed[demand.predicate or ""], [*mine, *theirs], answer)


def _size(demand: Requirement, found: Found) -> RequirementResult:
    assert demand.query.size is not None
    subjects = found.of(demand.query)
    others = {query: [thing for thing in found.of(query) if thing not in subjects] for query in demand.objects}
    good = [
        thing
        for thing in subjects
        if has_size(demand.query.size, thing.box, alone=not demand.objects)
        and all(_outranks(demand.query, thing, query, other) for query, group in others.items() for other in group)
    ]
    seen = [*subjects, *(thing for group in others.values() for thing in group)]
    return _result(demand, len(good) >= demand.count, seen, _seen(seen, sizes=True))


def _outranks(query: Query, thing: Thing, other_query: Query, other: Thing) -> bool:
    """Return whether two things differ in size as their words do, by `BIGGER` for every step between the words."""
    steps = RANKS[query.size] - RANKS[other_query.size]
    larger, smaller = (thing, other) if steps > 0 else (other, thing)
    return side(larger.box) >= (BIGGER ** abs(steps)) * side(smaller.box) * 0.999


def _relation(demand: Requirement, found: Found) -> RequirementResult:
    predicate = demand.predicate
    assert predicate is not None  # a relation without one cannot be built
    if predicate in GROUP_PREDICATES:
        return _together(demand, found)
    subjects = found.of(demand.query)
    others = [found.of(query) for query in demand.objects]
    if predicate in PAIR_DIRECTIONS:
        axis, sign = DIRECTIONS[predicate]
        good, others[0] = _facing(demand, subjects, sorted(others[0], key=lambda thing: sign * thing.box.center[axis]))
        passed = len(good) >= demand.count and len(others[0]) >= demand.object_count
        subjects = sorted(subjects, key=lambda thing: -sign * thing.box.center[axis])[: demand.count]
    else:
        good = [thing for thing in subjects if _holds_somewhere(demand, thing, others)]
        passed = len(good) >= demand.count
    seen = list({id(thing): thing for thing in [*subjects, *(thing for group in others for thing in group)]}.values())
    missing = [
        query.phrase
        for query, group in zip((demand.query, *demand.objects), (subjects, *others), strict=True)
        if not group
    ]
    sizes = predicate in SIZE_PREDICATES
    answer = f"no {' and no '.join(dict.fromkeys(missing))}" if missing else _seen(seen, places=not sizes, sizes=sizes)
    return _result(demand, passed, seen, answer)


def _facing(demand: Requirement, subjects: Sequence[Thing], others: Sequence[Thing]) -> tuple[list[Thing], list[Thing]]:
    """Return the subjects that stand as they should, and the objects they face: those that are easiest to face."""
    predicate = demand.predicate
    assert predicate is not None
    choices = [list(others)] if len(others) <= demand.object_count else [list(others[: demand.object_count])]
    if demand.object_count == 1:
        choices = [[other] for other in others] or [[]]  # of several, any one will do
    best: list[Thing] = []
    faced = choices[0]
    for chosen in choices:
        good = [
            thing
            for thing in subjects
            if any(other is not thing for other in chosen)
            and all(is_beyond(predicate, thing.box, other.box) for other in chosen if other is not thing)
            and any(is_mainly(predicate, thing.box, other.box) for other in chosen if other is not thing)
        ]
        if len(good) > len(best):
            best, faced = good, chosen
    return best, faced


def _together(demand: Requirement, found: Found) -> RequirementResult:
    """Check a group; of more things than demanded, some choice of so many must do."""
    assert demand.predicate is not None
    groups = [found.of(query) for query in (demand.query, *demand.objects)]
    seen = list({id(thing): thing for group in groups for thing in group}.values())
    enough = all(len(group) >= count for group, count in zip(groups, demand.counts, strict=True))
    passed = enough and any(
        hold_together(demand.predicate, [thing.box for thing in chosen]) for chosen in _choices(groups, demand.counts)
    )
    return _result(demand, passed, seen, _seen(seen, places=True, sizes=demand.predicate == "of the same size"))


def _choices(groups: Sequence[Sequence[Thing]], counts: Sequence[int]) -> Iterable[tuple[Thing, ...]]:
    chosen: list[tuple[Thing, ...]] = [()]
    for group, count in zip(groups, counts, strict=True):
        options = list(combinations(group, count)) if len(group) <= 8 else [tuple(group[:count])]
        chosen = [(*taken, *more) for taken in chosen for more in options if not {*map(id, taken)} & {*map(id, more)}]
    return chosen


def _holds_somewhere(demand: Requirement, subject: Thing, others: list[list[Thing]]) -> bool:
    assert demand.predicate is not None
    if not others:
        return holds(demand.predicate, subject.box)
    if len(others) == 1:
        group = [other for other in others[0] if other is not subject]
        if demand.predicate in SIZE_PREDICATES:
            factor = demand.factor or 1.0
            return bool(group) and all(compares(demand.predicate, subject.box, other.box, factor) for other in group)
        return any(holds(demand.predicate, subject.box, other.box) for other in group)
    return any(
        first in others[0] and second in others[1] and holds("between", subject.box, first.box, second.box)
        for first, second in permutations({id(t): t for t in [*others[0], *others[1]] if t is not subject}.values(), 2)
    )


def _seen(found: Sequence[Thing], places: bool = False, sizes: bool = False) -> str:
    if sizes and found:
        return ", ".join(f"{thing.detection.phrase} of {thing.box.w:.2f} by {thing.box.h:.2f}" for thing in found)
    if places and found:
        return ", ".join(
            f"{thing.detection.phrase} at ({thing.box.center[0]:.2f}, {thing.box.center[1]:.2f})" for thing in found
        )
    tally: dict[Query, int] = {}
    for thing in found:
        query = Query(name=thing.name, attributes=thing.attributes)
        tally[query] = tally.get(query, 0) + 1
    return " and ".join(counted(number, query.phrase) for query, number in tally.items()) or "none"


def _result(demand: Requirement, passed: bool, seen: Iterable[Thing], found: str) -> RequirementResult:
    evidence = tuple(thing.detection for thing in seen)
    return RequirementResult(
        requirement=demand, passed=passed, evidence=evidence, reason=f"expected {demand.text}, found {found}"
    )
