"""Which fold a row belongs to, told from its number alone, so that streams agree with tables."""

from __future__ import annotations

import numpy as np

_MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
_STEP = np.uint64(0x9E3779B97F4A7C15)


def fold_of(rows: np.ndarray, folds: int, seed: int = 0) -> np.ndarray:
    """Return the fold, 0 to ``folds`` - 1, of rows given by their numbers.

    Of every ``folds`` consecutive rows each goes to another fold, in an order drawn by the seed.
    """
    numbers = np.asarray(rows, dtype=np.int64)
    groups, place = np.divmod(numbers, folds)
    members = (groups[:, None] * folds + np.arange(folds)).astype(np.uint64)
    order = np.argsort(np.argsort(_hashed(members, seed), axis=1), axis=1)
    return order[np.arange(len(numbers)), place]


def _hashed(numbers: np.ndarray, seed: int) -> np.ndarray:
    """Mix bits as SplitMix64 does (Steele, Lea, Flood 2014)."""
    start = np.uint64((seed * 0x632BE59BD9B4E019 + 1) % 2**64)
    with np.errstate(over="ignore"):
        z = start + numbers * _STEP
        z = (z ^ (z >> np.uint64(30))) * _MIX[0]
        z = (z ^ (z >> np.uint64(27))) * _MIX[1]
        return z ^ (z >> np.uint64(31))
