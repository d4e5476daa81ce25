"""Work shared among threads, with its results in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from typing import TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")


def submitted(
    executor: Executor, work: Callable[[Item], Answer], items: Iterable[Item], ahead: int
) -> Iterator[Answer]:
    """Yield ``work(item)`` for each item, in the order of the items whoever does the work.

    What is summed in this order has the same bytes on any number of threads. At most ``ahead``
    items are begun before their turn, which bounds memory; where the caller stops early, those
    not begun are dropped.
    """
    begun: deque[Future[Answer]] = deque()
    try:
        for item in items:
            begun.append(executor.submit(work, item))
            if len(begun) > ahead:
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()
    finally:
        for future in begun:
            future.cancel()
