"""Overlap of nearest neighbours: whether two sides put the same rows close together."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from pcbm.analysis.products import BLOCK_VALUES, blocks
from pcbm.analysis.result import ISOTROPIC, ORTHOGONAL, RIGID, SYMMETRIC, Comparison
from pcbm.analysis.sides import side, two_sides
from pcbm.errors import InputError


def knn_overlap(X: ArrayLike, Y: ArrayLike, k: int = 10, centre: bool = True) -> Comparison:
    """Compare two sides by the share of common neighbours, a mean over rows.

    The neighbours of a row are the ``k`` other rows of largest cosine; of equally near ones those
    that come first in the data.

    Parameters
    ----------
    X, Y : array-like, shapes (n, p) and (n, q)
        The same rows in the same order.
    k : int
        At least 1, below n - 1.
    centre : bool
        Subtract the mean of each column first, as for all comparisons here.

    Returns
    -------
    Comparison
        In [0, 1]; `details` holds the overlap of unrelated sides, ``k / (n - 1)``, as ``chance``.

    References
    ----------
    Huh, Cheung, Wang, Isola, "The Platonic representation hypothesis", ICML 2024, section 2.
    """
    if k < 1:
        raise InputError(f"the neighbours were given as {k}: it is at least 1")
    A, B = two_sides(X, Y, "the overlap of neighbours")
    if not centre:
        A, B = side(X, "the overlap of neighbours"), side(Y, "the overlap of neighbours")
    n = len(A)
    value, reason = None, None
    for name, M in (("first", A), ("second", B)):
        if not np.ptp(M, axis=0).any():
            reason = f"the {name} side is constant"
    if k >= n - 1:
        reason = f"all {n - 1} other rows are among {k} neighbours: use more rows"
    if reason is None:
        A, B = _unit(A), _unit(B)
        shared = 0
        for part in blocks(n, max(1, BLOCK_VALUES // n)):
            shared += int((_nearest(A, part, k) & _nearest(B, part, k)).sum())
        value = shared / (n * k)
    return Comparison(
        metric="knn",
        value=value,
        kind="similarity",
        direction=SYMMETRIC,
        invariances=RIGID if centre else (ORTHOGONAL, ISOTROPIC),
        n=n,
        reason=reason,
        details={"k": k, "chance": min(1.0, k / (n - 1))},
    )


def _unit(A: np.ndarray) -> np.ndarray:
    """Return rows of unit norm; a row of zeros stays, with cosine 0 to all."""
    norms = np.linalg.norm(A, axis=1, keepdims=True)
    return A / np.where(norms > 0, norms, 1.0)


def _nearest(A: np.ndarray, part: slice, k: int) -> np.ndarray:
    """Return which rows are among the k nearest of each row of ``part``: a (len, n) mask."""
    cosines = A[part] @ A.T
    cosines[np.arange(len(cosines)), np.arange(part.start, part.stop)] = -np.inf
    last = np.partition(cosines, -k, axis=1)[:, -k, None]
    chosen = cosines >= last
    for row in np.flatnonzero(chosen.sum(axis=1) > k):  # several are level with the last one
        level = np.flatnonzero(cosines[row] == last[row])
        chosen[row, level[k - chosen[row].sum() :]] = False
    return chosen
