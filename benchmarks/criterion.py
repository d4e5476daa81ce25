"""The objective, its violation of optimality and a lower bound of it, in float64.

Written from the formulas alone, apart from the package, to judge every solver alike. With mean
loss L over n rows and predictors eta = W z + b, the objective is

    F = L + lam sum_j [a N(W_:j) + (1 - a)/2 ||W_:j||^2],    N = 1-norm, or 2-norm when grouped.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

BALANCED = 1e-13  # largest difference of mean probability and class share that counts as none
BALANCING = 200  # rounds of scaling at most
RECENTRE = 1e-9  # relative fall of the objective that is taken for a common shift left behind


@dataclass(frozen=True)
class Judgement:
    """What an answer at one strength is worth: objective, and violation over lam."""

    objective: float
    kkt: float


@dataclass(frozen=True)
class Criterion:
    """Scores (n, K), labels (n,) from 0, family and l1_ratio (below 1) of one problem."""

    scores: Array
    labels: NDArray[np.int64]
    family: str
    l1_ratio: float

    @property
    def target(self) -> Array:
        """(n, C) indicators; (n, 1) of the second class for family binomial."""
        if self.family == "binomial":
            return self.labels[:, None].astype(float)
        return np.eye(int(self.labels.max()) + 1)[self.labels]

    def judge(self, coef: Array, intercept: Array, lam: float) -> Judgement:
        """Return objective and violation at coefficients (C, K) and intercepts (C,)."""
        losses, chances = self._forward(coef, intercept)
        residual = (chances - self.target) / len(chances)
        slopes = residual.T @ self.scores + lam * (1 - self.l1_ratio) * coef
        edge = lam * self.l1_ratio
        if self.family == "grouped":
            norm = np.linalg.norm(coef, axis=0)
            direction = coef / np.where(norm > 0, norm, 1.0)
            at_zero = np.maximum(np.linalg.norm(slopes, axis=0) - edge, 0.0)
            away = np.linalg.norm(slopes + edge * direction, axis=0)
            violation = np.where(norm > 0, away, at_zero)
        else:
            at_zero = np.maximum(np.abs(slopes) - edge, 0.0)
            violation = np.where(coef != 0, np.abs(slopes + edge * np.sign(coef)), at_zero)
        worst = max(float(violation.max()), float(np.abs(residual.sum(axis=0)).max()))
        return Judgement(float(losses.mean()) + lam * self.penalty(coef), worst / lam)

    def penalty(self, coef: Array) -> float:
        """Return the penalty over lam."""
        norm = np.linalg.norm(coef, axis=0) if self.family == "grouped" else np.abs(coef)
        return float(self.l1_ratio * norm.sum() + (1 - self.l1_ratio) / 2 * (coef**2).sum())

    def lower_bound(self, coef: Array, intercept: Array, lam: float) -> float:
        """Return a number no objective value at ``lam`` can lie below, up to rounding.

        Fenchel's dual: for probabilities p_i whose mean is that of the targets y,
        ``mean_i H(p_i) - sum_j s_j(G)^2 / (2 lam (1 - a))`` with H the entropy,
        G = (p - y)'Z / n and s_j = max(0, N*(G_:j) - lam a), summed over coefficients, or over
        columns with the 2-norm when grouped. Any such p will do; those of a solution are taken,
        scaled class by class until their means fit, the rest mixed away.
        """
        _, chances = self._forward(coef, intercept)
        if self.family == "binomial":
            chances = np.column_stack([1 - chances[:, 0], chances[:, 0]])
            target = np.column_stack([1 - self.target[:, 0], self.target[:, 0]])
        else:
            target = self.target
        chances = _balanced(chances, target.mean(axis=0))
        slopes = (chances - target).T @ self.scores / len(target)
        if self.family == "binomial":
            slopes = slopes[1:]
        size = np.linalg.norm(slopes, axis=0) if self.family == "grouped" else np.abs(slopes)
        above = np.maximum(size - lam * self.l1_ratio, 0.0)
        logs = np.log(np.maximum(chances, np.finfo(float).tiny))
        entropy = float(-(chances * logs).sum() / len(chances))
        return entropy - float((above**2).sum()) / (2 * lam * (1 - self.l1_ratio))

    def recentred(self, coef: Array) -> Array:
        """Return softmax coefficients less the shift per column that lowers the penalty most.

        A softmax does not change when one number is taken from all rows of a column. Solvers that
        do not use this freedom are not charged for it; where the fall is rounding, ``coef`` stays.
        """
        if self.family == "binomial":
            return coef
        moved = coef - _best_shift(coef, self.l1_ratio, grouped=self.family == "grouped")
        worth = self.penalty(coef) - self.penalty(moved)
        return moved if worth > RECENTRE * self.penalty(coef) else coef

    def _forward(self, coef: Array, intercept: Array) -> tuple[Array, Array]:
        """Return the losses (n,) and the probabilities (n, C)."""
        eta = self.scores @ coef.T + intercept
        if self.family == "binomial":
            second = np.exp(-np.logaddexp(0, -eta))
            return np.logaddexp(0, eta[:, 0]) - self.labels * eta[:, 0], second
        eta -= eta.max(axis=1, keepdims=True)
        picked = eta[np.arange(len(eta)), self.labels]
        np.exp(eta, out=eta)
        total = eta.sum(axis=1)
        return np.log(total) - picked, eta / total[:, None]


def _balanced(chances: Array, share: Array) -> Array:
    """Return probabilities (n, C) near ``chances`` whose column means are ``share``."""
    for _ in range(BALANCING):
        mean = chances.mean(axis=0)
        if np.abs(mean - share).max() <= BALANCED:
            break
        chances = chances * (share / mean)
        chances /= chances.sum(axis=1, keepdims=True)
    rest = chances.mean(axis=0) - share
    part = float(np.max(rest / (rest + share), initial=0.0))  # of the constant row mixed in
    if part == 0:
        return chances
    return (1 - part) * chances + part * (share - (1 - part) / part * rest)


def _best_shift(coef: Array, l1_ratio: float, *, grouped: bool) -> Array:
    """Return the c (K,) that minimises the penalty of ``coef - c``, column by column.

    Grouped: the mean. Else the root of a sum of signs plus a line, which rises; it is the clipped
    mean of the values between two order statistics, found by trying all C + 1 places.
    """
    if grouped:
        return coef.mean(axis=0)
    rows = len(coef)
    ordered = np.sort(coef, axis=0)
    mean = ordered.mean(axis=0)
    pull = l1_ratio / max(1 - l1_ratio, 1e-12) / rows
    below = np.arange(rows + 1)[:, None]  # so many rows lie below c
    free = mean + pull * (rows - 2 * below)
    lower = np.vstack([np.full_like(mean, -np.inf)[None], ordered])
    upper = np.vstack([ordered, np.full_like(mean, np.inf)[None]])
    candidates = np.clip(free, lower, upper)
    worth = [_shifted_penalty(coef, c, l1_ratio) for c in candidates]
    best = np.argmin(worth, axis=0)
    return candidates[best, np.arange(coef.shape[1])]


def _shifted_penalty(coef: Array, shift: Array, l1_ratio: float) -> Array:
    moved = coef - shift
    return (l1_ratio * np.abs(moved) + (1 - l1_ratio) / 2 * moved**2).sum(axis=0)
