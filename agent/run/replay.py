"""Runs a recorded run again, from any step, with the same settings or with others.

A replay is a new run folder that looks like the old one stopped just before that step: its checkpoints
up to there (a fork), its pictures and its trace. The driver then resumes it like any other.

The language model's recorded answers are used wherever it would be shown exactly what it was shown
then; when its own settings are changed, it is asked anew from that step on. Nobody is asked to approve: a replay
that begins where a person decided takes that decision, later edits are made without asking.
"""

from __future__ import annotations

import json
from collections import deque
from typing import TYPE_CHECKING, Any

from langchain_core.caches import BaseCache
from langchain_core.messages import AIMessage, messages_from_dict
from langchain_core.outputs import ChatGeneration
from langgraph.checkpoint.serde.types import RESUME

from agent.run.checkpoints import copy_checkpoint, open_checkpoints
from agent.run.consent import consented_settings
from agent.run.driver import job_of, run_correction
from agent.run.folder import RunError, RunFolder
from agent.run.redaction import hiding, recordable, shown_settings
from agent.trace.events import TraceWriter, now, read_trace
from agent.trace.recorder import readable
from agent.trace.timeline import with_messages
from graphs.correction import build_graph

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from langchain_core.language_models import BaseChatModel
    from langchain_core.outputs import Generation
    from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple

    from agent.run.driver import RunResult
    from agent.run.stream import Listener
    from configs.settings import Settings
    from tools.backend.protocol import Backend
    from tools.stopping import Stop

_OF_THE_FIRST_RUN = (
    "result",
    "error",
    "finished",
    "session",
)  # keys of a record that a replay's own does not take over
CUT = " characters)"  # how `agent.trace.events.plain` ends a string that was too long to keep


class RecordedAnswers(BaseCache):
    """What a language model answered, by what it was shown; an ordinary LangChain cache, so any model can use it."""

    def __init__(self, events: Sequence[dict[str, Any]], first_step: int, clean: Callable[[Any], Any]) -> None:
        self._clean = clean
        self._answers: dict[str, deque[dict[str, Any]]] = {}
        for event, messages in with_messages(events):
            answer = event.get("answer")
            kept = isinstance(answer, dict) and not str(answer["content"]).endswith(CUT)
            if kept and not event.get("interrupted") and (event.get("step") or 0) >= first_step:
                self._answers.setdefault(self._key(messages), deque()).append(event)

    def lookup(self, prompt: str, llm_string: str) -> list[Generation] | None:
        """Return the answer to these messages; the same question asked twice gets the answers in their order."""
        asked = [{"type": entry["kwargs"]["type"], "data": entry["kwargs"]} for entry in json.loads(prompt)]
        known = self._answers.get(self._key([readable(message) for message in messages_from_dict(asked)]))
        if not known:
            return None
        event = known.popleft() if len(known) > 1 else known[0]
        return [ChatGeneration(message=_message(event))]

    def update(self, prompt: str, llm_string: str, return_val: Sequence[Generation]) -> None:
        """Keep nothing: a replay answers from the record alone."""

    def clear(self, **kwargs: Any) -> None:
        """Forget every answer."""
        self._answers.clear()

    def _key(self, messages: list[dict[str, Any]]) -> str:
        return json.dumps(self._clean(messages), sort_keys=True)


def replay(
    source: RunFolder,
    target: RunFolder,
    *,
    make_backend: Callable[[Settings], Backend],
    make_chat: Callable[[Settings], BaseChatModel],
    first_step: int | None = None,
    seed: int | None = None,
    overrides: Mapping[str, Any] | None = None,
    settings: Settings | None = None,
    allowed_host: str | None = None,
    listener: Listener | None = None,
    stop: Stop | None = None,
) -> RunResult:
    """Run ``source`` again in ``target`` from ``first_step`` on (from its beginning when None).

    ``overrides`` are settings to change, as for a new run, and ``seed`` replaces the run's; ``settings``
    stands for what the record's preset and overrides would make. ``allowed_host`` is the server that the record
    may name for the language model (see `agent.run.consent`). ``stop`` ends it early (see `agent.run.driver`).

    Raises:
        RunError: ``target`` holds a run, ``source`` has no such step, or a session's step is not named.
    """
    if target.started:
        raise RunError(f"{str(target.path)!r} holds a run already: choose another folder")
    changed = dict(overrides or {})
    with source.reading():
        record, events = source.read_record(), read_trace(source.trace)
    if "session" in record and first_step is None:
        raise RunError("a session is replayed from one of its steps: name it; `sld trace show` lists them")
    at, start = _node_event(source, events, first_step)
    turn = _turn_before(events, at)
    preset, merged = source.preset_found(record["preset"]), {**record["overrides"], **changed}
    if settings is None:
        settings, preset, merged = consented_settings(source, record, None, changed, allowed_host)
    given = _input(record, turn) | ({} if seed is None else {"seed": seed})
    target = hiding(target, settings)
    with target.locked():
        _copy_up_to(source, target, turn, start, seed)
        target.write_record(
            {key: value for key, value in record.items() if key not in _OF_THE_FIRST_RUN}
            | {"status": "running", "started": now(), "input": given, "preset": target.preset_recorded(preset)}
            | {
                "overrides": recordable(merged),
                "settings": shown_settings(settings),
            }
            | {"replay": {"of": source.path.resolve().name, "from": start["step"], "set": _named(changed, seed)}}
        )
    chat = make_chat(settings)
    if not any(key.split(".")[0] == "chat" for key in changed):
        clean = TraceWriter(target.trace, target.redactor).clean
        chat = chat.model_copy(update={"cache": RecordedAnswers(events, start["step"], clean)})
    return run_correction(
        job_of(given, target, record.get("origin", "")),
        settings,
        target,
        backend=make_backend(settings),
        chat=chat,
        listener=listener,
        stop=stop,
    )


