"""How a session's turns are run on LangGraph's checkpoints: begun, gone on with after a kill, ended exactly once.

A turn is written down in the record before anything is done, then run in the session's thread from its
parent's checkpoint, then marked in the checkpoints (``update_state``), and only then the branch moves.
Whatever a kill cuts off, the record and the newest checkpoint together say what is still to do.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

from langchain_core.messages import RemoveMessage
from langgraph.graph.message import REMOVE_ALL_MESSAGES
from langgraph.types import Command

from agent.models.chat import ChatModelError
from agent.run.checkpoints import finished_tasks, open_checkpoints
from agent.run.stream import Event, stream_events
from agent.session.turn_result import Moment, SessionError, TurnPaused, TurnResult, TurnStopped, moments, turn_result
from agent.trace.events import TraceWriter, read_trace
from agent.trace.otel import follower
from agent.trace.recorder import Recorder
from graphs.correction import build_graph
from graphs.state import History
from tools.backend.protocol import BackendError, BackendUnavailable
from tools.files import copy_file
from tools.scene.layout import Layout
from tools.stopping import Stopped

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import ExitStack

    from langchain_core.runnables import RunnableConfig
    from langgraph.types import StateSnapshot

    from agent.session.record import SessionRecord
    from tools.context import Context
    from tools.images import ImageStore

THREAD = "session"
SEED_STEP = 1000  # between a turn and its retry: rounds count up from a turn's seed
# after these the turn can be gone on with; anything else ends it
PASSING = (BackendError, BackendUnavailable, ChatModelError, OSError)


class TurnRunner:
    """The checkpoints of one session, and the trace of what is done to them."""

    def __init__(self, record: SessionRecord, context: Context, stack: ExitStack) -> None:
        self._record, self._context = record, context
        folder = record.folder
        self.trace = TraceWriter(folder.trace, folder.redactor, also=follower(folder.path.name))
        self._saver = stack.enter_context(open_checkpoints(folder))
        self._graph = build_graph(self._saver, context.settings.loop)
        self._recorder = Recorder(self.trace)
        self._ensure_root()

    @property
    def images(self) -> ImageStore:
        """Where the session keeps its pictures."""
        return self._context.images

    def latest(self) -> StateSnapshot:
        """Return the newest state, which a turn in progress has come to."""
        return self._graph.get_state(self._config())

    def at(self, checkpoint: str | None) -> StateSnapshot:
        """Return the state at a checkpoint."""
        return self._graph.get_state(self._config(checkpoint))

    def history(self) -> tuple[Moment, ...]:
        """Return the state after every turn, oldest first."""
        return moments(self._saver, THREAD, self._record.folder, self._record.names, self._record.here)

    def start(self, text: str, parent: str, seed: int | None, *, whole: bool = False) -> Iterator[Event | TurnResult]:
        """Begin a turn after the checkpoint ``parent``: written down first, so that a kill does not lose it.

        ``whole``: the text says what all of the picture shall show, instead of what to change in it.
        """
        before = self.at(parent)
        turn, picture = self._record.line["turns"] + 1, before.values.get("picture")
        given = {
            "instruction" if picture and not whole else "prompt": text,
            "image": picture if whole else None,
            "seed": seed,
            "approve": self._record.line["approve"],
            "sources": self._record.line.get("sources"),
        }
        pending = {
            "turn": turn,
            "text": text,
            "parent": parent,
            "after": (before.metadata or {}).get("turn", 0),
            "given": {key: value for key, value in given.items() if value not in (None, False)},
        }
        first = self._record.line.get("first") or text
        self._record.save(turns=turn, pending=pending, first=first, last=text, status="running", stopped=None)
        yield from self.go_on(fresh=True)

    def again(self) -> Iterator[Event | TurnResult]:
        """Do the last turn once more, with another seed; one that was stopped is done as it would have been.

        Raises:
            SessionError: there is no turn yet.
        """
        if stopped := self._record.stopped:
            yield from self.start(stopped["text"], str(self._record.here), None, whole=stopped["whole"])
            return
        tree = self.history()
        here = next(moment for moment in tree if moment.current)
        if here.parent is None:
            raise SessionError("there is no turn to try again")
        parent = next(moment for moment in tree if moment.turn == here.parent)
        tries = sum(moment.parent == here.parent and moment.text == here.text for moment in tree)
        before, tried = self.at(parent.checkpoint).values, self.at(here.checkpoint).values
        seed = before.get("noise_seed", 0) + SEED_STEP * tries
        corrected = tried["kind"] == "prompt" and before.get("picture") is not None
        yield from self.start(here.text, parent.checkpoint, seed, whole=corrected)

    def go_on(self, answer: dict[str, Any] | None = None, *, fresh: bool = False) -> Iterator[Event | TurnResult]:
        """Begin the pending turn, or go on with it, up to its end or to a proposal.

        Raises:
            SessionError: no turn is in progress, or ``answer`` is given and nothing waits for one.
        """
        pending = self.pending()
        tags: dict[str, Any] = {"turn": pending["turn"], "parent": pending["after"]}
        config, latest = self._config(**tags), self.latest()
        waiting = self.waits(latest)
        if answer is not None and not waiting:
            raise SessionError("nothing waits for approval")
        if not fresh and not waiting:  # a kill may have cut off the last events, or the node that wrote them
            self.trace.reconcile(finished_tasks(self._graph, self._config()))
        given: Any = None
        if (latest.metadata or {}).get("turn") != pending["turn"]:
            given, latest = pending["given"], self.at(pending["parent"])
            config = self._config(pending["parent"], **tags)
            if fresh or not self._is_told("start", pending["turn"], "input"):
                self.trace.write("start", turn=pending["turn"], after=pending["after"], input=given)
        elif answer is not None:
            given = Command(resume=answer)
            self.trace.write("decision", turn=pending["turn"], decision=answer)
        elif latest.tasks and not waiting:
            self.trace.write("resume", turn=pending["turn"])
        # Not `next`: it leaves out a node whose work is kept already, though the step it belongs to is not over.
        if given is not None or (latest.tasks and not waiting):
            yield from self._stream(given, config, (latest.metadata or {}).get("step", -1))
        yield self._end(tags)

    def _is_told(self, kind: str, turn: int, field: str) -> bool:
        """Whether the trace holds such an event of the turn, with this field (an end may have an error instead)."""
        events = read_trace(self._record.folder.trace)
        return any(event["event"] == kind and event.get("turn") == turn and field in event for event in events)

    def _stream(self, given: Any, config: RunnableConfig, step: int) -> Iterator[Event]:
        stop = self._context.stop
        try:
            with closing(stream_events(self._graph, given, config, self._context, self._recorder, step)) as events:
                for event in events:
                    yield event
                    stop.check()
        except Stopped:
            if stop.pausing:
                raise TurnPaused(f"{self._record.line['last']!r} was stopped for now; resume goes on with it") from None
            self._give_up()
            raise TurnStopped(f"{self._record.line['last']!r} was stopped; retry does it anew") from None
        except Exception as error:
            reason = self.trace.clean(f"{type(error).__name__}: {error}")
            self.trace.write("end", turn=self.pending()["turn"], error=reason)
            kept = isinstance(error, PASSING)
            self._record.save(status="failed", error=reason, **({} if kept else {"pending": None}))
            raise

    def _learnt(self) -> dict[str, Any]:
        """Return what was found out of a server that was asked what it can, for the next process."""
        asked = self._context.settings.chat.structured_output == "auto"
        learnt = getattr(self._context.chat, "learnt", None) if asked else None
        return {"learnt": learnt} if learnt else {}

    def _give_up(self) -> None:
        """End the turn as if it had never begun, but for its text, which is kept to be tried again."""
        pending = self.pending()
        again = {"text": pending["text"], "whole": "prompt" in pending["given"]}
        self._record.save(status="open", pending=None, stopped=again)
        self._context.stop.clear()
        self.trace.write("end", turn=pending["turn"], error="stopped")

    def _end(self, tags: dict[str, Any]) -> TurnResult:
        """Mark the end of the turn in the checkpoints, then move the branch there; or report that it waits."""
        latest = self.latest()
        if latest.interrupts:
            self._record.save(status="waiting")
            return turn_result(latest, self._record.folder)
        if (latest.metadata or {}).get("source") != "update":
            # What the model was told in this turn is of no use to later ones: their copies of the state stay small.
            spoken = {"messages": [RemoveMessage(id=REMOVE_ALL_MESSAGES)]}
            self._graph.update_state(self._config(**tags), spoken, as_node="finish")
            latest, told = self.latest(), False
        else:  # a kill came after the mark, perhaps before the trace was told of it
            told = self._is_told("end", tags["turn"], "result")
        if not told:
            self.trace.write("end", turn=tags["turn"], result=latest.values["result"].model_dump(mode="json"))
        checkpoint = str(latest.config["configurable"]["checkpoint_id"])
        before = self.at(self.pending()["parent"])
        changed = before.values.get("picture") != latest.values.get("picture")
        self._record.move(checkpoint, [] if changed else self._record.redo)
        result = turn_result(latest, self._record.folder)
        if result.image is not None:
            copy_file(result.image, self._record.folder.final_path)
        outcome = latest.values["result"].model_dump(mode="json")
        learnt = self._learnt()
        self._record.save(pending=None, status="open", result=outcome, picture=latest.values.get("picture"), **learnt)
        self._context.stop.clear()  # whoever asked came too late
        return result

    def waits(self, latest: StateSnapshot) -> bool:
        """Whether the pending turn has come to a proposal."""
        turn = self._record.pending["turn"] if self._record.pending else None
        return turn is not None and (latest.metadata or {}).get("turn") == turn and bool(latest.interrupts)

    def pending(self) -> dict[str, Any]:
        """Return the turn in progress.

        Raises:
            SessionError: there is none.
        """
        if self._record.pending is None:
            raise SessionError("no turn is unfinished")
        return self._record.pending

    def _config(self, checkpoint: str | None = None, **tags: int) -> RunnableConfig:
        chosen = {"checkpoint_id": checkpoint} if checkpoint else {}
        return {"configurable": {"thread_id": THREAD, **chosen}, "metadata": tags}

    def _ensure_root(self) -> None:
        if self._record.here is not None:
            return
        found = list(self._saver.list(self._config(), filter={"source": "update", "turn": 0}, limit=1))
        config: Any = (
            found[0].config
            if found
            else self._graph.update_state(
                self._config(turn=0),
                {
                    "picture": self._record.data["input"]["image"],
                    "layout": Layout(),
                    "noise_seed": self._record.data["input"]["seed"],
                    "turns": (),
                    "history": History(),
                },
                as_node="finish",
            )
        )
        self._record.move(config["configurable"]["checkpoint_id"], [])
        self._record.save()
