"""The checkpoints of a run folder: LangGraph's, in SQLite, read as data whoever wrote them.

LangGraph's own serializer builds whatever object a checkpoint names, and so runs what it names. Here the
names are looked at before anything is built, and only those of `BUILT` are known.
"""

from __future__ import annotations

import errno
import sqlite3
import zlib
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ormsgpack
from langchain_core.messages import AIMessage, HumanMessage, RemoveMessage, SystemMessage, ToolMessage
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.serde.types import ERROR
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import START
from langgraph.types import Interrupt

from agent.run.storage import RunError
from agent.trace.recorder import update_of
from graphs.state import CHECKPOINTED

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from langchain_core.runnables import RunnableConfig
    from langgraph.checkpoint.base import BaseCheckpointSaver, Checkpoint, CheckpointTuple
    from langgraph.graph.state import CompiledStateGraph

    from agent.run.folder import RunFolder
    from tools.redaction import Redactor

BUILT = (AIMessage, HumanMessage, SystemMessage, ToolMessage, RemoveMessage, Interrupt, *CHECKPOINTED)
PACKED = "zlib"  # a kind of data besides LangGraph's own: msgpack, compressed
KINDS = ("null", "msgpack", PACKED)
SMALL = 256  # bytes that are not worth compressing
LARGEST = 16 * 2**20  # bytes of one checkpoint; each step of a turn makes one
OBJECTS = (0, 1, 2, 3, 4, 5)  # LangGraph's msgpack extensions that name what is to be built


class ForeignObject(RunError):
    """A checkpoint that names an object this program never writes."""


class CheckpointTooLarge(RunError):
    """A state that has outgrown any sensible run."""


class StrictSerializer(JsonPlusSerializer):
    """Builds no objects but those of `BUILT`, and writes nothing uncleaned: a model may echo a secret.

    Checkpoints repeat the whole state, so they are compressed: a conversation's folder grows about half as fast.
    """

    def __init__(self, redactor: Redactor) -> None:
        super().__init__(allowed_msgpack_modules=BUILT)
        self._redactor = redactor

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        """Return the kind of the data, and the data."""
        kind, data = super().dumps_typed(self._redactor.tree(obj))
        if len(data) > LARGEST:
            raise CheckpointTooLarge(
                f"the state of this run has grown to {len(data):,} bytes: at most {LARGEST:,} are kept. Begin a new one"
            )
        return (PACKED, zlib.compress(data)) if kind == "msgpack" and len(data) > SMALL else (kind, data)

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        """Return the value.

        Raises:
            ForeignObject: it is of a kind, or names an object, that this program never writes.
            RunError: it cannot be read.
        """
        kind, body = data
        if kind not in KINDS:
            raise ForeignObject(f"the checkpoints hold data of kind {kind!r}, which this program never writes")
        if kind == PACKED:
            kind, body = "msgpack", _unpacked(body)
        if kind == "msgpack":
            _check_names(body)
        return super().loads_typed((kind, body))


def _unpacked(body: bytes) -> bytes:
    unpacking = zlib.decompressobj()
    try:
        data = unpacking.decompress(body, LARGEST + 1)
    except zlib.error as error:
        raise RunError(f"a checkpoint is damaged ({error}): `sld trace replay` can begin at an earlier step") from None
    if len(data) > LARGEST or not unpacking.eof:
        raise CheckpointTooLarge(f"a checkpoint has more than {LARGEST:,} bytes, or is cut off: it is not used")
    return data


def _check_names(data: bytes) -> None:
    allowed, foreign = {(kind.__module__, kind.__name__) for kind in BUILT}, list[str]()

    def look(code: int, body: bytes) -> Any:
        inner = ormsgpack.unpackb(body, ext_hook=look, option=ormsgpack.OPT_NON_STR_KEYS)
        name = tuple(inner[:2]) if code in OBJECTS and isinstance(inner, list) else (f"extension {code}",)
        if name not in allowed:
            foreign.append(".".join(map(str, name)))
        return None

    try:
        ormsgpack.unpackb(data, ext_hook=look, option=ormsgpack.OPT_NON_STR_KEYS)
    except (ValueError, RecursionError) as error:
        raise RunError(f"a checkpoint is damaged ({error}): `sld trace replay` can begin at an earlier step") from None
    if foreign:
        raise ForeignObject(
            f"the checkpoints hold {foreign[0]!r}, which this program never writes: they are not used. Was the "
            "folder written by another program, or by another version of this one?"
        )


