"""One fit's data: centred features, loss, offset; and points of it with loss and gradient."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pcbm.heads.datafits import Datafit, Evaluation
from pcbm.heads.penalties import Penalty

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Problem:
    """The data of one fit.

    Features are stored feature-major and centred by their weighted means. With a free intercept
    that is a change of coordinates, b = b_centred - W m, which keeps the intercept from being
    almost a combination of the features; `violation` and `intercept` speak of the original ones.

    Parameters
    ----------
    features : (K, n) centred features
    means : (K,) weighted means that were subtracted
    datafit : the loss, C rows
    free : (C, K) bool array, coefficients that may move
    offset : (C, n) array or None, added to the predictors
    """

    features: Array
    means: Array
    datafit: Datafit
    free: NDArray[np.bool_]
    offset: Array | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """(C, K)."""
        return self.datafit.n_rows, len(self.features)

    def predictors(self, coef: Array, intercept: Array) -> Array:
        """Return eta (C, n) at centred coordinates, using only columns that hold a non-zero."""
        used = np.flatnonzero(coef.any(axis=0))
        if len(used) == coef.shape[1] or 2 * len(used) > coef.shape[1]:
            eta = coef @ self.features
        else:
            eta = coef[:, used] @ self.features[used]
        eta += intercept[:, None]
        if self.offset is not None:
            eta += self.offset
        return eta

    def point(self, coef: Array, intercept: Array) -> Point:
        """Return the point with these coefficients and centred intercepts, evaluated."""
        eta = self.predictors(coef, intercept)
        return Point(self, coef, intercept, eta, self.datafit.evaluate(eta))

    def start(self) -> Point:
        """Return the point with zero coefficients and the intercepts of the null model."""
        rows, width = self.shape
        return self.point(np.zeros((rows, width)), self.datafit.null_intercept())

    def from_original(self, coef: Array, intercept: Array) -> Point:
        """Return the point given by coefficients and intercepts for the features as they came."""
        coef = np.where(self.free, coef, 0.0)
        return self.point(coef, intercept + coef @ self.means)


@dataclass
class Point:
    """Coefficients (C, K), centred intercepts (C,), predictors and their loss; gradient on use."""

    problem: Problem
    coef: Array
    centred_intercept: Array
    eta: Array
    evaluation: Evaluation
    _gradient: tuple[Array, Array] | None = field(default=None, repr=False)

    @property
    def gradient(self) -> tuple[Array, Array]:
        """Gradient of the loss in centred coordinates: coefficients (C, K), intercepts (C,)."""
        if self._gradient is None:
            slope = self.evaluation.slope
            self._gradient = slope @ self.problem.features.T, slope.sum(axis=1)
        return self._gradient

    @property
    def intercept(self) -> Array:
        """Intercepts (C,) for the features as they came."""
        return self.centred_intercept - self.coef @ self.problem.means

    def objective(self, penalty: Penalty) -> float:
        """Return loss plus penalty."""
        return self.evaluation.value + penalty.value(self.coef)

    def violations(self, penalty: Penalty) -> tuple[Array, float]:
        """Return the violation of each feature (K,) and the largest of the intercepts.

        Both are those of the original coordinates, where the gradient of feature j is larger by
        its mean times the gradient of the intercept.
        """
        slopes, level = self.gradient
        original = slopes + level[:, None] * self.problem.means
        return penalty.violation(self.coef, original), float(np.abs(level).max())

    def violation(self, penalty: Penalty) -> float:
        """Return the largest violation of the optimality conditions."""
        features, intercepts = self.violations(penalty)
        return max(float(features.max(initial=0.0)), intercepts)
