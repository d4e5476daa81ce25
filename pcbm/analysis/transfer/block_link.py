"""Whether two series along training go together, without taking neighbours for independent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import permutations as orders
from math import ceil, sqrt
from typing import Any

import numpy as np
from scipy.stats import rankdata

from pcbm.errors import InputError

EXACT_BLOCKS = 7  # up to so many, all orders are counted: 5,040
ROUNDING = 1e-12
FEWEST_CHECKPOINTS = 4
CAUTION = (
    "the published link of the spread of forgetting over layers with robust accuracy was the best "
    "of 352 hypotheses and did not hold for Adam: choose layers and block beforehand, and take the "
    "link of one run for an exploration"
)
USUAL_LEVEL = 0.05


@dataclass(frozen=True)
class Link:
    """A rank correlation of two series over checkpoints, and its p value by block permutation.

    Attributes
    ----------
    rho : float or None
        Spearman's; None where a series is constant.
    p_value : float or None
        Two-sided; None where `reason` says why.
    smallest_p : float
        What no arrangement of the blocks can go below.
    checkpoints, block, blocks : int
        Values, neighbours that stay together, and groups of them.
    permutations : int
        Orders that were compared.
    exact : bool
        All orders, not a sample of them.
    reason : str or None
    """

    rho: float | None
    p_value: float | None
    smallest_p: float
    checkpoints: int
    block: int
    blocks: int
    permutations: int
    exact: bool
    reason: str | None = None

    def data(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return asdict(self)


def link(
    series: np.ndarray,
    other: np.ndarray,
    *,
    block: int | None = None,
    permutations: int = 9_999,
    seed: int = 0,
) -> Link:
    """Correlate two series along training, such as the spread of forgetting and an accuracy.

    Neighbouring checkpoints are alike, so that shuffling single ones makes any two trends look
    related. Here runs of neighbours keep together and only their order is shuffled. All orders
    are compared where there are at most 5,040, else so many drawn ones.

    Parameters
    ----------
    series, other : ndarray (T,)
        In the order of training.
    block : int, optional
        Neighbours that stay together; default the root of T, rounded up.
    permutations : int
        Drawn orders, where not all are taken.
    seed : int

    Raises
    ------
    InputError
        Different lengths, fewer than 4 checkpoints, or a block that is no part of them.
    """
    series, other = np.asarray(series, dtype=float), np.asarray(other, dtype=float)
    n = len(series)
    if len(other) != n:
        raise InputError(f"{n} values stand beside {len(other)}: give one for each checkpoint")
    if n < FEWEST_CHECKPOINTS:
        raise InputError(
            f"{n} checkpoints were given, expected at least {FEWEST_CHECKPOINTS} to link two series"
        )
    block = ceil(sqrt(n)) if block is None else block
    if not 1 <= block <= n:
        raise InputError(f"blocks of {block} were asked for, expected 1 to {n} checkpoints")
    parts = [np.arange(at, min(at + block, n)) for at in range(0, n, block)]
    exact = len(parts) <= EXACT_BLOCKS
    tried = list(_all(parts) if exact else _drawn(parts, permutations, seed))
    count = len(tried) + (0 if exact else 1)  # drawn orders do not hold the given one
    shape = (1 / count, n, block, len(parts), len(tried), exact)
    if not (np.isfinite(series).all() and np.isfinite(other).all()):
        return Link(None, None, *shape, "a checkpoint has no value")
    if np.ptp(series) == 0 or np.ptp(other) == 0:
        return Link(None, None, *shape, "one of the series is constant")
    a, b = _unit_ranks(series), _unit_ranks(other)
    rho = float(a @ b)
    at_least = int((np.abs(a[np.stack(tried)] @ b) >= abs(rho) - ROUNDING).sum())
    p_value = (at_least + (0 if exact else 1)) / count
    reason = None
    if 1 / count > USUAL_LEVEL:
        reason = (
            f"{n} checkpoints in {len(parts)} blocks of up to {block} have {count} orders, so no p "
            f"value below {1 / count:.2g} is possible: use more checkpoints"
        )
    return Link(rho, None if reason else p_value, *shape, reason)


def _unit_ranks(values: np.ndarray) -> np.ndarray:
    """Return ranks, centred and of length 1: their inner products are Spearman's rho."""
    ranks = rankdata(values) - (len(values) + 1) / 2
    return ranks / np.linalg.norm(ranks)


def _all(parts: list[np.ndarray]) -> Iterator[np.ndarray]:
    return (np.concatenate(order) for order in orders(parts))


def _drawn(parts: list[np.ndarray], count: int, seed: int) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(seed)
    return (np.concatenate([parts[i] for i in rng.permutation(len(parts))]) for _ in range(count))
