"""The trace of a run as a tree of spans, each with its time, its inputs and outputs, and the picture of its moment.

Turn > round > node > language model, tool and backend calls. Made from `agent.trace.timeline`; knows nothing of pages.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from agent.trace.timeline import turns_of, with_messages
from agent.trace.wording import outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.trace.timeline import Round, Step, Turn

Kind = Literal["turn", "round", "node", "llm", "tool", "backend"]


@dataclass(frozen=True)
class Scene:
    """A picture and what was known of it; ``boxes`` are an object's id, its phrase and its box."""

    image: str | None = None
    boxes: tuple[tuple[str, str, tuple[float, ...]], ...] = ()
    results: tuple[dict[str, Any], ...] = ()
    """The verdict's results."""
    region: str | None = None
    """Id of a picture that is white where the edit before was free to change."""


@dataclass
class Span:
    """One thing that took time. ``start`` and ``seconds`` in s, ``start`` from the run's beginning."""

    id: str
    kind: Kind
    name: str
    start: float | None = None
    seconds: float | None = None
    note: str = ""
    failed: bool = False
    depth: int = 0
    step: int | None = None
    """The number by which `agent.run.replay` knows a node; of a turn its own."""
    inputs: Any = None
    outputs: Any = None
    messages: list[dict[str, Any]] = field(default_factory=list)
    """Exactly what the language model was shown."""
    facts: dict[str, Any] = field(default_factory=dict)
    scene: Scene = field(default_factory=Scene)
    children: list[Span] = field(default_factory=list)

    def walk(self) -> Iterator[Span]:
        """Yield this span and all below it, in order."""
        yield self
        for child in self.children:
            yield from child.walk()

    @property
    def text(self) -> str:
        """Everything that a search looks at."""
        inputs = None if self.kind == "node" else self.inputs  # the whole state: every word of it is elsewhere too
        parts = (self.name, self.note, inputs, self.outputs, self.messages, self.facts)
        return " ".join(part if isinstance(part, str) else json.dumps(part, ensure_ascii=False) for part in parts)


def spans_of(events: Sequence[dict[str, Any]]) -> list[Span]:
    """Return the turns of a trace as trees of spans."""
    shown = {event["seq"]: messages for event, messages in with_messages(events)}
    begin = min((moment for event in events if (moment := _moment(event)) is not None), default=0.0)
    tree = _Tree(shown, begin)
    return [tree.turn(at, turn) for at, turn in enumerate(turns_of(events))]


def span_total(spans: Sequence[Span]) -> float:
    """Return the seconds from the beginning of the run to the end of its last span."""
    ends = [span.start + (span.seconds or 0.0) for top in spans for span in top.walk() if span.start is not None]
    return max(ends, default=0.0)


