"""Coordinate descent on penalised quadratics, the inner step of the solver, in compiled loops.

The model of one block of D coordinates around a point u is

    q(d) = g'd + d'Md/2 + sum_i [ l1_i |u_i + d_i| + l2_i (u_i + d_i)^2 / 2 ]

with l1_i = inf for a coordinate that must not move and l1_i = 0 for an intercept. Where there are
bounds, lower_i <= u_i + d_i <= upper_i; empty arrays stand for none.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pcbm.compiled import compiled

Array = NDArray[np.float64]


@compiled(fastmath={"reassoc", "contract", "nsz"})
def _sweep(M, q, u, l1, l2, lower, upper, index, size):  # type: ignore[no-untyped-def]  # numba infers types
    """Minimise over each listed coordinate in turn; return the largest violation met."""
    worst = 0.0
    bounded = len(lower) > 0
    for t in range(size):
        i = index[t]
        a = M[i, i] + l2[i]
        if a <= 0.0:
            continue
        old = u[i]
        z = M[i, i] * old - q[i]
        if z > l1[i]:
            new = (z - l1[i]) / a
        elif z < -l1[i]:
            new = (z + l1[i]) / a
        else:
            new = 0.0
        if bounded:
            new = min(max(new, lower[i]), upper[i])
        step = new - old
        if step != 0.0:
            worst = max(worst, a * abs(step))
            u[i] = new
            row = M[i]
            for j in range(len(q)):
                q[j] += step * row[j]
    return worst


@compiled
def _violation(q, u, l1, l2, lower, upper):  # type: ignore[no-untyped-def]
    """Return the largest violation of the optimality conditions of one block."""
    worst = 0.0
    for i in range(len(u)):
        smooth = q[i] + l2[i] * u[i]
        if l1[i] == np.inf:
            continue
        if u[i] > 0.0:
            slope = smooth + l1[i]
        elif u[i] < 0.0:
            slope = smooth - l1[i]
        else:
            slope = smooth - min(max(smooth, -l1[i]), l1[i])
        if len(lower) > 0:
            if u[i] >= upper[i]:
                slope = max(slope, 0.0)
            if u[i] <= lower[i]:
                slope = min(slope, 0.0)
        worst = max(worst, abs(slope))
    return worst


@compiled
def shift_rows(u, l1, l2, lower, upper, places):  # type: ignore[no-untyped-def]
    """Subtract from each feature's C coefficients the common shift that costs least, in place.

    A softmax does not change when one constant is subtracted from all rows of a feature, so the
    best constant is that of the penalty alone: minimise over c
    ``sum_k l1 |b_k - c| + l2 (b_k - c)^2 / 2``, among those that keep the bounds: the sum is
    convex, so the best of an interval is the best of all, clipped. ``places`` (F, C) says where
    the coefficients of each feature are in ``u``. Intercepts, which cost nothing, are centred.
    Features with a fixed coefficient are left alone.
    """
    features, rows = places.shape
    b = np.empty(rows)
    for f in range(features):
        total = 0.0
        fixed = False
        for k in range(rows):
            b[k] = u[places[f, k]]
            total += b[k]
            fixed |= l1[places[f, k]] == np.inf
        first = places[f, 0]
        if fixed:
            continue
        if l1[first] == 0.0:
            shift = total / rows
        else:
            b.sort()
            shift = _best_shift(b, total, l1[first], l2[first])
        if len(lower) > 0:
            shift = _clipped_shift(shift, u, lower, upper, places[f])
        if shift != 0.0:
            for k in range(rows):
                i = places[f, k]
                if len(lower) > 0 and shift == u[i] - upper[i]:
                    u[i] = upper[i]  # exactly, whatever the rounding
                elif len(lower) > 0 and shift == u[i] - lower[i]:
                    u[i] = lower[i]
                else:
                    u[i] -= shift


@compiled
def _clipped_shift(shift, u, lower, upper, places):  # type: ignore[no-untyped-def]
    """Return the nearest shift that leaves all listed coefficients within their bounds."""
    for i in places:
        shift = min(max(shift, u[i] - upper[i]), u[i] - lower[i])
    return shift


@compiled
def _best_shift(b, total, l1, l2):  # type: ignore[no-untyped-def]
    """Minimise sum_k l1 |b_k - c| + l2 (b_k - c)^2 / 2 over c, for sorted b."""
    rows = len(b)
    if l2 == 0.0:  # a median; among medians the one nearest zero
        low, high = b[(rows - 1) // 2], b[rows // 2]
        return min(max(low, 0.0), high)
    for below in range(rows + 1):
        c = (l2 * total + l1 * (rows - 2 * below)) / (l2 * rows)
        if below > 0 and c <= b[below - 1]:
            return b[below - 1]
        if below == rows or c < b[below]:
            return c
    return 0.0


@compiled
def _support(u, l1, index):  # type: ignore[no-untyped-def]
    """List the coordinates that are non-zero or unpenalised; return how many there are."""
    count = 0
    for i in range(len(u)):
        if u[i] != 0.0 or l1[i] == 0.0:
            index[count] = i
            count += 1
    return count


@compiled(nogil=True)
def descend(M, q, u, l1, l2, lower, upper, tol, max_sweeps, places):  # type: ignore[no-untyped-def]
    """Lower the models of B independent blocks by coordinate descent, in place.

    Parameters
    ----------
    M : (B or 1, D, D) metrics; one serves all blocks
    q : (B, D) gradients of the smooth parts at ``u``; kept up to date
    u : (B, D) points
    l1, l2 : (B, D) strengths; ``l1`` infinite holds a coordinate
    lower, upper : (B, D) bounds, or (B, 0) for none
    tol : violation at which a block is done
    max_sweeps : int, per block
    places : (F, C) int array, where the softmax rows of a feature are in a block; may be empty

    Returns
    -------
    (B,) largest violation of each block, or largest step times curvature where above ``tol``
    """
    blocks, size = u.shape
    everything = np.arange(size)
    active = np.empty(size, np.int64)
    last = np.empty(blocks)
    for k in range(blocks):
        metric = M[k if len(M) > 1 else 0]
        sweeps = 0
        full = True
        while True:
            index = everything if full else active
            count = size if full else _support(u[k], l1[k], active)
            worst = _sweep(metric, q[k], u[k], l1[k], l2[k], lower[k], upper[k], index, count)
            sweeps += 1
            shift_rows(u[k], l1[k], l2[k], lower[k], upper[k], places)
            if full and worst <= tol:  # each step was small; together they may not have been
                worst = _violation(q[k], u[k], l1[k], l2[k], lower[k], upper[k])
            last[k] = worst
            if (worst <= tol and full) or sweeps >= max_sweeps:
                break
            full = worst <= tol
    return last


@compiled
def _group_norm(z, a, l1):  # type: ignore[no-untyped-def]
    """Norm v of the minimiser of sum_k a_k u_k^2/2 - z_k u_k + l1 ||u||: root of a 1-D equation.

    ``u_k = z_k v / (a_k v + l1)``, so ``sum_k z_k^2 / (a_k v + l1)^2 = 1``. The left side is
    convex and falls in v, so Newton's steps from the left never overshoot.
    """
    v = 0.0
    for _ in range(100):
        value = -1.0
        slope = 0.0
        for k in range(len(z)):
            ratio = z[k] / (a[k] * v + l1)
            value += ratio * ratio
            slope -= 2.0 * ratio * ratio * a[k] / (a[k] * v + l1)
        if value <= 1e-15 or slope == 0.0:
            break
        v -= value / slope
    return v


@compiled
def descend_groups(M, q, u, l1, l2, free, tol, max_sweeps):  # type: ignore[no-untyped-def]
    """Lower a model whose columns share norms by descent over columns, in place.

    Parameters
    ----------
    M : (C or 1, K+1, K+1) metrics per row, or (1, C (K+1), C (K+1)) over all rows
    q, u : (C, K+1) gradient and point, intercepts last
    l1, l2 : (K+1,) strengths, zero for the intercept
    free : (C, K+1) bool array

    Returns
    -------
    float, the largest violation, or the largest step times curvature where above ``tol``

    Notes
    -----
    Within a column the metric over all rows is replaced by twice its diagonal, which bounds it
    for a softmax.
    """
    rows, width = u.shape
    whole = M.shape[1] > width
    flat = q.reshape(rows * width)
    z = np.empty(rows)
    a = np.empty(rows)
    worst = 0.0
    for _ in range(max_sweeps):
        worst = 0.0
        for j in range(width):
            length = 0.0
            for k in range(rows):
                if whole:
                    bend = 2.0 * M[0, k * width + j, k * width + j]
                else:
                    bend = M[k if len(M) > 1 else 0, j, j]
                a[k] = bend + l2[j]
                z[k] = bend * u[k, j] - q[k, j] if free[k, j] else 0.0
                length += z[k] * z[k]
            norm = _group_norm(z, a, l1[j]) if 0.0 < l1[j] < np.sqrt(length) else 0.0
            for k in range(rows):
                if a[k] <= 0.0 or not free[k, j]:
                    continue
                if l1[j] == 0.0:
                    value = z[k] / a[k]
                else:
                    value = z[k] * norm / (a[k] * norm + l1[j]) if norm > 0.0 else 0.0
                step = value - u[k, j]
                if step == 0.0:
                    continue
                worst = max(worst, a[k] * abs(step))
                u[k, j] = value
                if whole:
                    row = M[0, k * width + j]
                    for i in range(rows * width):
                        flat[i] += step * row[i]
                else:
                    row = M[k if len(M) > 1 else 0, j]
                    for i in range(width):
                        q[k, i] += step * row[i]
        if worst <= tol:  # each step was small; together they may not have been
            worst = _group_violation(q, u, l1, l2, free)
            if worst <= tol:
                break
    return worst


@compiled
def _group_violation(q, u, l1, l2, free):  # type: ignore[no-untyped-def]
    """Return the largest violation of the optimality conditions, a 2-norm per column."""
    worst = 0.0
    for j in range(u.shape[1]):
        norm = 0.0
        for k in range(len(u)):
            norm += u[k, j] * u[k, j]
        norm = np.sqrt(norm)
        size = 0.0
        for k in range(len(u)):
            if free[k, j]:
                pull = l1[j] * u[k, j] / norm if norm > 0.0 else 0.0
                size += (q[k, j] + l2[j] * u[k, j] + pull) ** 2
        size = np.sqrt(size)
        worst = max(worst, size if norm > 0.0 else size - l1[j])
    return worst
