"""``sld storage migrate``: sessions from folders to Postgres, and back."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path

from agent.cli.console import write
from agent.cli.options import ExitCode, Options, fail, in_words
from agent.run.folder import RunError, RunFolder
from agent.run.migrate import copy_session
from agent.run.opening import opened_storage
from configs.settings import StorageSettings

POSTGRES = "postgres"


def migrate(options: Options, source: str, target: str) -> int:
    """Copy every session that the target does not have; return the exit code."""
    if POSTGRES not in (source, target) or source == target:
        fail("give a folder of sessions and 'postgres' (what storage.url names), in the direction of copying")
    given = options.load().storage
    if given.url is None:
        fail("storage.url is not set: SLD_STORAGE__URL=postgresql://user@host/database names the database")
    base = Path(target if source == POSTGRES else source)
    if source != POSTGRES and not base.is_dir():
        fail(f"there is no folder {source!r}")
    copied = known = failed = 0
    with ExitStack() as stack:
        folders = stack.enter_context(opened_storage(StorageSettings(), base))
        shared = stack.enter_context(opened_storage(given, base))
        old, new = (shared, folders) if source == POSTGRES else (folders, shared)
        for path, _, _ in old.listed(base):
            try:
                done = copy_session(RunFolder(path, storage=old), RunFolder(path, storage=new))
                copied, known = copied + done, known + (not done)
            except (RunError, OSError, ValueError) as error:  # one session's trouble must not keep the others back
                failed += 1
                write(f"{path.name}: {in_words(error)}", sys.stderr)
    write(f"copied {copied}, there already {known}, failed {failed}")
    return ExitCode.FAILURE if failed else ExitCode.AGREED
