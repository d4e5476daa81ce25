"""Penalised quadratic problems, the inner step of the solver, in compiled loops.

The model of one block of D coordinates around a point u is

    q(d) = g'd + d'Md/2 + sum_i [ l1_i |u_i + d_i| + l2_i (u_i + d_i)^2 / 2 ]

with l1_i = inf for a coordinate that must not move and l1_i = 0 for an intercept. Coordinate
descent finds the support; conjugate gradients on that support, cut at the first change of sign,
finish what coordinate descent is slow at (correlated and duplicate columns).
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SWEEPS_BEFORE_SUBSPACE = 8


@numba.njit(cache=True, fastmath={"reassoc", "contract", "nsz"})
def _sweep(M, q, u, l1, l2, index, size):  # type: ignore[no-untyped-def]  # numba infers types
    """Minimise over each listed coordinate in turn; return the largest violation met."""
    worst = 0.0
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
        step = new - old
        if step != 0.0:
            worst = max(worst, a * abs(step))
            u[i] = new
            row = M[i]
            for j in range(len(q)):
                q[j] += step * row[j]
    return worst


@numba.njit(cache=True, fastmath={"reassoc", "contract", "nsz"})
def _subspace(M, q, u, l1, l2, index, size):  # type: ignore[no-untyped-def]
    """Move towards the minimum over the listed coordinates with their signs held.

    Conjugate gradients give the direction; the step ends where the first coefficient reaches
    zero, so the model never rises.
    """
    n = len(q)
    d = np.zeros(n)
    r = np.zeros(n)
    p = np.zeros(n)
    rho = 0.0
    for t in range(size):
        i = index[t]
        sign = 0.0 if l1[i] == 0.0 else (1.0 if u[i] > 0.0 else -1.0)
        r[i] = -(q[i] + l1[i] * sign + l2[i] * u[i])
        p[i] = r[i] / (M[i, i] + l2[i])
        rho += r[i] * p[i]
    start = rho
    work = np.empty(n)
    for _ in range(2 * size + 10):
        if rho <= 1e-28 * start or rho <= 0.0:
            break
        work[:] = 0.0
        for t in range(size):
            i = index[t]
            row = M[i]
            c = p[i]
            for j in range(n):
                work[j] += c * row[j]
        bend = 0.0
        length = 0.0
        for t in range(size):
            i = index[t]
            work[i] += l2[i] * p[i]
            bend += p[i] * work[i]
            length += p[i] * p[i] * (M[i, i] + l2[i])
        if bend <= 1e-14 * length:  # flat along p: as far as the signs allow
            break
        alpha = rho / bend
        fresh = 0.0
        for t in range(size):
            i = index[t]
            d[i] += alpha * p[i]
            r[i] -= alpha * work[i]
            fresh += r[i] * r[i] / (M[i, i] + l2[i])
        beta = fresh / rho
        rho = fresh
        for t in range(size):
            i = index[t]
            p[i] = r[i] / (M[i, i] + l2[i]) + beta * p[i]
    step = 1.0
    blocking = -1
    for t in range(size):
        i = index[t]
        if l1[i] > 0.0 and u[i] * (u[i] + step * d[i]) < 0.0:
            step = -u[i] / d[i]
            blocking = i
    for t in range(size):
        i = index[t]
        move = step * d[i] if i != blocking else -u[i]
        if move != 0.0:
            u[i] += move
            row = M[i]
            for j in range(n):
                q[j] += move * row[j]


@numba.njit(cache=True)
def shift_rows(u, l1, l2, rows):  # type: ignore[no-untyped-def]
    """Subtract from each feature's C coefficients the common shift that costs least, in place.

    A softmax does not change when one constant is subtracted from all rows of a feature, so the
    best constant is that of the penalty alone: minimise over c
    ``sum_k l1 |b_k - c| + l2 (b_k - c)^2 / 2``. ``u`` is (C (K+1),), intercepts last in each row;
    intercepts are centred. Features with a fixed coefficient are left alone.
    """
    width = len(u) // rows
    b = np.empty(rows)
    for j in range(width):
        total = 0.0
        fixed = False
        for k in range(rows):
            b[k] = u[k * width + j]
            total += b[k]
            fixed |= l1[k * width + j] == np.inf
        if fixed or (total == 0.0 and l1[j] == 0.0):
            continue
        if l1[j] == 0.0:
            shift = total / rows
        else:
            b.sort()
            shift = _best_shift(b, total, l1[j], l2[j])
        if shift != 0.0:
            for k in range(rows):
                u[k * width + j] -= shift


@numba.njit(cache=True)
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


@numba.njit(cache=True)
def _support(u, l1, index):  # type: ignore[no-untyped-def]
    """List the coordinates that are non-zero or unpenalised; return how many there are."""
    count = 0
    for i in range(len(u)):
        if u[i] != 0.0 or l1[i] == 0.0:
            index[count] = i
            count += 1
    return count


@numba.njit(cache=True)
def _solve_block(M, q, u, l1, l2, tol, max_sweeps, rows):  # type: ignore[no-untyped-def]
    """Minimise one block's model; ``u`` is moved in place, ``q`` is its smooth gradient."""
    size = len(u)
    everything = np.arange(size)
    active = np.empty(size, np.int64)
    sweeps = 0
    while sweeps < max_sweeps:
        worst = _sweep(M, q, u, l1, l2, everything, size)
        sweeps += 1
        if rows > 1:
            shift_rows(u, l1, l2, rows)
        if worst <= tol:
            break
        inner = 0
        while sweeps < max_sweeps:
            count = _support(u, l1, active)
            worst = _sweep(M, q, u, l1, l2, active, count)
            sweeps += 1
            if rows > 1:
                shift_rows(u, l1, l2, rows)
            if worst <= tol:
                break
            inner += 1
            if inner % SWEEPS_BEFORE_SUBSPACE == 0:
                count = _support(u, l1, active)
                _subspace(M, q, u, l1, l2, active, count)
    return sweeps