@contextmanager
def open_checkpoints(folder: RunFolder) -> Iterator[BaseCheckpointSaver[Any]]:
    """Open the folder's checkpoints, wherever they are kept; to write, the folder must be locked.

    Raises:
        RunError: there is something else in their place, or they are damaged.
        OSError: they cannot be written.
    """
    with folder.storage.checkpoints(folder.path, folder.redactor) as saver:
        yield saver


@contextmanager
def open_sqlite(path: Path, redactor: Redactor) -> Iterator[SqliteSaver]:
    """Open checkpoints in a file; raises as `open_checkpoints` does."""
    try:
        with _named(path):
            opened = sqlite3.connect(path, check_same_thread=False)
        with closing(opened) as connection:
            with _named(path):
                connection.execute("PRAGMA trusted_schema = OFF")  # views and triggers of a foreign file do nothing
            saver = Checkpoints(connection, serde=StrictSerializer(redactor))
            saver.path = path
            with _named(path):
                saver.setup()
            yield saver
    except sqlite3.DatabaseError as error:
        raise RunError(f"{str(path)!r} cannot be used: {error}") from None


@contextmanager
def _named(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:  # no room, no right to write
        raise OSError(errno.EIO, str(error), str(path)) from None


class Checkpoints(SqliteSaver):
    """SQLite checkpoints without the errors that LangGraph would keep in them: a resume runs the failed node again.

    The trace and run.json hold them.
    """

    path = Path()

    @contextmanager
    def cursor(self, transaction: bool = True) -> Iterator[sqlite3.Cursor]:
        """Yield a cursor; what the disk refuses is an `OSError`, as of any other file."""
        with _named(self.path), super().cursor(transaction) as cursor:
            yield cursor

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Keep what a task wrote to the state."""
        kept = [write for write in writes if write[0] != ERROR]
        if kept:
            super().put_writes(config, kept, task_id, task_path)


def copy_checkpoint(
    saver: BaseCheckpointSaver[Any],
    kept: CheckpointTuple,
    thread: str,
    *,
    checkpoint: Checkpoint | None = None,
    channels: Collection[str] | None = None,
) -> None:
    """Put a checkpoint (or another in its place) into ``saver``, with what was written after it to ``channels``."""
    checkpoint = checkpoint or kept.checkpoint
    parent = (kept.parent_config or {}).get("configurable", {}).get("checkpoint_id")
    place = {"thread_id": thread, "checkpoint_ns": "", **({"checkpoint_id": parent} if parent else {})}
    config = saver.put({"configurable": place}, checkpoint, kept.metadata, checkpoint["channel_versions"])
    by_task: dict[str, list[tuple[str, Any]]] = {}
    for task, channel, value in kept.pending_writes or []:
        if channels is None or channel in channels:
            by_task.setdefault(task, []).append((channel, value))
    for task, written in by_task.items():
        saver.put_writes(config, written, task)


def finished_tasks(graph: CompiledStateGraph[Any, Any, Any, Any], config: RunnableConfig) -> dict[str, dict[str, Any]]:
    """Return every task that the checkpoints know as done, oldest first: a resume will not run it again."""
    finished: dict[str, dict[str, Any]] = {}
    for snapshot in reversed(list(graph.get_state_history(config))):
        for task in snapshot.tasks:
            if task.name != START and task.result is not None and task.error is None:
                step = (snapshot.metadata or {}).get("step", -1) + 1
                finished[task.id] = {"node": task.name, "step": step, "update": update_of(task.result)}
    return finished
