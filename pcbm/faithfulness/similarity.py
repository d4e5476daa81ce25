"""Linear centred kernel alignment of two representations of the same rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from pcbm.errors import InputError


def linear_cka(X: ArrayLike, Y: ArrayLike, *, debiased: bool = False) -> float:
    """Return the linear CKA of ``X`` (n, p) and ``Y`` (n, q), rows aligned.

    ``||Xc' Yc||_F^2 / (||Xc' Xc||_F ||Yc' Yc||_F)`` with centred columns, in double precision. In
    [0, 1]; 1 for an orthogonal map and a common factor, not for any linear map. With few rows
    beside columns it is biased upward; ``debiased`` uses the unbiased estimator of HSIC in its
    three places (it can be a little below 0, and needs four rows). NaN where a side is constant.

    References
    ----------
    Kornblith, Norouzi, Lee, Hinton, "Similarity of neural network representations revisited",
    ICML 2019, eq. 3. Song, Smola, Gretton, Bedo, Borgwardt, "Feature selection via dependence
    maximization", JMLR 13 (2012), eq. 5, written here for linear kernels without the (n, n)
    Gram matrices.
    """
    A, B = _centred(X), _centred(Y)
    if len(A) != len(B):
        raise InputError(f"CKA was given {len(A)} and {len(B)} rows: give the same rows twice")
    if debiased and len(A) < 4:
        raise InputError(f"debiased CKA was given {len(A)} rows: it needs at least 4")
    inner = _unbiased_hsic if debiased else _hsic
    both, one, other = inner(A, B), inner(A, A), inner(B, B)
    scale = np.sqrt(max(one, 0.0) * max(other, 0.0))
    return float(both / scale) if scale > 0 else float("nan")


def _centred(X: ArrayLike) -> np.ndarray:
    values = np.asarray(X, dtype=np.float64)
    return values - values.mean(axis=0)


def _hsic(A: np.ndarray, B: np.ndarray) -> float:
    return float(np.square(A.T @ B).sum())


def _unbiased_hsic(A: np.ndarray, B: np.ndarray) -> float:
    """Return n (n - 3) HSIC_1 of the kernels A A' and B B' with empty diagonals."""
    n = len(A)
    a, b = np.square(A).sum(axis=1), np.square(B).sum(axis=1)  # the diagonals
    rows_a, rows_b = A @ A.sum(axis=0) - a, B @ B.sum(axis=0) - b
    trace = _hsic(A, B) - a @ b
    sums = rows_a.sum() * rows_b.sum() / ((n - 1) * (n - 2))
    return float(trace + sums - 2 / (n - 2) * (rows_a @ rows_b))