@numba.njit(cache=True)
def solve_blocks(M, gradient, u, l1, l2, tol, max_sweeps, rows):  # type: ignore[no-untyped-def]
    """Minimise the models of B independent blocks; return the new points and the sweeps spent.

    Parameters
    ----------
    M : (B or 1, D, D) metrics; one serves all blocks
    gradient, u, l1, l2 : (B, D) arrays; ``u`` is where ``gradient`` was taken
    tol : largest violation allowed
    max_sweeps : int, per block
    rows : int, number of softmax rows within a block (1: none)
    """
    new = u.copy()
    q = gradient.copy()
    sweeps = 0
    for k in range(len(u)):
        metric = M[k if len(M) > 1 else 0]
        sweeps += _solve_block(metric, q[k], new[k], l1[k], l2[k], tol, max_sweeps, rows)
    return new, sweeps


@numba.njit(cache=True)
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


@numba.njit(cache=True)
def solve_groups(M, gradient, u, l1, l2, free, tol, max_sweeps):  # type: ignore[no-untyped-def]
    """Minimise block-diagonal models coupled by column norms; see `solve_blocks`.

    Parameters
    ----------
    M : (C or 1, K+1, K+1) metrics
    gradient, u : (C, K+1) arrays, intercepts last
    l1, l2 : (K+1,) arrays, zero for the intercept
    free : (C, K+1) bool array
    """
    rows, width = u.shape
    new = u.copy()
    q = gradient.copy()
    z = np.empty(rows)
    a = np.empty(rows)
    sweeps = 0
    while sweeps < max_sweeps:
        sweeps += 1
        worst = 0.0
        for j in range(width):
            length = 0.0
            for k in range(rows):
                metric = M[k if len(M) > 1 else 0]
                a[k] = metric[j, j] + l2[j]
                z[k] = metric[j, j] * new[k, j] - q[k, j] if free[k, j] else 0.0
                length += z[k] * z[k]
            norm = _group_norm(z, a, l1[j]) if 0.0 < l1[j] < np.sqrt(length) else 0.0
            for k in range(rows):
                if a[k] <= 0.0 or not free[k, j]:
                    continue
                if l1[j] == 0.0:
                    value = z[k] / a[k]
                else:
                    value = z[k] * norm / (a[k] * norm + l1[j]) if norm > 0.0 else 0.0
                step = value - new[k, j]
                if step != 0.0:
                    worst = max(worst, a[k] * abs(step))
                    new[k, j] = value
                    row = M[k if len(M) > 1 else 0, j]
                    for i in range(width):
                        q[k, i] += step * row[i]
        if worst <= tol:
            break
    return new, sweeps
