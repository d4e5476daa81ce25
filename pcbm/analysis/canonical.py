"""Canonical correlations: the angles between the column spaces of two sides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from pcbm.analysis.moments import Moments
from pcbm.analysis.sides import resolution

Keep = Callable[[np.ndarray], int]  # singular values, descending -> how many directions to keep

# Products square the condition. Below this ratio of the smallest to the largest kept eigenvalue
# the sides themselves are factorised, for correlations that are good to about 1e-10.
SAFE_RATIO = 1e-5
EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Directions:
    """The kept principal directions of one centred side ``A = U diag(s) V'``.

    Attributes
    ----------
    k : int
        Directions that are kept.
    s : ndarray, shape (k,)
        Their singular values.
    V : ndarray, shape (d, k)
    total : float
        Sum of all squared singular values.
    """

    k: int
    s: np.ndarray
    V: np.ndarray
    total: float


@dataclass(frozen=True)
class Canonical:
    """Canonical correlations of two sides.

    Attributes
    ----------
    n : int
        Rows.
    rho : ndarray, shape (m,)
        Correlations in descending order, m = the smaller of the kept dimensions.
    left, right : Directions
    L, R : ndarray, shapes (left.k, m) and (right.k, m)
        The variates in coordinates of the kept directions: ``U_left L`` and ``U_right R``.
    """

    n: int
    rho: np.ndarray
    left: Directions
    right: Directions
    L: np.ndarray
    R: np.ndarray

    @property
    def k(self) -> tuple[int, int]:
        """Dimensions that were kept of each side."""
        return self.left.k, self.right.k


def of_sides(
    A: np.ndarray, B: np.ndarray, keep: tuple[Keep, Keep], ridge: float = 0.0
) -> Canonical:
    """Return the canonical correlations of centred ``A`` (n, p) and ``B`` (n, q).

    Parameters
    ----------
    A, B : ndarray
    keep : pair of callable
        How many directions of each side take part; see `by_rank` and `by_share`.
    ridge : float
        Added to the eigenvalues of each side's covariance, in units of their mean.
    """
    n, wider = len(A), max(A.shape[1], B.shape[1])
    if n > wider:
        moments = Moments.centred(A, B)
        found = _principal(moments.xx, keep[0]), _principal(moments.yy, keep[1])
        if all(side.k and (side.s[-1] / side.s[0]) ** 2 > SAFE_RATIO for side in found):
            return _joined(n, *found, _cross(moments.xy, *found), ridge)
    (U, left), (W, right) = _factorised(A, keep[0]), _factorised(B, keep[1])
    return _joined(n, left, right, U.T @ W, ridge)


def of_moments(moments: Moments, keep: tuple[Keep, Keep], ridge: float = 0.0) -> Canonical:
    """Return the canonical correlations from products alone.

    Directions whose singular value is below about 1e-7 of the largest are lost in the rounding of
    the products, and are left out whatever ``keep`` says.
    """
    found = _principal(moments.xx, keep[0]), _principal(moments.yy, keep[1])
    return _joined(moments.n, *found, _cross(moments.xy, *found), ridge)


def rank_rules(A: np.ndarray, B: np.ndarray, X: ArrayLike, Y: ArrayLike) -> tuple[Keep, Keep]:
    """Return the rules `by_rank` of centred sides that were given as ``X`` and ``Y``."""
    return (
        by_rank(len(A), A.shape[1], resolution(X)),
        by_rank(len(B), B.shape[1], resolution(Y)),
    )


def by_rank(n: int, d: int, rounding: float) -> Keep:
    """Keep what stands out from rounding, of the numbers as given or of the factorisation."""
    tolerance = max(max(n, d) * EPS, rounding)
    return lambda s: int((s > tolerance * s[0]).sum()) if len(s) and s[0] > 0 else 0


def by_share(threshold: float, power: int, within: Keep) -> Keep:
    """Keep the fewest directions that hold a share of the sum of ``s ** power``.

    ``within`` says which directions are more than rounding.
    """

    def keep(s: np.ndarray) -> int:
        real = s[: within(s)] ** power
        if not len(real):
            return 0
        share = np.cumsum(real) / real.sum()
        return min(int(np.searchsorted(share, threshold)) + 1, len(real))

    return keep


def _principal(product: np.ndarray, keep: Keep) -> Directions:
    """Return the directions of a side from ``A' A`` (d, d)."""
    values, vectors = np.linalg.eigh(product)
    values, vectors = values[::-1], vectors[:, ::-1]
    visible = values > len(values) * EPS * max(values[0], 0.0)
    s = np.sqrt(values[visible])
    k = min(keep(s), len(s))
    return Directions(k, s[:k], vectors[:, visible][:, :k], float(np.trace(product)))


def _factorised(A: np.ndarray, keep: Keep) -> tuple[np.ndarray, Directions]:
    """Return the orthonormal basis (n, k) and the directions of a side, from the side itself."""
    U, s, Vt = np.linalg.svd(A, full_matrices=False)
    k = keep(s)
    return U[:, :k], Directions(k, s[:k], Vt[:k].T, float(s @ s))


def _cross(xy: np.ndarray, left: Directions, right: Directions) -> np.ndarray:
    """Return the products (k_x, k_y) of the two orthonormal bases from ``A' B``."""
    return (left.V.T @ xy @ right.V) / left.s[:, None] / right.s


def _joined(
    n: int, left: Directions, right: Directions, cross: np.ndarray, ridge: float
) -> Canonical:
    if ridge:
        cross = _damping(left, ridge)[:, None] * cross * _damping(right, ridge)
    L, rho, Rt = np.linalg.svd(cross, full_matrices=False)
    return Canonical(n, np.minimum(rho, 1.0), left, right, L, Rt.T)


def _damping(side: Directions, ridge: float) -> np.ndarray:
    mean = side.total / max(len(side.V), 1)
    return side.s / np.sqrt(side.s**2 + ridge * mean)
