"""Device memory: what to do when it runs out, and how much was used."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import torch

from tools.backend.protocol import BackendError
from tools.backend.together import Compute, Directly

if TYPE_CHECKING:
    from collections.abc import Callable

OutOfMemory = torch.OutOfMemoryError


def free(device: torch.device) -> None:
    """Give cached memory of the device back."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def begin_peak(device: torch.device) -> None:
    """Begin to measure `peak_bytes` anew."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def peak_bytes(device: torch.device) -> int:
    """Return the most memory tensors held on the device since `begin_peak`; 0 where unknown."""
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else 0


class Batcher:
    """Runs a function over a batch, in smaller pieces when the device's memory does not hold it.

    Out of memory: free caches and halve the piece; at a single sample call ``offload`` once (it moves
    other models away and returns whether it did); then give up with a clear error. The size found is
    kept for later calls.
    """

    def __init__(self, device: torch.device, offload: Callable[[], bool] = lambda: False) -> None:
        self.device = device
        self.offload = offload
        self.largest: int | None = None
        self.compute: Compute = Directly()

    def __call__(self, kind: str, function: Callable[..., torch.Tensor], *batches: torch.Tensor) -> torch.Tensor:
        """Return ``function(*batches)``; every batch and the result have the same first dimension.

        Functions of one ``kind`` do the same to rows of one shape (`tools.backend.together.Compute`).

        Raises:
            BackendError: a single sample does not fit either.
        """
        total = len(batches[0])
        while True:
            size = min(total, self.largest or total)
            try:
                pieces = [
                    self.compute(kind, function, *(batch[start : start + size] for batch in batches))
                    for start in range(0, total, size)
                ]
                return pieces[0] if len(pieces) == 1 else torch.cat(pieces)
            except OutOfMemory:
                pass  # handled below, after the exception has let go of its tensors
            free(self.device)
            if size > 1:
                self.largest = (size + 1) // 2
            elif not self.offload():
                raise BackendError(
                    f"{self.device} is out of memory for a single sample; use a smaller picture, "
                    "dtype float16, offload: true, or device cpu in the preset"
                )
