"""The penalties: what a head pays for its coefficients, and how far a point is from optimal.

Coefficients ``coef`` have shape (C, K). The penalty at strength lam, with feature factors f_j, is

    elastic net:  lam sum_kj f_j [ l1_ratio |W_kj| + (1 - l1_ratio)/2 W_kj^2 ]
    group:        lam sum_j  f_j [ l1_ratio ||W_:j||_2 + (1 - l1_ratio)/2 ||W_:j||_2^2 ]

Single coefficients may be bounded: the elastic net is then infinite outside a box around zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Box:
    """Bounds of the coefficients.

    Parameters
    ----------
    lower, upper : (C, K) arrays, or views that look so, with lower <= 0 <= upper; may be infinite
    """

    lower: Array
    upper: Array

    def restrict(self, columns: NDArray[np.intp]) -> Box:
        """Return the bounds of some of the features."""
        return Box(self.lower[:, columns], self.upper[:, columns])

    def clip(self, coef: Array) -> Array:
        """Return the nearest coefficients within the bounds."""
        return np.clip(coef, self.lower, self.upper)


@dataclass(frozen=True)
class ElasticNet:
    """An elastic-net penalty but for its strength.

    Parameters
    ----------
    l1_ratio : float in [0, 1]
    factor : (K,) array of feature factors f_j >= 0
    free : (C, K) bool array; coefficients that are not free stay at zero
    grouped : bool, whether the norm is that of the columns
    box : bounds of the coefficients, or None
    """

    l1_ratio: float
    factor: Array
    free: NDArray[np.bool_]
    grouped: bool = False
    box: Box | None = None

    def at(self, lam: float) -> Penalty:
        """Return the penalty of strength ``lam``."""
        return Penalty.elastic_net(
            lam, self.l1_ratio, self.factor, self.free, grouped=self.grouped, box=self.box
        )

    def feasible(self, coef: Array) -> Array:
        """Return the nearest coefficients that are within their bounds, zero where not free."""
        inside = coef if self.box is None else self.box.clip(coef)
        return np.where(self.free, inside, 0.0)


@dataclass(frozen=True)
class Penalty:
    """An elastic-net penalty over single coefficients or over whole columns.

    Parameters
    ----------
    l1, l2 : (K,) arrays, strengths of the norm and of the squared norm of each feature
    free : (C, K) bool array; coefficients that are not free stay at zero
    grouped : bool, whether the norm is that of the columns
    box : bounds of the coefficients, or None
    """

    l1: Array
    l2: Array
    free: NDArray[np.bool_]
    grouped: bool = False
    box: Box | None = None

    @classmethod
    def elastic_net(
        cls,
        lam: float,
        l1_ratio: float,
        factor: Array,
        free: NDArray[np.bool_],
        *,
        grouped: bool = False,
        box: Box | None = None,
    ) -> Penalty:
        """Return the penalty of strength ``lam`` with feature factors ``factor`` (K,)."""
        return cls(lam * l1_ratio * factor, lam * (1 - l1_ratio) * factor, free, grouped, box)

    def restrict(self, columns: NDArray[np.intp]) -> Penalty:
        """Return the penalty of some of the features."""
        return Penalty(
            self.l1[columns],
            self.l2[columns],
            self.free[:, columns],
            grouped=self.grouped,
            box=None if self.box is None else self.box.restrict(columns),
        )

    def value(self, coef: Array) -> float:
        """Return the penalty of ``coef``."""
        squares = np.einsum("kj,kj->j", coef, coef)
        norms = np.sqrt(squares) if self.grouped else np.abs(coef).sum(axis=0)
        return float(self.l1 @ norms + 0.5 * (self.l2 @ squares))

    def conjugate(self, slopes: Array) -> float:
        """Return the convex conjugate at ``slopes`` (C, K): sup <slopes, W> - value(W) in the box.

        With e the part of the slopes beyond l1 (of the column's norm when grouped), it is
        ``sum e w - l2 w^2 / 2`` at w = e / l2, clipped to the bounds: infinite where l2 is zero
        and a slope beyond l1 meets no bound.
        """
        beyond = np.where(self.free, slopes, 0.0)
        if self.grouped:
            beyond = np.maximum(np.linalg.norm(beyond, axis=0) - self.l1, 0.0)[None]
        else:
            beyond = beyond - np.clip(beyond, -self.l1, self.l1)
        with np.errstate(divide="ignore", invalid="ignore"):
            best = np.where(beyond == 0, 0.0, beyond / self.l2)
        if self.box is not None:
            best = self.box.clip(best)
        if np.isinf(best).any():
            return np.inf
        return float((beyond * best).sum() - 0.5 * (self.l2 * best**2).sum())

    def allowed(self, slopes: Array) -> Array:
        """Return gradients (C, K) of the loss with zeros where zero coefficients may not follow.

        A coefficient leaves zero against its gradient, unless it is fixed or bounded by zero there.
        """
        slopes = np.where(self.free, slopes, 0.0)
        if self.box is None:
            return slopes
        up = np.where(self.box.upper > 0, np.minimum(slopes, 0.0), 0.0)
        return np.where(self.box.lower < 0, np.maximum(slopes, 0.0), 0.0) + up

    def on_face(self, guess: Array, coef: Array) -> Array:
        """Return the nearest coefficients to ``guess`` with the zeros and signs of ``coef``.

        Coefficients at a bound stay there.
        """
        kept = np.where(guess * coef > 0, guess, 0.0)
        if self.box is None:
            return kept
        at_bound = (coef <= self.box.lower) | (coef >= self.box.upper)
        return np.where(at_bound, coef, self.box.clip(kept))

    def violation(self, coef: Array, gradient: Array) -> Array:
        """Return, per feature, the distance of zero from the subdifferential.

        ``gradient`` is that of the loss alone. Single coefficients give the largest of their
        column; groups give the 2-norm over the column. Fixed coefficients do not count, nor does
        a slope that would carry a coefficient out of its bounds.
        """
        smooth = np.where(self.free, gradient + self.l2 * coef, 0.0)
        if self.grouped:
            return self._group_violation(coef, smooth)
        at_zero = smooth - np.clip(smooth, -self.l1, self.l1)
        slope = np.where(coef == 0, at_zero, smooth + self.l1 * np.sign(coef))
        if self.box is not None:
            slope = np.where(coef >= self.box.upper, np.maximum(slope, 0.0), slope)
            slope = np.where(coef <= self.box.lower, np.minimum(slope, 0.0), slope)
        return np.where(self.free, np.abs(slope), 0.0).max(axis=0, initial=0.0)

    def _group_violation(self, coef: Array, smooth: Array) -> Array:
        norms = np.sqrt(np.einsum("kj,kj->j", coef, coef))
        zero = norms == 0
        direction = coef / np.where(zero, 1.0, norms)
        at_zero = np.maximum(np.linalg.norm(smooth, axis=0) - self.l1, 0.0)
        moved = np.linalg.norm(smooth + self.l1 * direction, axis=0)
        return np.where(zero, at_zero, moved)
