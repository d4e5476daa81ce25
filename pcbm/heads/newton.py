"""Newton's step on the support of a penalised quadratic, where coordinate descent is slow."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve

Array = NDArray[np.float64]

JITTER = 1e-8  # of the diagonal: flat directions, such as the shifts of a softmax, stay put
HALVINGS = 6
CROSSED = 1e-12  # of its size: a coefficient this close to zero or to a bound has reached it
LARGEST_GROUPED = 2500  # coordinates up to which a step over groups is worth its cost


def newton_step(
    M: Array, q: Array, u: Array, l1: Array, l2: Array, lower: Array, upper: Array
) -> bool:
    """Move ``u`` towards the minimum over its support with signs held, in place.

    Coefficients that would change sign stop at zero, others at their bounds (a projected Newton
    step in the orthant of the current signs); those that press against a bound are left out. The
    step is halved until the model falls; the last try ends where the first coefficient stops.

    Parameters
    ----------
    M : (D, D) metric
    q, u : (D,) gradient of the smooth part at ``u``, and the point; both are updated
    l1, l2 : (D,) strengths
    lower, upper : (D,) bounds, or (0,) for none

    Returns
    -------
    bool, whether a step was taken
    """
    sign = np.where(l1 > 0, np.sign(u), 0.0)
    slope = q + np.where(sign != 0, l1, 0.0) * sign + l2 * u
    low, high = np.where(sign > 0, 0.0, -np.inf), np.where(sign < 0, 0.0, np.inf)
    if len(lower):
        low, high = np.maximum(low, lower), np.minimum(high, upper)
    pressing = ((u >= high) & (slope < 0)) | ((u <= low) & (slope > 0))
    support = np.flatnonzero(((u != 0) | (l1 == 0)) & ~pressing)
    norm, sign, slope, low, high = (a[support] for a in (l1, sign, slope, low, high))
    hessian = M[np.ix_(support, support)]
    diagonal = np.diagonal(hessian) + l2[support]
    hessian[np.diag_indices_from(hessian)] = diagonal * (1 + JITTER) + np.finfo(float).tiny
    try:
        factor = cho_factor(hessian, overwrite_a=True, check_finite=False)
    except LinAlgError:
        return False
    direction = -cho_solve(factor, slope, check_finite=False)
    before = u[support]
    whole = np.zeros(len(u))
    steps = [0.5**k for k in range(HALVINGS)] + [_first_stop(before, direction, low, high)]
    reached = CROSSED * np.abs(before)
    for length in steps:
        after = before + length * direction
        after = np.where(
            after <= low + reached, low, np.where(after >= high - reached, high, after)
        )
        move = after - before
        whole[support] = move
        pull = M @ whole
        change = (
            q[support] @ move
            + 0.5 * (pull[support] @ move)
            + norm @ (np.abs(after) - np.abs(before))
            + 0.5 * (l2[support] @ (after**2 - before**2))
        )
        if change < 0:
            u[support] = after
            q += pull
            return True
    return False


def _first_stop(before: Array, direction: Array, low: Array, high: Array) -> float:
    """Return how far along ``direction`` the first coefficient reaches an end of its interval."""
    room = np.where(direction < 0, low, high) - before
    stops = (room != 0) & (direction != 0)
    return float((room[stops] / direction[stops]).min(initial=1.0))


def newton_group_step(
    M: Array, q: Array, u: Array, l1: Array, l2: Array, free: NDArray[np.bool_]
) -> bool:
    """Move ``u`` towards the minimum over the columns that are not zero, in place.

    There the norm of a column is smooth, with gradient u/||u|| and second derivative
    (I - u u'/||u||^2) / ||u||. The step is halved until the model falls.

    Parameters
    ----------
    M : (C or 1, K+1, K+1) metrics per row, or (1, C (K+1), C (K+1)) over all rows
    q, u : (C, K+1) gradient of the smooth part at ``u``, and the point; both are updated
    l1, l2 : (K+1,) strengths
    free : (C, K+1) bool array

    Returns
    -------
    bool, whether a step was taken
    """
    width = u.shape[1]
    norms = np.sqrt((u * u).sum(axis=0))
    support = free & ((norms > 0) | (l1 == 0))
    index = np.flatnonzero(support)
    if len(index) > LARGEST_GROUPED:
        return False
    column = index % width
    safe = np.where(norms > 0, norms, 1.0)
    bend = (l1 / safe)[column]
    unit = (u / safe).ravel()[index]
    slope = q.ravel()[index] + l2[column] * u.ravel()[index] + l1[column] * unit
    hessian = _gathered(M, index, width)
    same = column[:, None] == column[None, :]
    hessian -= np.where(same, bend * np.outer(unit, unit), 0.0)
    diagonal = np.diagonal(hessian) + l2[column] + bend
    hessian[np.diag_indices_from(hessian)] = diagonal * (1 + JITTER) + np.finfo(float).tiny
    try:
        factor = cho_factor(hessian, overwrite_a=True, check_finite=False)
    except LinAlgError:
        return False
    direction = np.zeros(u.size)
    direction[index] = -cho_solve(factor, slope, check_finite=False)
    move = direction.reshape(u.shape)
    pull = _applied(M, move)
    for _ in range(HALVINGS):
        after = np.sqrt(((u + move) ** 2).sum(axis=0))
        change = (
            np.vdot(q, move)
            + 0.5 * np.vdot(pull, move)
            + l1 @ (after - norms)
            + 0.5 * (l2 @ (after**2 - norms**2))
        )
        if change < 0:
            u += move
            q += pull
            return True
        move, pull = 0.5 * move, 0.5 * pull
    return False


def _gathered(M: Array, index: NDArray[np.intp], width: int) -> Array:
    """Return the metric over some of the coordinates, numbered row by row."""
    if M.shape[1] > width:
        return M[0][np.ix_(index, index)]
    out = np.zeros((len(index), len(index)))
    for k in range(index[-1] // width + 1):
        own = index // width == k
        inside = index[own] - k * width
        out[np.ix_(own, own)] = M[k if len(M) > 1 else 0][np.ix_(inside, inside)]
    return out


def _applied(M: Array, move: Array) -> Array:
    """Return the metric times a step (C, K+1)."""
    if M.shape[1] > move.shape[1]:
        return (M[0] @ move.ravel()).reshape(move.shape)
    return np.matmul(M, move[:, :, None])[:, :, 0]