def _copy_up_to(
    source: RunFolder, target: RunFolder, turn: Sequence[dict[str, Any]], start: dict[str, Any], seed: int | None
) -> None:
    """Make ``target`` look like ``source`` stopped just before ``start``: pictures, checkpoints and trace."""
    for picture in source.images.ids():
        target.images.adopt(source.images.path(picture))
    done = len({event["task"] for event in turn if event["event"] == "node" and not event.get("interrupted")})
    _fork(source, target, start["task"], done, seed)
    lines = (json.dumps(event) + "\n" for event in _events_before(turn, start["step"]))
    target.trace.replace("".join(lines))


def _node_event(source: RunFolder, events: Sequence[dict[str, Any]], step: int | None) -> tuple[int, dict[str, Any]]:
    """Return the node event to start at, with its place among the events; of a step on two branches, the later one."""
    nodes = [
        (at, event)
        for at, event in enumerate(events)
        if event["event"] == "node" and not event.get("interrupted") and step in (None, event.get("step"))
    ]
    if not nodes:
        what = "recorded step" if step is None else f"step {step}"
        raise RunError(f"{str(source.path)!r} has no {what}; `sld trace show` lists its steps")
    return nodes[0] if step is None else nodes[-1]


def _turn_before(events: Sequence[dict[str, Any]], at: int) -> list[dict[str, Any]]:
    """Return the events of the turn that ``at`` belongs to, up to ``at``, the node ``begin`` first."""
    begun = [number for number in range(at + 1) if events[number].get("node") == "begin"]
    return list(events[begun[-1] if begun else 0 : at + 1])


def _events_before(turn: Sequence[dict[str, Any]], step: int) -> list[dict[str, Any]]:
    """Return the work that was done before a step. Every model call keeps its whole question: some may be left out."""
    questions = {id(event): messages for event, messages in with_messages(turn)}
    return [
        event | ({"keep": 0, "new": questions[id(event)]} if id(event) in questions else {})
        for event in turn
        if event["event"] in ("node", "llm", "tool") and event["step"] < step
    ]


def _input(record: Mapping[str, Any], turn: Sequence[dict[str, Any]]) -> dict[str, Any]:
    if "session" not in record:
        return dict(record["input"])
    begun = turn[0].get("update") or {}
    text, kind = begun["text"], begun["kind"]
    words = {"prompt": text if kind == "prompt" else "", "instruction": text if kind == "instruction" else ""}
    return {**words, "image": begun["picture"], "spec": None, "target": None, "seed": begun["noise_seed"]}


def _fork(source: RunFolder, target: RunFolder, task: str, count: int, seed: int | None) -> None:
    """Copy the last ``count`` checkpoints that lead to ``task``, which is then the next thing to do."""
    if not source.storage.has_checkpoints(source.path):
        raise RunError(f"{str(source.path)!r} has no checkpoints any more, and a replay needs them")
    with open_checkpoints(source) as old, open_checkpoints(target) as new:
        graph, chosen = build_graph(old), None
        thread = next((entry.config["configurable"]["thread_id"] for entry in old.list(None, limit=1)), "run")
        for snapshot in graph.get_state_history({"configurable": {"thread_id": thread}}):
            if any(pending.id == task for pending in snapshot.tasks):
                chosen = old.get_tuple(snapshot.config)
        if chosen is None:
            raise RunError(f"the checkpoints of {str(source.path)!r} do not hold this step: choose another one")
        for kept in _line_to(old, chosen, count):
            _copy(new, kept, {RESUME} if kept is chosen else None, seed)


def _line_to(saver: BaseCheckpointSaver[Any], last: CheckpointTuple, count: int) -> list[CheckpointTuple]:
    line = [last]
    while len(line) < count and line[-1].parent_config and (parent := saver.get_tuple(line[-1].parent_config)):
        line.append(parent)
    return line[::-1]


def _copy(
    saver: BaseCheckpointSaver[Any], kept: CheckpointTuple, channels: Collection[str] | None, seed: int | None
) -> None:
    """Copy a checkpoint, with what was written after it to ``channels`` (all of them for None)."""
    checkpoint = kept.checkpoint.copy()
    known = checkpoint["channel_values"]
    # Before `begin` the seed is still part of the request, later it is part of the turn; so is approval.
    changes = {"approve": False, "approval": False, **({} if seed is None else {"seed": seed, "noise_seed": seed})}
    checkpoint["channel_values"] = known | {key: value for key, value in changes.items() if key in known}
    copy_checkpoint(saver, kept, "run", checkpoint=checkpoint, channels=channels)


def _message(event: dict[str, Any]) -> AIMessage:
    answer = event["answer"]
    calls: list[Any] = answer.get("tool_calls") or []
    used = {name: event.get(name, 0) for name in ("input_tokens", "output_tokens")}
    refusal = {"refusal": answer["refusal"]} if answer.get("refusal") else {}
    return AIMessage(
        content=answer["content"],
        tool_calls=[{**call, "type": "tool_call"} for call in calls if isinstance(call["args"], dict)],
        invalid_tool_calls=[
            {"error": None, **call, "type": "invalid_tool_call"} for call in calls if not isinstance(call["args"], dict)
        ],
        additional_kwargs=refusal,
        usage_metadata={**used, "total_tokens": sum(used.values())},
        response_metadata={"recorded": True},
    )


def _named(overrides: Mapping[str, Any], seed: int | None) -> dict[str, Any]:
    kept = recordable(overrides)
    return kept | ({} if seed is None else {"seed": seed})
