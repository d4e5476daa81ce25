"""Where a path begins: the empty model, the strength that empties a head, and the grid below."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pcbm.heads.penalties import ElasticNet, Penalty
from pcbm.heads.problem import Point, Problem
from pcbm.heads.streaming import search

Array = NDArray[np.float64]

SMALLEST_L1_RATIO = 1e-3  # stands in for l1_ratio in lam_max, which is infinite for pure ridge
NULL_TOL = 1e-10  # violation of the null model, over its largest gradient
NULL_ITER = 1000


def null_point(problem: Problem, net: ElasticNet) -> Point:
    """Return the solution with every penalised coefficient at zero."""
    point = problem.start()
    if problem.offset is None and (net.factor > 0).all():
        return point
    nothing = np.zeros_like(net.factor)
    penalty = Penalty(nothing, nothing, net.free & (net.factor == 0), box=net.box)
    scale = max(float(np.abs(point.slopes).max(initial=0.0)), np.finfo(float).tiny)
    return search(problem, grouped=False).solve(point, penalty, NULL_TOL * scale, NULL_ITER).point


def lam_max_of(null: Point, net: ElasticNet) -> float:
    """Return the least strength at which every penalised coefficient is zero.

    max_j |dL/dW_kj| / (f_j l1_ratio) at the null model, over coefficients that may follow their
    gradient; the column norm when grouped. Where there are none, or the null model is perfect, no
    strength is the least; 1 stands in.
    """
    slopes = net.at(1.0).allowed(null.original_slopes)
    size = np.linalg.norm(slopes, axis=0) if net.grouped else np.abs(slopes).max(axis=0)
    penalised = net.factor > 0
    top = (size[penalised] / net.factor[penalised]).max(initial=0.0)
    if null.problem.constant:  # only rounding is left
        top = 0.0
    return float(top / max(net.l1_ratio, SMALLEST_L1_RATIO)) if top > 0 else 1.0


def grid(top: float, n_lams: int, lam_min_ratio: float) -> Array:
    """Return ``n_lams`` strengths in equal ratios, from ``top`` down to ``lam_min_ratio`` of it."""
    return top * np.exp(np.linspace(0, np.log(lam_min_ratio), n_lams))
