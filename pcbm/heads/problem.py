"""One fit's data, and points of it with their loss and gradient."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import DTypeLike, NDArray

from pcbm.heads.datafits import Datafit
from pcbm.heads.penalties import Penalty

Array = NDArray[np.float64]

CHUNK_BYTES = 4 << 20  # rows are visited in chunks of about this size, which a cache can hold
SMALLEST_CHUNK = 1024


@dataclass(frozen=True)
class Problem:
    """The data of one fit, over some of its columns, in single or double precision.

    Features may be stored centred. With a free intercept that is a change of coordinates,
    b_centred = b + W m, which keeps the intercept from being almost a combination of the
    features. A `Point` lives in the coordinates of its problem.

    Parameters
    ----------
    features : (K, n) array or transposed view, float32 or float64
    means : (K,) what was subtracted from the features
    datafit : the loss, C rows
    free : (C, K) bool array, coefficients that may move
    offset : (C, n) array or None, added to the predictors
    """

    features: NDArray
    means: Array
    datafit: Datafit
    free: NDArray[np.bool_]
    offset: Array | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """(C, K)."""
        return self.datafit.n_rows, len(self.features)

    @property
    def n(self) -> int:
        """Number of data rows."""
        return self.features.shape[1]

    def restrict(self, columns: NDArray[np.intp], dtype: DTypeLike) -> Problem:
        """Return the problem over some columns, in contiguous storage of this precision."""
        features = np.empty((len(columns), self.n), dtype)
        for row, column in enumerate(columns):
            features[row] = self.features[column]
        return replace(
            self,
            features=features,
            means=self.means[columns],
            free=self.free[:, columns],
        )

    def take(self, rows: NDArray[np.intp], weights: Array) -> Problem:
        """Return the problem over some data rows, with new weights."""
        return replace(
            self,
            features=np.ascontiguousarray(self.features[:, rows]),
            datafit=self.datafit.take(rows, weights),
            offset=None if self.offset is None else self.offset[:, rows],
        )

    def predictors(self, coef: Array, intercept: Array, part: slice = slice(None)) -> NDArray:
        """Return eta (C, m) for the data rows of ``part``, in the precision of the features."""
        dtype = self.features.dtype
        eta = coef.astype(dtype, copy=False) @ self.features[:, part]
        eta += intercept.astype(dtype, copy=False)[:, None]
        if self.offset is not None:
            eta += self.offset[:, part].astype(dtype, copy=False)
        return eta

    def point(self, coef: Array, intercept: Array) -> Point:
        """Return the point at these coefficients and (this problem's) intercepts."""
        value, level = 0.0, np.zeros(len(coef))
        slopes = np.zeros(coef.shape[::-1])
        for part in self._chunks():
            found = self.datafit.evaluate(self.predictors(coef, intercept, part), part)
            value += found.value
            level += found.slope.sum(axis=1, dtype=float)
            slopes += self.features[:, part] @ found.slope.T
        return Point(self, coef, intercept, value, np.ascontiguousarray(slopes.T), level)

    def row_curvature(self, coef: Array, intercept: Array) -> Array:
        """Return how much each data row bends the loss: its curvature summed over C, (n,)."""
        out = np.empty(self.n)
        for part in self._chunks():
            response = self.datafit.evaluate(self.predictors(coef, intercept, part), part).response
            out[part] = self.datafit.curvature(response, part).sum(axis=0)
        return out

    def _chunks(self) -> list[slice]:
        rows, width = self.shape
        size = CHUNK_BYTES // (self.features.itemsize * (width + 4 * rows))
        size = -(-self.n // max(1, round(self.n / max(size, SMALLEST_CHUNK))))  # of equal size
        return [slice(first, min(first + size, self.n)) for first in range(0, self.n, size)]

    def start(self) -> Point:
        """Return the point with zero coefficients and the intercepts of the null model."""
        return self.point(np.zeros(self.shape), self.datafit.null_intercept())

    def at(self, coef: Array, intercept: Array) -> Point:
        """Return the point given by coefficients and intercepts for the features as they came."""
        coef = np.where(self.free, coef, 0.0)
        return self.point(coef, intercept + coef @ self.means)


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
        return self.intercept - self.coef @ self.problem.means

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
            self.original_intercept + coef @ problem.means,
            self.loss,
            self.original_slopes[:, columns] - self.level[:, None] * problem.means,
            self.level,
        )
