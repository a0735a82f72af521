"""Puts the events of a trace in order: turns, the rounds of a turn, the steps of a round, the calls of a step.

What the terminal and the report show, and what two runs are compared by, is made from this. Knows
nothing of how it is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from agent.trace.events import effective
from tools.scene.requirement import Requirement

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@dataclass
class Step:
    """One finished (or failed) node with the language model and tool calls inside it, as the trace holds them."""

    node: str
    number: int | None
    seconds: float | None
    calls: list[dict[str, Any]] = field(default_factory=list)
    update: dict[str, Any] = field(default_factory=dict)
    """What it wrote to the state."""
    notes: list[str] = field(default_factory=list)
    """What it did, in words."""
    error: str = ""
    model_evaluations: int = 0
    seq: int = 0
    """Of its event: a name for it that stays, also where two branches number their steps alike."""
    started: str | None = None

    @property
    def tokens(self) -> int:
        """Tokens in and out of the language model."""
        return sum(call.get("input_tokens", 0) + call.get("output_tokens", 0) for call in self.calls)

    @property
    def failed(self) -> bool:
        """Whether something in it went wrong that a reader looks for."""
        return bool(self.error) or any(call.get("failed") or call.get("error") for call in self.calls)


@dataclass
class Round:
    """A judged picture and what was then done about it; a turn's first has no picture yet."""

    attempt: dict[str, Any] | None = None
    steps: list[Step] = field(default_factory=list)
    region: str | None = None
    """Id of a picture that is white where the edit before was free to change."""
    masks: str | None = None
    masked: Sequence[str] = ()
    """Id of a picture whose values number the objects ``masked`` from 1, as the segmenter cut them out."""

    @property
    def seconds(self) -> float:
        """Time spent in its nodes."""
        return sum(step.seconds or 0.0 for step in self.steps)

    @property
    def title(self) -> str:
        """What to call it."""
        if self.attempt is None:
            return "Preparation"
        return f"Round {self.attempt['round']}" if self.attempt["round"] else "The first picture"


@dataclass
class Turn:
    """One request and all that was done for it; ``result`` is empty until it has ended.

    Of a session it may also be a move ("undo", "redo", "branch", "dropped"), which has no rounds.
    """

    number: int
    text: str = ""
    kind: str = "prompt"
    rounds: list[Round] = field(default_factory=lambda: [Round()])
    result: dict[str, Any] = field(default_factory=dict)
    earlier: list[dict[str, Any]] = field(default_factory=list)
    """What the graph remembers of the turns before (`graphs.state.TurnSummary`)."""

    @property
    def steps(self) -> list[Step]:
        """The steps of all rounds, in order."""
        return [step for judged in self.rounds for step in judged.steps]

    @property
    def attempts(self) -> list[dict[str, Any]]:
        """The judged pictures, in order."""
        return [judged.attempt for judged in self.rounds if judged.attempt]

    @property
    def seconds(self) -> float:
        """Time spent in its nodes."""
        return sum(judged.seconds for judged in self.rounds)


MOVES = {
    "undo": "undone: back to how it was after turn {turn}",
    "redo": "done again: as it was after turn {turn}",
    "branch": "on branch {branch}, after turn {turn}",
    "dropped": "turn {turn} was given up",
}


def turns_of(events: Sequence[dict[str, Any]]) -> list[Turn]:
    """Put events into turns: a new one begins with each ``begin`` node, a round with each picture that was judged.

    Events that a kill cut short are left out: the work was done again later.
    """
    turns, calls, number = list[Turn](), dict[Any, list[dict[str, Any]]](), 1
    for event in effective(events):
        match event["event"]:
            case "start":
                number = event.get("turn", number)
            case "llm" | "tool":
                calls.setdefault(event.get("task"), []).append(event)
            case "node":
                begins = event["node"] == "begin" or not turns or not turns[-1].rounds
                if begins:
                    turns.append(_begun(event, number))
                    number += 1
                _add_step(turns[-1], event, calls.pop(event.get("task"), []))
            case kind if kind in MOVES:
                turns.append(Turn(event["turn"], MOVES[kind].format(**{"branch": "", **event}), kind, []))
            case _ if turns and turns[-1].rounds:
                turns[-1].rounds[-1].steps += _between(event, turns[-1].steps)
    return turns


