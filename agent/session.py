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

from langchain_core.messages import RemoveMessage
from langgraph.graph.message import REMOVE_ALL_MESSAGES
from langgraph.types import Command

from agent.bookmarks import Bookmarks, recorded_settings
from agent.otel import follower
from agent.play import Event, Listener, finished_tasks, hide_of, open_checkpoints, play, tell
from agent.proposal import Proposal
from agent.recorder import Recorder
from agent.runs import RunError, RunFolder, copy_file
from agent.threads import in_thread
from agent.trace import TraceWriter, read_trace
from agent.turns import Moment, SessionError, TurnResult, is_redo, is_undo, moments, save_as, turn_result
from graphs.context import Context
from graphs.correction import build_graph
from graphs.memory import NOTHING
from graphs.nodes.begin import EMPTY_SCENE, RequestError
from tools.images import ImageStore, open_picture
from tools.layout import dump_operations

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
    from types import TracebackType

    from langchain_core.language_models import BaseChatModel
    from langchain_core.runnables import RunnableConfig
    from langgraph.types import StateSnapshot
    from PIL.Image import Image

    from configs.settings import Settings
    from tools.backend.protocol import Backend
    from tools.scene.operations import Operation

THREAD = "session"
SEED_STEP = 1000  # between a turn and its retry: rounds count up from a turn's seed
IN_USE = "close it first, or open another session"


