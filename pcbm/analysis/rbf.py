"""CKA with Gaussian kernels, a block of rows at a time."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from pcbm.analysis.cka import ROUNDING, ratio
from pcbm.analysis.products import BLOCK_VALUES, blocks
from pcbm.analysis.result import RIGID, SYMMETRIC, Comparison
from pcbm.analysis.sides import two_sides
from pcbm.errors import InputError


def rbf_cka(X: ArrayLike, Y: ArrayLike, fraction: float = 1.0) -> Comparison:
    """Compare two sides by CKA with kernels ``exp(-|a - b|^2 / (2 sigma^2))``.

    ``sigma`` is ``fraction`` times the median distance between the rows of the side, so that the
    value does not see a common factor. The estimator of HSIC is the biased one.

    Parameters
    ----------
    X, Y : array-like, shapes (n, p) and (n, q)
        The same rows in the same order. Needs memory for n (n - 1) / 2 distances.
    fraction : float
        Above 0.

    References
    ----------
    Kornblith, Norouzi, Lee, Hinton, ICML 2019, section 3 and table 2.
    """
    if fraction <= 0:
        raise InputError(f"the fraction of RBF CKA was given as {fraction}: it is above 0")
    A, B = two_sides(X, Y, "RBF CKA")
    sigmas = [fraction * median_distance(M) for M in (A, B)]
    value, reason = None, None
    for name, sigma in zip(("first", "second"), sigmas, strict=True):
        if sigma == 0:
            reason = f"more than half of the pairs of rows of the {name} side are equal"
    if reason is None:
        both, one, other = _hsic(A, B, *sigmas)
        value, reason = ratio(both, one, other, ROUNDING * np.array([one, other]))
    return Comparison(
        metric="cka_rbf",
        value=value,
        kind="similarity",
        direction=SYMMETRIC,
        invariances=RIGID,
        n=len(A),
        reason=reason,
        details={"fraction": fraction, "sigma": sigmas},
    )


def median_distance(A: np.ndarray) -> float:
    """Return the median Euclidean distance between different rows of ``A`` (n, d)."""
    n, filled = len(A), 0
    pairs = np.empty(n * (n - 1) // 2)
    for part in blocks(n, max(1, BLOCK_VALUES // n)):
        block = squared_distances(A, part)
        for row, values in zip(range(part.start, part.stop), block, strict=True):
            pairs[filled : filled + n - 1 - row] = values[row + 1 :]
            filled += n - 1 - row
    return float(np.sqrt(np.median(pairs, overwrite_input=True)))


def squared_distances(A: np.ndarray, part: slice) -> np.ndarray:
    """Return the squared distances of the rows ``part`` to all rows; each to itself is zero."""
    squares = np.einsum("ij,ij->i", A, A)
    found = squares[part, None] + squares - 2 * (A[part] @ A.T)
    np.maximum(found, 0.0, out=found)
    found[np.arange(len(found)), np.arange(part.start, part.stop)] = 0.0
    return found


def _hsic(
    A: np.ndarray, B: np.ndarray, sigma_a: float, sigma_b: float
) -> tuple[float, float, float]:
    """Return ``tr(K H L H)``, ``tr(K H K H)`` and ``tr(L H L H)``."""
    n = len(A)
    sums = np.zeros(3)
    rows = np.empty((2, n))
    for part in blocks(n, max(1, BLOCK_VALUES // n)):
        K = np.exp(squared_distances(A, part) / (-2 * sigma_a**2))
        L = np.exp(squared_distances(B, part) / (-2 * sigma_b**2))
        sums += np.vdot(K, L), np.vdot(K, K), np.vdot(L, L)
        rows[:, part] = K.sum(axis=1), L.sum(axis=1)
    r, s = rows
    crossed = np.array([r @ s, r @ r, s @ s])
    totals = np.array([r.sum() * s.sum(), r.sum() ** 2, s.sum() ** 2])
    both, one, other = sums - 2 / n * crossed + totals / n**2
    return float(both), float(one), float(other)
