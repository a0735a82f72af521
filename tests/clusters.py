"""Ray clusters of several nodes on this machine, and batches of a world to work through on them."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.workers import ROOT, ServedWorld
from tests.world import draw, scene, settings
from tools.backend.remote.terms import described

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

OWN = settings(detector={"vocabulary": ["car", "dog"], "attributes": ["red", "blue"]})
"""Of the world that a batch is about."""
PLACES = [round(0.05 * step, 2) for step in range(8)]


def served_world() -> ServedWorld:
    """Return the world, for a worker: slow, with edits of a few steps."""
    world = ServedWorld(pause=0.02, steps=5)
    world.settings = OWN
    return world


@contextmanager
def nodes(number: int, cpus: int = 2) -> Iterator[Any]:
    """Run a cluster of so many nodes until the end of the block."""
    from ray.cluster_utils import Cluster

    # what nodes start inherits these; workers give way to everything else, which may be a busy test run
    os.environ.update(PYTHONPATH=str(ROOT), RAY_worker_niceness="0")
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": cpus, "include_dashboard": False})
    try:
        for _ in range(number - 1):
            cluster.add_node(num_cpus=cpus)
        yield cluster
    finally:
        cluster.shutdown()
        del cluster
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it waits for none of its processes
            gc.collect()


def write_batch(place: Path, number: int, url: str) -> None:
    """Write ``data.json``, its pictures and the preset of a world behind the worker at ``url``."""
    (place / "in").mkdir()
    items = []
    for item in range(number):
        x, y = PLACES[item % 8], PLACES[item // 8 % 8]
        name = f"{item:03d}"
        draw(scene(("red car", [x, y, 0.2, 0.2]), ("dog", [0.6, 0.7, 0.2, 0.2]))).save(place / "in" / f"{name}.png")
        items.append({"input_fname": name, "output_dir": name, "prompt": "remove the dog and make the car blue"})
    (place / "data.json").write_text(json.dumps(items))
    parts = {name: part for name, part in described(OWN).items() if part}
    (place / "world.yaml").write_text(json.dumps(parts | {"backend": {"url": url}}))


class Batch:
    """``sld batch`` in ``place``, running."""

    def __init__(self, place: Path, out: str, *arguments: str) -> None:
        base = ["batch", "data.json", "--mode", "image_editing", "--input-dir", "in", "--output-dir", out, "--json"]
        logs = Path(tempfile.mkdtemp(dir=place))  # no pipes, which may fill
        self._told, self._said = logs / "told", logs / "said"
        with self._told.open("w") as told, self._said.open("w") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "sld", *base, *arguments],
                cwd=place,
                env={**os.environ, "PYTHONPATH": str(ROOT), "SLD_CHAT__PROVIDER": "offline", "OMP_NUM_THREADS": "1"},
                stdout=told,
                stderr=said,
            )

    def wait_until(self, true: Callable[[], bool]) -> None:
        """Wait while it runs, which must not end before."""
        while not true():
            assert self.process.poll() is None, self.said
            time.sleep(0.05)

    def ended(self) -> dict[str, Any]:
        """Wait for its end, a good one, and return what it told."""
        assert self.process.wait() == 0, self.said
        told: dict[str, Any] = json.loads(self._told.read_text())
        return told

    @property
    def said(self) -> str:
        """What it said on standard error, the last of it."""
        return self._said.read_text()[-10_000:]


def finished(out: Path) -> dict[str, int]:
    """The items that are finished in a folder, with the time at which each was."""
    records = {path.parent.name: path for path in out.glob("*/run.json")}
    return {
        name: path.stat().st_mtime_ns
        for name, path in records.items()
        if json.loads(path.read_text())["status"] == "finished"
    }
