"""The judge: requirements held against detections. No language model is asked, and none can talk its way past."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING

from pydantic import model_validator

from tools.scene.layout import Detection
from tools.scene.merge import Thing
from tools.scene.observation import Observation, observe
from tools.scene.relations import DIRECTIONS, PAIR_DIRECTIONS, holds
from tools.scene.requirements import Requirement, counted
from tools.scene.spec import Frozen, Query

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tools.scene.box import Box

AT = 0.5  # IoU from which a thing is at a box
LEFTOVER = 0.5  # share of the smaller of thing and box that they share, from which it is still there


class RequirementResult(Frozen):
    """One requirement, whether it is met, the detections behind that, and a plain sentence about it."""

    requirement: Requirement
    passed: bool
    evidence: tuple[Detection, ...] = ()
    reason: str


class Verdict(Frozen):
    """All results, and whether the picture agrees with every one.

    Dumps to plain JSON and is rebuilt by ``Verdict.model_validate``.
    Raises (on building): ValueError when ``agreed`` contradicts the results.
    """

    agreed: bool
    results: tuple[RequirementResult, ...] = ()

    @model_validator(mode="after")
    def _agreed_follows_from_the_results(self) -> Verdict:
        if self.agreed != all(result.passed for result in self.results):
            raise ValueError(f"agreed is {self.agreed}, but {self.satisfied} of {self.total} requirements are met")
        return self

    @property
    def satisfied(self) -> int:
        """How many requirements are met."""
        return sum(result.passed for result in self.results)

    @property
    def total(self) -> int:
        """How many requirements there are."""
        return len(self.results)

    @property
    def failures(self) -> tuple[RequirementResult, ...]:
        """What is still wrong."""
        return tuple(result for result in self.results if not result.passed)

    @property
    def text(self) -> str:
        """One line per requirement, for people and language models."""
        return "\n".join(f"{'ok  ' if one.passed else 'FAIL'} {one.reason}" for one in self.results)


def verdict(
    requirements: Iterable[Requirement], detections: Iterable[Detection], doubtful: Iterable[Detection] = ()
) -> Verdict:
    """Check every requirement against what a detector answered to ``queries(requirements)``.

    What a sentence asks for must be so whether the ``doubtful`` detections count or not: a wanted object must be
    seen without doubt, and of an unwanted one there must not even be a doubtful trace. Where requirements
    name places (an instruction's do), ``detections`` alone decide: an object keeps its identity.

    Detections are first merged into things (`tools.scene.merge`). An object counts for "red car" only if
    the query "red car" found it and no other colour fits it better.

    A relation of several subjects: each of the ``count`` subjects must stand in it. For left of, right of,
    above and below, to each of the ``object_count`` objects; for next to and on top of, to at least one;
    for between, to at least one pair. Where more things are found than demanded (which the count says),
    the best fitting ones are taken.
    """
    demands = tuple(requirements)
    return judged(demands, observe(demands, detections, doubtful))


def judged(demands: Sequence[Requirement], observation: Observation) -> Verdict:
    """Return the `verdict` on what was observed for these demands."""
    results = _read(demands, observation.found)
    if not observation.is_certain:
        firm, every = _read(demands, observation.firm), _read(demands, observation.every)
        results = [_settled(*three) for three in zip(results, firm, every, strict=True)]
    return Verdict(agreed=all(result.passed for result in results), results=tuple(results))


def with_doubts(outcome: Verdict, doubts: Sequence[str]) -> Verdict:
    """Return a verdict that also holds against a picture what its editor found not clean."""
    one = Requirement(kind="clean", query=Query(name="leftover"))
    failed = RequirementResult(
        requirement=one, passed=False, reason=f"expected {one.text}, found that {'; '.join(doubts)}"
    )
    return Verdict(agreed=False, results=(*outcome.results, failed))


def _read(demands: Sequence[Requirement], things: Iterable[Thing]) -> list[RequirementResult]:
    found = [thing for thing in things if not thing.alone]
    claimed = _claim(demands, found)
    return [_check(one, found, claimed) for one in demands]


def _settled(result: RequirementResult, firm: RequirementResult, every: RequirementResult) -> RequirementResult:
    """Return the result, or the failing one of those without and with everything doubtful."""
    if not result.passed or (firm.passed and every.passed):
        return result
    failed, told = (every, "counting doubtful ones") if firm.passed else (firm, "not counting doubtful ones")
    return failed.model_copy(update={"reason": f"{failed.reason}, {told}"})


def claims(requirement: Requirement) -> bool:
    """Return whether the requirement is about one thing at one place."""
    return requirement.box is not None and requirement.kind != "absent"


def is_leftover(box: Box, place: Box) -> bool:
    """Return whether something in ``box`` is still at a place that shall be empty."""
    return box.intersection(place) >= LEFTOVER * min(box.area, place.area)


def _claim(demands: Sequence[Requirement], found: Sequence[Thing]) -> dict[int, Thing]:
    """Give each demand for a place its own thing, best overlap first, so that none counts twice."""
    candidates = sorted(
        (
            (-one.box.iou(thing.box), one.query.name != thing.name, index, number)
            for index, one in enumerate(demands)
            for number, thing in enumerate(found)
            if claims(one) and one.box is not None and thing.name == one.query.name
        ),
    )
    claimed: dict[int, Thing] = {}
    taken: set[int] = set()
    for overlap, _, index, number in candidates:
        if -overlap >= AT and index not in claimed and number not in taken:
            claimed[index] = found[number]
            taken.add(number)
    return {id(demands[index]): thing for index, thing in claimed.items()}


def _check(one: Requirement, found: Sequence[Thing], claimed: dict[int, Thing]) -> RequirementResult:
    same_name = [thing for thing in found if thing.name == one.query.name]
    fitting = [thing for thing in same_name if thing.fits(one.query)]
    if claims(one):
        here = claimed.get(id(one))
        if here and one.was and one.box and here.box.iou(one.was) >= here.box.iou(one.box):
            return _result(one, False, [here], f"it still at {[round(v, 2) for v in here.box]}")
        passed = here is not None and (not here.contradicts(one.query) if one.kind == "kept" else here.fits(one.query))
        seen = [here] if here else same_name
        return _result(one, passed, seen, _seen(seen) if here or not seen else f"it elsewhere: {_seen(seen, True)}")
    match one.kind:
        case "count":
            return _result(one, len(same_name) == one.count, same_name, counted(len(same_name), one.query.phrase))
        case "absent":
            if one.box is not None:
                taken = {id(thing) for thing in claimed.values()}
                place = one.box
                fitting = [t for t in fitting if id(t) not in taken and is_leftover(t.box, place)]
            return _result(one, not fitting, fitting, _seen(fitting, places=True))
        case "relation":
            return _relation(one, fitting, found)
        case _:
            return _result(one, len(fitting) >= one.count, same_name, _seen(same_name))


def _relation(one: Requirement, subjects: list[Thing], found: Sequence[Thing]) -> RequirementResult:
    predicate = one.predicate
    assert predicate is not None  # a relation without one cannot be built
    others = [[thing for thing in found if thing.fits(query)] for query in one.objects]
    if predicate in PAIR_DIRECTIONS:
        axis, sign = DIRECTIONS[predicate]
        subjects = sorted(subjects, key=lambda thing: -sign * thing.box.center[axis])[: one.count]
        facing = sorted(others[0], key=lambda thing: sign * thing.box.center[axis])[: one.object_count]
        good = [thing for thing in subjects if all(holds(predicate, thing.box, other.box) for other in facing)]
        passed, others = len(good) >= one.count and len(facing) >= one.object_count, [facing]
    else:
        good = [thing for thing in subjects if _holds_somewhere(one, thing, others)]
        passed = len(good) >= one.count
    seen = list({id(thing): thing for thing in [*subjects, *(thing for group in others for thing in group)]}.values())
    missing = [
        query.phrase for query, group in zip((one.query, *one.objects), (subjects, *others), strict=True) if not group
    ]
    told = f"no {' and no '.join(dict.fromkeys(missing))}" if missing else _seen(seen, places=True)
    return _result(one, passed, seen, told)


def _holds_somewhere(one: Requirement, subject: Thing, others: list[list[Thing]]) -> bool:
    assert one.predicate is not None
    if not others:
        return holds(one.predicate, subject.box)
    if len(others) == 1:
        return any(other is not subject and holds(one.predicate, subject.box, other.box) for other in others[0])
    return any(
        first in others[0] and second in others[1] and holds("between", subject.box, first.box, second.box)
        for first, second in permutations({id(t): t for t in [*others[0], *others[1]] if t is not subject}.values(), 2)
    )


def _seen(found: Sequence[Thing], places: bool = False) -> str:
    if places and found:
        return ", ".join(
            f"{thing.detection.phrase} at ({thing.box.center[0]:.2f}, {thing.box.center[1]:.2f})" for thing in found
        )
    tally: dict[Query, int] = {}
    for thing in found:
        query = Query(name=thing.name, attributes=thing.attributes)
        tally[query] = tally.get(query, 0) + 1
    return " and ".join(counted(number, query.phrase) for query, number in tally.items()) or "none"


def _result(one: Requirement, passed: bool, seen: Iterable[Thing], found: str) -> RequirementResult:
    evidence = tuple(thing.detection for thing in seen)
    return RequirementResult(
        requirement=one, passed=passed, evidence=evidence, reason=f"expected {one.text}, found {found}"
    )
