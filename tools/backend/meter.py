"""What a model spent and warned of since it was last asked."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tools.backend.protocol import Cost

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch


class Tally(threading.local):
    """A number that each thread counts for itself."""

    count = 0


class _Spent(threading.local):
    """What one thread has spent: calls that run at the same time share the model, and each pays for itself."""

    def __init__(self) -> None:
        self.cost, self.warnings = Cost(), dict[str, None]()


class Meter:
    """Base of models that count what they do on their device; None for those that know none, and need no torch."""

    def __init__(self, device: torch.device | None = None) -> None:
        self.device = device
        self._spent = _Spent()

    def collect(self) -> tuple[Cost, tuple[str, ...]]:
        """Return what was spent and warned about since the last call, and start anew."""
        cost, warnings = self._spent.cost, tuple(self._spent.warnings)
        if self.device is not None:
            from tools.backend.device_memory import peak_bytes

            cost = replace(cost, peak_bytes=peak_bytes(self.device))
        self._spent.cost, self._spent.warnings = Cost(), {}
        return cost, warnings

    def spend(self, **counts: Any) -> None:
        """Add to the fields of the `Cost`."""
        self._spent.cost += Cost(**counts)

    def warn(self, message: str | None) -> None:
        """Keep a warning for `collect`, once."""
        if message:
            self._spent.warnings[message] = None

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Count the wall time of the block under ``name``."""
        start = time.perf_counter()
        try:
            yield
        finally:
            if self.device is not None and self.device.type == "cuda":
                import torch

                torch.cuda.synchronize(self.device)
            self.spend(seconds={name: time.perf_counter() - start})
