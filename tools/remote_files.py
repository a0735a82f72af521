"""Files anywhere that fsspec reaches (``s3://``, ``gs://``, ``file://``, paths), with errors that say what to do."""

from __future__ import annotations

import errno
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs"}


class PlaceError(ValueError):
    """A place that cannot be used; the message says why and what to do."""


def is_remote(place: str) -> bool:
    """Whether a text names a place by an address rather than a path."""
    return "://" in place


def filesystem(place: str) -> tuple[Any, str]:
    """Return fsspec's file system of a place, and the place's path in it, without a slash at its end.

    Raises:
        PlaceError: there is no such kind of place, or its package is missing.
    """
    fsspec: Any = import_module("fsspec.core")
    scheme = place.partition("://")[0] if is_remote(place) else "file"
    if scheme in ("http", "https"):
        raise PlaceError(f"{scheme}:// places cannot be written to: give s3://, gs:// or a folder")
    try:
        files, path = fsspec.url_to_fs(place)
    except ImportError:
        hint = f": pip install 'sld-agent[{EXTRAS[scheme]}]'" if scheme in EXTRAS else ""
        raise PlaceError(f"the package for {scheme}:// places is not here{hint}") from None
    except ValueError:
        raise PlaceError(f"{scheme}:// is no known kind of place: use s3://, gs:// or a folder") from None
    return files, path.rstrip("/")


def reading(files: Any, path: str, most: int) -> bytes:
    """Return what is in a file.

    Raises:
        OSError: it cannot be read, or has more than ``most`` bytes.
    """
    with files.open(path, "rb") as file:
        data: bytes = file.read(most + 1)
    if len(data) > most:
        raise OSError(errno.EFBIG, f"it has more than {most:,} bytes", path)
    return data


@contextmanager
def remote_error(what: str) -> Iterator[None]:
    """Let a store's error (each kind raises its own) be an `OSError` that says what it was about."""
    try:
        yield
    except OSError as error:
        raise type(error)(error.errno or errno.EIO, error.strerror or str(error), what) from None
    except Exception as error:  # noqa: BLE001 - what each package raises is its own
        raise OSError(errno.EIO, f"{type(error).__name__}: {str(error)[:200]}", what) from None
