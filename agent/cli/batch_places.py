"""``sld batch`` on files that lie anywhere: what is not local is fetched before its item and pushed after it."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path

from agent.cli.batch import SUFFIXES, run_batch
from agent.cli.batch_file import MAX_BYTES, BatchError, read_items
from agent.cli.options import Cluster, Mode, Options, fail
from agent.cli.seed_config import SeedConfig
from agent.run.elsewhere import Elsewhere
from tools.files import write_bytes
from tools.images import MAX_BYTES as LARGEST_PICTURE
from tools.remote_files import PlaceError, is_remote


def run_anywhere(
    options: Options,
    file: str,
    mode: Mode,
    input_dir: str,
    output_dir: str,
    *,
    overwrite: bool = False,
    config: SeedConfig | None = None,
    cluster: Cluster | None = None,
) -> int:
    """Do what `agent.cli.batch.run_batch` does, with paths and addresses (``s3://``, ``gs://``, ``file://``).

    Raises:
        UserMistake: as there; a place that cannot be used.
    """
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sld-batch-")))
        try:
            items = _file(file, work)
            pictures = _pictures(input_dir, items, work)
            there = Elsewhere(output_dir, work / "runs") if is_remote(output_dir) else None
        except (PlaceError, BatchError) as error:
            fail(str(error))
        target = Path(output_dir) if there is None else there.local
        return run_batch(
            options, items, mode, pictures, target, overwrite=overwrite, config=config, cluster=cluster, there=there
        )


def _file(file: str, work: Path) -> Path:
    if not is_remote(file):
        return Path(file)
    folder, _, name = file.rpartition("/")
    data = Elsewhere(folder, work).read(name, MAX_BYTES)
    if data is None:
        raise BatchError(f"there is no file {file!r}")
    local = work / "items" / name
    write_bytes(local, data)
    return local


def _pictures(place: str, file: Path, work: Path) -> Path:
    """Return a local folder with the pictures that the items name."""
    if not is_remote(place):
        return Path(place)
    local = work / "pictures"
    local.mkdir()
    given = Elsewhere(place, local)
    for name in dict.fromkeys(item.input_fname for item in read_items(file)):
        if (local / name).resolve().is_relative_to(local.resolve()):  # else it is refused with all other mistakes
            for suffix in SUFFIXES:
                data = given.read(name + suffix, LARGEST_PICTURE)
                if data is not None:
                    write_bytes(local / (name + suffix), data)
                    break
    return local
