"""Solutions on data that are read in passes: most of the work is done on a sample of the rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pcbm.heads.penalties import Penalty
from pcbm.heads.problem import Point, Problem, Tilt
from pcbm.heads.sampling import bending_rows
from pcbm.heads.screen import Screen
from pcbm.heads.solver import PATIENCE, Outcome, advance

Array = NDArray[np.float64]

SAMPLE_BYTES = 256 << 20  # memory for sampled rows in double precision
SAMPLE = 1 << 18  # rows that are sampled at first, if they fit
INNER = 0.05  # share of the violation to which a sample's problem is solved
REDRAW = 3.0  # passes still needed at the rate of the last, above which a new sample pays
SLOWEST = 0.97  # share of the violation left by a pass beyond which no forecast is made


class Streamed:
    """Solves point after point of a path on data that are dear to read; used like `Screen`.

    At the point x, with the loss L of all rows and L_s of a sample in memory, the surrogate

        L_s(z) + <grad L(x) - grad L_s(x), z> + penalty(z)

    has the gradient of the whole problem and the curvature of the sample. Its minimum takes no
    pass; one pass then gives loss and gradient there, for the next surrogate and as the check.
    A pass leaves a share of the violation that falls with the size of the sample like
    sqrt(K / m). Where the objective does not fall enough, a point on the way is taken.

    Parameters
    ----------
    exact : the problem on all rows
    grouped : whether columns share a norm

    References
    ----------
    Jordan, Lee, Yang, "Communication-efficient distributed statistical inference", JASA 114
    (2019), eq. 6. Shamir, Srebro, Zhang, "Communication-efficient distributed optimization
    using an approximate Newton-type method", ICML 2014.
    """

    def __init__(self, exact: Problem, *, grouped: bool) -> None:
        self.exact = exact
        self.grouped = grouped
        self._most = min(exact.n, max(1, SAMPLE_BYTES // (8 * exact.shape[1])))
        self._size = min(SAMPLE, self._most)  # doubled where a new sample of this size is poor
        self._screen: Screen | None = None

    def solve(
        self,
        point: Point,
        penalty: Penalty,
        tol: float,
        max_iter: int,
        ahead: tuple[Array, Array] | None = None,
    ) -> Outcome:
        """Minimise from ``point``, a point of the exact problem; see `Screen.solve`.

        Iterations are passes.
        """
        violation = point.violation(penalty)
        best = Outcome(point, violation, 0, violation <= tol)
        waited, fresh = 0, False
        while not best.converged and best.n_iter < max_iter and waited <= PATIENCE:
            if self._screen is None:
                self._screen, fresh = self._sampled(point), True
            minimum = self._minimum(self._screen, point, penalty, tol, max_iter, ahead)
            ahead = None
            point = advance(point, minimum, penalty, None).point
            before, violation = violation, point.violation(penalty)
            waited = 0 if violation < best.violation else waited + 1
            if violation < best.violation:
                best = replace(best, point=point, violation=violation, converged=violation <= tol)
            best = replace(best, n_iter=best.n_iter + 1)
            if violation > tol and _passes_left(violation / before, tol / violation) > REDRAW:
                if fresh:
                    self._size = min(2 * self._size, self._most)
                if self._screen.exact.n < self._most:
                    self._screen = None
        return best

    def _sampled(self, point: Point) -> Screen:
        """Return a solver on rows drawn by how much they bend the loss at ``point``."""
        sample = bending_rows(self.exact, point.coef, point.intercept, self._size)
        if sample is self.exact:
            sample = sample.take(np.arange(sample.n), sample.datafit.weights)
        return Screen(sample, grouped=self.grouped)

    def _minimum(
        self,
        screen: Screen,
        point: Point,
        penalty: Penalty,
        tol: float,
        max_iter: int,
        ahead: tuple[Array, Array] | None,
    ) -> tuple[Array, Array]:
        """Return the minimum of the surrogate at ``point``, without a pass."""
        plain = replace(screen.exact, tilt=None).point(point.coef, point.intercept)
        tilt = Tilt(point.slopes - plain.slopes, point.level - plain.level)
        screen.tilt(tilt)
        begin = replace(
            point,
            problem=screen.exact,
            loss=plain.loss + tilt.value(point.coef, point.intercept),
        )
        error = INNER if screen.exact.n < self.exact.n else 0.0
        inner = max(0.3 * tol, error * point.violation(penalty))
        found = screen.solve(begin, penalty, inner, max_iter, ahead).point
        return found.coef, found.intercept


def search(problem: Problem, *, grouped: bool) -> Screen | Streamed:
    """Return what solves a path's points: rows that are dear to read are read less often."""
    return (Streamed if problem.streamed else Screen)(problem, grouped=grouped)


def _passes_left(ratio: float, to_go: float) -> float:
    """Return how many more passes that leave ``ratio`` of the violation leave ``to_go`` of it."""
    return float(np.log(to_go) / np.log(min(max(ratio, 1e-3), SLOWEST)))
