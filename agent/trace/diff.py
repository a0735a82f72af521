"""Compares two runs: what they were given, the first step where they part, and how each ended.

Times, ids of calls and costs are no difference: two runs that decided and drew the same are the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from agent.trace.timeline import turns_of
from agent.trace.wording import outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.trace.timeline import Step, Turn

PASSING = frozenset({"elapsed", "usage", "tool_call_id", "cost", "seconds"})
MISSING = "(nothing)"


@dataclass(frozen=True)
class Difference:
    """Two values at one place, such as ``update.latest.passed``."""

    where: str
    left: Any
    right: Any


@dataclass(frozen=True)
class Comparison:
    """What differs between two runs. ``parted_at`` counts steps from 0; None when they never part."""

    given: tuple[Difference, ...]
    same_steps: tuple[Step, ...]
    parted: tuple[Step | None, Step | None] | None
    details: tuple[Difference, ...]
    ends: tuple[Difference, ...]

    @property
    def same(self) -> bool:
        """Whether both decided and drew the same, whatever they were given."""
        return self.parted is None

    def to_json(self) -> dict[str, Any]:
        """Return what ``--json`` prints."""
        return {
            "same": self.same,
            "given": [vars(difference) for difference in self.given],
            "same_steps": len(self.same_steps),
            "parted": None if self.parted is None else [_place(step) for step in self.parted],
            "details": [vars(difference) for difference in self.details],
            "ends": [vars(difference) for difference in self.ends],
        }


def compare(
    left: tuple[dict[str, Any], Sequence[dict[str, Any]]], right: tuple[dict[str, Any], Sequence[dict[str, Any]]]
) -> Comparison:
    """Compare two runs, each given as its record and its events."""
    (left_record, left_events), (right_record, right_events) = left, right
    timelines = turns_of(left_events), turns_of(right_events)
    given = tuple(
        difference
        for key in ("input", "preset", "settings")
        for difference in differences(left_record.get(key), right_record.get(key), key)
    )
    ends = tuple(differences(_end(timelines[0]), _end(timelines[1]), ""))
    same: list[Step] = []
    for first, other in zip_longest(_steps(timelines[0]), _steps(timelines[1])):
        details = tuple(differences(first and _decided(first), other and _decided(other), ""))
        if details:
            return Comparison(given, tuple(same), (first, other), details, ends)
        same.append(first)
    return Comparison(given, tuple(same), None, (), ends)


def differences(left: Any, right: Any, where: str) -> Iterator[Difference]:
    """Yield the smallest parts of two JSON values that differ, each with its place."""
    if isinstance(left, dict) and isinstance(right, dict):
        for key in dict.fromkeys((*left, *right)):
            call_id = key == "id" and "tool_calls[" in where.rpartition(".")[2]
            if key not in PASSING and not call_id:
                yield from differences(left.get(key), right.get(key), f"{where}.{key}" if where else key)
    elif isinstance(left, list) and isinstance(right, list):
        for at, (first, other) in enumerate(zip_longest(left, right)):
            yield from differences(first, other, f"{where}[{at}]")
    elif left != right:
        yield Difference(where, MISSING if left is None else left, MISSING if right is None else right)


def _steps(turns: Sequence[Turn]) -> list[Step]:
    """Return the steps that did something: that a run was stopped and resumed is no difference."""
    return [step for turn in turns for step in turn.steps if step.number is not None or step.error]


def _decided(step: Step) -> dict[str, Any]:
    calls = [
        {"name": call.get("tool") or "language model", "arguments": call.get("arguments"), "answer": call.get("answer")}
        for call in step.calls
    ]
    return {"node": step.node, "error": step.error, "calls": calls, "update": step.update}


def _end(turns: Sequence[Turn]) -> dict[str, Any]:
    turns = [turn for turn in turns if turn.rounds]
    result = turns[-1].result if turns else {}
    attempts = turns[-1].attempts if turns else []
    best = next((attempt for attempt in attempts if attempt["image"] == result.get("image")), None)
    return {
        "ended": outcome(result),
        "rounds": result.get("rounds"),
        "image": result.get("image"),
        "requirements met": f"{best['passed']} of {best['total']}" if best else None,
        "model evaluations": sum(step.model_evaluations for turn in turns for step in turn.steps),
        "tokens": sum(step.tokens for turn in turns for step in turn.steps),
        "time in s": round(sum(turn.seconds for turn in turns), 1),
    }


def _place(step: Step | None) -> dict[str, Any] | None:
    return None if step is None else {"step": step.number, "node": step.node}
