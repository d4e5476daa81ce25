"""One fit's data, and points of it with their loss and gradient."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from pcbm.heads.datafits import Datafit
from pcbm.heads.penalties import Penalty
from pcbm.heads.rows import Read, Rows, parts, streamed
from pcbm.heads.threads import in_order

Array = NDArray[np.float64]
T = TypeVar("T")

CHUNK_BYTES = 2 << 20  # rows are visited in chunks of about this size, which a cache can hold
SMALLEST_CHUNK = 1024


@dataclass
class Passes:
    """Counts how often all rows of a fit were read, of all or of some columns."""

    count: int = 0


@dataclass(frozen=True)
class Tilt:
    """A linear function of the coefficients, added to a loss: slopes (C, K) and level (C,)."""

    slopes: Array
    level: Array

    def over(self, columns: NDArray[np.intp]) -> Tilt:
        """Return the function of some of the columns."""
        return Tilt(self.slopes[:, columns], self.level)

    def value(self, coef: Array, intercept: Array) -> float:
        """Return the function's value."""
        return float(np.vdot(self.slopes, coef) + self.level @ intercept)


@dataclass(frozen=True)
class Problem:
    """The data of one fit, over some of its columns, in single or double precision.

    Features and offset are centred. With free intercepts that is a change of coordinates,
    b_centred = b + W m + s, which keeps the intercepts from being almost a combination of the
    features, and predictors from losing digits to a large offset. A `Point` lives in the
    coordinates of its problem.

    Parameters
    ----------
    features : the K columns of n rows, wherever they are
    datafit : the loss, C rows
    free : (C, K) bool array, coefficients that may move
    offset : (C, n) array or None, added to the predictors
    shift : (C,) what was subtracted from the offset; or None
    tilt : added to the loss, in the coordinates of this problem; or None
    constant : whether no column varies, so that gradients are rounding alone
    passes : counts the readings of all rows
    """

    features: Rows
    datafit: Datafit
    free: NDArray[np.bool_]
    offset: Array | None = None
    shift: Array | None = None
    tilt: Tilt | None = None
    constant: bool = False
    passes: Passes = field(default_factory=Passes)

    @property
    def shape(self) -> tuple[int, int]:
        """(C, K)."""
        return self.datafit.n_rows, self.features.shape[0]

    @property
    def n(self) -> int:
        """Number of data rows."""
        return self.features.shape[1]

    @property
    def streamed(self) -> bool:
        """Whether every pass reads the rows anew from elsewhere than memory."""
        return isinstance(self.features, Read) and streamed(self.features.source)

    @property
    def means(self) -> Array:
        """What was subtracted from the features, (K,)."""
        return self.features.means

    def moved(self, coef: Array) -> Array:
        """Return what the change of coordinates adds to the intercepts of ``coef``, (C,)."""
        added = coef @ self.means
        return added if self.shift is None else added + self.shift

    def restrict(self, columns: NDArray[np.intp], dtype: DTypeLike) -> Problem:
        """Return the problem over some columns, in contiguous storage of this precision."""
        self.passes.count += 1
        return replace(
            self,
            features=self.features.over(columns, dtype),
            free=self.free[:, columns],
            tilt=None if self.tilt is None else self.tilt.over(columns),
        )

    def tilted(self, tilt: Tilt) -> Problem:
        """Return the problem with this function added to its loss, in place of another."""
        return replace(self, tilt=tilt)

    def take(self, rows: NDArray[np.intp], weights: Array) -> Problem:
        """Return the problem over some data rows (in rising order), with new weights, in memory."""
        self.passes.count += isinstance(self.features, Read)
        return replace(
            self,
            features=self.features.take(rows),
            datafit=self.datafit.take(rows, weights),
            offset=None if self.offset is None else self.offset[:, rows],
            passes=Passes(),
        )

    def visit(self, work: Callable[[slice, NDArray], T], size: int = 0) -> Iterator[T]:
        """Yield ``work(part, features)`` of each part of the rows, in order; one pass.

        ``features`` (K, m) are those of the rows ``part``; about ``size`` of them, or as many as
        a cache can hold with their predictors.
        """
        self.passes.count += 1
        rows, width = self.shape
        if not size:
            room = CHUNK_BYTES // (self.features.dtype.itemsize * (width + 4 * rows))
            size = max(room, SMALLEST_CHUNK)
        return in_order(
            lambda part: work(part, self.features.chunk(part)), parts(self.features, size)
        )

    def predict(self, coef: Array, intercept: Array, part: slice, features: NDArray) -> NDArray:
        """Return the predictors (C, m) of some rows, in the precision of their features."""
        dtype = features.dtype
        eta = coef.astype(dtype, copy=False) @ features
        eta += intercept.astype(dtype, copy=False)[:, None]
        if self.offset is not None:
            eta += self.offset[:, part].astype(dtype, copy=False)
        return eta

    def point(self, coef: Array, intercept: Array) -> Point:
        """Return the point at these coefficients and (this problem's) intercepts."""

        def descend(part: slice, features: NDArray) -> tuple[float, NDArray, NDArray]:
            eta = self.predict(coef, intercept, part, features)
            found = self.datafit.evaluate(eta, part)
            return found.value, _product(features, found.slope), found.slope.sum(axis=1)

        value, slopes, level = 0.0, np.zeros(coef.shape[::-1]), np.zeros(len(coef))
        for part_value, part_slopes, part_level in self.visit(descend):
            value += part_value
            slopes += part_slopes
            level += part_level
        slopes = np.ascontiguousarray(slopes.T)
        if self.tilt is not None:
            value += self.tilt.value(coef, intercept)
            slopes, level = slopes + self.tilt.slopes, level + self.tilt.level
        return Point(self, coef, intercept, value, slopes, level)

    def row_curvature(self, coef: Array, intercept: Array) -> Array:
        """Return how much each data row bends the loss: its curvature summed over C, (n,)."""

        def bend(part: slice, features: NDArray) -> NDArray:
            response = self.datafit.response(self.predict(coef, intercept, part, features))
            return self.datafit.curvature(response, part).sum(axis=0, dtype=float)

        return np.concatenate(list(self.visit(bend)))

    def column_means(self) -> Array:
        """Return the weighted means of the features (K,): zero, or as good as."""
        weights = self.datafit.weights
        return sum(self.visit(lambda part, block: block @ weights[part]), np.zeros(self.shape[1]))

    def start(self) -> Point:
        """Return the point with zero coefficients and the intercepts of the null model."""
        return self.point(np.zeros(self.shape), self.datafit.null_intercept())

    def at(self, coef: Array, intercept: Array) -> Point:
        """Return the point given by coefficients and intercepts for the features as they came."""
        coef = np.where(self.free, coef, 0.0)
        return self.point(coef, intercept + self.moved(coef))


