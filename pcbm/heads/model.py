"""The quadratic model of the objective around a point."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pcbm.heads.newton import newton_group_step, newton_step
from pcbm.heads.penalties import Penalty
from pcbm.heads.problem import Point
from pcbm.heads.quadratic import descend, descend_groups, shift_rows

Array = NDArray[np.float64]

SWEEPS = 20  # of coordinate descent before a Newton step
WHOLE_SWEEPS = 2  # where rows of a softmax are coupled, and descent is slow
ROUNDS = 50
GROUP_SWEEPS = 5  # as many, and one more for every so many coordinates
GROUP_SWEEPS_EACH = 20
NO_SHIFTS = np.empty((0, 1), np.intp)


@dataclass(frozen=True)
class Metric:
    """A Hessian, or something that stands in for one.

    Parameters
    ----------
    blocks : (C or 1, K+1, K+1) array of one block per coefficient row, one serving all; or
        (1, s, s), one block over the coordinates of ``chosen``, row by row
    chosen : (C, K+1) bool array, or None for blocks per row
    """

    blocks: Array
    chosen: NDArray[np.bool_] | None = None

    def scaled(self, factor: float) -> Metric:
        """Return the metric times a number."""
        return self if factor == 1.0 else Metric(self.blocks * factor, self.chosen)


def minimise_model(
    point: Point, metric: Metric, penalty: Penalty, tol: float
) -> tuple[Array, Array]:
    """Minimise the loss expanded to second order around ``point``, plus the penalty.

    Returns coefficients (C, K) and intercepts (C,) in the point's coordinates, to a violation
    of ``tol``. Coordinates outside the metric stay where they are. The rows of a softmax may
    shift together per feature without changing the loss; the best such shift is taken too.
    """
    gradient = _with_last(point.slopes, point.level)
    start = _with_last(point.coef, point.intercept)
    l1 = _with_last(np.where(penalty.free, penalty.l1, np.inf), 0.0)
    l2 = _with_last(np.broadcast_to(penalty.l2, penalty.free.shape), 0.0)
    softmax = point.problem.datafit.coupled
    if softmax:  # true of the gradient, and now of its rounding errors too
        gradient -= gradient.mean(axis=0)
    if penalty.grouped:
        new = _over_groups(metric, gradient, start, l1, l2, tol)
    elif metric.chosen is None:
        new = start
        _lower(metric.blocks, gradient, new, l1, l2, tol, NO_SHIFTS, SWEEPS)
    else:
        new = _over_chosen(metric.blocks, metric.chosen, gradient, start, l1, l2, tol)
    if softmax:
        _shift(new, l1, l2, grouped=penalty.grouped)
    return np.ascontiguousarray(new[:, :-1]), new[:, -1].copy()


def _over_chosen(
    blocks: Array,
    chosen: NDArray[np.bool_],
    gradient: Array,
    start: Array,
    l1: Array,
    l2: Array,
    tol: float,
) -> Array:
    order = np.cumsum(chosen.ravel()).reshape(chosen.shape) - 1
    places = np.ascontiguousarray(order[:, chosen.all(axis=0)].T)
    part = start[chosen][None]
    _lower(
        blocks,
        gradient[chosen][None],
        part,
        l1[chosen][None],
        l2[chosen][None],
        tol,
        places,
        WHOLE_SWEEPS,
    )
    new = start.copy()
    new[chosen] = part[0]
    return new


def _lower(
    blocks: Array,
    q: Array,
    u: Array,
    l1: Array,
    l2: Array,
    tol: float,
    places: NDArray[np.intp],
    sweeps: int,
) -> None:
    """Minimise every block's model, in place: descent, and Newton steps where it is slow."""
    todo = np.arange(len(u))
    for _ in range(ROUNDS):
        some = len(todo) < len(u)
        parts = [array[todo] if some else array for array in (q, u, l1, l2)]
        metrics = blocks[todo] if some and len(blocks) > 1 else blocks
        worst = descend(metrics, parts[0], parts[1], parts[2], parts[3], tol, sweeps, places)
        left = worst > tol
        for i in np.flatnonzero(left):
            newton_step(
                metrics[i if len(metrics) > 1 else 0],
                parts[0][i],
                parts[1][i],
                parts[2][i],
                parts[3][i],
            )
        if some:
            q[todo], u[todo] = parts[0], parts[1]
        todo = todo[left]
        if not len(todo):
            return


def _over_groups(
    metric: Metric, gradient: Array, start: Array, l1: Array, l2: Array, tol: float
) -> Array:
    columns = np.ones(start.shape[1], bool) if metric.chosen is None else metric.chosen[0]
    q, u, wall = (np.ascontiguousarray(a[:, columns]) for a in (gradient, start, l1))
    free = np.isfinite(wall)
    norm = np.where(free, wall, 0.0).max(axis=0)
    ridge = np.ascontiguousarray(l2[0, columns])
    sweeps = GROUP_SWEEPS + u.size // GROUP_SWEEPS_EACH
    for _ in range(ROUNDS):
        if descend_groups(metric.blocks, q, u, norm, ridge, free, tol, sweeps) <= tol:
            break
        newton_group_step(metric.blocks, q, u, norm, ridge, free)
    new = start.copy()
    new[:, columns] = u
    return new


def _shift(new: Array, l1: Array, l2: Array, *, grouped: bool) -> None:
    if grouped:  # the norm of a column is least when its mean is zero
        whole = np.isfinite(l1).all(axis=0)
        new[:, whole] -= new[:, whole].mean(axis=0)
    else:
        places = np.ascontiguousarray(np.arange(new.size).reshape(new.shape).T)
        shift_rows(new.ravel(), l1.ravel(), l2.ravel(), places)


def _with_last(matrix: Array, column: Array | float) -> Array:
    """Return ``matrix`` with one more column, rows contiguous."""
    out = np.empty((matrix.shape[0], matrix.shape[1] + 1))
    out[:, :-1] = matrix
    out[:, -1] = column
    return out
