"""Data rows that stand for all of them in a metric."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pcbm.heads.problem import Problem

Array = NDArray[np.float64]

EVENLY = 0.1  # share of the sample drawn without regard to curvature, which bounds the weights


def bending_rows(problem: Problem, coef: Array, intercept: Array, size: int) -> Problem:
    """Return the problem on about ``size`` rows, drawn by how much they bend the loss.

    Rows that are fitted with near certainty add almost nothing to a Hessian. Row i is drawn with
    probability pi_i proportional to its curvature, at most one, and gets the weight w_i / pi_i,
    so that sums over the sample are unbiased. The same call draws the same rows.
    """
    if size >= problem.n:
        return problem
    bend = problem.row_curvature(coef, intercept)
    share = (1 - EVENLY) * bend / bend.sum() + EVENLY / problem.n
    chance = inclusion(share, size)
    rows = np.flatnonzero(np.random.default_rng(0).random(problem.n) < chance)
    return problem.take(rows, problem.datafit.weights[rows] / chance[rows])


def inclusion(share: Array, size: int) -> Array:
    """Return probabilities proportional to ``share``, at most one, that sum to ``size``."""
    chance = np.minimum(size * share, 1.0)
    for _ in range(50):
        certain = chance >= 1
        rest = size - certain.sum()
        if certain.all() or rest <= 0:
            break
        chance = np.where(certain, 1.0, rest * share / share[~certain].sum())
        if not (chance > 1).any():
            break
        chance = np.minimum(chance, 1.0)
    return chance
