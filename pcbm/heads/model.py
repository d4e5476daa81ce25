"""The quadratic model of the objective around a point."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pcbm.heads.newton import newton_group_step, newton_step
from pcbm.heads.penalties import Penalty
from pcbm.heads.problem import Point
from pcbm.heads.quadratic import descend, descend_groups, shift_rows
from pcbm.heads.threads import in_order

Array = NDArray[np.float64]

SWEEPS = 20  # of coordinate descent before a Newton step
WHOLE_SWEEPS = 2  # where rows of a softmax are coupled, and descent is slow
WHOLE_SWEEPS_EACH = 30  # and one more for so many coordinates: a Newton step then costs more too
ROUNDS = 500
GROUP_SWEEPS = 5  # as many, and one more for every so many coordinates
GROUP_SWEEPS_EACH = 20
SHARES, SHARED = 16, 1 << 16  # shares of the blocks for threads, and numbers of a metric in each
NO_SHIFTS = np.empty((0, 1), np.intp)
NO_BOUNDS = np.empty((1, 0))


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
    softmax = point.problem.datafit.coupled
    gradient = _with_last(point.slopes, point.level)
    if softmax:  # true of the gradient, and now of its rounding errors too
        gradient -= gradient.mean(axis=0)
    model = _Model(
        metric.blocks,
        gradient,
        _with_last(point.coef, point.intercept),
        _with_last(np.where(penalty.free, penalty.l1, np.inf), 0.0),
        _with_last(np.broadcast_to(penalty.l2, penalty.free.shape), 0.0),
        *_bounds(penalty),
    )
    if penalty.grouped:
        _lower_groups(model, metric.chosen, tol)
    elif metric.chosen is None:
        _lower(model, tol, NO_SHIFTS, SWEEPS)
    else:
        part, places = model.over(metric.chosen)
        _lower(part, tol, places, WHOLE_SWEEPS + part.u.size // WHOLE_SWEEPS_EACH)
        model.u[metric.chosen] = part.u[0]
    new = model.u
    if softmax:
        _shift(model, grouped=penalty.grouped)
    return np.ascontiguousarray(new[:, :-1]), new[:, -1].copy()


@dataclass(frozen=True)
class _Model:
    """Blocks of a penalised quadratic: metrics (B or 1, D, D), the others (B, D).

    ``q`` is the gradient of the smooth part at ``u``; both change as the model is lowered.
    Bounds are (B, D), or (B, 0) for none.
    """

    metrics: Array
    q: Array
    u: Array
    l1: Array
    l2: Array
    lower: Array
    upper: Array

    def over(self, chosen: NDArray[np.bool_]) -> tuple[_Model, NDArray[np.intp]]:
        """Return the chosen coordinates as one block, and where columns that are whole lie."""
        order = np.cumsum(chosen.ravel()).reshape(chosen.shape) - 1
        places = np.ascontiguousarray(order[:, chosen.all(axis=0)].T)
        parts = (array[chosen][None] for array in (self.q, self.u, self.l1, self.l2))
        bounds = (self.lower, self.upper)
        limits = (b[chosen][None] if b.size else NO_BOUNDS for b in bounds)
        return _Model(self.metrics, *parts, *limits), places

    def shares(self) -> list[_Model]:
        """Return views of the blocks in equal shares, for threads; one where they are small."""
        blocks, size = self.u.shape
        count = min(blocks, SHARES, max(1, blocks * size**2 // SHARED))
        ends = np.linspace(0, blocks, count + 1).astype(int)
        return [self.blocks(slice(a, b)) for a, b in pairwise(ends)]

    def blocks(self, which: NDArray[np.intp] | slice) -> _Model:
        """Return some of the blocks."""
        metrics = self.metrics[which] if len(self.metrics) > 1 else self.metrics
        arrays = (self.q, self.u, self.l1, self.l2, self.lower, self.upper)
        return _Model(metrics, *(array[which] for array in arrays))


def _lower(model: _Model, tol: float, places: NDArray[np.intp], sweeps: int) -> None:
    """Minimise every block, in place: descent, and Newton steps where it is slow."""
    todo = np.arange(len(model.u))
    for _ in range(ROUNDS):
        part = model if len(todo) == len(model.u) else model.blocks(todo)
        worst = np.concatenate(
            list(in_order(lambda share: _approach(share, tol, places, sweeps), part.shares()))
        )
        left = np.flatnonzero(worst > tol)
        if part is not model:
            model.q[todo], model.u[todo] = part.q, part.u
        if not len(left):
            return
        todo = todo[left]


def _approach(model: _Model, tol: float, places: NDArray[np.intp], sweeps: int) -> Array:
    """Lower every block once, in place; return the violation that descent left of each (B,)."""
    arrays = (model.q, model.u, model.l1, model.l2, model.lower, model.upper)
    worst = descend(model.metrics, *arrays, tol, sweeps, places)
    for i in np.flatnonzero(worst > tol):
        metric = model.metrics[i if len(model.metrics) > 1 else 0]
        newton_step(metric, *(array[i] for array in arrays))
    return worst


def _lower_groups(model: _Model, chosen: NDArray[np.bool_] | None, tol: float) -> None:
    """Minimise a model whose columns share norms, in place."""
    columns = np.ones(model.u.shape[1], bool) if chosen is None else chosen[0]
    q, u, wall = (np.ascontiguousarray(a[:, columns]) for a in (model.q, model.u, model.l1))
    free = np.isfinite(wall)
    norm = np.where(free, wall, 0.0).max(axis=0)
    ridge = np.ascontiguousarray(model.l2[0, columns])
    sweeps = GROUP_SWEEPS + u.size // GROUP_SWEEPS_EACH
    for _ in range(ROUNDS):
        if descend_groups(model.metrics, q, u, norm, ridge, free, tol, sweeps) <= tol:
            break
        newton_group_step(model.metrics, q, u, norm, ridge, free)
    model.u[:, columns] = u


def _shift(model: _Model, *, grouped: bool) -> None:
    """Shift the rows of a softmax together, feature by feature, to the least penalty, in place."""
    if grouped:  # the norm of a column is least when its mean is zero
        whole = np.isfinite(model.l1).all(axis=0)
        model.u[:, whole] -= model.u[:, whole].mean(axis=0)
    else:
        places = np.ascontiguousarray(np.arange(model.u.size).reshape(model.u.shape).T)
        arrays = (model.u, model.l1, model.l2, model.lower, model.upper)
        shift_rows(*(array.ravel() for array in arrays), places)


def _bounds(penalty: Penalty) -> tuple[Array, Array]:
    """Return lower and upper bounds (C, K+1), or (C, 0) where there are none."""
    if penalty.box is None:
        nothing = np.empty((len(penalty.free), 0))
        return nothing, nothing
    return _with_last(penalty.box.lower, -np.inf), _with_last(penalty.box.upper, np.inf)


def _with_last(matrix: Array, column: Array | float) -> Array:
    """Return ``matrix`` with one more column, rows contiguous."""
    out = np.empty((matrix.shape[0], matrix.shape[1] + 1))
    out[:, :-1] = matrix
    out[:, -1] = column
    return out
