"""Calls of several conversations on one set of models, at once: what lies inside the models, and only that.

Around the models (schedules, masks, pictures) one call runs at a time and holds the `Baton`. Where a model computes,
the call lets the baton go and waits for its rows. Rows that wait are computed first come, first served, in one of two
ways:

* side by side (``rows`` 0): each call's rows as they are, on as many threads as there are slots. Nothing but time
  differs from a call that is alone. For a processor, where a larger batch is hardly quicker.
* as one (``rows`` n): rows of one shape from several calls, always exactly n of them, the last repeated where there
  are fewer: what a row gives depends on the shape of its batch, so it does not depend on who else is there. For a GPU.
"""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    import torch

    Function = Callable[..., torch.Tensor]

MOST_NOTED = 10_000  # sizes of batches: those of a minute or more between two looks


class Compute(Protocol):
    """How a model's function is run over a batch; every tensor has its first dimension in common, the result too."""

    def __call__(self, kind: str, function: Function, *batches: torch.Tensor) -> torch.Tensor:
        """Return ``function(*batches)``; functions of one ``kind`` and model do the same to rows of one shape."""
        ...

    def alone(self) -> AbstractContextManager[None]:
        """Have nothing else computed for the time of the block, for what changes a model for a while."""
        ...


class Directly:
    """Computes at once: there is one call at a time."""

    def __call__(self, kind: str, function: Function, *batches: torch.Tensor) -> torch.Tensor:
        """Call the function."""
        return function(*batches)

    def alone(self) -> AbstractContextManager[None]:
        """Nothing else is."""
        return nullcontext()


class Baton:
    """A lock that its thread may take again, and let go of for a while however often it took it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holder: int | None = None
        self._depth = 0

    def __enter__(self) -> None:
        if self._holder != threading.get_ident():
            self._lock.acquire()
            self._holder = threading.get_ident()
        self._depth += 1

    def __exit__(self, *error: object) -> None:
        self._depth -= 1
        if not self._depth:
            self._holder = None
            self._lock.release()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Let others have it for the time of the block."""
        depth, self._depth, self._holder = self._depth, 0, None
        self._lock.release()
        try:
            yield
        finally:
            self._lock.acquire()
            self._depth, self._holder = depth, threading.get_ident()


@dataclass
class _Wanted:
    """Rows that wait to be computed."""

    key: tuple[Any, ...]
    function: Function
    batches: tuple[torch.Tensor, ...]
    result: Future[torch.Tensor] = field(default_factory=Future)

    def __len__(self) -> int:
        return len(self.batches[0])


class Together:
    """Computes for the threads that share a `Baton`; see the module."""

    def __init__(self, calls: int, slots: int = 1, rows: int = 0) -> None:
        """Let ``calls`` run at a time, the models on ``slots`` threads, ``rows`` as one (0: side by side)."""
        self.baton = Baton()
        self.calls, self.rows = calls, rows
        self.batches: deque[int] = deque(maxlen=MOST_NOTED)
        """How many rows were wanted of each computation, the newest last; who counts them takes them out."""
        self._threads = ThreadPoolExecutor(slots, "compute")
        self._line: deque[_Wanted] = deque()
        self._change = threading.Condition()
        self._open = 0  # rows that are wanted and not computed yet, in calls
        self._alone: int | None = None

    def __call__(self, kind: str, function: Function, *batches: torch.Tensor) -> torch.Tensor:
        """Compute with whoever else waits; the baton is held before and after."""
        if self._alone == threading.get_ident():
            return function(*batches)
        shapes = tuple((tuple(batch.shape[1:]), batch.dtype, batch.device) for batch in batches)
        wanted = _Wanted((kind, *shapes), function, batches)
        with self._change:
            self._line.append(wanted)
            self._open += 1
        self._threads.submit(self._compute_next)
        with self.baton.aside():
            return wanted.result.result()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Wait until all rows are computed; as the baton is held, no others come."""
        if self._alone == threading.get_ident():
            yield
            return
        with self._change:
            self._change.wait_for(lambda: not self._open)
        self._alone = threading.get_ident()
        try:
            yield
        finally:
            self._alone = None

    def _compute_next(self) -> None:
        taken = self._take()
        if not taken:
            return  # computed with those before
        try:
            outputs = self._computed(taken)
        except BaseException as error:  # noqa: BLE001 - whoever waits gets it
            for wanted in taken:
                wanted.result.set_exception(error)
        else:
            for wanted, output in zip(taken, outputs, strict=True):
                wanted.result.set_result(output)
        finally:
            with self._change:
                self._open -= len(taken)
                self._change.notify_all()

    def _take(self) -> list[_Wanted]:
        """Take the first in the line, and those after it that can be computed with it while there is room."""
        with self._change:
            if not self._line:
                return []
            taken = [self._line.popleft()]
            room = self.rows - len(taken[0])
            for wanted in [*self._line]:
                if wanted.key == taken[0].key and len(wanted) <= room:
                    self._line.remove(wanted)
                    taken.append(wanted)
                    room -= len(wanted)
            self.batches.append(sum(map(len, taken)))
            return taken

    def _computed(self, taken: list[_Wanted]) -> list[torch.Tensor]:
        import torch

        with torch.no_grad():  # a thread's own
            if not self.rows:
                return [taken[0].function(*taken[0].batches)]
            joined = [torch.cat(same) for same in zip(*(wanted.batches for wanted in taken), strict=True)]
            pieces = [
                taken[0].function(*(_filled(batch[start : start + self.rows], self.rows) for batch in joined))
                for start in range(0, len(joined[0]), self.rows)
            ]
            output = torch.cat(pieces)[: len(joined[0])]
        return list(torch.split(output, [len(wanted) for wanted in taken]))


def _filled(batch: torch.Tensor, rows: int) -> torch.Tensor:
    """Return a batch of exactly ``rows``: its last one again and again."""
    import torch

    return batch if len(batch) == rows else torch.cat([batch, batch[-1:].expand(rows - len(batch), *batch.shape[1:])])
