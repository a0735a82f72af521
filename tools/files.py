"""Files that are written whole or not at all, and read only if they are files, up to a limit.

A reader sees the old file or the new one, never half of it. Devices and pipes have no end, and a link to one is
easily put where a file should be.
"""

from __future__ import annotations

import errno
import glob
import os
import re
import secrets
import shutil
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PART = ".part"
NAME_SHOWN = 40  # characters of the target's name in its temporary one: names have a greatest length


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary file beside ``path``, which takes its place at the end, or is removed after an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name[:NAME_SHOWN]}.{os.getpid()}-{secrets.token_hex(4)}{PART}")
    try:
        with _named(path):
            yield temporary
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def append_text(path: Path, text: str) -> None:
    """Add a text to a file's end; on return it has left this process."""
    with _named(path), path.open("a", encoding="utf-8") as file:
        file.write(text)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file in one step, creating its folder if needed."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write a file in one step, creating its folder if needed; half a character (a lone surrogate) becomes "?"."""
    write_bytes(path, text.encode("utf-8", "replace"))


def copy_file(source: Path, target: Path) -> None:
    """Copy a file in one step, creating the target's folder if needed."""
    with replacing(target) as temporary:
        shutil.copyfile(source, temporary)


def read_file(path: Path, most: int) -> bytes:
    """Return what is in a file.

    Raises:
        OSError: it cannot be read, is no ordinary file (a folder, device or pipe), or has more than ``most`` bytes.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # opening a pipe would wait for its other end
    with open(handle, "rb") as file:  # noqa: PTH123 - a handle, not a path
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "not an ordinary file", str(path))
        data = file.read(most + 1)
    if len(data) > most:
        raise OSError(errno.EFBIG, f"it has more than {most:,} bytes", str(path))
    return data


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Let a system's error say which file it is about: those of writing do not, or name the temporary one."""
    try:
        yield
    except OSError as error:
        if error.strerror is None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from None


def remove_leftovers(folder: Path, name: str = "") -> None:
    """Remove what killed processes left of files (or of the file ``name``) that they had not finished."""
    for path in folder.glob(f".{glob.escape(name[:NAME_SHOWN])}*{PART}"):
        writer = re.search(rf"\.(\d+)-[0-9a-f]+{re.escape(PART)}$", path.name)
        if writer and not _lives(int(writer[1])):
            path.unlink(missing_ok=True)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
