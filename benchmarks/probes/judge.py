"""The support vector machine's objective and a lower bound of it, in float64, from the formulas.

F(w, b) = 1/2 ||w||^2 + C sum_i max(0, 1 - y_i (w . x_i + b))
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def objective(rows: Array, signs: Array, cost: float, vector: Array, intercept: float) -> float:
    """Return F at a vector (d,) and an intercept, on rows (n, d) with signs (n,)."""
    slack = np.maximum(0.0, 1 - signs * (rows @ vector + intercept))
    return float(0.5 * vector @ vector + cost * slack.sum())


def lower_bound(rows: Array, signs: Array, cost: float, multipliers: Array) -> float:
    """Return a number that F cannot lie below: the dual at multipliers (n,), made feasible.

    The dual is ``sum a_i - 1/2 ||sum a_i y_i x_i||^2`` over 0 <= a_i <= C with ``sum a_i y_i`` = 0.
    The side with the larger sum is shrunk to the sum of the other.
    """
    a = np.clip(multipliers, 0.0, cost)
    sums = {sign: a[signs == sign].sum() for sign in (1.0, -1.0)}
    least = min(sums.values())
    for sign, total in sums.items():
        if total > 0:
            a[signs == sign] *= least / total
    vector = (a * signs) @ rows
    return float(a.sum() - 0.5 * vector @ vector)


def cosine(one: Array, other: Array) -> float:
    """Return the cosine of the angle between two vectors."""
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))
