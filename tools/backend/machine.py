"""What this machine has for models to run on."""

from __future__ import annotations

from importlib.util import find_spec

GIB = 2**30


def gpu_gb() -> float | None:
    """Return the memory of the device that models run on, in GiB; None where that is a processor or unknown."""
    if find_spec("torch") is None:
        return None
    import torch

    if torch.cuda.is_available():
        return torch.cuda.get_device_properties(0).total_memory / GIB
    if torch.backends.mps.is_available():
        return torch.mps.recommended_max_memory() / GIB
    return None
