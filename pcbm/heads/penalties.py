"""The penalties: what a head pays for its coefficients, and how far a point is from optimal.

Coefficients ``coef`` have shape (C, K). The penalty at strength lam, with feature factors f_j, is

    elastic net:  lam sum_kj f_j [ l1_ratio |W_kj| + (1 - l1_ratio)/2 W_kj^2 ]
    group:        lam sum_j  f_j [ l1_ratio ||W_:j||_2 + (1 - l1_ratio)/2 ||W_:j||_2^2 ]
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Penalty:
    """An elastic-net penalty over single coefficients or over whole columns.

    Parameters
    ----------
    l1, l2 : (K,) arrays, strengths of the norm and of the squared norm of each feature
    free : (C, K) bool array; coefficients that are not free stay at zero
    grouped : bool, whether the norm is that of the columns
    """

    l1: Array
    l2: Array
    free: NDArray[np.bool_]
    grouped: bool = False

    @classmethod
    def elastic_net(
        cls,
        lam: float,
        l1_ratio: float,
        factor: Array,
        free: NDArray[np.bool_],
        *,
        grouped: bool = False,
    ) -> Penalty:
        """Return the penalty of strength ``lam`` with feature factors ``factor`` (K,)."""
        return cls(lam * l1_ratio * factor, lam * (1 - l1_ratio) * factor, free, grouped)

    def restrict(self, columns: NDArray[np.intp]) -> Penalty:
        """Return the penalty of some of the features."""
        return Penalty(
            self.l1[columns], self.l2[columns], self.free[:, columns], grouped=self.grouped
        )

    def value(self, coef: Array) -> float:
        """Return the penalty of ``coef``."""
        squares = np.einsum("kj,kj->j", coef, coef)
        norms = np.sqrt(squares) if self.grouped else np.abs(coef).sum(axis=0)
        return float(self.l1 @ norms + 0.5 * (self.l2 @ squares))

    def violation(self, coef: Array, gradient: Array) -> Array:
        """Return, per feature, the distance of zero from the subdifferential.

        ``gradient`` is that of the loss alone. Single coefficients give the largest of their
        column; groups give the 2-norm over the column. Fixed coefficients do not count.
        """
        smooth = np.where(self.free, gradient + self.l2 * coef, 0.0)
        if self.grouped:
            return self._group_violation(coef, smooth)
        l1 = np.broadcast_to(self.l1, coef.shape)
        at_zero = np.maximum(np.abs(smooth) - l1, 0.0)
        moved = np.abs(smooth + l1 * np.sign(coef))
        worst = np.where(self.free, np.where(coef == 0, at_zero, moved), 0.0)
        return worst.max(axis=0, initial=0.0)

    def _group_violation(self, coef: Array, smooth: Array) -> Array:
        norms = np.sqrt(np.einsum("kj,kj->j", coef, coef))
        zero = norms == 0
        direction = coef / np.where(zero, 1.0, norms)
        at_zero = np.maximum(np.linalg.norm(smooth, axis=0) - self.l1, 0.0)
        moved = np.linalg.norm(smooth + self.l1 * direction, axis=0)
        return np.where(zero, at_zero, moved)
