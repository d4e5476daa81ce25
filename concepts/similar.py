"""Which directions of a bank are nearly the same line."""

from __future__ import annotations

import numpy as np

_BLOCK = 1024


def similar_pairs(
    vectors: np.ndarray, threshold: float, *, signed: bool = True
) -> list[tuple[int, int]]:
    """Return the pairs (i, j), i < j, whose cosine is at least ``threshold``, in order.

    With ``signed=False`` opposite directions count too (the absolute cosine is compared).
    """
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    pairs = []
    for start in range(0, len(units), _BLOCK):
        block = units[start : start + _BLOCK]
        cosines = block @ units[start:].T
        if not signed:
            cosines = np.abs(cosines)
        left, right = np.nonzero(np.triu(cosines >= threshold, k=1))
        pairs += [(start + int(i), start + int(j)) for i, j in zip(left, right, strict=True)]
    return pairs
