"""Orthogonal Procrustes distance: what is left after the best rotation."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from pcbm.analysis.result import RIGID, SYMMETRIC, Comparison
from pcbm.analysis.sides import two_sides


def procrustes(X: ArrayLike, Y: ArrayLike) -> Comparison:
    """Compare two sides by the squared distance that the best orthogonal map leaves.

    Both sides are centred and brought to unit Frobenius norm; then
    ``min over orthogonal Q of ||X Q - Y||_F^2 = 2 - 2 ||X' Y||_*``, the nuclear norm. In [0, 2]:
    0 for a rotation with a common factor. The narrower side counts as padded with zeros.

    Parameters
    ----------
    X, Y : array-like, shapes (n, p) and (n, q)
        The same rows in the same order.

    References
    ----------
    Schönemann, "A generalized solution of the orthogonal Procrustes problem", Psychometrika 31
    (1966). As a measure of representations: Ding, Denain, Steinhardt, NeurIPS 2021, section 2.
    """
    A, B = two_sides(X, Y, "Procrustes")
    scale = np.linalg.norm(A), np.linalg.norm(B)
    # Only inner products of columns count, so a wide side may be seen from a frame of n axes.
    A, B = (M if M.shape[1] <= len(M) else in_frame(M) for M in (A, B))
    return of_products(A.T @ B, float(scale[0]), float(scale[1]), len(A))


def in_frame(A: np.ndarray) -> np.ndarray:
    """Return a wide side (n, d) in coordinates (n, n) of an orthonormal frame of its row space."""
    frame: np.ndarray = np.linalg.qr(A.T, mode="r")  # type: ignore[assignment]
    return frame.T


def of_products(xy: np.ndarray, norm_x: float, norm_y: float, n: int) -> Comparison:
    """Return the distance from ``A' B`` and the Frobenius norms of the centred sides."""
    reason = None
    for name, norm in (("first", norm_x), ("second", norm_y)):
        if norm == 0:
            reason = f"the {name} side is constant"
    value = None
    if reason is None:
        nuclear = np.linalg.svd(xy / norm_x / norm_y, compute_uv=False).sum()
        value = max(0.0, float(2 - 2 * nuclear))  # a distance of squares; rounding alone is below
    return Comparison(
        metric="procrustes",
        value=value,
        kind="distance",
        direction=SYMMETRIC,
        invariances=RIGID,
        n=n,
        reason=reason,
    )
