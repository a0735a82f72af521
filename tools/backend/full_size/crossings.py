"""Where a model on a device makes the host wait: every value that is read back, found on torch's `meta` device.

A tensor on `meta` has a shape and no values. Small ones that came from the host, and what is computed from these alone,
keep their values beside them, so that loops and sizes that hang on them are right; the rest reads back as a constant.
A tensor that was left on another device raises, as on a GPU.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_any, tree_flatten, tree_map
from torch.utils.weak import WeakTensorKeyDictionary

SMALL = 1 << 16  # elements of a tensor whose values are kept
CPU, META = torch.device("cpu"), torch.device("meta")
aten = torch.ops.aten
SIZED_BY_VALUES = (
    aten.nonzero.default,
    aten.masked_select.default,
    aten.repeat_interleave.Tensor,
    aten.unique_consecutive.default,
    aten._unique2.default,
)
TORCH = str(Path(torch.__file__).parent)


class Crossings(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch is not typed here
    """Lets a program run on `meta` and notes each read by the host: what it was, and the line that did it."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch is not typed here
        self.noted: Counter[tuple[str, str]] = Counter()
        self._values: WeakTensorKeyDictionary = WeakTensorKeyDictionary()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        first = args[0] if args and isinstance(args[0], torch.Tensor) else None
        if func is aten._local_scalar_dense.default and first is not None and first.is_meta:
            self._note("item")
            return self._value(first).item()
        if func is aten._to_copy.default and first is not None and first.is_meta and kwargs.get("device") == CPU:
            self._note("cpu")
            return func(self._value(first), **kwargs)
        if func is aten.copy_.default and first is not None and args[1].is_meta and not first.is_meta:
            self._note("cpu")
            return func(first, self._value(args[1]))
        if func is aten.equal.default and tree_any(_is_meta, args):
            self._note("equal")
            return bool(torch.equal(*(self._value(one) for one in args)))
        if _sized_by_values(func, args) and tree_any(_is_meta, args):
            self._note("size")
            found = func(*tree_map(self._as_value, args), **tree_map(_on_host, kwargs))
            return tree_map(lambda one: self._keep(one) if isinstance(one, torch.Tensor) else one, found)
        return self._run(func, args, kwargs)

    def _run(self, func: Any, args: Any, kwargs: Any) -> Any:
        """Do what is asked for, and the same with the values, where they are known."""
        leaves, _ = tree_flatten((args, kwargs))
        tensors = [leaf for leaf in leaves if isinstance(leaf, torch.Tensor)]
        result = func(*args, **kwargs)
        made, _ = tree_flatten(result)
        outputs = [one for one in made if isinstance(one, torch.Tensor) and one.is_meta]
        mutable = func._schema.is_mutable
        if not outputs and not mutable:
            return result
        known = all(not one.is_meta or one in self._values for one in tensors)
        random = torch.Tag.nondeterministic_seeded in func.tags
        if known and not random and all(one.numel() <= SMALL for one in [*tensors, *outputs]):
            values, _ = tree_flatten(
                func(*tree_map(self._as_value, args), **tree_map(self._as_value, tree_map(_on_host, kwargs)))
            )
            for one, value in zip(made, values, strict=True):
                if isinstance(one, torch.Tensor) and one.is_meta:
                    self._values[one] = value
        elif mutable and tensors and tensors[0] in self._values:
            del self._values[tensors[0]]
        return result

    def _keep(self, value: torch.Tensor) -> torch.Tensor:
        made = torch.empty_like(value, device=META)
        if value.numel() <= SMALL:
            self._values[made] = value
        return made

    def _as_value(self, one: Any) -> Any:
        return self._value(one) if isinstance(one, torch.Tensor) and one.is_meta else one

    def _value(self, tensor: torch.Tensor) -> torch.Tensor:
        """Return what is known of a tensor, or a constant: grey pictures, masks that hold everything."""
        if not tensor.is_meta:
            return tensor
        if tensor in self._values:
            known: torch.Tensor = self._values[tensor]
            return known
        fill: float | bool = {torch.bool: True, torch.uint8: 128}.get(
            tensor.dtype, 0.5 if tensor.is_floating_point() else 0
        )
        return torch.full(tensor.shape, fill, dtype=tensor.dtype)

    def _note(self, what: str) -> None:
        frame = sys._getframe(2)
        while frame.f_back is not None and frame.f_code.co_filename.startswith((TORCH, __file__)):
            frame = frame.f_back
        parts = Path(frame.f_code.co_filename).parts
        below = next((place for place, part in enumerate(parts) if part == "site-packages"), len(parts) - 4)
        self.noted[what, f"{'/'.join(parts[below + 1 :])}: {frame.f_code.co_name}"] += 1


class Literals(TorchFunctionMode):
    """Keeps the values of ``torch.tensor([...])`` on `meta`, and reads those in it: no dispatch mode sees either."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func is not torch.tensor:
            return func(*args, **kwargs)
        args = tree_map(lambda one: one.item() if _is_meta(one) else one, args)
        device = torch.device(kwargs.pop("device", None) or CPU)
        made: torch.Tensor = func(*args, **(kwargs | {"device": CPU if device.type == "meta" else device}))
        return made.to(META) if device.type == "meta" else made  # which keeps its values


def _sized_by_values(func: Any, args: Any) -> bool:
    """Return whether the shape of a result hangs on values."""
    if func is aten.index.Tensor:
        return any(one is not None and one.dtype == torch.bool for one in args[1])
    return func in SIZED_BY_VALUES


def _is_meta(one: Any) -> bool:
    return isinstance(one, torch.Tensor) and one.is_meta


def _on_host(one: Any) -> Any:
    return CPU if isinstance(one, torch.device) and one.type == "meta" else one
