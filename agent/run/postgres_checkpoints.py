"""The checkpoints of one session in Postgres: LangGraph's, read as data, cleaned, and written by its holder alone."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from langgraph.checkpoint.postgres import PostgresSaver
from langgraph.checkpoint.serde.types import ERROR
from psycopg.rows import dict_row

from agent.run.checkpoints import StrictSerializer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from langchain_core.runnables import RunnableConfig
    from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata, CheckpointTuple
    from psycopg import Cursor
    from psycopg.rows import DictRow

    from agent.run.postgres import Postgres
    from tools.redaction import Redactor


class SessionCheckpoints(PostgresSaver):
    """All threads of LangGraph are the one of the session's name here, as a folder's database holds but one."""

    def __init__(self, storage: Postgres, session: str, redactor: Redactor) -> None:
        super().__init__(cast("Any", None), serde=StrictSerializer(redactor))  # connections are the storage's
        self._storage, self._session, self._redactor = storage, session, redactor

    @contextmanager
    def _cursor(self, *, pipeline: bool = False) -> Iterator[Cursor[DictRow]]:
        """Yield a cursor; ``pipeline`` is how LangGraph says that it is going to write."""
        with (
            self._storage.shared.transaction() as connection,
            connection.cursor(binary=True, row_factory=dict_row) as cursor,
        ):
            if pipeline:
                self._storage.check_held(connection, self._session)
            yield cursor

    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        """Return the checkpoints, the newest first; no connection is held while they are looked at."""
        return iter([*super().list(self._own(config), filter=filter, before=before, limit=limit)])

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Return one checkpoint, or the newest."""
        return super().get_tuple(self._own(config))

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Keep a checkpoint; texts that LangGraph keeps as they are, outside of what is serialized, are cleaned too."""
        channels = {name: self._clean(value) for name, value in checkpoint["channel_values"].items()}
        cleaned: Any = {**checkpoint, "channel_values": channels}
        return super().put(self._own(config), cleaned, self._redactor.tree(metadata), new_versions)

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Keep what a task wrote to the state, but no errors: a resume runs the failed node again."""
        kept = [write for write in writes if write[0] != ERROR]
        if kept:
            super().put_writes(self._own(config), kept, task_id, task_path)

    def _own(self, config: RunnableConfig | None) -> RunnableConfig:
        given = dict((config or {}).get("configurable") or {})
        return {**(config or {}), "configurable": {"checkpoint_ns": "", **given, "thread_id": self._session}}

    def _clean(self, value: Any) -> Any:
        # Postgres' JSON has no null character
        return (
            self._redactor.text(value).replace("\0", "\N{REPLACEMENT CHARACTER}") if isinstance(value, str) else value
        )
