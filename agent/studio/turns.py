"""Doing one order of the queue in its session, and telling what happens as events."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from agent.models.chat import ChatModelError
from agent.run.folder import RunError, abandoned_on_error
from agent.run.redaction import secrets_of
from agent.run.storage import LeaseLost
from agent.session.record import recorded_settings
from agent.session.session import Session
from agent.session.turn_result import SessionError, TurnPaused, TurnResult, TurnStopped
from agent.studio.queue import StudioError
from agent.studio.replays import Replay, run_again
from agent.studio.session_view import proposal_view, verdict_lines
from agent.studio.views import Kind
from agent.trace.doing import DOING, describe
from configs.errors import SettingsError
from tools.backend.protocol import BackendError
from tools.backend.watched import Watched
from tools.images import PictureError
from tools.redaction import Redactor, environment_secrets
from tools.scene.layout import Layout
from tools.scene.operations import Operation
from tools.stopping import Stopped

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from agent.run.folder import RunFolder
    from agent.run.stream import Event
    from agent.studio.events import EventLog
    from agent.studio.metrics import StudioMetrics
    from agent.studio.models import SharedModels
    from agent.studio.queue import Job, Order
    from configs.settings import Settings
    from tools.backend.protocol import Backend

Outcome = tuple[Kind, dict[str, Any]]
"""The event that tells how a turn ended: its kind and its data."""

OPERATIONS = TypeAdapter(list[Operation])
IN_WORDS = (SettingsError, RunError, SessionError, PictureError, BackendError, ChatModelError, StudioError)
"""Errors whose message says all that a person needs."""


class Turns:
    """Runs orders, one at a time in each thread."""

    def __init__(
        self, models: SharedModels, overrides: Mapping[str, Any], events: EventLog, metrics: StudioMetrics | None
    ) -> None:
        self._models, self._overrides, self._events, self._metrics = models, overrides, events, metrics

    def open(self, folder: RunFolder, **given: Any) -> Session:
        """Open a session that has begun, with the shared models; whoever opens it closes it."""
        settings = recorded_settings(folder, None, self._overrides)
        return Session.open(
            folder,
            overrides=self._overrides,
            settings=settings,
            backend=self._backend(settings),
            chat=self._models.chat(settings),
            **given,
        )

    def backend(self, folder: RunFolder) -> Backend:
        """Return the backend of a session."""
        return self._backend(recorded_settings(folder, None, self._overrides))

    def _backend(self, settings: Settings) -> Backend:
        backend = self._models.backend(settings)
        return backend if self._metrics is None else Watched(backend, self._metrics)

    def run(self, job: Job, folder: RunFolder, begin: Callable[[], Outcome | bool]) -> Outcome | None:
        """Do what is ordered and return how it ended, to be told; None when it shall be gone on with later.

        ``begin`` is asked when nobody else can work in the session any more: whether to do it, or how it ended.
        """
        order, begun_at = job.order, time.monotonic()
        self._events.add(order.session, "began", verb=order.verb, text=order.text)
        clean = Redactor(environment_secrets())
        try:
            with self.open(folder, stop=job.stop) as session:
                clean = Redactor((*secrets_of(session.settings), *environment_secrets()))
                begun = begin()
                if not isinstance(begun, bool) or not begun:
                    return begun or None
                result = _do(job.order, session, Telling(self._events, order.session))
        except (TurnPaused, LeaseLost):
            return None
        except TurnStopped:
            self._count("cancelled", begun_at)
            return "cancelled", {"text": order.text}
        except Exception as error:  # noqa: BLE001 - whatever a turn dies of, the others go on
            self._count("failed", begun_at)
            reason = str(error) if isinstance(error, IN_WORDS) else f"{type(error).__name__}: {str(error)[:500]}"
            return "failed", {"reason": clean.text(reason)}
        self._count(result, begun_at)
        return outcome_of(result)

    def _count(self, ended: TurnResult | str, begun: float) -> None:
        if self._metrics is None:
            return
        seconds = time.monotonic() - begun
        if isinstance(ended, str):
            self._metrics.failed(ended, seconds)
        else:
            self._metrics.turn(ended, seconds)

    def replay(self, job: Job, source: RunFolder, target: RunFolder) -> Outcome:
        """Run a recorded run again and return how it ended."""
        order = job.order
        self._events.add(order.session, "began", verb=order.verb, text=order.text)
        given = Replay.model_validate(order.replay)
        try:
            with abandoned_on_error(target):
                telling = Telling(self._events, order.session)
                result = run_again(given, source, target, self._models, telling, job.stop)
        except Stopped:
            if target.started:
                target.write_record({**target.read_record(), "status": "failed", "error": "stopped"})
            return "cancelled", {"text": order.text}
        except Exception as error:  # noqa: BLE001 - whatever a run dies of, the others go on
            reason = str(error) if isinstance(error, IN_WORDS) else f"{type(error).__name__}: {str(error)[:500]}"
            return "failed", {"reason": Redactor(environment_secrets()).text(reason)}
        told = {name: getattr(result, name) for name in ("exit", "agreed", "detail")}
        return "ended", {**told, "turn": 1, "answer": "", "done": (), "picture": None}


def outcome_of(result: TurnResult) -> Outcome:
    """Return what is told of a turn that has ended, or waits."""
    if result.proposal is not None:
        return "waiting", {"proposal": proposal_view(result.proposal)}
    told = {name: getattr(result, name) for name in ("turn", "exit", "agreed", "answer", "detail", "done", "notes")}
    return "ended", {**told, "picture": None if result.image is None else result.image.stem}


class Telling:
    """A listener of a session that makes events of what its graph does."""

    def __init__(self, events: EventLog, session: str) -> None:
        self._events, self._session = events, session
        self._done = 0  # lines of what was done that are told already
        self._picture: str | None = None

    def __call__(self, event: Event) -> None:
        """Tell one thing that happened."""
        match event.kind:
            case "started":
                self._add("node", name=event.name, status="started", words=DOING.get(event.name, event.name))
            case "progress":
                self._add("progress", phase=event.name, done=event.done, total=event.total)
            case "finished":
                self._finished(event.name, event.update)

    def _finished(self, name: str, update: dict[str, Any]) -> None:
        done = update.get("done") or []
        words = describe(update | {"done": done[self._done :]})
        self._done = len(done) if "done" in update else self._done
        self._add("node", name=name, status="finished", words=words)
        for message in update.get("messages") or []:
            for call in message.get("tool_calls") or []:
                self._add("tool", name=call["name"], arguments=call.get("args"))
            if message.get("role") == "tool":
                self._add("answer", name=message["name"], failed=message["failed"], text=message["content"])
        picture = update.get("picture")
        if picture and picture != self._picture:
            self._picture = picture
            self._add("picture", picture=picture, round=update.get("rounds", 0))
        latest = update.get("latest")
        if isinstance(latest, dict):
            lines = verdict_lines(latest["verdict"], Layout.model_validate(latest["layout"]))
            known = {key: latest[key] for key in ("round", "passed", "total")}
            self._add("verdict", **known, lines=lines)

    def _add(self, kind: Any, **data: Any) -> None:
        self._events.add(self._session, kind, **data)


def _do(order: Order, session: Session, listener: Telling) -> TurnResult:
    match order.verb:
        case "send":
            return session.send(order.text, listener)
        case "correct":
            return session.correct(order.text, listener)
        case "retry":
            return session.retry(listener)
        case "resume":
            return session.resume(listener)
    waiting = session.proposal
    if waiting is None:
        raise SessionError("nothing waits for approval")
    if order.proposal and order.proposal != proposal_view(waiting).id:
        raise SessionError("another edit is proposed by now: look at it before you accept or reject it")
    if order.verb == "reject":
        return session.reject(order.text, listener)
    given = None if order.operations is None else OPERATIONS.validate_python(order.operations)
    return session.accept(given, listener)
