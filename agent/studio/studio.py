"""Many sessions in one process: what a page, an HTTP API and a tool server do to them, in one place.

    with Studio(Path("sessions")) as studio:
        name = studio.make(text="a red car and two cups")
        studio.cancel(name)

Turns go through one queue and are done by few threads with shared models; what happens comes as events. A folder
is open only while something is done in it, so that a session can be gone on with in a terminal, and the other way
round. Every method blocks for a moment at most and is safe from any thread.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

from agent.models.preset_choice import DEFAULT, choose_preset
from agent.run.folder import RunError, abandoned_on_error
from agent.session.record import note_stopped
from agent.session.session import Session
from agent.studio.looking import Looking
from agent.studio.models import SharedModels
from agent.studio.queue import Order, StudioError
from agent.studio.replays import Replay, check_overrides
from agent.studio.session_view import proposal_view
from agent.studio.turns import outcome_of
from configs.preset_files import preset_names
from configs.settings import load_settings
from tools.images import open_picture
from tools.suggest_layout import dump_operations

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from PIL.Image import Image

    from agent.run.storage import Storage
    from agent.studio.queue import Job
    from agent.studio.turns import Outcome
    from agent.studio.views import Verb
    from tools.scene.operations import Operation

LONGEST_TEXT = 10_000  # characters of what is said in one turn
MOST_TRIES = 3  # of a turn that a kill cut off: what takes the process down again and again is offered instead


class Studio(Looking):
    """The sessions under one folder. Threads and queue begin with ``with``, and end with it."""

    def __init__(
        self,
        sessions: Path,
        *,
        runs: Path | None = None,
        preset: str | None = None,
        overrides: Mapping[str, Any] | None = None,
        workers: int = 1,
        most_queued: int = 64,
        models: SharedModels | None = None,
        storage: Storage | None = None,
    ) -> None:
        super().__init__(sessions, runs, overrides, models, most_queued, storage)
        self.preset = preset
        self._at_once = threading.Lock()  # held while something is done at once: a turn that begins waits for it
        self._threads = [threading.Thread(target=self._work, name=f"turns {n}") for n in range(workers)]

    def __enter__(self) -> Self:
        self.sessions.mkdir(parents=True, exist_ok=True)
        if self._relay is not None:
            self._relay.open()
        self._go_on()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Let what runs stop where it can be gone on with, and wait for that; nobody follows any more."""
        self.events.close()
        self._queue.close()
        for thread in self._threads:
            thread.join()
        if self._relay is not None:
            self._relay.close()

    # -- beginning ----------------------------------------------------------------------------

    def make(
        self,
        *,
        picture: bytes | Image | None = None,
        text: str = "",
        whole: bool = False,
        preset: str | None = None,
        seed: int = 0,
        approve: bool = False,
        origin: str = "",
        size_wh: tuple[int, int] | None = None,
    ) -> str:
        """Begin a session with a picture or (its text queued as the first turn) with a sentence; return its name.

        With both, the text is an instruction; ``whole``: it says what the picture shall show. ``preset`` is a
        shipped one. ``origin`` is the picture's file name; ``size_wh`` the size of what is drawn, in pixels.

        Raises:
            StudioError: neither is given, the queue is full, or there is no such preset.
            PictureError, SettingsError: the picture or the preset cannot be used.
        """
        text = self._said(text) if text else ""
        if picture is None and not text:
            raise StudioError("give a picture, a text, or both", "mistake")
        if preset is not None and preset not in (*preset_names(), self.preset):
            raise StudioError(f"there is no preset {preset!r}: there is {', '.join(preset_names())}", "mistake")
        image = open_picture(picture) if isinstance(picture, bytes) else picture
        preset = preset or self.preset or (DEFAULT if image is None else choose_preset(image))
        overrides = self.overrides | _size(size_wh)
        settings = load_settings(preset, overrides)
        folder = self.library.new_session(origin.rsplit(".", 1)[0] or text)
        with abandoned_on_error(folder):
            Session.open(
                folder,
                image=image,
                preset=preset,
                overrides=overrides,
                settings=settings,
                backend=self.models.backend(settings),
                chat=self.models.chat(settings),
                seed=seed,
                approve=approve,
                origin=origin,
            ).close()
        name = folder.path.name
        self.events.add(name, "changed", verb="made")
        if text:
            self._put(Order(session=name, verb="correct" if whole and image else "send", text=text, turn=1))
        return name

    # -- turns: through the queue -------------------------------------------------------------

    def send(self, name: str, text: str) -> None:
        """Queue a turn: an instruction, a question, or the sentence to begin with.

        Raises:
            StudioError: the session is busy or has an unfinished turn, the queue is full, or the text is not usable.
        """
        self._order(name, "send", self._said(text))

    def correct(self, name: str, text: str) -> None:
        """Queue a turn that makes the picture show what the text describes; raises as `send` does."""
        self._order(name, "correct", self._said(text))

    def accept(self, name: str, operations: Sequence[Operation] | None = None, proposal: str = "") -> None:
        """Queue doing what is proposed, or ``operations`` instead; ``proposal`` is the id of what was seen.

        Raises:
            StudioError: nothing waits for approval, or another proposal than this one.
        """
        given = None if operations is None else dump_operations(list(operations))
        self._order(name, "accept", operations=given, proposal=self._seen(name, proposal))

    def reject(self, name: str, reason: str = "", proposal: str = "") -> None:
        """Queue not doing what is proposed; the reason goes to the language model. Raises as `accept` does."""
        self._order(name, "reject", self._said(reason) if reason else "", proposal=self._seen(name, proposal))

    def retry(self, name: str) -> None:
        """Queue the last turn once more, with another seed; one that was cancelled as it was. Raises as `send` does."""
        line = self._state(name).record["session"]
        self._order(name, "retry", (line.get("stopped") or {}).get("text") or line["last"])

    def resume(self, name: str) -> None:
        """Queue going on with the unfinished turn.

        Raises:
            StudioError: there is none, or it waits for approval.
        """
        state = self._state(name)
        pending = state.record["session"]["pending"]
        if pending is None or state.proposal is not None:
            raise StudioError("no turn is unfinished" if pending is None else "the edit waits: accept or reject it")
        self._order(name, "resume", pending["text"])

    def replay(self, name: str, step: int, overrides: Mapping[str, Any] | None = None, seed: int | None = None) -> str:
        """Queue running a session's or a run's recorded work again from a step; return the new run's name.

        Raises:
            StudioError: there is none of this name, a setting is the server's own, or the queue is full.
            RunError, SettingsError: its record or the settings cannot be used.
        """
        source = self.folder(name)
        check_overrides(source, overrides or {})
        given = Replay(of=name, step=step, overrides=dict(overrides or {}), seed=seed)
        again = self.library.new_run(f"replay of {source.path.name}")
        with abandoned_on_error(self.library.target(again)):
            self._put(Order(session=again, verb="replay", text=source.path.name, replay=given.model_dump(), turn=1))
        return again

    def cancel(self, name: str) -> None:
        """Take the session's turn out of the queue, stop it within moments where it runs, or give up what waits.

        Raises:
            StudioError: it is busy with nothing.
        """
        job = self._queue.withdraw(name)
        if job is None:
            if self._state(name).record["session"]["pending"] is None:
                raise StudioError("the session is busy with nothing that could be cancelled")
            self.drop(name)
        elif not job.running:
            self._offer(job.order)
            if job.order.replay is not None:
                self.library.target(name).abandon()
            self.events.add(name, "cancelled", text=job.order.text)
            self._tell_places()

    # -- done at once -------------------------------------------------------------------------

    def undo(self, name: str, times: int = 1) -> None:
        """Take back the last changes of the picture.

        Raises:
            StudioError: a turn is queued or runs.
            SessionError: there is nothing to undo.
        """
        self._now(name, "undo", lambda session: session.undo(times))

    def redo(self, name: str) -> None:
        """Take back the last undo; raises as `undo` does."""
        self._now(name, "redo", Session.redo)

    def branch(self, name: str, branch: str, turn: int | None = None) -> None:
        """Begin a branch here or after any turn of the history, and go there; raises as `undo` does."""
        self._now(name, "branch", lambda session: session.branch(branch, turn))

    def switch(self, name: str, branch: str) -> None:
        """Go to another branch; raises as `undo` does."""
        self._now(name, "switch", lambda session: session.switch(branch))

    def drop(self, name: str) -> None:
        """Give up an unfinished or waiting turn; raises as `undo` does."""
        self._now(name, "drop", Session.drop)

    def set_approve(self, name: str, wanted: bool) -> None:
        """Say whether each edit waits for approval, from the next turn on; raises as `undo` does."""

        def set_it(session: Session) -> None:
            session.approve = wanted

        self._now(name, "approve", set_it)

    def delete(self, name: str) -> None:
        """Put a session or run aside; `undelete` brings it back.

        Raises:
            StudioError: there is none, or a turn is queued or runs.
            RunError: another process works in it.
        """
        with self._at_once:
            self._check_free(name)
            self.library.delete(name)
        self.events.add(name, "changed", verb="delete")

    def undelete(self, name: str) -> None:
        """Bring back what was deleted.

        Raises:
            StudioError: nothing of this name was.
        """
        self.library.undelete(name)
        self.events.add(name, "changed", verb="undelete")

    # -- small things -------------------------------------------------------------------------

    def _said(self, text: str) -> str:
        text = text.strip()
        if not text:
            raise StudioError("there is nothing to do: the text is empty", "mistake")
        if len(text) > LONGEST_TEXT:
            raise StudioError(f"the text has {len(text):,} characters: at most {LONGEST_TEXT:,} are read", "mistake")
        return text

    def _seen(self, name: str, proposal: str) -> str:
        waiting = self._state(name).proposal
        if waiting is None:
            raise StudioError("nothing waits for approval")
        current = proposal_view(waiting).id
        if proposal and proposal != current:
            raise StudioError("another edit is proposed by now: look at it before you accept or reject it")
        return current

    def _order(self, name: str, verb: Verb, text: str = "", **more: Any) -> None:
        line = self._state(name).record["session"]
        pending = line["pending"]
        if pending and verb in ("send", "correct", "retry") and self._queue.work(name) is None:
            raise StudioError(f"the turn {pending['text']!r} is unfinished: go on with it or drop it first")
        turn = pending["turn"] if pending else line["turns"] + 1
        self._put(Order(session=name, verb=verb, text=text, turn=turn, **more))

    def _put(self, order: Order) -> None:
        self.events.add(order.session, "queued", place=self._queue.put(order), verb=order.verb, text=order.text)

    def _tell_places(self) -> None:
        for name in self._queue.sessions():
            work = self._queue.work(name)
            if work is not None and work.place:
                self.events.add(name, "queued", place=work.place, verb=work.verb, text=work.text)

    def _check_free(self, name: str) -> None:
        if work := self._queue.work(name):
            raise StudioError(f"the session still works on {work.text!r}: wait for it, or cancel it")

    def _now(self, name: str, verb: str, do: Any) -> None:
        with self._at_once:
            self._check_free(name)
            with self._turns.open(self.folder(name)) as session:
                do(session)
        self.events.add(name, "changed", verb=verb)

    def _work(self) -> None:
        while job := self._queue.take():
            self._tell_places()
            with self._at_once:
                pass  # whatever found the session free has let go of its folder; what comes now finds it at work
            try:
                outcome = self._run(job)
            except StudioError as error:  # its folder was taken away by somebody else
                outcome = "failed", {"reason": str(error)}
            with suppress(OSError):  # of a shared queue: who is not told finds out by its own look
                if outcome is None:
                    self._queue.hand_back(job)
                else:
                    self._queue.done(job)  # first: whoever is told may ask for the next turn at once
            if outcome is None:
                continue
            self.events.add(job.order.session, outcome[0], **outcome[1])

    def _run(self, job: Job) -> Outcome | None:
        order = job.order
        if order.replay is not None:
            return self._turns.replay(job, self.folder(order.replay["of"]), self.library.target(order.session))
        return self._turns.run(job, self.folder(order.session), lambda: self._begin(job))

    def _begin(self, job: Job) -> Outcome | bool:
        """Say whether to do a job; of one that another process had begun, what is left is done, or its end told."""
        if not (mine := self._queue.owns(job)) or not job.again:
            return mine
        order, state = job.order, self._state(job.order.session)
        left = self._left_of(order)
        if left is None:
            done = state.standing.turn == order.turn and state.record["session"]["pending"] is None
            return outcome_of(state.standing) if done else ("changed", {"verb": order.verb})
        if left.verb == "resume" and left.tries > MOST_TRIES:
            return "failed", {"reason": f"{order.text!r} was begun {MOST_TRIES} times and never came to an end"}
        job.order = left
        return True

    # -- after a kill -------------------------------------------------------------------------

    def _go_on(self) -> None:
        """Queue again what an earlier process left; what cannot be gone on with is offered by the session's view."""
        for order in self._queue.read():
            with suppress(StudioError, RunError, ValueError):
                left = self._left_of(order)
                if left is not None and left.tries < MOST_TRIES:
                    place = self._queue.put(left, limited=False)
                    self.events.add(left.session, "queued", place=place, verb=left.verb, text=left.text)
                elif left is not None:
                    self._offer(left)

    def _offer(self, order: Order) -> None:
        """Keep what was to begin, so that the session offers it to be tried again."""
        if order.verb in ("send", "correct"):
            note_stopped(self.folder(order.session), order.text, whole=order.verb == "correct")

    def _left_of(self, order: Order) -> Order | None:
        """Return what is left to do of an order; None when it was done, or a person is to decide anew."""
        state = self._state(order.session)
        line = state.record["session"]
        pending = line["pending"]
        if pending is None:
            return None if line["turns"] >= order.turn else order
        if pending["turn"] != order.turn:
            return None
        if state.proposal is None:
            return order.model_copy(update={"verb": "resume", "text": pending["text"]})
        same = order.verb in ("accept", "reject") and order.proposal == proposal_view(state.proposal).id
        return order if same else None


def _size(size_wh: tuple[int, int] | None) -> dict[str, int]:
    return {} if size_wh is None else {"generator.width": size_wh[0], "generator.height": size_wh[1]}
