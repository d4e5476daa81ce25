"""Minibatch proximal SAGA: short steps on a few rows, with a remembered slope for every row.

The loss is F(W, b) = sum_i w_i l_i(W z_i + b). A batch B of m rows moves W along

    (n / m) sum_{i in B} (r_i - q_i) z_i' + sum_i q_i z_i',

with r_i = w_i l_i' the slope of row i now and q_i the one remembered, through the proximal step of
the penalty; then q_i becomes r_i. Every epoch reads the rows once, in order and in pieces that are
shuffled in memory. What is kept is one piece and the slopes, 8 n C bytes.

Defazio, Bach, Lacoste-Julien, "SAGA", NeurIPS 2014. Gazagnadou, Gower, Salmon, "Optimal mini-batch
and step sizes for SAGA", ICML 2019: batch and step. Wong, Santurkar, Madry, "Leveraging sparse
linear layers for debuggable deep networks", ICML 2021: SAGA for paths of elastic-net heads.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pcbm.heads.penalties import Penalty
from pcbm.heads.problem import Point, Problem
from pcbm.heads.task import Found, Task, block

Array = NDArray[np.float64]

PIECE_BYTES = 32 << 20  # rows are read and shuffled in pieces of about this size
SMALLEST_BATCH, LARGEST_BATCH = 32, 1024
GROWTH = 1.1  # objective of an epoch over the best known, from which the steps were too long


def minibatch_path(task: Task) -> Iterator[Found]:
    """Solve a task strength by strength, each from the last solution."""
    state = Saga(task.problem, task.first, np.random.default_rng(task.seed))
    for lam in task.lams:
        yield state.solve(task.net.at(lam), task.tol * lam, task.max_iter)


class Saga:
    """Coefficients on their way, and the slopes remembered of all rows.

    Parameters
    ----------
    problem : Problem
    point : where to start
    rng : draws the order of the rows of a piece
    """

    def __init__(self, problem: Problem, point: Point, rng: np.random.Generator) -> None:
        self.problem = problem
        self.rng = rng
        width, n = problem.shape[1], problem.n
        rows = max(1, PIECE_BYTES // (8 * width))
        self._pieces = [slice(a, min(a + rows, n)) for a in range(0, n, rows)]
        self._batch, self._step = self._batch_and_step()
        self._slopes = np.empty((problem.shape[0], n))
        self._place(point)

    def solve(self, penalty: Penalty, tol: float, max_iter: int) -> Found:
        """Go on under a penalty until the largest violation is at most ``tol``.

        The gradient of the remembered slopes comes close to the true one as the steps die down. It
        is computed anew from all rows when the remembered one is small enough, and at the end.
        """
        best = self._best
        for epoch in range(max_iter):
            if best.violation(penalty) <= tol:
                return Found(best, epoch)
            value = self._epoch(penalty)
            if not value <= GROWTH * best.objective(penalty):
                self._step /= 2
                self._place(best)
            elif self._remembered(value).violation(penalty) <= tol:
                best = self._place(self._remembered(value))
        return Found(self._place(self._remembered(0.0)), max_iter)

    def _place(self, point: Point) -> Point:
        """Go to a point and compute all slopes there; return the point with its true gradient."""
        problem = self.problem
        self._coef, self._intercept = point.coef.copy(), point.intercept.copy()
        self._gradient, self._level = np.zeros(problem.shape), np.zeros(problem.shape[0])
        loss = 0.0
        for part in self._pieces:
            Z = block(problem, part)
            found = problem.datafit.evaluate(self._predict(Z, part), part)
            loss += found.value
            self._slopes[:, part] = found.slope
            self._gradient += found.slope @ Z
            self._level += found.slope.sum(axis=1)
        self._best = self._remembered(loss)
        return self._best

    def _remembered(self, loss: float) -> Point:
        """Return the present point with the gradient of the remembered slopes."""
        parts = (self._coef, self._intercept, self._gradient, self._level)
        coef, intercept, gradient, level = (part.copy() for part in parts)
        return Point(self.problem, coef, intercept, loss, gradient, level)

    def _predict(self, Z: Array, rows: slice | NDArray[np.intp]) -> Array:
        eta = self._coef @ Z.T + self._intercept[:, None]
        return eta if self.problem.offset is None else eta + self.problem.offset[:, rows]

    def _epoch(self, penalty: Penalty) -> float:
        """Take a step on every batch; return the mean objective met on the way."""
        loss = 0.0
        for part in self._pieces:
            rows = part.start + self.rng.permutation(part.stop - part.start)
            Z = block(self.problem, part)[rows - part.start]
            datafit = self.problem.datafit.take(rows, self.problem.datafit.weights[rows])
            slopes = self._slopes[:, rows]
            for first in range(0, len(rows), self._batch):
                some = slice(first, min(first + self._batch, len(rows)))
                found = datafit.evaluate(self._predict(Z[some], rows[some]), some)
                loss += found.value
                self._move(found.slope - slopes[:, some], Z[some], penalty)
                slopes[:, some] = found.slope
            self._slopes[:, rows] = slopes
        return loss + penalty.value(self._coef)

    def _move(self, change: Array, Z: Array, penalty: Penalty) -> None:
        """Step along a batch whose slopes changed by ``change`` (C, m)."""
        scale = self.problem.n / len(Z)
        gradient, level = change @ Z, change.sum(axis=1)
        ahead = self._coef - self._step * (scale * gradient + self._gradient)
        self._intercept -= self._step * (scale * level + self._level)
        self._coef = proximal(ahead, penalty, self._step)
        self._gradient += gradient
        self._level += level

    def _batch_and_step(self) -> tuple[int, float]:
        """Return the rows of a batch and the length of a step, 1 / (4 expected smoothness).

        Up to L_max / L rows (the smoothness of the worst row over that of the mean loss) a larger
        batch makes an epoch no less useful.
        """
        problem, weights = self.problem, self.problem.datafit.weights
        width, n = problem.shape[1], problem.n
        gram, largest = np.zeros((width + 1, width + 1)), 0.0
        for part in self._pieces:
            Z = np.column_stack([block(problem, part), np.ones(part.stop - part.start)])
            gram += Z.T @ (Z * weights[part, None])
            squares = np.einsum("ij,ij->i", Z, Z)
            largest = max(largest, float((n * weights[part] * squares).max()))
        bend = problem.datafit.bound
        mean, largest = bend * float(np.linalg.eigvalsh(gram)[-1]), bend * largest
        batch = min(int(np.clip(largest / mean, SMALLEST_BATCH, LARGEST_BATCH)), n)
        share = n * (batch - 1) / (batch * max(n - 1, 1))
        return batch, 1 / (4 * (share * mean + (1 - share) * largest))


def proximal(coef: Array, penalty: Penalty, step: float) -> Array:
    """Return argmin over V of ||V - coef||^2 / 2 + step * penalty(V), (C, K)."""
    coef = np.where(penalty.free, coef, 0.0)
    size = np.linalg.norm(coef, axis=0, keepdims=True) if penalty.grouped else np.abs(coef)
    left = np.maximum(1 - step * penalty.l1 / np.where(size > 0, size, 1.0), 0.0)
    shrunk = coef * left / (1 + step * penalty.l2)
    return shrunk if penalty.box is None else penalty.box.clip(shrunk)
