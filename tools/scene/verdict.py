"""The judge: requirements held against detections. No language model is asked, and none can talk its way past."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tools.scene.checking import AT, Found, check
from tools.scene.observation import Observation, observe
from tools.scene.requirement import PICTURE_KINDS
from tools.scene.results import RequirementResult, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from tools.scene.box import Box
    from tools.scene.layout import Detection
    from tools.scene.merge import Thing
    from tools.scene.requirement import Requirement
    from tools.scene.spec import Query


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
    above and below, it is beyond each of the ``object_count`` objects, and mainly so of at least one; for
    comparisons of size to all objects; for next to, near and on top of, to at least one; for between, to at least
    one pair. Where more things are found than demanded (which the count says), the best fitting ones are taken.
    What an edit left behind comes among the detections under the name of `LEFTOVER`.
    """
    demands = tuple(requirements)
    return judged(demands, observe(demands, detections, doubtful))


def judged(demands: Sequence[Requirement], observation: Observation, unanswered: Collection[Query] = ()) -> Verdict:
    """Return the `verdict` on what was observed for these demands.

    What is about queries that the detector cannot answer (``unanswered``) is not checked: finding nothing says nothing.
    """
    results = _read(demands, observation.found)
    if not observation.is_certain:
        firm, every = _read(demands, observation.firm), _read(demands, observation.every)
        results = [_settled(*three) for three in zip(results, firm, every, strict=True)]
    return Verdict.of(_answered(result, unanswered) for result in results)


def _answered(result: RequirementResult, unanswered: Collection[Query]) -> RequirementResult:
    demand = result.requirement
    unknown = [query.asked.phrase for query in (demand.query, *demand.objects) if query.asked in unanswered]
    if not unknown:
        return result
    reason = f"not checked: {demand.text}; the detector knows no {' and no '.join(dict.fromkeys(unknown))}"
    return result.model_copy(update={"passed": None, "reason": reason})


def with_kept(verdict: Verdict, unchanged: Callable[[Box], bool]) -> Verdict:
    """Return a verdict in which an object that shall be kept, and was not found, is kept if its pixels are the same.

    ``unchanged`` says of a box whether the picture there is the one that the object was found in: a detector that
    wavers says nothing against that. Such objects count where things of their name are counted.
    """
    overlooked = Counter[str]()

    def read(result: RequirementResult) -> RequirementResult:
        demand = result.requirement
        if result.passed is not False or demand.kind != "kept" or demand.box is None or not unchanged(demand.box):
            return result
        if not any(seen.box.iou(demand.box) >= AT for seen in result.evidence):
            overlooked[demand.query.name] += 1
        return result.model_copy(
            update={"passed": True, "reason": f"{result.reason}, but the picture is as it was there"}
        )

    def counted(result: RequirementResult) -> RequirementResult:
        demand = result.requirement
        more = overlooked[demand.query.name]
        if result.passed is not False or demand.kind != "count" or not more or demand.bound == "at most":
            return result
        there = len(result.evidence) + more
        if there != demand.count and not (demand.bound == "at least" and there > demand.count):
            return result
        reason = f"{result.reason}, and {more} more where the picture is as it was"
        return result.model_copy(update={"passed": True, "reason": reason})

    return Verdict.of([counted(result) for result in [read(result) for result in verdict.results]])


def without_strangers(verdict: Verdict, unchanged: Callable[[Box], bool]) -> Verdict:
    """Return an edit's verdict in which what was there before it, and nobody had counted, is not one too many.

    Of the things that are counted, those in pixels that are ``unchanged`` were there before; where they are more than
    shall be kept, two that touch were taken for one, or one was overlooked. No edit brought them.
    """
    kept = Counter(result.requirement.query.name for result in verdict.results if result.requirement.kind == "kept")

    def counted(result: RequirementResult) -> RequirementResult:
        demand = result.requirement
        if result.passed is not False or demand.kind != "count" or demand.bound == "at least":
            return result
        more = sum(unchanged(seen.box) for seen in result.evidence) - kept[demand.query.name]
        if more <= 0 or len(result.evidence) - more > demand.count:
            return result
        if len(result.evidence) - more < demand.count and demand.bound == "exactly":
            return result
        reason = f"{result.reason}, {more} of them more than were known before, where the picture is as it was"
        return result.model_copy(update={"passed": True, "reason": reason})

    return Verdict.of(counted(result) for result in verdict.results)


def with_painted(verdict: Verdict, painted: Callable[[Requirement], bool]) -> Verdict:
    """Return a verdict in which an object has a look if that which was changed of it has.

    ``painted`` says so of a demand that failed: a white motorcycle has black tyres, a navy cup is white inside.
    """

    def read(result: RequirementResult) -> RequirementResult:
        if result.passed is not False or result.requirement.kind != "attribute" or not painted(result.requirement):
            return result
        return result.model_copy(update={"passed": True, "reason": f"{result.reason}, but what was painted is"})

    return Verdict.of([read(result) for result in verdict.results])


def kept_unseen(before: Verdict, after: Verdict) -> tuple[str, ...]:
    """Return the ids of what `with_kept` found to be there, though no detector saw it."""
    return tuple(
        now.requirement.id
        for was, now in zip(before.results, after.results, strict=True)
        if now.passed and was.passed is False and now.requirement.kind == "kept" and now.requirement.id
    )


def with_doubts(outcome: Verdict, doubts: Sequence[str]) -> Verdict:
    """Return a verdict that holds against a picture what its editor found not clean: the demand "clean" fails."""

    def held(result: RequirementResult) -> RequirementResult:
        if result.requirement.kind != "clean":
            return result
        reason = f"expected {result.requirement.text}, found that {'; '.join(doubts)}"
        return result.model_copy(update={"passed": False, "reason": reason})

    return Verdict.of(held(result) for result in outcome.results)


def with_no_scores(outcome: Verdict) -> Verdict:
    """Return a verdict that says of every result about objects that the detector did not say how sure it is."""

    def told(result: RequirementResult) -> RequirementResult:
        if result.passed is None or result.requirement.kind in PICTURE_KINDS:
            return result
        return result.model_copy(update={"reason": f"{result.reason}; the detector gives no scores"})

    return Verdict.of(told(result) for result in outcome.results)


def with_setting(outcome: Verdict, seen: str | None) -> Verdict:
    """Return a verdict in which what a sentence says of its setting is held against the one that was ``seen``."""

    def held(result: RequirementResult) -> RequirementResult:
        demand = result.requirement
        if demand.kind != "setting":
            return result
        reason = f"expected {demand.text}, found {seen or 'none that is known'}"
        return result.model_copy(update={"passed": seen == demand.said, "reason": reason})

    return Verdict.of(held(result) for result in outcome.results)


def _read(demands: Sequence[Requirement], things: Iterable[Thing]) -> list[RequirementResult]:
    found = Found(demands, [thing for thing in things if not thing.alone])
    return [check(demand, found) for demand in demands]


def _settled(result: RequirementResult, firm: RequirementResult, every: RequirementResult) -> RequirementResult:
    """Return the result, or the failing one of those without and with everything doubtful."""
    if result.passed is not True or (firm.passed and every.passed):
        return result
    failed, note = (every, "counting doubtful ones") if firm.passed else (firm, "not counting doubtful ones")
    return failed.model_copy(update={"reason": f"{failed.reason}, {note}"})
