"""Fréchet distance of two Gaussians: where two clouds lie and how they spread."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from pcbm.analysis.moments import Moments
from pcbm.analysis.result import SYMMETRIC, Comparison
from pcbm.analysis.sides import centred, side
from pcbm.errors import InputError

INVARIANCES = ("orthogonal (one map for both sides)", "translation (one for both sides)")


def frechet(X: ArrayLike, Y: ArrayLike) -> Comparison:
    """Compare the clouds of two sides in one feature space.

    ``|m_x - m_y|^2 + tr(S_x + S_y - 2 (S_x S_y)^(1/2))`` with means m and covariances S (divided
    by n - 1): the squared 2-Wasserstein distance of the Gaussians with these moments. Rows need
    not be aligned; columns must mean the same on both sides.

    Parameters
    ----------
    X, Y : array-like, shapes (n, d) and (m, d)

    Raises
    ------
    InputError
        Different numbers of columns; see `pcbm.analysis.sides.side`.

    References
    ----------
    Dowson, Landau, "The Fréchet distance between multivariate normal distributions", Journal of
    Multivariate Analysis 12 (1982). As FID: Heusel et al., NeurIPS 2017.
    """
    A, B = side(X, "the Fréchet distance"), side(Y, "the Fréchet distance")
    one_space(A.shape[1], B.shape[1])
    shift = A.mean(axis=0) - B.mean(axis=0)
    R_x, R_y = (np.linalg.qr(centred(M), mode="r") / np.sqrt(len(M) - 1) for M in (A, B))
    return _joined(shift, R_x, R_y, min(len(A), len(B)))


def one_space(p: int, q: int) -> None:
    """Raise InputError where the sides cannot be of one feature space."""
    if p != q:
        raise InputError(
            f"the Fréchet distance was given {p} and {q} columns: it needs one feature space"
        )


def of_moments(moments: Moments) -> Comparison:
    """Return the distance from the moments of both sides."""
    one_space(*moments.widths)
    factors = []
    for product in (moments.xx, moments.yy):
        values, V = np.linalg.eigh(product / (moments.n - 1))
        factors.append(np.sqrt(np.maximum(values, 0.0))[:, None] * V.T)
    return _joined(moments.mean_x - moments.mean_y, factors[0], factors[1], moments.n)


def _joined(shift: np.ndarray, R_x: np.ndarray, R_y: np.ndarray, n: int) -> Comparison:
    """Return the distance from factors of the covariances, ``S = R' R``.

    The eigenvalues of ``S_x S_y`` are the squared singular values of ``R_x R_y'``.
    """
    apart = float(shift @ shift)
    spread = float(np.vdot(R_x, R_x) + np.vdot(R_y, R_y))
    shared = float(np.linalg.svd(R_x @ R_y.T, compute_uv=False).sum())
    value = apart + spread - 2 * shared
    d = R_x.shape[1]
    warnings: tuple[str, ...] = ()
    if n <= d:
        warnings = (
            f"covariances of {d} columns from {n} rows are singular, and the distance is high by "
            "bias: use more rows",
        )
    return Comparison(
        metric="frechet",
        value=max(0.0, value),  # rounding alone is below
        kind="distance",
        direction=SYMMETRIC,
        invariances=INVARIANCES,
        n=n,
        warnings=warnings,
        details={"means": apart, "covariances": max(0.0, value - apart)},
    )
