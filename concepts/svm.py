"""The linear support vector machine with hinge loss and a free intercept, solved in its dual.

Source: Fan, Chen, Lin 2005, "Working set selection using second order information for training
support vector machines" (JMLR 6); the problem is that of LIBSVM and of scikit-learn's ``SVC``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pcbm.compiled import compiled

TOLERANCE = 1e-4
STEPS = 10_000_000
_ROUNDS = 20  # of steps; each begins with a gradient computed anew, most problems take two
_FLAT = 1e-12  # curvature, relative to the mean square length, below which a pair counts as copies


@dataclass(frozen=True)
class SvmPath:
    """Solutions for P cost vectors over the same n rows.

    ``coefficients`` (P, n) are beta_i = y_i alpha_i: the direction is ``coefficients @ X``.
    ``intercepts`` (P,), and ``slacks`` (P,): by how much they may move up or down and be as good,
    0 where a row fixes them. ``margins`` (P, n) are w . x_i + b of all rows, those of cost 0 too.
    ``violations`` (P,): by how much the worst pair of rows violates the optimality conditions.
    ``objectives`` (P,) of the primal, ``gaps`` (P,): what at most they lie above the minimum,
    relative to themselves. ``n_steps`` (P,).
    """

    coefficients: np.ndarray
    intercepts: np.ndarray
    slacks: np.ndarray
    margins: np.ndarray
    violations: np.ndarray
    objectives: np.ndarray
    gaps: np.ndarray
    n_steps: np.ndarray


def svm_path(
    gram: np.ndarray,
    signs: np.ndarray,
    costs: np.ndarray,
    *,
    tol: float = TOLERANCE,
    max_steps: int = STEPS,
) -> SvmPath:
    r"""Fit linear support vector machines that share their rows and differ in their costs.

    Parameters
    ----------
    gram : ndarray (n, n)
        Inner products of the rows, X X'. Rows may be shifted by a common vector: with a free
        intercept that changes the intercept alone, and centred rows keep more digits.
    signs : ndarray (n,)
        +1 or -1; both must occur among the rows of positive cost.
    costs : ndarray (P, n)
        What a unit of hinge loss costs on each row, in each problem. Rows of cost 0 are left out of
        that problem: this is how one Gram matrix serves every fold. Problems are solved in the
        order given, each starting from the one before, so let costs grow.
    tol : float
        Largest violation of optimality, in units of the margin; LIBSVM stops at 1e-3 by default.
    max_steps : int
        For each problem; where it is reached, ``violations`` stays above ``tol``.

    Notes
    -----
    Each problem is

    .. math:: \min_{w, b} \tfrac12 \|w\|^2 + \sum_i c_i \max(0, 1 - y_i (w \cdot x_i + b))

    and its dual, with :math:`w = \sum_i \beta_i x_i`, is to maximise
    :math:`y \cdot \beta - \tfrac12 \beta' X X' \beta` over :math:`\sum_i \beta_i = 0` and
    :math:`0 \le y_i \beta_i \le c_i`. With the gradient g the solution is where no coefficient
    that can grow has a larger g than one that can shrink; the largest such difference is the
    violation. Each step moves along one such pair, the second chosen for the largest gain. b is
    the mean of g over the rows strictly within their bounds (there g_i = b at the solution), or
    half way between the last pair where there are none.
    """
    gram = np.ascontiguousarray(gram, dtype=np.float64)
    targets = np.ascontiguousarray(signs, dtype=np.float64)
    low = np.minimum(targets * costs, 0.0)
    high = np.maximum(targets * costs, 0.0)
    return SvmPath(*_path(gram, targets, low, high, tol, max_steps))


@compiled(nogil=True)
def _path(gram, targets, low, high, tol, max_steps):  # type: ignore[no-untyped-def]
    """Solve the problems in turn; return what `SvmPath` holds, in its order."""
    count, n = low.shape
    betas = np.zeros((count, n))
    margins = np.empty((count, n))
    facts = np.empty((5, count))
    steps = np.zeros(count, dtype=np.int64)
    beta = np.zeros(n)
    for p in range(count):
        grad = targets - gram @ beta
        if p > 0:
            _rescale(beta, _best_multiple(beta, grad, targets, low[p], high[p]), low[p], high[p])
            grad = targets - gram @ beta
        for _ in range(_ROUNDS):
            left = max_steps - steps[p]
            taken, top, bottom = _ascend(gram, low[p], high[p], beta, grad, tol, left)
            steps[p] += taken
            if taken == 0:
                break
            _rescale(beta, 1.0, low[p], high[p])
            grad = targets - gram @ beta  # the sums of many steps have lost some digits
        intercept, slack = _intercept(beta, grad, low[p], high[p], top, bottom)
        square = beta @ (targets - grad)
        loss = 0.0
        for i in range(n):  # one by one: assigning whole rows compiles for seconds
            betas[p, i] = beta[i]
            margins[p, i] = targets[i] - grad[i] + intercept
            loss += (high[p, i] - low[p, i]) * max(0.0, 1 - targets[i] * margins[p, i])
        facts[0, p], facts[1, p] = intercept, slack
        facts[2, p] = max(top - bottom, 0.0)
        facts[3, p] = square / 2 + loss
        facts[4, p] = max(square + loss - targets @ beta, 0.0) / max(facts[3, p], 1e-300)
    return betas, facts[0], facts[1], margins, facts[2], facts[3], facts[4], steps


@compiled(nogil=True)
def _ascend(gram, low, high, beta, grad, tol, max_steps):  # type: ignore[no-untyped-def]
    """Move along violating pairs, in place; return steps taken and both ends of the last pair."""
    n = len(beta)
    flat = max(_FLAT * np.trace(gram) / n, 1e-200)
    taken = 0
    while True:
        first, top, bottom = -1, -np.inf, np.inf
        for i in range(n):
            if beta[i] < high[i] and grad[i] > top:
                first, top = i, grad[i]
            if beta[i] > low[i] and grad[i] < bottom:
                bottom = grad[i]
        if top - bottom <= tol or taken >= max_steps:
            return taken, top, bottom
        second, most, length = -1, -1.0, 0.0
        for i in range(n):
            rise = top - grad[i]
            if beta[i] > low[i] and rise > 0:
                bend = max(gram[first, first] + gram[i, i] - 2 * gram[first, i], flat)
                if rise * rise > most * bend:
                    second, most, length = i, rise * rise / bend, rise / bend
        room, spare = high[first] - beta[first], beta[second] - low[second]
        length = min(length, room, spare)
        # Bounds are reached exactly: whether a row is free decides over pairs and intercept.
        beta[first] = high[first] if length == room else beta[first] + length
        beta[second] = low[second] if length == spare else beta[second] - length
        for i in range(n):
            grad[i] -= length * (gram[first, i] - gram[second, i])
        taken += 1


@compiled(nogil=True)
def _best_multiple(beta, grad, targets, low, high):  # type: ignore[no-untyped-def]
    """Return the factor of beta that is best within the bounds: the start from another problem."""
    square = beta @ (targets - grad)
    factor = (targets @ beta) / square if square > 0 else 0.0
    for i in range(len(beta)):
        if beta[i] > 0:
            factor = min(factor, high[i] / beta[i])
        elif beta[i] < 0:
            factor = min(factor, low[i] / beta[i])
    return factor


@compiled(nogil=True)
def _rescale(beta, factor, low, high):  # type: ignore[no-untyped-def]
    """Multiply in place, and put on its bound what rounding left beside it: it is not free."""
    for i in range(len(beta)):
        beta[i] *= factor
        if beta[i] >= high[i] * (1 - 1e-12) and beta[i] > 0:
            beta[i] = high[i]
        elif beta[i] <= low[i] * (1 - 1e-12) and beta[i] < 0:
            beta[i] = low[i]


@compiled(nogil=True)
def _intercept(beta, grad, low, high, top, bottom):  # type: ignore[no-untyped-def]
    """Return the mean gradient of the rows strictly within their bounds, and 0.

    Without such rows every number from ``top`` to ``bottom`` is as good: the middle, and half the
    length of that interval.
    """
    total, count = 0.0, 0
    for i in range(len(beta)):
        if low[i] < beta[i] < high[i]:
            total += grad[i]
            count += 1
    if count:
        return total / count, 0.0
    return (top + bottom) / 2, max(bottom - top, 0.0) / 2
