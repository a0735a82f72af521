"""How long photographs take: looking, the first mask, a recolouring, a removal, and a whole command with loading.

Wall time and processor time: on a machine that others use too, the second says what two idle cores would take.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from evals.photo_scenes import photograph
from tools.backend.local import LocalBackend
from tools.scene.box import Box
from tools.scene.layout import Layout, PlacedObject
from tools.scene.operations import Remove, Restyle
from tools.scene.spec import Query

if TYPE_CHECKING:
    from collections.abc import Callable

    from PIL.Image import Image

    from configs.settings import Settings

CUP, SPOON = Box(0.29, 0.06, 0.43, 0.75), Box(0.54, 0.51, 0.14, 0.3)
BARS = {"detect": 0.2, "mask": 1.0, "recolour": 1.5, "remove": 4.0, "command": 10.0}  # seconds


def run_seconds(settings: Settings, preset: str, repeats: int = 3) -> dict[str, float]:
    """Measure on scikit-image's coffee (600 x 400), models warm but pictures new; medians of ``repeats``.

    Flat result: ``K_seconds`` (wall), ``K_cpu`` (processor seconds, all threads) and ``K_bar`` for K in detect, mask
    (embedding included), recolour, remove (four candidates at least) and command (a whole ``sld edit`` in a process of
    its own); ``load`` is the machine's load average, ``cores`` how many it has.
    """
    backend, image = LocalBackend(settings), photograph("coffee")
    scene = Layout(
        objects=(PlacedObject(id="cup #1", name="cup", box=CUP), PlacedObject(id="spoon #1", name="spoon", box=SPOON))
    )
    rows: dict[str, list[tuple[float, float]]] = {}
    for number in range(repeats + 1):
        fresh = image.copy()
        fresh.putpixel((0, 0), (number, 0, 0))  # another picture to every cache
        parts: dict[str, Callable[[], object]] = {
            "detect": partial(backend.detect, fresh, [Query(name="cup")]),
            "mask": partial(backend.segment, fresh, [CUP]),
            "recolour": partial(backend.edit, fresh, [Restyle(id="cup #1", attributes=("blue",))], scene),
            "remove": partial(backend.edit, fresh, [Remove(id="spoon #1")], scene),
        }
        for name, call in parts.items():
            taken = _timed(call)
            if number:  # the first loads the networks
                rows.setdefault(name, []).append(taken)
    rows["command"] = [_timed(lambda: _command(image, preset)) for _ in range(2)]
    result: dict[str, float] = {}
    for name, times in rows.items():
        result[f"{name}_seconds"] = round(statistics.median(wall for wall, _ in times), 3)
        result[f"{name}_cpu"] = round(statistics.median(cpu for _, cpu in times), 3)
        result[f"{name}_bar"] = BARS[name]
    return result | {"load": round(os.getloadavg()[0], 2), "cores": float(os.cpu_count() or 1)}


def _timed(call: Callable[[], object]) -> tuple[float, float]:
    start, before = time.perf_counter(), _processor_seconds()
    call()
    return time.perf_counter() - start, _processor_seconds() - before


def _processor_seconds() -> float:
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in spent)


def _command(image: Image, preset: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "coffee.png"
        image.save(path)
        subprocess.run(
            [sys.executable, "-m", "sld", "edit", str(path), "remove the spoon", "--preset", preset, "--out",
             f"{folder}/run"],
            check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