class Session:
    """One conversation. Made by `Session.open`; holds its folder's lock until it is closed."""

    def __init__(self, marks: Bookmarks, context: Context, stack: ExitStack) -> None:
        folder = marks.folder
        self.folder, self.settings = folder, context.settings
        self._marks, self._context, self._stack = marks, context, stack
        hide = hide_of(folder, self.settings)
        self._trace = TraceWriter(folder.trace_path, hide, also=follower(folder.path.name))
        self._saver = stack.enter_context(open_checkpoints(folder, hide))
        self._graph = build_graph(self._saver, self.settings.loop)
        self._recorder = Recorder(self._trace)
        self._ensure_root()

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        image: Image | str | Path | None = None,
        preset: str | None = None,
        overrides: Mapping[str, Any] | None = None,
        settings: Settings | None = None,
        backend: Backend | None = None,
        chat: BaseChatModel | None = None,
        seed: int = 0,
        approve: bool | None = None,
    ) -> Session:
        """Open the session in the folder ``path``, or begin one there.

        A new session begins with ``image``, or, without one, with a picture of its first text. An old one goes
        on where it was, with the preset and overrides that it was begun with unless others are given;
        ``settings`` replaces them. ``approve`` stops before each edit until `accept` or `reject`.

        Raises:
            RunError: another process has it open, or the folder holds something else.
            SessionError: ``image`` for a session that has begun.
        """
        folder = RunFolder(Path(path))
        with ExitStack() as stack:
            stack.enter_context(folder.locked(IN_USE))
            marks = Bookmarks(folder, folder.read_record()) if folder.started else None
            if marks and "session" not in marks.record:
                raise RunError(f"{str(path)!r} holds a single run, no session: choose another folder")
            if marks and image is not None:
                raise SessionError(f"{str(path)!r} has begun with another picture: leave it out to go on with that one")
            store = ImageStore(folder.images_path)
            marks = marks or Bookmarks.begin(
                folder,
                image=None if image is None else store.save(_picture(image)),
                origin=Path(image).name if isinstance(image, (str, Path)) else "",
                seed=seed,
            )
            settings = settings or recorded_settings(folder, preset, overrides or {})
            marks.note_settings(preset, overrides or {}, settings)
            marks.line["approve"] = marks.line["approve"] if approve is None else approve
            marks.save()
            context = Context(backend or _local(settings), chat or _chat(settings), store, settings)
            return cls(marks, context, stack.pop_all())

    # -- turns --------------------------------------------------------------------------------

    def send(self, text: str, listener: Listener | None = None) -> TurnResult:
        """Do one turn: an instruction, a question, or the sentence to begin with. Returns how it ended.

        "undo" and "redo" alone are the methods of that name. With approval on, the result may be a
        proposal that waits (``result.proposal``).

        Raises:
            SessionError: an empty text, or an earlier turn is unfinished.
        """
        return _last(self.stream(text), listener)

    def stream(self, text: str) -> Iterator[Event | TurnResult]:
        """Do one turn as `send` does; what happens comes out as it happens, the result last."""
        text = text.strip()
        self._check_idle()
        if not text:
            raise SessionError("there is nothing to do: the text is empty")
        if is_undo(text) or is_redo(text):
            yield self.undo() if is_undo(text) else self.redo()
            return
        yield from self._start(text, str(self._marks.here), None)

    def retry(self, listener: Listener | None = None) -> TurnResult:
        """Do the last turn once more with another seed; the first try stays in the history.

        Raises:
            SessionError: there is no turn yet, or one is unfinished.
        """
        return _last(self._retry(), listener)

    def resume(self, listener: Listener | None = None) -> TurnResult:
        """Go on with the turn that was stopped by an error or a kill; `drop` gives it up.

        Raises:
            SessionError: no turn is unfinished.
        """
        return _last(self._go_on(), listener)

    def accept(self, operations: Sequence[Operation] | None = None, listener: Listener | None = None) -> TurnResult:
        """Do what is proposed, or ``operations`` instead of it.

        Raises:
            SessionError: nothing waits for approval.
        """
        answer = {"accept": True} if operations is None else {"operations": dump_operations(list(operations))}
        return _last(self._go_on(answer), listener)

    def reject(self, reason: str, listener: Listener | None = None) -> TurnResult:
        """Do not do what is proposed; the reason goes back to the language model, which may propose something else.

        Raises:
            SessionError: nothing waits for approval.
        """
        return _last(self._go_on({"reject": reason.strip() or "no reason was given"}), listener)

    def drop(self) -> None:
        """Give up the unfinished turn; everything is as it was before it.

        Raises:
            SessionError: no turn is unfinished.
        """
        self._trace.write("dropped", turn=self._pending()["turn"])
        self._marks.save(pending=None, status="open")

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
        return self._marks.pending["text"] if self._marks.pending else None

    @property
    def proposal(self) -> Proposal | None:
        """The edit that waits for approval."""
        latest = self._graph.get_state(self._config())
        return Proposal.of(latest, self.folder) if self._waits(latest) else None

    @property
    def approve(self) -> bool:
        """Whether each edit waits for approval, from the next turn on."""
        return bool(self._marks.line["approve"])

    @approve.setter
    def approve(self, wanted: bool) -> None:
        self._marks.save(approve=wanted)

    @property
    def branch_name(self) -> str:
        """The branch that turns go to."""
        return self._marks.name

    def show(self) -> TurnResult:
        """Return how things stand: the last turn of this branch (turn 0 is the beginning)."""
        return turn_result(self._here_state(), self.folder)

    def history(self) -> tuple[Moment, ...]:
        """Return every turn of every branch, oldest first; together they are a tree by ``parent``."""
        return moments(self._saver, THREAD, self.folder, self._marks.names, self._marks.here)

    def undo(self) -> TurnResult:
        """Take back the last change of the picture (and what was only said since). Returns how things stand.

        Raises:
            SessionError: nothing has changed yet, or a turn is unfinished.
        """
        self._check_idle()
        known = {moment.turn: moment for moment in self.history()}
        here = next(moment for moment in known.values() if moment.current)
        while here.parent is not None and known[here.parent].image == here.image:
            here = known[here.parent]
        if here.parent is None:
            raise SessionError("there is nothing to undo: the picture is as it was in the beginning")
        self._marks.move(known[here.parent].checkpoint, [*self._marks.redo, str(self._marks.here)])
        return self._arrived("undo")

    def redo(self) -> TurnResult:
        """Take back the last undo. Returns how things stand.

        Raises:
            SessionError: nothing was undone, or a turn is unfinished.
        """
        self._check_idle()
        if not self._marks.redo:
            raise SessionError("there is nothing to redo")
        *rest, checkpoint = self._marks.redo
        self._marks.move(checkpoint, rest)
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
        self._marks.add(name, at[0].checkpoint)
        return self._arrived("branch")

    def switch(self, name: str) -> TurnResult:
        """Go to another branch. Returns how things stand there.

        Raises:
            SessionError: there is no such branch, or a turn is unfinished.
        """
        self._check_idle()
        self._marks.switch(name)
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

    # -- a turn -------------------------------------------------------------------------------

    def _retry(self) -> Iterator[Event | TurnResult]:
        self._check_idle()
        tree = self.history()
        here = next(moment for moment in tree if moment.current)
        if here.parent is None:
            raise SessionError("there is no turn to try again")
        parent = next(moment for moment in tree if moment.turn == here.parent)
        tries = sum(moment.parent == here.parent and moment.text == here.text for moment in tree)
        first = self._graph.get_state(self._config(parent.checkpoint)).values.get("noise_seed", 0)
        yield from self._start(here.text, parent.checkpoint, first + SEED_STEP * tries)

    def _start(self, text: str, parent: str, seed: int | None) -> Iterator[Event | TurnResult]:
        before = self._graph.get_state(self._config(parent))
        turn = self._marks.line["turns"] + 1
        given = {
            "instruction" if before.values.get("picture") else "prompt": text,
            "seed": seed,
            "approve": self.approve,
        }
        pending = {
            "turn": turn,
            "text": text,
            "parent": parent,
            "after": (before.metadata or {}).get("turn", 0),
            "given": {key: value for key, value in given.items() if value not in (None, False)},
        }
        self._marks.save(turns=turn, pending=pending, last=text, status="running")
        yield from self._go_on(fresh=True)

    def _go_on(self, answer: dict[str, Any] | None = None, *, fresh: bool = False) -> Iterator[Event | TurnResult]:
        """Begin the pending turn, or go on with it, up to its end or to a proposal."""
        pending = self._pending()
        tags: dict[str, Any] = {"turn": pending["turn"], "parent": pending["after"]}
        config, latest = self._config(**tags), self._graph.get_state(self._config())
        waiting = self._waits(latest)
        if answer is not None and not waiting:
            raise SessionError("nothing waits for approval")
        if not fresh and not waiting:  # a kill may have cut off the last events, or the node that wrote them
            self._trace.reconcile(finished_tasks(self._graph, self._config()))
        given: Any = None
        if (latest.metadata or {}).get("turn") != pending["turn"]:
            given, latest = pending["given"], self._graph.get_state(self._config(pending["parent"]))
            config = self._config(pending["parent"], **tags)
            if fresh or not self._told(pending["turn"]):
                self._trace.write("start", turn=pending["turn"], after=pending["after"], input=given)
        elif answer is not None:
            given = Command(resume=answer)
            self._trace.write("decision", turn=pending["turn"], decision=answer)
        elif latest.tasks and not waiting:
            self._trace.write("resume", turn=pending["turn"])
        # Not `next`: it leaves out a node whose work is kept already, though the step it belongs to is not over.
        if given is not None or (latest.tasks and not waiting):
            yield from self._play(given, config, (latest.metadata or {}).get("step", -1))
        yield self._end(tags)

    def _told(self, turn: int) -> bool:
        events = read_trace(self.folder.trace_path)
        return any(event["event"] == "start" and event.get("turn") == turn for event in events)

    def _play(self, given: Any, config: RunnableConfig, step: int) -> Iterator[Event]:
        try:
            yield from play(self._graph, given, config, self._context, self._recorder, step)
        except Exception as error:
            reason = self._trace.clean(f"{type(error).__name__}: {error}")
            self._trace.write("end", turn=self._pending()["turn"], error=reason)
            refused = isinstance(error, RequestError)  # it would be refused again
            self._marks.save(status="failed", error=reason, **({"pending": None} if refused else {}))
            raise

    def _end(self, tags: dict[str, Any]) -> TurnResult:
        """Mark the end of the turn in the checkpoints, then move the branch there; or report that it waits."""
        latest = self._graph.get_state(self._config())
        if latest.interrupts:
            self._marks.save(status="waiting")
            return turn_result(latest, self.folder)
        if (latest.metadata or {}).get("source") != "update":
            # What the model was told in this turn is of no use to later ones: their copies of the state stay small.
            spoken = {"messages": [RemoveMessage(id=REMOVE_ALL_MESSAGES)]}
            self._graph.update_state(self._config(**tags), spoken, as_node="finish")
            latest = self._graph.get_state(self._config())
            self._trace.write("end", turn=tags["turn"], result=latest.values["result"])
        checkpoint = str(latest.config["configurable"]["checkpoint_id"])
        before = self._graph.get_state(self._config(self._pending()["parent"]))
        changed = before.values.get("picture") != latest.values.get("picture")
        self._marks.move(checkpoint, [] if changed else self._marks.redo)
        result = turn_result(latest, self.folder)
        if result.image is not None:
            copy_file(result.image, self.folder.final_path)
        self._marks.save(pending=None, status="open", result=latest.values["result"])
        return result

    # -- small things -------------------------------------------------------------------------

    def _here_state(self) -> StateSnapshot:
        return self._graph.get_state(self._config(self._marks.here))

    def _pending(self) -> dict[str, Any]:
        if self._marks.pending is None:
            raise SessionError("no turn is unfinished")
        return self._marks.pending

    def _check_idle(self) -> None:
        if self._marks.pending:
            raise SessionError(
                f"the turn {self._marks.pending['text']!r} is unfinished: go on with it (resume; accept or reject "
                "when it waits for approval) or drop it first"
            )

    def _waits(self, latest: StateSnapshot) -> bool:
        """Whether the pending turn has come to a proposal."""
        turn = self._marks.pending["turn"] if self._marks.pending else None
        return turn is not None and (latest.metadata or {}).get("turn") == turn and bool(latest.interrupts)

    def _arrived(self, event: str) -> TurnResult:
        result = self.show()
        self._marks.save()
        self._trace.write(event, branch=self.branch_name, turn=result.turn)
        if result.image is not None:
            copy_file(result.image, self.folder.final_path)
        return result

    def _config(self, checkpoint: str | None = None, **tags: int) -> RunnableConfig:
        chosen = {"checkpoint_id": checkpoint} if checkpoint else {}
        return {"configurable": {"thread_id": THREAD, **chosen}, "metadata": tags}

    def _ensure_root(self) -> None:
        if self._marks.here is not None:
            return
        found = list(self._saver.list(self._config(), filter={"source": "update", "turn": 0}, limit=1))
        config: Any = (
            found[0].config
            if found
            else self._graph.update_state(
                self._config(turn=0),
                {
                    "picture": self._marks.record["input"]["image"],
                    "scene": EMPTY_SCENE,
                    "noise_seed": self._marks.record["input"]["seed"],
                    "turns": [],
                    "history": NOTHING,
                },
                as_node="finish",
            )
        )
        self._marks.move(config["configurable"]["checkpoint_id"], [])
        self._marks.save()


def _last(items: Iterator[Event | TurnResult], listener: Listener | None) -> TurnResult:
    result: TurnResult | None = None
    for item in items:
        if isinstance(item, Event):
            tell(listener, item)
        else:
            result = item
    assert result is not None
    return result


def _picture(image: Image | str | Path) -> Image:
    return open_picture(image) if isinstance(image, (str, Path)) else image


def _local(settings: Settings) -> Backend:
    from tools.backend.local import LocalBackend  # torch is not needed to look at a session with a backend of one's own

    return LocalBackend(settings)


def _chat(settings: Settings) -> BaseChatModel:
    from agent.chat_models import make_chat_model

    return make_chat_model(settings.chat)