class _Tree:
    """Makes spans in order, and remembers the state that each of them found."""

    def __init__(self, shown: dict[int, list[dict[str, Any]]], begin: float) -> None:
        self._shown, self._begin = shown, begin
        self._scene, self._state, self._used = Scene(), dict[str, Any](), dict[str, Any]()

    def turn(self, at: int, turn: Turn) -> Span:
        self._state, self._used = {}, {}
        self._scene = Scene(self._scene.image)
        if not turn.rounds:
            return Span(f"t{at}", "turn", turn.text, note=turn.kind, scene=self._scene)
        children = [self._round(f"t{at}r{number}", judged) for number, judged in enumerate(turn.rounds) if judged.steps]
        span = Span(
            f"t{at}",
            "turn",
            turn.text,
            seconds=turn.seconds,
            note=outcome(turn.result),
            step=turn.number,
            failed=bool(turn.result) and not turn.result.get("agreed") and turn.result.get("exit") != "answered",
            outputs=turn.result or None,
            scene=self._scene,
        )
        return _over(span, children)

    def _round(self, name: str, judged: Round) -> Span:
        children = [self._node(step, judged) for step in judged.steps]
        note = f"{judged.attempt['passed']} of {judged.attempt['total']} met" if judged.attempt else ""
        return _over(Span(name, "round", judged.title, seconds=judged.seconds, note=note, scene=self._scene), children)

    def _node(self, step: Step, judged: Round) -> Span:
        before, used = dict(self._state), self._used
        update = step.update
        self._state |= {key: value for key, value in update.items() if key not in ("messages", "turns", "history")}
        self._used = update.get("usage") or used
        self._scene = _scene_after(self._scene, update, judged)
        start = self._since(step.started)
        span = Span(
            str(step.seq or step.node),
            "node",
            step.node,
            start,
            step.seconds,
            note="; ".join(step.notes) or step.error,
            failed=step.failed,
            step=step.number,
            inputs=before or None,
            outputs=update or ({"error": step.error} if step.error else None),
            facts=_counted(used, self._used),
            scene=self._scene,
        )
        calls = [self._call(call) for call in step.calls]
        return _over(span, [*calls, *self._backend(span, used, self._used)])

    def _call(self, call: dict[str, Any]) -> Span:
        is_tool = "tool" in call
        known = {"tokens in": call.get("input_tokens"), "tokens out": call.get("output_tokens")}
        facts = {} if is_tool else {"model": call.get("model") or "offline planner", **known}
        messages = self._shown.get(call["seq"], [])
        return Span(
            str(call["seq"]),
            "tool" if is_tool else "llm",
            str(call.get("tool") or "language model"),
            self._since(call.get("started")),
            call.get("seconds"),
            note=str(call.get("error") or _said(call.get("answer"))),
            failed=bool(call.get("failed") or call.get("error")),
            inputs=call.get("arguments"),
            outputs=call.get("answer") or call.get("error"),
            messages=messages,
            facts={**facts, **({"recorded answer": "yes"} if call.get("recorded") else {})},
            scene=self._scene,
        )

    def _backend(self, node: Span, before: dict[str, Any], after: dict[str, Any]) -> list[Span]:
        """Return the backend's part in a node: the state holds sums, and the difference is this node's."""
        known, result, start = before.get("seconds") or {}, list[Span](), node.start
        for name, total in (after.get("seconds") or {}).items():
            seconds = total - known.get(name, 0.0)
            if seconds > 0:
                result.append(Span(f"{node.id}b{name}", "backend", name, start, seconds, scene=node.scene))
                start = None if start is None else start + seconds
        return result

    def _since(self, moment: str | None) -> float | None:
        return None if moment is None else _seconds(moment) - self._begin


def _scene_after(scene: Scene, update: dict[str, Any], judged: Round) -> Scene:
    image, boxes, results = update.get("picture") or scene.image, scene.boxes, scene.results
    if image != scene.image:  # nobody has looked at it yet
        boxes, results = (), ()
    if isinstance(update.get("layout"), dict):
        boxes = tuple(
            (one["id"], " ".join([*one["attributes"], one["name"]]), tuple(one["box"]))
            for one in update["layout"]["objects"]
        )
    if isinstance(update.get("latest"), dict):
        image = update["latest"]["image"] or image
        results = tuple((update["latest"].get("verdict") or {}).get("results", ()))
    if isinstance(update.get("result"), dict):
        image = update["result"].get("image") or image
    return Scene(image, boxes, results, judged.region)


def _counted(before: dict[str, Any], after: dict[str, Any]) -> dict[str, int]:
    """Return how much more of each model's work there is: the state holds sums over a turn."""
    counters = (key for key in after if key.endswith(("_evaluations", "_passes")))
    more = {key: after[key] - before.get(key, 0) for key in counters}
    return {key.replace("_", " ").replace("unet", "UNet"): number for key, number in more.items() if number > 0}


def _over(span: Span, children: list[Span]) -> Span:
    """Put spans below another one, whose time begins with theirs."""
    span.children = children
    if span.start is None:
        starts = [child.start for child in children if child.start is not None]
        span.start = min(starts, default=None)
    for child in children:
        for one in child.walk():
            one.depth += 1
    return span


def _said(answer: Any) -> str:
    """Return a language model's or a tool's answer in one line."""
    if isinstance(answer, dict):
        calls = [str(call.get("name")) for call in answer.get("tool_calls") or []]
        answer = f"calls {', '.join(calls)}" if calls else answer.get("content", "")
    text = " ".join(str(answer or "").split())
    return text if len(text) <= 120 else f"{text[:119]}…"


def _moment(event: dict[str, Any]) -> float | None:
    moment = event.get("started") or event.get("at")
    return _seconds(moment) if isinstance(moment, str) else None


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()
