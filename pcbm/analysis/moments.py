"""First and second moments of two sides, summed batch by batch and merged exactly."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from pcbm.analysis.sides import same_rows, side


@dataclass(frozen=True)
class Moments:
    """Sums over n rows of two sides ``X`` (n, p) and ``Y`` (n, q), in float64.

    Attributes
    ----------
    n : int
    mean_x, mean_y : ndarray, shapes (p,) and (q,)
    xx, xy, yy : ndarray, shapes (p, p), (p, q), (q, q)
        Products of the centred sides, not divided by n.
    """

    n: int
    mean_x: np.ndarray
    mean_y: np.ndarray
    xx: np.ndarray
    xy: np.ndarray
    yy: np.ndarray

    @classmethod
    def of(cls, X: ArrayLike, Y: ArrayLike, what: str = "a comparison") -> Moments:
        """Sum over the rows of a batch, which may be one row; see `sides.side` for what raises."""
        left, right = side(X, what, fewest=1), side(Y, what, fewest=1)
        same_rows(left, right, what)
        mean_x, mean_y = left.mean(axis=0), right.mean(axis=0)
        A, B = left - mean_x, right - mean_y
        return cls(len(A), mean_x, mean_y, A.T @ A, A.T @ B, B.T @ B)

    @classmethod
    def centred(cls, A: np.ndarray, B: np.ndarray) -> Moments:
        """Sum over two sides whose columns have mean zero already."""
        zeros = np.zeros(A.shape[1]), np.zeros(B.shape[1])
        return cls(len(A), *zeros, A.T @ A, A.T @ B, B.T @ B)

    def __add__(self, other: Moments) -> Moments:
        """Return the moments of the rows of both (Chan, Golub, LeVeque 1983)."""
        n = self.n + other.n
        dx, dy = other.mean_x - self.mean_x, other.mean_y - self.mean_y
        share, weight = other.n / n, self.n * other.n / n
        return Moments(
            n,
            self.mean_x + share * dx,
            self.mean_y + share * dy,
            self.xx + other.xx + weight * np.outer(dx, dx),
            self.xy + other.xy + weight * np.outer(dx, dy),
            self.yy + other.yy + weight * np.outer(dy, dy),
        )

    def __sub__(self, other: Moments) -> Moments:
        """Return the moments without the rows of ``other``, which must be among them."""
        n = self.n - other.n
        mean_x = self.mean_x + (self.mean_x - other.mean_x) * other.n / n
        mean_y = self.mean_y + (self.mean_y - other.mean_y) * other.n / n
        dx, dy, weight = other.mean_x - mean_x, other.mean_y - mean_y, n * other.n / self.n
        return Moments(
            n,
            mean_x,
            mean_y,
            self.xx - other.xx - weight * np.outer(dx, dx),
            self.xy - other.xy - weight * np.outer(dx, dy),
            self.yy - other.yy - weight * np.outer(dy, dy),
        )

    def swapped(self) -> Moments:
        """Return the same moments with the sides exchanged."""
        return replace(
            self, mean_x=self.mean_y, mean_y=self.mean_x, xx=self.yy, xy=self.xy.T, yy=self.xx
        )

    def mapped(self, left: np.ndarray, right: np.ndarray) -> Moments:
        """Return the moments of ``X left`` and ``Y right``, for (p, p2) and (q, q2) maps."""
        return Moments(
            self.n,
            self.mean_x @ left,
            self.mean_y @ right,
            left.T @ self.xx @ left,
            left.T @ self.xy @ right,
            right.T @ self.yy @ right,
        )

    @property
    def widths(self) -> tuple[int, int]:
        """Columns p and q of the sides."""
        return self.xy.shape[0], self.xy.shape[1]
