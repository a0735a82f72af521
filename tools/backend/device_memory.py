"""Device memory: what to do when it runs out, and how much was used."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import torch

from tools.backend.protocol import BackendError
from tools.backend.together import Compute, Directly

if TYPE_CHECKING:
    from collections.abc import Callable

SAYS_SO = ("out of memory", "can't allocate memory", "not enough memory")  # CUDA and MPS, and the CPU's allocators


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error means that a device's memory does not suffice; only CUDA has a class for it."""
    return isinstance(error, torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and any(words in str(error) for words in SAYS_SO)
    )


def too_little(device: torch.device | str, what: str) -> str:
    """Say that the memory of a device does not hold something, and what can be set."""
    return (
        f"{device} is out of memory for {what}: set dtype=float16 and offload=true for the parts of the preset "
        "(--preset gligen-sd14-8gb has them), give a smaller picture, or set device=cpu"
    )


def free(device: torch.device) -> None:
    """Give cached memory of the device back."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()


def begin_peak(device: torch.device) -> None:
    """Begin to measure `peak_bytes` anew."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def peak_bytes(device: torch.device) -> int:
    """Return the most memory tensors held on the device since `begin_peak`; 0 where unknown."""
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else 0


class Master:
    """A model's weights in main memory, pinned, from which they are brought to a device and dropped there again.

    Weights are only read, so nothing has to come back: leaving a device costs no copying.
    """

    def __init__(self, model: torch.nn.Module) -> None:
        pin = torch.cuda.is_available()
        kept = ((tensor, tensor.data.to("cpu")) for tensor in (*model.parameters(), *model.buffers()))
        self.tensors = [(tensor, copy.pin_memory() if pin else copy) for tensor, copy in kept]

    def place(self, device: torch.device) -> None:
        """Have the model's weights on ``device``."""
        for tensor, kept in self.tensors:
            tensor.data = kept if device.type == "cpu" else kept.to(device, non_blocking=True)


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
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                # handled below, after the exception has let go of its tensors
            free(self.device)
            if size > 1:
                self.largest = (size + 1) // 2
            elif not self.offload():
                raise BackendError(too_little(self.device, "a single sample"))
