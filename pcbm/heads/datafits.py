"""The losses: what a head pays for its linear predictors.

Predictors are class-major: ``eta`` has shape (C, n), one contiguous row per coefficient row.
Every loss is a weighted mean over rows, with weights ``w`` (n,) that sum to one:
``L(eta) = sum_i w_i l(y_i, eta_:i)``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# A class whose weighted share is 0 or 1 would have an infinite intercept; this share stands in.
SMALLEST_SHARE = 1e-12


@dataclass(frozen=True)
class Evaluation:
    """A loss at one point: its value, slope dL/deta (C, n) and response, the fitted mean (C, n)."""

    value: float
    slope: Array
    response: Array


class Datafit(Protocol):
    """A convex, smooth loss of the predictors."""

    @property
    def weights(self) -> Array:
        """Weights (n,) of the rows, which sum to one."""

    @property
    def n_rows(self) -> int:
        """Number of coefficient rows, C."""

    @property
    def coupled(self) -> bool:
        """Whether the loss of one row depends on the predictors of the others."""

    def evaluate(self, eta: Array) -> Evaluation:
        """Return value, slope and response at ``eta`` (C, n)."""

    def curvature(self, evaluation: Evaluation) -> Array:
        """Return w_i d2l/deta_ki^2, shape (C, n), or (1, n) when all rows share it."""

    def null_intercept(self) -> Array:
        """Return the intercepts (C,) of the model without features and offset."""

    def saturated(self) -> float:
        """Return the loss of a perfect fit."""


@dataclass(frozen=True)
class Multinomial:
    """Softmax cross-entropy, l = logsumexp(eta) - eta_y, over C symmetric rows.

    Parameters
    ----------
    labels : (n,) int array, values 0..C-1
    weights : (n,) array that sums to one
    n_rows : int, C
    """

    labels: NDArray[np.intp]
    weights: Array
    n_rows: int
    coupled: bool = True

    def evaluate(self, eta: Array) -> Evaluation:
        """Return value, slope w (p - y) and response p."""
        rows = np.arange(eta.shape[1])
        largest = eta.max(axis=0)
        response = np.exp(eta - largest)
        total = response.sum(axis=0)
        response /= total
        losses = np.log(total) + (largest - eta[self.labels, rows])
        slope = response * self.weights
        slope[self.labels, rows] -= self.weights
        return Evaluation(float(self.weights @ losses), slope, response)

    def curvature(self, evaluation: Evaluation) -> Array:
        """Return the diagonal w p (1 - p); the full block is w (diag(p) - p p')."""
        p = evaluation.response
        return self.weights * p * (1 - p)

    def null_intercept(self) -> Array:
        """Return the log shares of the classes, centred."""
        shares = np.bincount(self.labels, self.weights, minlength=self.n_rows)
        logs = np.log(np.maximum(shares, SMALLEST_SHARE))
        return logs - logs.mean()

    def saturated(self) -> float:
        """Return 0: every row can be fitted with probability one."""
        return 0.0


@dataclass(frozen=True)
class Logistic:
    """Logistic losses summed over rows, l = sum_k log(1 + exp(eta_k)) - y_k eta_k.

    One row is the binomial family, several are the multilabel family.

    Parameters
    ----------
    targets : (C, n) array of 0 and 1
    weights : (n,) array that sums to one
    """

    targets: Array
    weights: Array
    coupled: bool = False

    @property
    def n_rows(self) -> int:
        """Number of coefficient rows."""
        return len(self.targets)

    def evaluate(self, eta: Array) -> Evaluation:
        """Return value, slope w (p - y) and response p."""
        small = np.exp(-np.abs(eta))
        losses = np.maximum(eta, 0) - self.targets * eta + np.log1p(small)
        response = np.where(eta >= 0, 1.0, small) / (1 + small)
        slope = self.weights * (response - self.targets)
        return Evaluation(float((losses @ self.weights).sum()), slope, response)

    def curvature(self, evaluation: Evaluation) -> Array:
        """Return w p (1 - p)."""
        p = evaluation.response
        return self.weights * p * (1 - p)

    def null_intercept(self) -> Array:
        """Return the log odds of each row."""
        share = np.clip(self.targets @ self.weights, SMALLEST_SHARE, 1 - SMALLEST_SHARE)
        return np.log(share) - np.log1p(-share)

    def saturated(self) -> float:
        """Return 0: every row can be fitted with probability one."""
        return 0.0


@dataclass(frozen=True)
class Gaussian:
    """Half the squared error summed over rows, l = sum_k (eta_k - y_k)^2 / 2.

    Parameters
    ----------
    targets : (C, n) array
    weights : (n,) array that sums to one
    """

    targets: Array
    weights: Array
    coupled: bool = False

    @property
    def n_rows(self) -> int:
        """Number of coefficient rows."""
        return len(self.targets)

    def evaluate(self, eta: Array) -> Evaluation:
        """Return value, slope w (eta - y) and response eta."""
        error = eta - self.targets
        slope = self.weights * error
        return Evaluation(0.5 * float(np.vdot(slope, error)), slope, eta)

    def curvature(self, evaluation: Evaluation) -> Array:
        """Return w, the same for every row and point."""
        return self.weights[None, :]

    def null_intercept(self) -> Array:
        """Return the weighted means of the targets."""
        return self.targets @ self.weights

    def saturated(self) -> float:
        """Return 0."""
        return 0.0
