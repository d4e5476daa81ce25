"""Inner products of linear kernels without more memory than a block of them.

For centred ``A`` (n, p) and ``B`` (n, q), ``<A A', B B'> = ||A' B||_F^2``: the left is the Gram
side, n x n and cheap for few rows; the right the feature side, p x q and cheap for few columns.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

BLOCK_VALUES = 1 << 22  # 32 MiB of float64


def kernel_products(A: np.ndarray, B: np.ndarray) -> tuple[float, float, float]:
    """Return ``<K, L>``, ``<K, K>`` and ``<L, L>`` for ``K = A A'`` and ``L = B B'``."""
    if gram_is_cheaper(len(A), A.shape[1], B.shape[1]):
        return _gram_side(A, B)
    return feature_product(A, B), feature_product(A, A), feature_product(B, B)


def gram_is_cheaper(n: int, p: int, q: int) -> bool:
    """Tell whether n x n matrices need fewer multiplications than p x q, p x p and q x q ones."""
    return n * (p + q + 3) < p * q + p * p + q * q


def feature_product(A: np.ndarray, B: np.ndarray) -> float:
    """Return ``||A' B||_F^2``, a block of A's columns at a time."""
    return float(
        sum(
            _squares(A[:, part].T @ B)
            for part in blocks(A.shape[1], max(1, BLOCK_VALUES // B.shape[1]))
        )
    )


def _gram_side(A: np.ndarray, B: np.ndarray) -> tuple[float, float, float]:
    both = one = other = 0.0
    for part in blocks(len(A), max(1, BLOCK_VALUES // len(A))):
        K, L = A[part] @ A.T, B[part] @ B.T
        both += float(np.vdot(K, L))
        one += _squares(K)
        other += _squares(L)
    return both, one, other


def blocks(stop: int, size: int) -> Iterator[slice]:
    """Divide 0 ... stop into slices of at most ``size``."""
    return (slice(at, min(at + size, stop)) for at in range(0, stop, size))


def _squares(M: np.ndarray) -> float:
    return float(np.vdot(M, M))
