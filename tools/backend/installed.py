"""Whether optional libraries that others pick up by themselves fit together."""

from __future__ import annotations

import warnings
from importlib.util import find_spec


def torchvision_problem() -> str | None:
    """Return why the installed torchvision cannot be imported; None where it can, or is not installed.

    transformers uses it for every image processor where it is installed, so one built for another torch breaks all
    of them.
    """
    if find_spec("torchvision") is None:
        return None
    try:
        with warnings.catch_warnings(action="ignore"):
            import torchvision  # type: ignore[import-not-found]  # noqa: F401 - optional, and seldom installed
    except Exception as error:  # noqa: BLE001 - a compiled library that does not fit fails in many ways
        return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
    return None


TORCHVISION_ADVICE = (
    "it was built for another torch: install the torchvision of the same build (CPU or CUDA) as torch, or "
    "`pip uninstall torchvision`, which only segmenter.kind 'segment-anything' needs"
)
