"""Our solver along a path: each solution starts from those before it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pcbm.heads.penalties import Penalty
from pcbm.heads.problem import Point
from pcbm.heads.screen import Screen
from pcbm.heads.solver import Outcome
from pcbm.heads.streaming import Streamed, search
from pcbm.heads.strengths import lam_max_of
from pcbm.heads.task import Found, Task

Array = NDArray[np.float64]

LARGEST_DROP = 3.0  # ratio of two strengths above which others are solved between them
EMPTY = 1e-9  # violation over lam up to which the null model is taken for the solution
ROUGHLY = 0.3  # tolerance of those, over their lam


def newton_path(task: Task) -> Iterator[Found]:
    """Solve a task strength by strength, by proximal Newton steps."""
    screen = search(task.problem, grouped=task.net.grouped)
    top = lam_max_of(task.null, task.net)
    point, last = task.null, top
    if task.first is not task.null:
        point, last = task.first, float(task.lams[0])
    solved: list[Point] = []  # the last two, for the line through them
    for index, lam in enumerate(task.lams):
        if _is_empty(task, lam):
            point, last = task.null, lam
            solved = [*solved, point][-2:]
            yield Found(point, 0)
            continue
        ahead = _ahead(solved, task.lams[: index + 1], task.net.at(lam))
        outcome = _solve(screen, task, point, last, lam, ahead)
        if index == 0 and point is not task.null and not outcome.converged:
            other = _solve(screen, task, task.null, top, lam, None)
            outcome = min(outcome, other, key=lambda o: o.violation)
        point, last = outcome.point, lam
        solved = [*solved, point][-2:]
        yield Found(point, outcome.n_iter)


def _is_empty(task: Task, lam: float) -> bool:
    """Whether the null model is the solution at a strength, as it is from lam_max on.

    Another point would pass there with almost any intercepts: their violation is counted in lam.
    """
    penalty = task.net.at(lam)
    columns, intercepts = task.null.violations(penalty)
    worst = max(float(columns.max(initial=0.0)), intercepts)
    return worst <= min(EMPTY, task.tol) * lam


def _solve(
    screen: Screen | Streamed,
    task: Task,
    point: Point,
    last: float,
    lam: float,
    ahead: tuple[Array, Array] | None,
) -> Outcome:
    """Go from ``point``, the solution at the strength ``last``, to that at ``lam``."""
    for rough in _between(last, lam):
        point = screen.solve(point, task.net.at(rough), ROUGHLY * rough, task.max_iter).point
    return screen.solve(point, task.net.at(lam), task.tol * lam, task.max_iter, ahead)


def _ahead(solved: list[Point], lams: Array, penalty: Penalty) -> tuple[Array, Array] | None:
    """Guess the solution at the newest of ``lams`` from the last two, as a straight line in lam.

    Coefficients keep their zeros, signs and active bounds. Steps of equal size in the logarithm
    of lam leave the line good to a few parts in a hundred of the objective's change.
    """
    if len(solved) < 2 or not lams[-1] < lams[-2] < lams[-3]:
        return None
    share = (lams[-1] - lams[-2]) / (lams[-2] - lams[-3])
    before, newest = solved
    coef = newest.coef + share * (newest.coef - before.coef)
    start, end = before.original_intercept, newest.original_intercept
    return penalty.on_face(coef, newest.coef), end + share * (end - start)


def _between(last: float, lam: float) -> Array:
    """Return strengths on the way down from ``last`` to ``lam``, where that is far.

    Newton steps from a solution of a much greater strength are poor, because rows that are
    fitted with near certainty in the end are not so at the start.
    """
    steps = int(np.ceil(np.log(max(last / lam, 1.0)) / np.log(LARGEST_DROP)))
    return last * (lam / last) ** (np.arange(1, steps) / max(steps, 1))
