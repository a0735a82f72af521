"""Batch items on a Ray cluster: an item travels with its picture, its run folder comes back; nothing else is shared.

Finished items are only read. The driver alone writes into the output folder, an item's folder locked while it is out,
so that no item is done twice and a driver that is killed loses only what was out.
"""

from __future__ import annotations

import pickle
import sys
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from agent.cli.console import SafeConsole, redactor
from agent.cli.options import in_words
from agent.models.backend import make_backend
from agent.models.chat import make_chat_model
from agent.report.render import write_report
from agent.run.cluster import ClusterError, Pace, spread
from agent.run.driver import read_result, run_correction
from agent.run.folder import RunFolder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from agent.cli.batch import Work
    from agent.cli.options import Cluster
    from agent.run.driver import Job
    from agent.run.elsewhere import Elsewhere
    from configs.settings import Settings
    from tools.backend.local import LocalBackend
    from tools.backend.remote.client import RemoteBackend


@dataclass(frozen=True)
class Parcel:
    """What a node is sent: a job and its settings; those of the preset, pickled, are the ``base`` whose models stay."""

    name: str
    job: Job
    base: bytes
    settings: Settings
    preset: str
    overrides: Mapping[str, Any]


@dataclass(frozen=True)
class _Out:
    """An item that is out, its folder locked until it is back."""

    work: Work
    lock: ExitStack = field(default_factory=ExitStack)


def do_on_cluster(
    jobs: Iterable[tuple[Work, Job, Settings]],
    total: int,
    cluster: Cluster,
    *,
    overwrite: bool,
    there: Elsewhere | None = None,
) -> list[dict[str, Any]]:
    """Do what is not finished and return what came of each item, in the order in which they ended.

    ``there`` is where the runs really lie, if the items' folders are copies of them.
    """
    console, outcomes, pace = SafeConsole(sys.stderr), list[dict[str, Any]](), Pace(total)

    def tell(work: Work, outcome: dict[str, Any]) -> None:
        outcomes.append({"item": work.item.output_dir, **outcome})
        failure = f": failed: {outcome['error']}" if "error" in outcome else ""
        console.print(f"{pace.step()}: {work.item.output_dir}{failure}", markup=False)

    def open_ones() -> Iterator[tuple[_Out, Parcel]]:
        for work, job, base in jobs:
            out = _Out(work)
            try:
                out.lock.enter_context(work.folder.locked())
                if there is not None:
                    (there.clear if overwrite else there.fetch)(work.item.output_dir)
                if not overwrite and work.folder.started and work.folder.read_record()["status"] == "finished":
                    out.lock.close()
                    tell(work, read_result(work.folder).to_json())
                    continue
            except Exception as error:  # noqa: BLE001 - one item's failure must not lose the others
                out.lock.close()
                tell(work, {"error": redactor().text(in_words(error))})
                continue
            name = work.folder.path.name
            yield out, Parcel(name, job, pickle.dumps(base), work.settings, work.preset, work.overrides)

    for out, back in spread(do_parcel, open_ones(), address=cluster.address, gpus=cluster.gpus):
        with out.lock:
            tell(out.work, _put_down(out.work, back, there))
    return outcomes


def _put_down(work: Work, back: dict[str, bytes] | ClusterError, there: Elsewhere | None) -> dict[str, Any]:
    """Write what came back where it belongs, and return what came of the item."""
    if isinstance(back, ClusterError):
        return {"error": redactor().text(str(back))}
    try:
        work.folder.unpack(back)
        if there is not None:
            there.push(work.item.output_dir)
        return read_result(work.folder).to_json()
    except Exception as error:  # noqa: BLE001 - one item's failure must not lose the others
        return {"error": redactor().text(in_words(error))}


def do_parcel(parcel: Parcel) -> dict[str, bytes] | ClusterError:
    """Run the job on this node and return its run folder's files, or why there are none."""
    try:
        with TemporaryDirectory(prefix="sld-") as place:
            folder = RunFolder(Path(place) / parcel.name)
            run_correction(
                parcel.job,
                parcel.settings,
                folder,
                backend=_models(parcel.base).with_settings(parcel.settings),
                chat=make_chat_model(parcel.settings.chat),
                preset=parcel.preset,
                overrides=parcel.overrides,
            )
            write_report(folder)
            return folder.pack()
    except Exception as error:  # noqa: BLE001 - one item's failure must not lose the others
        return ClusterError(in_words(error))


@lru_cache(maxsize=2)
def _models(base: bytes) -> LocalBackend | RemoteBackend:
    """Return the backend of a preset's settings, whose models stay for the next item that this process is given."""
    settings: Settings = pickle.loads(base)  # from the driver, as the parcel is
    return make_backend(settings)
