"""Which rows each step of a training sees."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor


def batches(n: int, size: int, steps: int, seed: int) -> Iterator[Tensor]:
    """Yield the rows of each step, (min(size, n),): random orders of all rows, end to end.

    Every batch is full; one may begin in one order and end in the next.
    """
    generator = torch.Generator().manual_seed(seed)
    size = min(size, n)
    left = torch.empty(0, dtype=torch.int64)
    for _ in range(steps):
        if len(left) < size:
            left = torch.cat([left, torch.randperm(n, generator=generator)])
        yield left[:size]
        left = left[size:]
