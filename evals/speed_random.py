"""How fast a preset edits at full size, with weights at random: ``sld eval speed --preset NAME --random-weights``.

Speed does not hang on what the weights are, so nothing is downloaded. Without a GPU the work is only counted, on
torch's `meta` device.
"""

from __future__ import annotations

import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image

from tools.backend.full_size.backend import FullSizeBackend
from tools.backend.full_size.explain import EDITS, SCENE, SIDE, explain
from tools.backend.together import Together

if TYPE_CHECKING:
    from collections.abc import Callable

    from configs.settings import Settings

PEAKS = {"H100": 989.0, "H200": 989.0, "A100": 312.0, "L40S": 362.0, "RTX 4090": 165.0}
"""TFLOP a second of dense products in half precision, as the makers say, by what is in the device's name."""
AT_ONCE = 8


def count(settings: Settings) -> dict[str, float]:
    """Return the work of an edit of each kind: evaluations, TFLOP, and values that the host reads back.

    Flat result, for each kind K: ``K_model_evaluations``, ``K_tflop``, ``K_host_reads``; and ``weights_gb``, on the
    device at one time.

    Raises:
        BackendError: the preset's architecture is not among the data.
    """
    found = explain(settings)
    result: dict[str, float] = {}
    for kind, edit in found.edits.items():
        result[f"{kind}_model_evaluations"] = edit.cost.model_evaluations
        result[f"{kind}_tflop"] = edit.tflop
        result[f"{kind}_host_reads"] = sum(edit.crossings.values())
    return result | {"weights_gb": found.at_once_gb}


def run_random(
    settings: Settings,
    device: torch.device,
    *,
    repeats: int = 3,
    at_once: int = AT_ONCE,
    progress: Callable[[str, int, int], None] | None = None,
) -> dict[str, float]:
    """Edit pictures on ``device`` and measure, beside what `count` counts.

    Flat result, for each kind K: ``K_seconds`` (median), ``K_tflop_s``, ``K_peak_gb`` of memory; ``first_seconds``:
    from nothing loaded to the first picture; ``K_at_once_seconds``: of one of ``at_once`` edits at the same time, and
    ``K_at_once_tflop_s``. Where the device's peak is known, ``K_of_peak`` and ``K_at_once_of_peak``.
    """
    result = count(settings)
    side = getattr(settings.editor, "side", None) or SIDE
    pictures = [_picture(side, number) for number in range(at_once)]
    start = time.perf_counter()
    backend = FullSizeBackend(settings, device)
    backend.edit(pictures[0], EDITS["add"], SCENE)
    result["first_seconds"] = time.perf_counter() - start
    for done, (kind, operations) in enumerate(EDITS.items(), 1):
        seconds, peak = [], 0
        for number in range(repeats + 1):  # the first one warms up
            start = time.perf_counter()
            edited = backend.edit(pictures[number % at_once], operations, SCENE, seed=number)
            seconds.append(time.perf_counter() - start)
            peak = max(peak, edited.cost.peak_bytes)
        result[f"{kind}_seconds"] = statistics.median(seconds[1:])
        result[f"{kind}_peak_gb"] = peak / 1e9
        if progress:
            progress("one at a time", done, len(EDITS))
    del backend
    several = FullSizeBackend(settings, device, Together(at_once, rows=at_once))
    with ThreadPoolExecutor(at_once) as threads:
        for done, (kind, operations) in enumerate(EDITS.items(), 1):
            seconds = []
            for _ in range(2):
                start = time.perf_counter()
                list(threads.map(lambda image, todo=operations: several.edit(image, todo, SCENE), pictures))
                seconds.append(time.perf_counter() - start)
            result[f"{kind}_at_once_seconds"] = seconds[-1] / at_once
            if progress:
                progress(f"{at_once} at once", done, len(EDITS))
    return result | _rates(result, _peak(device))


def _rates(result: dict[str, float], peak: float | None) -> dict[str, float]:
    rates: dict[str, float] = {}
    for kind in EDITS:
        for way in ("", "at_once_"):
            rate = result[f"{kind}_tflop"] / result[f"{kind}_{way}seconds"]
            rates[f"{kind}_{way}tflop_s"] = rate
            if peak:
                rates[f"{kind}_{way}of_peak"] = rate / peak
    return rates


def _peak(device: torch.device) -> float | None:
    if device.type != "cuda":
        return None
    name = torch.cuda.get_device_name(device)
    return next((peak for known, peak in PEAKS.items() if known in name), None)


def _picture(side: int, seed: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 255, (side, side, 3), dtype=np.uint8))
