"""Working sets of columns, and the check of every solution on all columns in double precision."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pcbm.heads.curvature import Curvature
from pcbm.heads.penalties import Penalty
from pcbm.heads.problem import Point, Problem, Tilt
from pcbm.heads.solver import Outcome, solve

Array = NDArray[np.float64]

SINGLE_FROM = 1 << 22  # products n K C of one pass from which single precision pays
FEW_COLUMNS = 64  # with this many or fewer, a working set does not pay
CLOSE = 0.7  # share of the threshold from which a column joins the working set
SINGLE_MARGIN = 0.8  # share of the tolerance asked of single precision, for its rounding


class Screen:
    """Solves point after point of a path over a working set of columns.

    The set starts from the columns whose gradient is close to the threshold (compare the strong
    rule of Tibshirani et al., 2012) and only grows. Large problems are solved in single
    precision until that no longer suffices. Every solution is checked, and goes on if need be,
    on all columns in double precision.

    Parameters
    ----------
    exact : the problem in double precision, all columns
    grouped : whether columns share a norm
    """

    def __init__(self, exact: Problem, *, grouped: bool) -> None:
        rows, width = exact.shape
        self.exact = exact
        self.grouped = grouped
        self.single = exact.n * rows * width > SINGLE_FROM
        self._columns = np.arange(width if width <= FEW_COLUMNS else 0)
        self._curvature: Curvature | None = None

    def solve(
        self,
        point: Point,
        penalty: Penalty,
        tol: float,
        max_iter: int,
        ahead: tuple[Array, Array] | None = None,
    ) -> Outcome:
        """Minimise from ``point``, a point of the exact problem.

        ``ahead`` may give other coefficients (C, K), on columns that ``point`` uses, and
        original intercepts (C,) to start from if the objective is less there.
        """
        if self._curvature is not None:
            self._curvature.begin()
        violation = point.violation(penalty)
        spent, margin = 0, 1.0
        while violation > tol and spent < max_iter:
            goal = tol * (SINGLE_MARGIN if self.single else margin)
            outcome = self._attempt(point, penalty, goal, max_iter - spent, ahead)
            ahead = None
            spent += outcome.n_iter
            point = outcome.point
            violation = point.violation(penalty)
            if violation <= tol or self._close(point, penalty, share=1.0)[~self._inside_mask].any():
                continue
            if self.single:
                self.single, self._curvature = False, None
            elif outcome.converged and margin > 0.01:
                margin /= 2
            else:
                break
        return Outcome(point, violation, spent, violation <= tol)

    def tilt(self, tilt: Tilt) -> None:
        """Replace the linear function that is added to the loss; everything else is kept."""
        before = self.exact
        self.exact = before.tilted(tilt)
        if self._curvature is not None:
            working = self._curvature.problem
            self._curvature.problem = (
                self.exact if working is before else working.tilted(tilt.over(self._columns))
            )

    def _attempt(
        self,
        point: Point,
        penalty: Penalty,
        tol: float,
        max_iter: int,
        ahead: tuple[Array, Array] | None,
    ) -> Outcome:
        """Minimise over a working set; the outcome's point is one of the exact problem."""
        curvature = self._over(self._close(point, penalty))
        part = penalty.restrict(self._columns)
        begin = self._inside(point, curvature.problem)
        if ahead is not None:
            trial = curvature.problem.at(ahead[0][:, self._columns], ahead[1])
            begin = min(begin, trial, key=lambda p: p.objective(part))
        outcome = solve(curvature, begin, part, tol, max_iter=max_iter)
        return replace(outcome, point=self._outside(outcome.point))

    @property
    def _inside_mask(self) -> NDArray[np.bool_]:
        mask = np.zeros(self.exact.shape[1], bool)
        mask[self._columns] = True
        return mask

    def _close(self, point: Point, penalty: Penalty, share: float = CLOSE) -> NDArray[np.bool_]:
        """Mark the columns that hold a coefficient or could soon."""
        slopes = penalty.allowed(point.original_slopes)
        size = np.linalg.norm(slopes, axis=0) if self.grouped else np.abs(slopes).max(axis=0)
        return (size > share * penalty.l1) | point.coef.any(axis=0)

    def _over(self, wanted: NDArray[np.bool_]) -> Curvature:
        """Return the metric of a working set that holds the wanted columns."""
        union = self._inside_mask | wanted
        if 2 * union.sum() > len(union):
            union[:] = True
        if self._curvature is None or union.sum() > len(self._columns):
            self._columns = np.flatnonzero(union)
            last = self._curvature
            if last is not None:
                last.problem = self.exact  # its storage is freed before the new one is filled
            self._curvature = Curvature(self._working(), last, grouped=self.grouped)
        return self._curvature

    def _working(self) -> Problem:
        if not self.single and len(self._columns) == self.exact.shape[1]:
            return self.exact
        dtype = np.float32 if self.single else np.float64
        return self.exact.restrict(self._columns, dtype)

    def _inside(self, point: Point, working: Problem) -> Point:
        return point if working is self.exact else point.within(working, self._columns)

    def _outside(self, point: Point) -> Point:
        """Return a point of the working problem as one of the exact problem."""
        if point.problem is self.exact:
            return point
        coef = np.zeros(self.exact.shape)
        coef[:, self._columns] = point.coef
        return self.exact.at(coef, point.original_intercept)
