"""Prompts measured on a Ray cluster: a prompt goes out, its record and pictures come back; no disk is shared."""

from __future__ import annotations

import json
import pickle
import shutil
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from agent.run.cluster import ClusterError, spread
from evals.lmd.measure import find_picture, head
from evals.lmd.runner import finish, item_path
from tools.files import write_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from agent.cli.options import Cluster
    from evals.lmd.measure import Plan, Prompt, Services


@dataclass(frozen=True)
class Errand:
    """What a node is sent; ``make``, pickled, makes the services whose models it keeps, for a folder of pictures."""

    prompt: Prompt
    plan: Plan
    make: bytes
    given: tuple[str, bytes] | None
    """The picture to start from, by its file's name."""


@dataclass(frozen=True)
class Errands:
    """A cluster, and what makes services on a node of it, for a folder of pictures there."""

    cluster: Cluster
    make: Callable[[Path], Services]

    def run(self, prompts: Sequence[Prompt], plan: Plan) -> Iterator[Prompt]:
        """Measure the prompts and yield each once its record is written, a failure's too."""
        make = pickle.dumps(self.make)

        def errand(prompt: Prompt) -> Errand:
            if plan.images is None:
                return Errand(prompt, plan, make, None)
            given = find_picture(plan.images, prompt)
            return Errand(prompt, plan, make, (given.name, given.read_bytes()))

        sent = ((prompt, errand(prompt)) for prompt in prompts)
        for prompt, back in spread(do_errand, sent, address=self.cluster.address, gpus=self.cluster.gpus):
            record = item_path(plan, prompt)
            if isinstance(back, ClusterError):
                back = {record.name: json.dumps(head(prompt) | {"error": str(back)}).encode()}
            for name in sorted(
                back, key=lambda name: name == record.name
            ):  # the record last: it says that all is there
                write_bytes(record if name == record.name else plan.out / "images" / Path(name).name, back[name])
            yield prompt


def do_errand(errand: Errand) -> dict[str, bytes]:
    """Measure the prompt on this node and return its record and pictures, by the names of their files."""
    place, services = _services(errand.make)
    out = Path(place.name)
    plan = replace(errand.plan, out=out)
    if errand.given is not None:
        name, picture = errand.given
        write_bytes(out / "given" / f"{errand.prompt.number:03d}" / name, picture)
        plan = replace(plan, images=out / "given")
    finish(errand.prompt, plan, services)
    record = item_path(plan, errand.prompt)
    files = {path.name: path.read_bytes() for path in (record, *(out / "images").rglob("*")) if path.is_file()}
    for folder in ("images", "items", "given"):
        shutil.rmtree(out / folder, ignore_errors=True)
    return files


@lru_cache(maxsize=1)
def _services(make: bytes) -> tuple[TemporaryDirectory[str], Services]:
    """Return the services of this process and the folder of their pictures; both stay for the next errand."""
    place = TemporaryDirectory(prefix="sld-lmd-")
    return place, pickle.loads(make)(Path(place.name) / "images")  # from the driver, as the errand is
