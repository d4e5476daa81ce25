"""Independent work on several threads, with results in order and the same bytes as on one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from threadpoolctl import threadpool_info, threadpool_limits

from pcbm.ordered import submitted

AHEAD = 2  # items per thread that are begun before their turn

Item = TypeVar("Item")
Answer = TypeVar("Answer")


def in_order(
    function: Callable[[Item], Answer], items: Iterable[Item], threads: int | None = None
) -> Iterator[Answer]:
    """Yield ``function(item)`` for each item, in order, computed on several threads.

    Products inside run on one thread each, whatever ``threads`` is, because a product divided
    among threads may differ in its last bits.

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
        with ThreadPoolExecutor(count) as pool:
            yield from submitted(pool, function, items, AHEAD * count)


def _blas() -> list[dict]:
    return [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
