"""How many threads the products of a fit may use."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from threadpoolctl import threadpool_limits

SMALL_PRODUCT = 2e7  # multiplications; below it several threads cost more than they bring


def threads_for(n: int, rows: int, width: int) -> AbstractContextManager:
    """Return a context in which products of (rows, width) by (width, n) run on fitting threads.

    A path makes thousands of small products. On one thread they take microseconds; handing them to
    a pool takes longer, and on a busy machine its spinning threads slow each other many times over.
    """
    return threadpool_limits(limits=1) if n * rows * width < SMALL_PRODUCT else nullcontext()
