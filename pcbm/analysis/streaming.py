"""Comparisons of data that comes in batches: states with ``update``, ``merge`` and ``compute``.

A streamed value is that of all rows at once, to rounding. States of different batches merge in
any order. What depends on pairs of rows (RBF CKA, RSA, neighbours) cannot be summed up; its state
keeps the rows.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import add
from typing import Protocol, Self

import numpy as np
from numpy.typing import ArrayLike

from pcbm.analysis import (
    cca,
    gaussians,
    projection_weights,
    ridge,
    rotations,
    singular_vectors,
)
from pcbm.analysis.canonical import by_rank, of_moments
from pcbm.analysis.cka import KernelSums, cka_of_sums
from pcbm.analysis.folds import fold_of
from pcbm.analysis.minibatch import MinibatchCKA
from pcbm.analysis.moments import Moments
from pcbm.analysis.result import Comparison
from pcbm.analysis.sides import FEWEST_ROWS, resolution, same_rows, side
from pcbm.errors import InputError

__all__ = ["KeptRows", "LinearCKA", "MinibatchCKA", "MomentComparison", "RidgeR2", "State"]

WHAT = "a stream"


class State(Protocol):
    """What every state can do; `update` and `merge` change it."""

    def update(self, X: ArrayLike, Y: ArrayLike) -> None:
        """Add the rows of a batch: X (m, p) and Y (m, q), aligned."""

    def merge(self, other: Self) -> None:
        """Add the rows of another state."""

    def compute(self) -> Comparison:
        """Return the comparison of all rows so far."""


class LinearCKA:
    """Linear CKA, biased or debiased, in memory for (p + q) squared products.

    Each side is seen from a fixed point near its mean and gets one more column, its squared
    distance from there. Products of the columns then hold all that the debiased form needs, and a
    change of the point is a linear map of them.
    """

    def __init__(self, debiased: bool = False) -> None:
        self.debiased = debiased
        self._from: tuple[np.ndarray, np.ndarray] | None = None
        self._moments: Moments | None = None

    def update(self, X: ArrayLike, Y: ArrayLike) -> None:
        """Add the rows of a batch; see `State`."""
        left, right = side(X, WHAT, fewest=1), side(Y, WHAT, fewest=1)
        same_rows(left, right, WHAT)
        if self._from is None:
            self._from = left.mean(axis=0), right.mean(axis=0)
        batch = Moments.of(_lifted(left - self._from[0]), _lifted(right - self._from[1]))
        self._moments = batch if self._moments is None else self._moments + batch

    def merge(self, other: LinearCKA) -> None:
        """Add the rows of another state."""
        if other._moments is None or other._from is None:
            return
        if self._moments is None or self._from is None:
            self._from, self._moments = other._from, other._moments
            return
        shifts = [there - here for here, there in zip(self._from, other._from, strict=True)]
        self._moments = self._moments + _shifted(other._moments, *shifts)

    def compute(self) -> Comparison:
        """Return ``cka`` or ``cka_debiased`` of all rows so far."""
        moments = _enough(self._moments)
        p, q = (width - 1 for width in moments.widths)
        left, right = _own_distance(moments.mean_x), _own_distance(moments.mean_y)
        n = moments.n
        a, b = (n * float(m[-1] - m[:-1] @ m[:-1]) for m in (moments.mean_x, moments.mean_y))
        sums = KernelSums(
            n=n,
            xy=_squares(moments.xy[:p, :q]),
            xx=_squares(moments.xx[:p, :p]),
            yy=_squares(moments.yy[:q, :q]),
            a_b=float(left @ moments.xy @ right) + a * b / n,
            a_a=float(left @ moments.xx @ left) + a * a / n,
            b_b=float(right @ moments.yy @ right) + b * b / n,
            a=a,
            b=b,
        )
        return cka_of_sums(sums, (p, q), debiased=self.debiased)


def _lifted(U: np.ndarray) -> np.ndarray:
    return np.column_stack([U, np.einsum("ij,ij->i", U, U)])


def _own_distance(mean: np.ndarray) -> np.ndarray:
    """Return the weights that turn lifted columns into the squared distance from their mean."""
    return np.append(-2 * mean[:-1], 1.0)


def _shifted(moments: Moments, left: np.ndarray, right: np.ndarray) -> Moments:
    """Return lifted moments as seen from points that lie ``left`` and ``right`` further off."""
    maps, offsets = [], []
    for t in (left, right):
        lift = np.eye(len(t) + 1)
        lift[:-1, -1] = 2 * t
        maps.append(lift)
        offsets.append(np.append(t, t @ t))
    moved = moments.mapped(*maps)
    return Moments(
        moved.n,
        moved.mean_x + offsets[0],
        moved.mean_y + offsets[1],
        moved.xx,
        moved.xy,
        moved.yy,
    )


def _squares(M: np.ndarray) -> float:
    return float(np.square(M).sum())


class MomentComparison:
    """A comparison that needs first and second moments: one of `FROM_MOMENTS` by name.

    CCA, SVCCA and PWCCA lose directions below about 1e-7 of the largest to the rounding of the
    products; the functions on whole tables keep them.
    """

    def __init__(
        self,
        metric: str,
        *,
        ridge: float = 0.0,
        threshold: float = 0.99,
        share: singular_vectors.Share = "squared",
    ) -> None:
        if metric not in FROM_MOMENTS:
            raise InputError(f"{metric} is not known from moments: {', '.join(FROM_MOMENTS)} are")
        self.metric, self.ridge, self.threshold, self.share = metric, ridge, threshold, share
        self._moments: Moments | None = None
        self.resolution = (0.0, 0.0)

    def update(self, X: ArrayLike, Y: ArrayLike) -> None:
        """Add the rows of a batch; see `State`."""
        batch = Moments.of(X, Y, WHAT)
        self.resolution = (
            max(self.resolution[0], resolution(X)),
            max(self.resolution[1], resolution(Y)),
        )
        self._moments = batch if self._moments is None else self._moments + batch

    def merge(self, other: MomentComparison) -> None:
        """Add the rows of another state."""
        if other._moments is None:
            return
        self.resolution = (
            max(self.resolution[0], other.resolution[0]),
            max(self.resolution[1], other.resolution[1]),
        )
        ours = self._moments
        self._moments = other._moments if ours is None else ours + other._moments

    def compute(self) -> Comparison:
        """Return the comparison of all rows so far."""
        return FROM_MOMENTS[self.metric](self, _enough(self._moments))


def _cca(state: MomentComparison, moments: Moments) -> Comparison:
    return cca.summary(state.metric, of_moments(moments, _ranks(state), state.ridge), state.ridge)


def _svcca(state: MomentComparison, moments: Moments) -> Comparison:
    threshold, share = state.threshold, state.share
    left, right = (singular_vectors.share_rule(threshold, share, rank) for rank in _ranks(state))
    return singular_vectors.summary(of_moments(moments, (left, right)), threshold, share)


def _pwcca(state: MomentComparison, moments: Moments) -> Comparison:
    return projection_weights.summary(of_moments(moments, _ranks(state)))


def _procrustes(state: MomentComparison, moments: Moments) -> Comparison:
    norm_x, norm_y = (float(np.sqrt(np.trace(product))) for product in (moments.xx, moments.yy))
    return rotations.of_products(moments.xy, norm_x, norm_y, moments.n)


def _ranks(state: MomentComparison) -> tuple:
    moments = _enough(state._moments)
    return tuple(
        by_rank(moments.n, d, r) for d, r in zip(moments.widths, state.resolution, strict=True)
    )


FROM_MOMENTS: dict[str, Callable[[MomentComparison, Moments], Comparison]] = {
    cca.MEAN: _cca,
    cca.LARGEST: _cca,
    cca.MEAN_SQUARED: _cca,
    "svcca": _svcca,
    "pwcca": _pwcca,
    "procrustes": _procrustes,
    "frechet": lambda state, moments: gaussians.of_moments(moments),
}


class RidgeR2:
    """Ridge predictivity from the moments of five folds.

    Parameters
    ----------
    seed : int
        Draws the folds.
    start : int
        Number of the first row, which decides the folds: states that will be merged each start
        where the rows of another end.
    """

    def __init__(self, seed: int = 0, start: int = 0) -> None:
        self.seed, self._row = seed, start
        self._folds: dict[int, Moments] = {}

    def update(self, X: ArrayLike, Y: ArrayLike) -> None:
        """Add the rows of a batch; see `State`."""
        left, right = side(X, WHAT, fewest=1), side(Y, WHAT, fewest=1)
        same_rows(left, right, WHAT)
        fold = fold_of(np.arange(self._row, self._row + len(left)), ridge.FOLDS, self.seed)
        self._row += len(left)
        for f in np.unique(fold).tolist():
            self._add(f, Moments.of(left[fold == f], right[fold == f]))

    def merge(self, other: RidgeR2) -> None:
        """Add the rows of another state."""
        for f, moments in other._folds.items():
            self._add(f, moments)

    def _add(self, fold: int, moments: Moments) -> None:
        known = self._folds.get(fold)
        self._folds[fold] = moments if known is None else known + moments

    def compute(self) -> Comparison:
        """Return the comparison of all rows so far."""
        parts = [self._folds[f] for f in sorted(self._folds)]
        _enough(reduce(add, parts) if parts else None)
        return ridge.of_folds(parts, self.seed)


class KeptRows:
    """A state that keeps its rows, for a comparison that needs all of them together."""

    def __init__(self, function: Callable[[np.ndarray, np.ndarray], Comparison]) -> None:
        self._function = function
        self._left: list[np.ndarray] = []
        self._right: list[np.ndarray] = []

    def update(self, X: ArrayLike, Y: ArrayLike) -> None:
        """Add the rows of a batch; see `State`."""
        self._left.append(np.array(X))
        self._right.append(np.array(Y))

    def merge(self, other: KeptRows) -> None:
        """Add the rows of another state, after those that are there."""
        self._left += other._left
        self._right += other._right

    def compute(self) -> Comparison:
        """Return the comparison of all rows so far."""
        if not self._left:
            raise InputError(f"{WHAT} was given no rows: it needs at least {FEWEST_ROWS}")
        return self._function(np.concatenate(self._left), np.concatenate(self._right))


def _enough(moments: Moments | None) -> Moments:
    n = 0 if moments is None else moments.n
    if moments is None or n < FEWEST_ROWS:
        raise InputError(f"{WHAT} was given {n} rows: it needs at least {FEWEST_ROWS}")
    return moments
