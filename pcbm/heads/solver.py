"""Proximal Newton: the solution of one penalised problem from a starting point."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pcbm.heads.anderson import Extrapolation
from pcbm.heads.curvature import Curvature
from pcbm.heads.model import minimise_model
from pcbm.heads.penalties import Penalty
from pcbm.heads.problem import Point

Array = NDArray[np.float64]

ARMIJO = 1e-4
SHORTEST_STEP = 2.0**-30
NOISE = {4: 2e-7, 8: 1e-14}  # relative error of an objective, by bytes of a number
PATIENCE = 20  # steps without a smaller violation before more is spent, and without a lower
# objective either before the search is given up


@dataclass(frozen=True)
class Outcome:
    """A solution: the point, its violation, and the steps spent."""

    point: Point
    violation: float
    n_iter: int
    converged: bool


def solve(
    curvature: Curvature, point: Point, penalty: Penalty, tol: float, *, max_iter: int
) -> Outcome:
    """Minimise loss + penalty from ``point`` until the largest violation is at most ``tol``.

    Every step minimises a quadratic model of the loss plus the penalty. Where the model is not
    the Hessian, the model minima are extrapolated. The next point is the extrapolation or the
    minimum if it lowers the objective enough, else a point on the way to the minimum.
    """
    extrapolation = Extrapolation() if curvature.approximate else None
    violation = point.violation(penalty)
    best = Outcome(point, violation, 0, violation <= tol)
    waited, lowest = 0, point.objective(penalty)
    noise = NOISE[point.problem.features.dtype.itemsize]
    # An error of an intercept counts in a column's violation times that column's mean.
    share = 1 / max(1.0, float(np.abs(point.problem.means).max(initial=0.0)))
    for spent in range(1, max_iter + 1):
        if best.converged:
            break
        if waited > PATIENCE:
            objective = point.objective(penalty)
            falls = lowest - objective > noise * abs(objective)
            if not curvature.escalate(tol / violation) and not falls:
                break
            waited, lowest = 0, objective
        if not curvature.approximate:
            extrapolation = None
        metric = curvature.metric(point, penalty, tol)
        inner = share * max(0.05 * violation, 0.3 * tol)
        minimum = minimise_model(point, metric, penalty, inner)
        step = advance(point, minimum, penalty, extrapolation, curvature.shortest)
        point = step.point
        before, violation = violation, point.violation(penalty)
        curvature.learn(violation / before, step.length, step.gain, tol / max(violation, tol))
        waited = 0 if violation < best.violation else waited + 1
        if violation < best.violation:
            best = Outcome(point, violation, spent, violation <= tol)
        best = replace(best, n_iter=spent)
    return best


@dataclass(frozen=True)
class Advance:
    """A step: where it led, which share of the way to the model's minimum, and how well.

    ``gain`` is the fall of the objective over what its slope promised: one half where the model
    is exact, more where it is too steep; 0 for an extrapolation, which says nothing of the model.
    """

    point: Point
    length: float
    gain: float


def advance(
    point: Point,
    minimum: tuple[Array, Array],
    penalty: Penalty,
    extrapolation: Extrapolation | None,
    shortest: float = SHORTEST_STEP,
) -> Advance:
    """Go on to the extrapolation, to ``minimum``, or part of the way there.

    Where shares down to ``shortest`` do not lower the objective enough, stay: the length is 0.
    """
    coef, intercept = minimum
    before = point.objective(penalty)
    noise = NOISE[point.problem.features.dtype.itemsize] * abs(before)
    predicted = (
        float(np.vdot(point.slopes, coef - point.coef))
        + float(point.level @ (intercept - point.intercept))
        + penalty.value(coef)
        - penalty.value(point.coef)
    )
    if extrapolation is not None:
        guess = _guess(extrapolation, point, minimum, penalty)
        if guess is not None:
            if guess.objective(penalty) <= before + ARMIJO * predicted + noise:
                return Advance(guess, 1.0, 0.0)
            extrapolation.forget()
    length = 1.0
    trial = point.problem.point(coef, intercept)
    while not trial.objective(penalty) <= before + ARMIJO * length * predicted + noise:
        if extrapolation is not None:
            extrapolation.forget()
        length *= 0.5
        if length < shortest:
            return Advance(point, 0.0, 0.0)
        trial = point.problem.point(
            point.coef + length * (coef - point.coef),
            point.intercept + length * (intercept - point.intercept),
        )
    fall = before - trial.objective(penalty)
    return Advance(trial, length, fall / (-length * predicted) if predicted < 0 else 0.0)


def _guess(
    extrapolation: Extrapolation, point: Point, minimum: tuple[Array, Array], penalty: Penalty
) -> Point | None:
    """Return the extrapolated point, on the face of the penalty that ``minimum`` is on."""
    coef, intercept = minimum
    old = np.append(point.coef.ravel(), point.intercept)
    mixed = extrapolation.guess(old, np.append(coef.ravel(), intercept))
    if mixed is None:
        return None
    guessed = mixed[: coef.size].reshape(coef.shape)
    return point.problem.point(penalty.on_face(guessed, coef), mixed[coef.size :])
