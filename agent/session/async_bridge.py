"""Running a blocking iterator beside an event loop: the work (a GPU's, a database's) stays in one thread."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

T = TypeVar("T")


async def in_thread(items: Iterator[T]) -> AsyncIterator[T]:
    """Yield the items of a blocking iterator; all of it runs in one thread of its own.

    Whoever stops listening stops the work at the next item.
    """
    loop, queue = asyncio.get_running_loop(), asyncio.Queue[tuple[T | None, BaseException | None]]()
    stopped = False

    def work() -> None:
        error: BaseException | None = None
        try:
            for item in items:
                loop.call_soon_threadsafe(queue.put_nowait, (item, None))
                if stopped:
                    break
        except BaseException as problem:  # noqa: BLE001 - it is raised again where the items are awaited
            error = problem
        finally:
            close = getattr(items, "close", None)
            if close is not None and stopped:
                close()
        loop.call_soon_threadsafe(queue.put_nowait, (None, error or StopAsyncIteration()))

    with ThreadPoolExecutor(1) as pool:
        working = loop.run_in_executor(pool, work)
        try:
            while True:
                item, error = await queue.get()
                if isinstance(error, StopAsyncIteration):
                    break
                if error is not None:
                    raise error
                assert item is not None
                yield item
        finally:
            stopped = True
            await working
