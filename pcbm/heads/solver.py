"""Proximal Newton: the solution of one penalised problem from a starting point."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pcbm.heads.metric import block_metric, coupled_metric
from pcbm.heads.penalties import Penalty
from pcbm.heads.problem import Point, Problem
from pcbm.heads.quadratic import shift_rows, solve_blocks, solve_groups

Array = NDArray[np.float64]

LARGEST_COUPLED = 256  # coordinates up to which the whole softmax Hessian is formed
MAX_SWEEPS = 2000
PATIENCE = 30  # iterations without a smaller violation before giving up
MEMORY = 6  # points that Anderson extrapolation remembers


@dataclass
class Workspace:
    """What the solver carries along a path: working set, its features, metric and damping."""

    problem: Problem
    columns: NDArray[np.intp]
    features: Array
    metric: Array | None = None
    damping: float = 1.0

    @classmethod
    def over(cls, problem: Problem, columns: NDArray[np.intp]) -> Workspace:
        """Return a workspace for these columns (all of them: no copy is made)."""
        whole = len(columns) == problem.shape[1]
        return cls(problem, columns, problem.features if whole else problem.features[columns])

    @property
    def coupled(self) -> bool:
        """Whether the metric is one block over all rows."""
        rows = self.problem.datafit.n_rows
        return self.problem.datafit.coupled and rows * (len(self.columns) + 1) <= LARGEST_COUPLED

    def rebuild(self, point: Point, *, grouped: bool) -> None:
        """Take the metric at ``point``."""
        build = coupled_metric if self.coupled and not grouped else block_metric
        self.metric = build(point, self.features)


@dataclass
class Outcome:
    """A solution: the point, its violation, and the iterations spent."""

    point: Point
    violation: float
    n_iter: int
    converged: bool


def solve(
    workspace: Workspace, point: Point, penalty: Penalty, tol: float, *, max_iter: int
) -> Outcome:
    """Minimise loss + penalty over the working set until the largest violation is ``tol``.

    Every iteration solves a quadratic model, then takes the longest step that lowers the
    objective enough. Features outside the working set stay as they are.
    """
    search = _Search(workspace, penalty, tol)
    violation = search.violation(point)
    best, waited = Outcome(point, violation, 0, violation <= tol), 0
    previous = np.inf
    for iteration in range(1, max_iter + 1):
        if best.converged or waited > PATIENCE:
            break
        if workspace.metric is None or violation > 0.3 * previous:
            workspace.rebuild(point, grouped=penalty.grouped)
        point = search.step(point, violation)
        previous, violation = violation, search.violation(point)
        search.learn(violation / previous if previous > 0 else 0.0)
        waited = 0 if violation < best.violation else waited + 1
        if violation < best.violation:
            best = Outcome(point, violation, iteration, violation <= tol)
        best.n_iter = iteration
    return best


@dataclass
class _Search:
    workspace: Workspace
    penalty: Penalty
    tol: float
    history: list[tuple[Array, Array]] = field(default_factory=list)
    step_length: float = 1.0

    def violation(self, point: Point) -> float:
        features, intercepts = point.violations(self.penalty)
        return max(float(features[self.workspace.columns].max(initial=0.0)), intercepts)

    def step(self, point: Point, violation: float) -> Point:
        """Return the next point: model minimum, extrapolation if it helps, else line search."""
        coef, intercept = self.model_minimum(point, max(0.05 * violation, 0.3 * self.tol))
        slopes, level = point.gradient
        predicted = (
            float(np.vdot(slopes, coef - point.coef))
            + float(level @ (intercept - point.centred_intercept))
            + self.penalty.value(coef)
            - self.penalty.value(point.coef)
        )
        before = point.objective(self.penalty)
        noise = 1e-14 * (abs(before) + 1e-300)
        ceiling = before + 1e-4 * predicted + noise
        self.step_length = 1.0
        extrapolated = self.extrapolate(point, coef, intercept)
        if extrapolated is not None and extrapolated.objective(self.penalty) <= ceiling:
            return extrapolated
        if extrapolated is not None:
            self.history = self.history[-1:]
        full = point.problem.point(coef, intercept)
        trial = full
        while trial.objective(self.penalty) > before + 1e-4 * self.step_length * predicted + noise:
            if -predicted * self.step_length <= 100 * noise:
                break
            self.step_length *= 0.5
            trial = _between(point, full, self.step_length)
        return trial

    def model_minimum(self, point: Point, tol: float) -> tuple[Array, Array]:
        """Return coefficients and centred intercepts that minimise the quadratic model."""
        space, penalty = self.workspace, self.penalty
        cols = space.columns
        rows = point.problem.datafit.n_rows
        assert space.metric is not None
        slopes, level = point.gradient
        gradient = np.column_stack([slopes[:, cols], level])
        start = np.column_stack([point.coef[:, cols], point.centred_intercept])
        metric = space.metric if space.damping == 1.0 else space.metric * space.damping
        free = np.column_stack([penalty.free[:, cols], np.ones(rows, bool)])
        l1 = np.append(penalty.l1[cols], 0.0)
        l2 = np.append(penalty.l2[cols], 0.0)
        softmax = point.problem.datafit.coupled
        if penalty.grouped:
            new, _ = solve_groups(metric, gradient, start, l1, l2, free, tol, MAX_SWEEPS)
        else:
            wall = np.where(free, l1, np.inf)
            ridge = np.broadcast_to(l2, wall.shape)
            blocks = (
                (len(metric), -1) if len(metric) > 1 or metric.shape[1] > len(l1) else (rows, -1)
            )
            inner_rows = rows if metric.shape[1] > len(l1) else 1
            new, _ = solve_blocks(
                metric,
                gradient.reshape(blocks),
                start.reshape(blocks),
                wall.reshape(blocks),
                np.ascontiguousarray(ridge).reshape(blocks),
                tol,
                MAX_SWEEPS,
                inner_rows,
            )
            new = new.reshape(rows, -1)
            if softmax:
                flat = np.ascontiguousarray(new).ravel()
                shift_rows(flat, wall.ravel(), np.ascontiguousarray(ridge).ravel(), rows)
                new = flat.reshape(rows, -1)
        coef = point.coef.copy()
        coef[:, cols] = new[:, :-1]
        if softmax and penalty.grouped:
            whole = penalty.free.all(axis=0)
            coef[:, whole] -= coef[:, whole].mean(axis=0)
        return coef, new[:, -1].copy()

    def extrapolate(self, point: Point, coef: Array, intercept: Array) -> Point | None:
        """Return the Anderson extrapolation of the last model minima, or None.

        Only for models that are not the exact Hessian. Coefficients that the newest minimum has
        at zero, or that change sign, are zero.
        """
        if not point.problem.datafit.coupled or self._exact:
            return None
        old = np.append(point.coef.ravel(), point.centred_intercept)
        new = np.append(coef.ravel(), intercept)
        self.history = [*self.history, (old, new)][-MEMORY:]
        if len(self.history) < 2:
            return None
        residuals = np.array([b - a for a, b in self.history])
        minima = np.array([b for _, b in self.history])
        differences = np.diff(residuals, axis=0)
        gram = differences @ differences.T
        gram[np.diag_indices_from(gram)] += 1e-10 * np.trace(gram) + 1e-300
        weights = np.linalg.solve(gram, differences @ residuals[-1])
        mixed = minima[-1] - weights @ np.diff(minima, axis=0)
        mixed_coef = mixed[: coef.size].reshape(coef.shape)
        mixed_coef = np.where(mixed_coef * coef > 0, mixed_coef, 0.0)
        return point.problem.point(mixed_coef, mixed[coef.size :])

    @property
    def _exact(self) -> bool:
        return self.workspace.coupled and not self.penalty.grouped

    def learn(self, ratio: float) -> None:
        """Adapt the damping of the model to how the last step went."""
        space = self.workspace
        if self.step_length < 1.0:
            space.damping = min(space.damping * 2.0, 1e6)
            self.history = []
        elif ratio > 0.9 and not self._exact and space.damping < 2.0:
            space.damping = min(space.damping * 1.5, 2.0)
        elif ratio < 0.5:
            space.damping = max(1.0, space.damping / 2.0)


def _between(start: Point, end: Point, step: float) -> Point:
    """Return the point a share ``step`` of the way; predictors are linear, so no product."""
    coef = start.coef + step * (end.coef - start.coef)
    intercept = start.centred_intercept + step * (end.centred_intercept - start.centred_intercept)
    eta = start.eta + step * (end.eta - start.eta)
    return Point(start.problem, coef, intercept, eta, start.problem.datafit.evaluate(eta))
