"""Copying sessions from one storage to another: both ways between folders and Postgres, each session whole or not."""

from __future__ import annotations

from agent.run.checkpoints import copy_checkpoint, open_checkpoints
from agent.run.folder import RunError, RunFolder
from tools.files import copy_file

THREAD = "session"  # of LangGraph, in a folder's own checkpoints


def copy_session(source: RunFolder, target: RunFolder) -> bool:
    """Copy all that a session is made of; its record comes last. False where the target has the session already.

    The source stays as it is. A copy that was cut off is done anew.

    Raises:
        RunError: the source is a single run or damaged, or another process works in one of them.
    """
    with source.locked("close it first"), target.locked("close it first"), source.reading():
        if target.started:
            return False
        record = source.read_record()
        if "session" not in record:
            raise RunError(f"{source.path.name!r} holds a single run: only sessions are kept in a database")
        old, new = source.images, target.images
        for picture in old.ids():
            new.adopt(old.path(picture))
        for name in old.made():
            if (made := old.read_made(name)) is not None:
                new.write_made(name, made)
        with open_checkpoints(source) as saver, open_checkpoints(target) as copied:
            for kept in reversed([*saver.list(None)]):
                copy_checkpoint(copied, kept, THREAD)
        target.trace.replace(source.trace.read().decode())
        picture = record["session"].get("picture")
        if picture:
            copy_file(new.path(picture), target.final_path)
        target.storage.write_record(target.path, source.storage.read_record(source.path).decode())
        return True