@dataclass(frozen=True)
class Point:
    """A point of a problem: where it is, its loss and the loss's gradient there.

    Parameters
    ----------
    coef, intercept : (C, K) and (C,) in the coordinates of ``problem``
    loss : float
    slopes, level : (C, K) and (C,) gradient in the same coordinates
    """

    problem: Problem
    coef: Array
    intercept: Array
    loss: float
    slopes: Array
    level: Array

    @property
    def original_intercept(self) -> Array:
        """Intercepts (C,) for the features as they came."""
        return self.intercept - self.problem.moved(self.coef)

    @property
    def original_slopes(self) -> Array:
        """Gradient (C, K) with respect to coefficients of the features as they came."""
        return self.slopes + self.level[:, None] * self.problem.means

    def objective(self, penalty: Penalty) -> float:
        """Return loss plus penalty."""
        return self.loss + penalty.value(self.coef)

    def violations(self, penalty: Penalty) -> tuple[Array, float]:
        """Return the violation of each feature (K,) and the largest of the intercepts.

        Both are those of the features as they came, whatever the problem's coordinates.
        """
        worst = penalty.violation(self.coef, self.original_slopes)
        return worst, float(np.abs(self.level).max())

    def violation(self, penalty: Penalty) -> float:
        """Return the largest violation of the optimality conditions."""
        features, intercepts = self.violations(penalty)
        return max(float(features.max(initial=0.0)), intercepts)

    def within(self, problem: Problem, columns: NDArray[np.intp]) -> Point:
        """Return this point in the coordinates of a problem over some of the columns.

        The columns left out must have zero coefficients.
        """
        coef = self.coef[:, columns]
        return Point(
            problem,
            coef,
            self.original_intercept + problem.moved(coef),
            self.loss,
            self.original_slopes[:, columns] - self.level[:, None] * problem.means,
            self.level,
        )


def _product(features: NDArray, slope: NDArray) -> NDArray:
    """Return features (K, m) times slope' (m, C).

    As slope times features' where those lie row by row: a narrow product then reads them in order.
    """
    if features.flags.f_contiguous:
        return (slope @ features.T).T
    return features @ slope.T
