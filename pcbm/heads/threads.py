"""How many threads a fit uses, and work shared among them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import TypeVar

from threadpoolctl import ThreadpoolController, threadpool_limits

from pcbm.ordered import submitted

SMALL_PRODUCT = 2e7  # multiplications; below it several threads cost more than they bring
AHEAD = 2  # pieces of work per thread that are begun before their turn, which bounds memory

T = TypeVar("T")
R = TypeVar("R")


def threads_for(n: int, rows: int, width: int) -> AbstractContextManager:
    """Return a context in which products of (rows, width) by (width, n) run on fitting threads.

    A path makes thousands of small products. On one thread they take microseconds; handing them to
    a pool takes longer, and on a busy machine its spinning threads slow each other many times over.
    """
    return threadpool_limits(limits=1) if n * rows * width < SMALL_PRODUCT else nullcontext()


_team: ContextVar[tuple[ThreadPoolExecutor, int] | None] = ContextVar("team", default=None)


@contextmanager
def team(n: int, rows: int, width: int) -> Iterator[None]:
    """Open a context in which `in_order` shares its work among threads, if the data are large.

    Each thread runs its products alone: inside, the pools of BLAS and OpenMP have one thread. The
    team has as many as they were allowed to have (``OMP_NUM_THREADS``, threadpoolctl), at most
    the cores of this process.
    """
    pools = ThreadpoolController()
    count = min([cores(), *(pool["num_threads"] for pool in pools.info())])
    with pools.limit(limits=1):
        if count == 1 or n * rows * width < SMALL_PRODUCT or _team.get() is not None:
            yield
            return
        with ThreadPoolExecutor(count, thread_name_prefix="pcbm") as executor:
            token = _team.set((executor, count))
            try:
                yield
            finally:
                _team.reset(token)


def cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def in_order(work: Callable[[T], R], pieces: Iterable[T]) -> Iterator[R]:
    """Yield ``work(piece)`` for each piece, in their order, shared among the threads of a `team`.

    Outside a team, and in its threads, the caller does the work.
    """
    current = _team.get()
    if current is None:
        yield from map(work, pieces)
        return
    executor, count = current
    yield from submitted(executor, work, pieces, AHEAD * count)