def _begun(event: dict[str, Any], number: int) -> Turn:
    update = event.get("update") or {}
    return Turn(number, update.get("text", ""), update.get("kind", "prompt"), earlier=update.get("turns") or [])


def _add_step(turn: Turn, event: dict[str, Any], calls: list[dict[str, Any]]) -> None:
    update = event.get("update") or {}
    step = Step(event["node"], event.get("step"), event.get("seconds"), calls, update, error=event.get("error") or "")
    step.seq, step.started = event["seq"], event.get("started")
    step.notes, step.model_evaluations = _notes(step, turn.steps), _evaluations(step, turn.steps)
    if isinstance(update.get("latest"), dict):
        shown = next(filter(None, (_shown(last.update) for last in reversed(turn.rounds[-1].steps))), {})
        turn.rounds.append(
            Round(
                attempt=update["latest"],
                region=shown.get("region"),
                masks=shown.get("masks"),
                masked=shown.get("masked", ()),
            )
        )
    turn.rounds[-1].steps.append(step)
    turn.result = update.get("result") or turn.result


def _between(event: dict[str, Any], before: Sequence[Step]) -> list[Step]:
    """Return what happened between two nodes, as a step without a number."""
    error, known = event.get("error"), bool(before) and bool(before[-1].error)
    match event["event"]:
        case "resume":
            return [Step("resume", None, None, notes=["stopped here, and gone on with later"])]
        case "decision":
            return [Step("decision", None, None, notes=[f"a person decided: {_decision(event['decision'])}"])]
        case "end" if error and not known:
            return [Step("end", None, None, error=error)]
    return []


def with_messages(events: Sequence[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Yield each language model call with all messages that the model was shown.

    A trace keeps only what each call adds to the one before it, so ``events`` must be all of them.
    """
    shown: list[dict[str, Any]] = []
    for event in events:
        if event["event"] == "llm":
            shown = [*shown[: event.get("keep", 0)], *event.get("new", [])]
            yield event, shown


def requirement_table(attempts: Sequence[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any] | None]]]:
    """Return, per requirement, its result in each round (None where it was not asked)."""
    rows: dict[str, list[dict[str, Any] | None]] = {}
    for column, attempt in enumerate(attempts):
        for result in attempt["verdict"].get("results", []):
            text = Requirement.model_validate(result["requirement"]).text
            rows.setdefault(text, [None] * len(attempts))[column] = result
    return list(rows.items())


def _decision(decision: dict[str, Any]) -> str:
    if "reject" in decision:
        return f"no, {decision['reject']}"
    return "yes" if decision.get("accept") else "do something else instead"


def _notes(step: Step, before: Sequence[Step]) -> list[str]:
    update = step.update
    if step.node == "parse" and isinstance(update.get("goal"), dict):
        return [Requirement.model_validate(demand).text for demand in update["goal"].get("requirements") or []]
    if step.node == "edit":
        known: list[str] = next(
            (earlier.update["done"] for earlier in reversed(before) if "done" in earlier.update), []
        )
        refused = [message["content"] for message in update.get("messages", []) if message.get("failed")]
        return [*(update.get("done") or [])[len(known) :], *refused]
    return [update["detail"]] if update.get("detail") else []


def _evaluations(step: Step, before: Sequence[Step]) -> int:
    """Return how many model evaluations a step took: the state holds the sum over the turn."""
    if "usage" not in step.update:
        return 0
    known: dict[str, Any] = next(
        (earlier.update["usage"] for earlier in reversed(before) if "usage" in earlier.update), {}
    )
    return int(step.update["usage"].get("model_evaluations", 0) - known.get("model_evaluations", 0))


def _shown(update: dict[str, Any]) -> dict[str, Any]:
    """Return what an edit left for the reader beside its answer: its region and masks."""
    artifacts = (message.get("artifact") or {} for message in update.get("messages", []) if isinstance(message, dict))
    return next((artifact for artifact in artifacts if artifact.get("region")), {})
