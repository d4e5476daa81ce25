"""The losses: what a head pays for its linear predictors.

Predictors are class-major: ``eta`` has shape (C, n), one contiguous row per coefficient row.
Every loss is a weighted mean over rows, with weights ``w`` (n,) that sum to one:
``L(eta) = sum_i w_i l(y_i, eta_:i)``. Predictors are overwritten by what is computed from them:
a pass over the rows spends as much time on memory as on arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# A class whose weighted share is 0 or 1 would have an infinite intercept; this share stands in.
SMALLEST_SHARE = 1e-12

EVERYTHING = slice(None)


@dataclass(frozen=True)
class Evaluation:
    """A loss at one point: its value and its slope dL/deta (C, n)."""

    value: float
    slope: NDArray


class Datafit(Protocol):
    """A convex, smooth loss of the predictors, in the precision of the predictors."""

    @property
    def weights(self) -> Array:
        """Weights (n,) of the rows, which sum to one."""

    @property
    def n_rows(self) -> int:
        """Number of coefficient rows, C."""

    @property
    def coupled(self) -> bool:
        """Whether the loss of one row depends on the predictors of the others."""

    @property
    def bound(self) -> float:
        """The largest second derivative of l along a direction of its predictors."""

    def evaluate(self, eta: NDArray, part: slice = EVERYTHING) -> Evaluation:
        """Return value and slope at ``eta`` (C, m), the predictors of ``part``; overwrite them."""

    def response(self, eta: NDArray) -> NDArray:
        """Return the fitted mean at ``eta`` (C, m); overwrite it."""

    def curvature(self, response: NDArray, part: slice = EVERYTHING) -> NDArray:
        """Return w_i d2l/deta_ki^2, shape (C, m), or (1, m) when all rows share it."""

    def null_intercept(self) -> Array:
        """Return the intercepts (C,) of the model without features and offset."""

    def mean_target(self) -> Array:
        """Return the weighted mean (C,) of what the response is compared to."""

    def linear(self, eta: Array) -> float:
        """Return ``sum_i w_i y_i . eta_i`` at ``eta`` (C, n), the linear part of the loss."""

    def take(self, rows: NDArray[np.intp], weights: Array) -> Datafit:
        """Return the loss of these rows with new weights."""


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
    bound: float = 0.5  # of diag(p) - pp'

    def evaluate(self, eta: NDArray, part: slice = EVERYTHING) -> Evaluation:
        """Return value and slope w (p - y)."""
        labels, rows = self.labels[part], np.arange(eta.shape[1])
        weights = self.weights[part].astype(eta.dtype, copy=False)
        own = eta[labels, rows]
        largest, total = _exponentiate(eta)
        losses = np.subtract(np.log(total), own - largest, dtype=float)
        chance = eta[labels, rows] / total
        eta *= weights / total
        eta[labels, rows] = (chance - 1) * weights  # to the last digit where a row is certain
        return Evaluation(float(self.weights[part] @ losses), eta)

    def response(self, eta: NDArray) -> NDArray:
        """Return the probabilities p."""
        eta /= _exponentiate(eta)[1]
        return eta

    def curvature(self, response: NDArray, part: slice = EVERYTHING) -> NDArray:
        """Return the diagonal w p (1 - p); the full block is w (diag(p) - p p')."""
        weights = self.weights[part].astype(response.dtype, copy=False)
        return weights * response * (1 - response)

    def take(self, rows: NDArray[np.intp], weights: Array) -> Multinomial:
        """Return the loss of these rows with new weights."""
        return Multinomial(self.labels[rows], weights, self.n_rows)

    def null_intercept(self) -> Array:
        """Return the log shares of the classes, centred."""
        logs = np.log(np.maximum(self.mean_target(), SMALLEST_SHARE))
        return logs - logs.mean()

    def mean_target(self) -> Array:
        """Return the shares of the classes."""
        return np.asarray(np.bincount(self.labels, self.weights, minlength=self.n_rows), float)

    def linear(self, eta: Array) -> float:
        """Return the weighted mean predictor of the rows' own classes."""
        return float(self.weights @ eta[self.labels, np.arange(eta.shape[1])])


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
    bound: float = 0.25

    @property
    def n_rows(self) -> int:
        """Number of coefficient rows."""
        return len(self.targets)

    def evaluate(self, eta: NDArray, part: slice = EVERYTHING) -> Evaluation:
        """Return value and slope w (p - y)."""
        targets = self.targets[:, part].astype(eta.dtype, copy=False)
        weights = self.weights[part].astype(eta.dtype, copy=False)
        small = np.exp(-np.abs(eta))
        losses = np.maximum(eta, 0) - targets * eta + np.log1p(small)
        slope = _chances(eta, small)
        slope -= targets
        slope *= weights
        value = float((losses.astype(float, copy=False) @ self.weights[part]).sum())
        return Evaluation(value, slope)

    def response(self, eta: NDArray) -> NDArray:
        """Return the chances p."""
        return _chances(eta, np.exp(-np.abs(eta)))

    def curvature(self, response: NDArray, part: slice = EVERYTHING) -> NDArray:
        """Return w p (1 - p)."""
        weights = self.weights[part].astype(response.dtype, copy=False)
        return weights * response * (1 - response)

    def take(self, rows: NDArray[np.intp], weights: Array) -> Logistic:
        """Return the loss of these rows with new weights."""
        return Logistic(self.targets[:, rows], weights)

    def null_intercept(self) -> Array:
        """Return the log odds of each row."""
        share = np.clip(self.mean_target(), SMALLEST_SHARE, 1 - SMALLEST_SHARE)
        return np.log(share) - np.log1p(-share)

    def mean_target(self) -> Array:
        """Return the share of ones in each row."""
        return self.targets @ self.weights

    def linear(self, eta: Array) -> float:
        """Return the weighted mean of the predictors where the target is one."""
        return float(np.einsum("ki,ki->i", self.targets, eta) @ self.weights)


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
    bound: float = 1.0

    @property
    def n_rows(self) -> int:
        """Number of coefficient rows."""
        return len(self.targets)

    def evaluate(self, eta: NDArray, part: slice = EVERYTHING) -> Evaluation:
        """Return value and slope w (eta - y)."""
        eta -= self.targets[:, part].astype(eta.dtype, copy=False)
        squares = np.einsum("ki,ki->i", eta, eta, dtype=float)
        eta *= self.weights[part].astype(eta.dtype, copy=False)
        return Evaluation(0.5 * float(self.weights[part] @ squares), eta)

    def response(self, eta: NDArray) -> NDArray:
        """Return the predictors, which are the fitted means."""
        return eta

    def curvature(self, response: NDArray, part: slice = EVERYTHING) -> NDArray:
        """Return w, the same for every row and point."""
        return self.weights[None, part].astype(response.dtype, copy=False)

    def take(self, rows: NDArray[np.intp], weights: Array) -> Gaussian:
        """Return the loss of these rows with new weights."""
        return Gaussian(self.targets[:, rows], weights)

    def mean_squares(self, eta: Array) -> Array:
        """Return the weighted mean squared error of each row (C,), above zero in any case."""
        centred = self.targets - self.null_intercept()[:, None]
        floor = np.finfo(float).eps * (centred**2 @ self.weights) + np.finfo(float).tiny
        return np.maximum((eta - self.targets) ** 2 @ self.weights, floor)

    def null_intercept(self) -> Array:
        """Return the weighted means of the targets."""
        return self.mean_target()

    def mean_target(self) -> Array:
        """Return the weighted means of the targets."""
        return self.targets @ self.weights

    def linear(self, eta: Array) -> float:
        """Return the weighted mean product of targets and predictors."""
        return float(np.einsum("ki,ki->i", self.targets, eta) @ self.weights)


def _exponentiate(eta: NDArray) -> tuple[NDArray, NDArray]:
    """Replace eta (C, m) by exp(eta - largest); return the largest of each column and the sums."""
    largest = eta.max(axis=0)
    eta -= largest
    np.exp(eta, out=eta)
    return largest, eta.sum(axis=0)


def _chances(eta: NDArray, small: NDArray) -> NDArray:
    """Return 1 / (1 + exp(-eta)), given ``small`` = exp(-abs(eta)), which is overwritten."""
    numerator = np.where(eta >= 0, 1, small)
    small += 1
    numerator /= small
    return numerator
