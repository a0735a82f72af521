"""A conversation about one picture, in a folder: every turn durable, any earlier state to be gone on from.

    with Session.open("sessions/desk", image="desk.png") as session:
        print(session.send("remove the cup").image)
        session.undo()

Turns are LangGraph checkpoints of one thread, and their tree is the tree of checkpoints: the end of
each turn is marked with its number and its parent's (``update_state``), and going on from an earlier
state is a fork. Only the names of branches, their redo lines and the turn in progress are kept beside
them, in run.json. Knows nothing of terminals.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from agent.models.backend import make_backend
from agent.models.chat import make_chat_model
from agent.models.eyes import make_eyes
from agent.models.preset_choice import choose_preset
from agent.models.structured_output import whole as whole_text
from agent.run.folder import RunError, RunFolder
from agent.run.stream import Event, Listener
from agent.session.async_bridge import in_thread
from agent.session.proposal import Proposal
from agent.session.record import SessionRecord, recorded_settings
from agent.session.turn_result import (
    Moment,
    SessionError,
    TurnResult,
    is_redo,
    is_undo,
    last_of,
    save_as,
    turn_result,
    undo_count,
)
from agent.session.turn_runner import TurnRunner
from tools.context import Context
from tools.files import copy_file
from tools.images import open_picture
from tools.scene.notebook import safe
from tools.stopping import Stop
from tools.suggest_layout import dump_operations

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
    from types import TracebackType

    from langchain_core.language_models import BaseChatModel
    from PIL.Image import Image

    from agent.run.sources import Given
    from configs.settings import Settings
    from tools.backend.protocol import Backend
    from tools.scene.operations import Operation

IN_USE = "close it first, or open another session"


class Session:
    """One conversation. Made by `Session.open`; holds its folder's lock until it is closed."""

    def __init__(self, record: SessionRecord, context: Context, stack: ExitStack) -> None:
        self.folder, self.settings = record.folder, context.settings
        self._record, self._stack, self._stop = record, stack, context.stop
        self._turns = TurnRunner(record, context, stack)

    @classmethod
    def open(
        cls,
        path: str | Path | RunFolder,
        *,
        image: Image | str | Path | None = None,
        preset: str | None = None,
        overrides: Mapping[str, Any] | None = None,
        settings: Settings | None = None,
        backend: Backend | None = None,
        chat: BaseChatModel | None = None,
        seed: int = 0,
        approve: bool | None = None,
        sources: Given = (),
        stop: Stop | None = None,
        origin: str = "",
    ) -> Session:
        """Open the session in the folder ``path``, or begin one there; a `RunFolder` says where its parts are kept.

        A new session begins with ``image``, or, without one, with a picture of its first text. An old one goes
        on where it was, with the preset and overrides that it was begun with unless others are given;
        ``settings`` replaces them. A picture without preset, settings and backend gets the preset that fits it
        (`agent.models.preset_choice`). ``approve`` stops before each edit until `accept` or `reject`. ``sources`` are
        other pictures to copy from, by name or as paths ("add the dog from dog.jpg"); more can come with any text.
        ``stop`` is asked by `cancel`, or by whoever gives it; ``origin`` is the picture's name, where it is no file.

        Raises:
            RunError: another process has it open, or the folder holds something else.
            SessionError: ``image`` for a session that has begun.
        """
        folder = path if isinstance(path, RunFolder) else RunFolder(Path(path))
        path = folder.path
        with ExitStack() as stack:
            stack.enter_context(folder.locked(IN_USE))
            record = SessionRecord(folder, folder.read_record()) if folder.started else None
            if record and "session" not in record.data:
                raise RunError(f"{str(path)!r} holds a single run, no session: choose another folder")
            if record and image is not None:
                raise SessionError(
                    f"{str(folder.path)!r} has begun with another picture: leave it out to go on with that one"
                )
            store = folder.images
            picture = open_picture(image) if isinstance(image, (str, Path)) else image
            if picture is not None and preset is None and settings is None and backend is None:
                preset = choose_preset(picture)
            record = record or SessionRecord.begin(
                folder,
                image=None if picture is None else store.save(picture),
                origin=Path(image).name if isinstance(image, (str, Path)) else origin,
                seed=seed,
            )
            settings = settings or recorded_settings(folder, preset, overrides or {})
            record.note_settings(preset, overrides or {}, settings)
            record.line["approve"] = record.line["approve"] if approve is None else approve
            record.save()
            store = record.folder.images
            context = Context(
                backend=backend or make_backend(settings),
                chat=chat or make_chat_model(settings.chat),
                images=store,
                settings=settings,
                eyes=make_eyes(settings),
                stop=stop or Stop(),
            )
            if hasattr(context.chat, "recall") and isinstance(learnt := record.line.get("learnt"), dict):
                context.chat.recall(learnt)
            record.keep_sources(store, sources)
            session = cls(record, context, stack)  # what it opens is closed again, and the lock let go, if it fails
            session._stack = stack.pop_all()
            return session

    # -- turns --------------------------------------------------------------------------------

    def send(self, text: str, listener: Listener | None = None, *, sources: Given = ()) -> TurnResult:
        """Do one turn: an instruction, a question, or the sentence to begin with. Returns how it ended.

        ``sources`` are pictures that objects may be copied from, from now on: paths, or pictures by name.

        "undo" and "redo" alone are the methods of that name. With approval on, the result may be a
        proposal that waits (``result.proposal``).

        Raises:
            SessionError: an empty text, or an earlier turn is unfinished.
        """
        self.add_sources(sources)
        return last_of(self.stream(text), listener)

    def add_sources(self, given: Given) -> None:
        """Take other pictures along, by name or as paths: "add the dog from dog.jpg" copies out of them.

        Raises:
            RunError: a name that is taken, or too many pictures.
            PictureError: a picture that cannot be used.
        """
        self._record.keep_sources(self._turns.images, given)

    @property
    def sources(self) -> tuple[str, ...]:
        """The names of the other pictures."""
        return tuple(self._record.line.get("sources", {}))

    def correct(self, text: str, listener: Listener | None = None) -> TurnResult:
        """Do one turn that makes the picture show what ``text`` describes, instead of changing what it names.

        Raises:
            SessionError: an empty text, or an earlier turn is unfinished.
        """
        return last_of(self.stream(text, whole=True), listener)

    def cancel(self) -> None:
        """Ask the turn in progress to stop, from another thread: it raises `TurnStopped` within moments.

        The session is then as it was before the turn, and `retry` does it anew.
        """
        self._stop.ask()

    def stream(self, text: str, *, whole: bool = False) -> Iterator[Event | TurnResult]:
        """Do one turn as `send` does (``whole``: as `correct`); what happens comes out at once, the result last."""
        text = text.strip()
        self._check_idle()
        if not text:
            raise SessionError("there is nothing to do: the text is empty")
        if text != whole_text(text):
            raise SessionError("the text is not valid UTF-8: nothing was done")
        if not whole and (is_undo(text) or is_redo(text)):
            yield self.undo(undo_count(text)) if is_undo(text) else self.redo()
            return
        yield from self._turns.start(text, str(self._record.here), None, whole=whole)

    def retry(self, listener: Listener | None = None) -> TurnResult:
        """Do the last turn once more with another seed; the first try stays in the history.

        A turn that was stopped is done as it would have been.

        Raises:
            SessionError: there is no turn yet, or one is unfinished.
        """
        self._check_idle()
        return last_of(self._turns.again(), listener)

    def resume(self, listener: Listener | None = None) -> TurnResult:
        """Go on with the turn that was stopped by an error or a kill; `drop` gives it up.

        Raises:
            SessionError: no turn is unfinished.
        """
        return last_of(self._turns.go_on(), listener)

    def accept(self, operations: Sequence[Operation] | None = None, listener: Listener | None = None) -> TurnResult:
        """Do what is proposed, or ``operations`` instead of it.

        Raises:
            SessionError: nothing waits for approval.
        """
        answer = {"accept": True} if operations is None else {"operations": dump_operations(list(operations))}
        return last_of(self._turns.go_on(answer), listener)

    def reject(self, reason: str, listener: Listener | None = None) -> TurnResult:
        """Do not do what is proposed; the reason goes back to the language model, which may propose something else.

        Raises:
            SessionError: nothing waits for approval.
        """
        return last_of(self._turns.go_on({"reject": reason.strip() or "no reason was given"}), listener)

    def drop(self) -> None:
        """Give up the unfinished turn; everything is as it was before it.

        Raises:
            SessionError: no turn is unfinished.
        """
        turn = self._turns.pending()["turn"]
        self._record.save(pending=None, status="open")  # first: whatever else may fail, the turn is given up
        self._turns.trace.write("dropped", turn=turn)

    async def asend(self, text: str) -> TurnResult:
        """Do one turn as `send` does, in a thread of its own."""
        async for item in self.astream(text):
            if isinstance(item, TurnResult):
                return item
        raise AssertionError("a turn ends with its result")

    def astream(self, text: str) -> AsyncIterator[Event | TurnResult]:
        """Do one turn as `stream` does, in a thread of its own."""
        return in_thread(self.stream(text))

    # -- where the conversation stands --------------------------------------------------------

    @property
    def unfinished(self) -> str | None:
        """The text of the turn that was begun and not finished."""
        return self._record.pending["text"] if self._record.pending else None

    @property
    def proposal(self) -> Proposal | None:
        """The edit that waits for approval."""
        latest = self._turns.latest()
        return Proposal.of(latest, self.folder) if self._turns.waits(latest) else None

    @property
    def approve(self) -> bool:
        """Whether each edit waits for approval, from the next turn on."""
        return bool(self._record.line["approve"])

    @approve.setter
    def approve(self, wanted: bool) -> None:
        self._record.save(approve=wanted)

    @property
    def branch_name(self) -> str:
        """The branch that turns go to."""
        return self._record.name

    def show(self) -> TurnResult:
        """Return how things stand: the last turn of this branch (turn 0 is the beginning)."""
        return turn_result(self._turns.at(self._record.here), self.folder)

    def history(self) -> tuple[Moment, ...]:
        """Return every turn of every branch, oldest first; together they are a tree by ``parent``."""
        return self._turns.history()

    def undo(self, times: int = 1) -> TurnResult:
        """Take back the last changes of the picture (and what was only said since). Returns how things stand.

        Raises:
            SessionError: nothing has changed yet (what has been is taken back), or a turn is unfinished.
        """
        self._check_idle()
        for _ in range(times - 1):
            self._undo()
        return self._undo()

    def _undo(self) -> TurnResult:
        known = {moment.turn: moment for moment in self.history()}
        here = next(moment for moment in known.values() if moment.current)
        while here.parent is not None and known[here.parent].image == here.image:
            here = known[here.parent]
        if here.parent is None:
            raise SessionError("there is nothing to undo: the picture is as it was in the beginning")
        self._record.move(known[here.parent].checkpoint, [*self._record.redo, str(self._record.here)])
        return self._arrived("undo")

    def redo(self) -> TurnResult:
        """Take back the last undo. Returns how things stand.

        Raises:
            SessionError: nothing was undone, or a turn is unfinished.
        """
        self._check_idle()
        if not self._record.redo:
            raise SessionError("there is nothing to redo")
        *rest, checkpoint = self._record.redo
        self._record.move(checkpoint, rest)
        return self._arrived("redo")

    def branch(self, name: str, turn: int | None = None) -> TurnResult:
        """Begin a branch here, or after any earlier turn of the history, and go there.

        Raises:
            SessionError: the name is taken or not one, there is no such turn, or one is unfinished.
        """
        self._check_idle()
        at = [moment for moment in self.history() if (moment.current if turn is None else moment.turn == turn)]
        if not at:
            raise SessionError(f"there is no turn {turn}: the history lists them")
        self._record.add(name, at[0].checkpoint)
        return self._arrived("branch")

    def switch(self, name: str) -> TurnResult:
        """Go to another branch. Returns how things stand there.

        Raises:
            SessionError: there is no such branch, or a turn is unfinished.
        """
        self._check_idle()
        self._record.switch(name)
        return self._arrived("switch")

    def save(self, path: str | Path) -> Path:
        """Write the current picture to ``path`` (its kind by the suffix, PNG without one) and return the path.

        Raises:
            SessionError: there is no picture yet, or the suffix is of no known kind.
        """
        return save_as(self.show().image, Path(path))

    def close(self) -> None:
        """Let go of the folder."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- small things -------------------------------------------------------------------------

    def _repr_png_(self) -> bytes | None:
        return self.show()._repr_png_()

    def _repr_html_(self) -> str:
        return (
            f"<div>session {safe(self.folder.path.name)}, on {safe(self.branch_name)}</div>{self.show()._repr_html_()}"
        )

    def _check_idle(self) -> None:
        if self._record.pending:
            raise SessionError(
                f"the turn {self._record.pending['text']!r} is unfinished: go on with it (resume; accept or reject "
                "when it waits for approval) or drop it first"
            )

    def _arrived(self, event: str) -> TurnResult:
        result = self.show()
        self._record.save(stopped=None, picture=None if result.image is None else result.image.stem)
        self._turns.trace.write(event, branch=self.branch_name, turn=result.turn)
        if result.image is not None:
            copy_file(result.image, self.folder.final_path)
        return result
