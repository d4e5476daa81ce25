"""Independent work on several threads, with results in order and the same bytes as on one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from threadpoolctl import threadpool_info, threadpool_limits

Item = TypeVar("Item")
Answer = TypeVar("Answer")


def in_order(
    function: Callable[[Item], Answer], items: Iterable[Item], threads: int | None = None
) -> Iterator[Answer]:
    """Yield ``function(item)`` for each item, in order, computed on several threads.

    Products inside run on one thread each, whatever ``threads`` is, because a product divided
    among threads may differ in its last bits. At most twice as many items as threads are taken
    ahead of what was yielded.

    Parameters
    ----------
    function : callable
    items : iterable
    threads : int, optional
        By default as many as the linear algebra of this process may use: the cores it may run on,
        or what ``OMP_NUM_THREADS`` says.
    """
    count = threads or max((pool["num_threads"] for pool in _blas()), default=1)
    with threadpool_limits(limits=1, user_api="blas"):
        if count == 1:
            yield from map(function, items)
            return
        waiting: deque[Future[Answer]] = deque()
        with ThreadPoolExecutor(count) as pool:
            try:
                for item in items:
                    waiting.append(pool.submit(function, item))
                    if len(waiting) > 2 * count:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()


def _blas() -> list[dict]:
    return [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
