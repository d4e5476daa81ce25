"""The objective of a sparse head written from its formula, apart from the package's own code.

Everything is float64 and row-major: predictors are ``offset + Z W' + b``, shape (n, C).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_expit, logsumexp, softmax

Array = NDArray[np.float64]

FAMILIES = ("multinomial", "grouped", "binomial", "multilabel", "gaussian")


def targets(y: NDArray, family: str) -> Array:
    """Return what the predictors are compared to, (n, C)."""
    if family in ("multilabel", "gaussian"):
        return np.asarray(y, float).reshape(len(y), -1)
    classes = np.unique(y)
    if family == "binomial":
        assert len(classes) == 2
        return (np.asarray(y) == classes[1]).astype(float)[:, None]
    return (np.asarray(y)[:, None] == classes).astype(float)


@dataclass(frozen=True)
class Objective:
    """Weighted mean loss plus ``lam sum_j f_j [a |W_kj| + (1 - a)/2 W_kj^2]``, or grouped."""

    Z: Array
    target: Array
    family: str
    lam: float
    l1_ratio: float
    weight: Array
    offset: Array
    free: NDArray[np.bool_]
    factor: Array
    lower: Array
    upper: Array

    @classmethod
    def of(
        cls,
        Z: Array,
        y: NDArray,
        lam: float,
        *,
        family: str,
        l1_ratio: float = 0.99,
        sample_weight: Array | None = None,
        offset: Array | None = None,
        free: NDArray[np.bool_] | None = None,
        penalty_factor: Array | None = None,
        lower: Array | float = -np.inf,
        upper: Array | float = np.inf,
    ) -> Objective:
        """Take the arguments of the package's functions."""
        target = targets(y, family)
        n, rows = target.shape
        weight = np.ones(n) if sample_weight is None else np.asarray(sample_weight, float)
        return cls(
            Z=np.asarray(Z, float),
            target=target,
            family=family,
            lam=lam,
            l1_ratio=l1_ratio,
            weight=weight / weight.sum(),
            offset=np.zeros((n, rows)) if offset is None else np.reshape(offset, (n, rows)),
            free=np.ones((rows, Z.shape[1]), bool) if free is None else free,
            factor=np.ones(Z.shape[1]) if penalty_factor is None else penalty_factor,
            lower=np.broadcast_to(np.asarray(lower, float), (rows, Z.shape[1])),
            upper=np.broadcast_to(np.asarray(upper, float), (rows, Z.shape[1])),
        )

    def predictors(self, coef: Array, intercept: Array) -> Array:
        return self.offset + self.Z @ coef.T + intercept

    def loss(self, coef: Array, intercept: Array) -> float:
        eta, y = self.predictors(coef, intercept), self.target
        if self.family == "gaussian":
            losses = 0.5 * ((eta - y) ** 2).sum(axis=1)
        elif self.family in ("multinomial", "grouped"):
            losses = logsumexp(eta, axis=1) - (eta * y).sum(axis=1)
        else:
            losses = -(y * log_expit(eta) + (1 - y) * log_expit(-eta)).sum(axis=1)
        return float(self.weight @ losses)

    def gradient(self, coef: Array, intercept: Array) -> tuple[Array, Array]:
        """Return the slopes of the loss: (C, K) and (C,)."""
        eta = self.predictors(coef, intercept)
        if self.family == "gaussian":
            mean = eta
        elif self.family in ("multinomial", "grouped"):
            mean = softmax(eta, axis=1)
        else:
            mean = expit(eta)
        residual = self.weight[:, None] * (mean - self.target)
        return residual.T @ self.Z, residual.sum(axis=0)

    def sizes(self, coef: Array) -> Array:
        """Return what the 1-norm sums over: (C, K), or (1, K) column norms when grouped."""
        if self.family == "grouped":
            return np.sqrt((coef**2).sum(axis=0, keepdims=True))
        return np.abs(coef)

    def value(self, coef: Array, intercept: Array) -> float:
        ridge = 0.5 * (coef**2).sum(axis=0)
        penalty = self.l1_ratio * self.sizes(coef).sum(axis=0) + (1 - self.l1_ratio) * ridge
        return self.loss(coef, intercept) + self.lam * float(self.factor @ penalty)

    def violation(self, coef: Array, intercept: Array) -> float:
        """Return the distance of zero from the subdifferential over lam, at worst.

        Of every coefficient (of every column, in the 2-norm, when grouped) and every intercept.
        """
        slopes, level = self.gradient(coef, intercept)
        smooth = slopes + self.lam * (1 - self.l1_ratio) * self.factor * coef
        smooth = np.where(self.free, smooth, 0.0)
        edge = self.lam * self.l1_ratio * self.factor
        if self.family == "grouped":
            worst = [
                self._group_violation(coef[:, j], smooth[:, j], edge[j]) for j in range(len(edge))
            ]
        else:
            worst = [
                self._single_violation(
                    coef[k, j], smooth[k, j], edge[j], self.lower[k, j], self.upper[k, j]
                )
                for k, j in zip(*np.nonzero(self.free), strict=True)
            ]
        return max([*worst, *np.abs(level)]) / self.lam

    @staticmethod
    def _single_violation(
        value: float, smooth: float, edge: float, lower: float, upper: float
    ) -> float:
        """Return the distance of zero from the interval of subgradients, endless at a bound."""
        low = smooth + (edge if value > 0 else -edge)
        high = smooth + (-edge if value < 0 else edge)
        low = -np.inf if value <= lower else low
        high = np.inf if value >= upper else high
        return max(low, -high, 0.0)

    @staticmethod
    def _group_violation(column: Array, smooth: Array, edge: float) -> float:
        norm = np.linalg.norm(column)
        if norm == 0:
            return max(float(np.linalg.norm(smooth)) - edge, 0.0)
        return float(np.linalg.norm(smooth + edge * column / norm))

    def minimise(self, steps: int = 20_000, tol: float = 1e-9) -> tuple[Array, Array]:
        """Return coefficients and intercepts by accelerated proximal gradient steps.

        Nesterov's momentum restarts whenever it points uphill (O'Donoghue, Candes, 2015).
        """
        rows, width = self.free.shape
        point = previous = np.zeros((rows, width + 1))
        design = np.column_stack([self.Z, np.ones(len(self.Z))])
        curvature = {"gaussian": 1.0, "binomial": 0.25, "multilabel": 0.25}.get(self.family, 0.5)
        gram = design.T @ (self.weight[:, None] * design)
        ridge = self.lam * (1 - self.l1_ratio) * self.factor
        step = 1 / (curvature * np.linalg.eigvalsh(gram)[-1] + ridge.max())
        momentum = 1.0
        for count in range(steps):
            following = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
            ahead = point + (momentum - 1) / following * (point - previous)
            slopes, level = self.gradient(ahead[:, :-1], ahead[:, -1])
            slopes = slopes + ridge * ahead[:, :-1]
            new = ahead - step * np.column_stack([slopes, level])
            new[:, :-1] = self._shrink(np.where(self.free, new[:, :-1], 0.0), step)
            uphill = np.vdot(ahead - new, new - point) > 0
            momentum = 1.0 if uphill else following
            previous, point = point, new
            if count % 50 == 0 and self.violation(point[:, :-1], point[:, -1]) < tol:
                return point[:, :-1], point[:, -1]
        raise AssertionError("the reference solver did not converge")

    def _shrink(self, coef: Array, step: float) -> Array:
        edge = step * self.lam * self.l1_ratio * self.factor
        size = self.sizes(coef)
        return coef * np.maximum(1 - edge / np.where(size > 0, size, 1.0), 0.0)
