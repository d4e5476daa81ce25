"""Which metric the solver uses, on how many rows, and when it is taken anew."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pcbm.heads.metric import gram, mean_curvature, row_blocks, whole_block
from pcbm.heads.model import Metric
from pcbm.heads.penalties import Penalty
from pcbm.heads.problem import Point, Problem

Array = NDArray[np.float64]

SMALL_WHOLE = 256  # coordinates up to which a softmax Hessian is taken whole from the start
LARGEST_WHOLE = 2500  # and up to which it is taken whole when blocks converge badly
SAMPLE = 4096  # rows that the first metrics are taken from
GRAM_SAMPLE = 16384
BLEND = 0.2  # share of the plain second moments in a sampled metric, against its noise
GOOD = 0.3  # a step that leaves more than this share of the violation calls for a new metric
KEEP = 5  # penalty strengths that a block metric of a softmax serves
REFRESH_AFTER, WHOLE_AFTER = 8, 16  # steps at one strength before more is spent on the metric
NEAR = 0.8  # share of the threshold at which a zero coefficient is let into the metric


class Curvature:
    """The metric along a path.

    Losses that are sums over rows have a block per row, which is their Hessian. A softmax takes
    the Hessian whole where that is cheap; else blocks, and whole, over the non-zero and almost
    non-zero coefficients, where blocks converge badly.

    Parameters
    ----------
    problem : over the working set of columns
    last : the metric over a smaller working set, or None
    grouped : whether columns share a norm
    """

    def __init__(self, problem: Problem, last: Curvature | None, *, grouped: bool) -> None:
        rows, width = problem.shape
        self.problem = problem
        self.grouped = grouped
        self.whole = problem.datafit.coupled and rows * (width + 1) <= SMALL_WHOLE
        self.everything = self.whole
        self.damping = 1.0
        self._metric: Metric | None = None
        self._sample_size = SAMPLE if problem.n > 2 * SAMPLE else problem.n
        self._sample: Problem | None = None
        self._gram: Array | None = None
        self._stale = False
        self._steps_since = 0
        self._strengths_since = 0
        self._steps_here = 0
        if last is not None:  # what was learnt on fewer columns
            self.whole |= last.whole
            self.damping = last.damping
            self._sample_size = min(last._sample_size, problem.n)

    @property
    def exact(self) -> bool:
        """Whether the metric is a Hessian, up to sampling."""
        return self.whole or not self.problem.datafit.coupled

    def begin(self) -> None:
        """Start on a new penalty strength."""
        self._steps_here = 0
        self._strengths_since += 1
        if not self.exact and self._strengths_since >= KEEP:
            self._stale = True

    def metric(self, point: Point, penalty: Penalty, tol: float) -> Metric:
        """Return the metric for a step from ``point``."""
        if self._metric is None or self._stale or self._misses(point, penalty, tol):
            self._metric = self._build(point, penalty)
            self._stale = False
            self._steps_since = self._strengths_since = 0
        return self._metric.scaled(self.damping)

    def learn(self, ratio: float, step: float) -> None:
        """Take note of the share of the violation that a step left, and of its length."""
        self._steps_since += 1
        self._steps_here += 1
        if step < 1.0:
            self.damping = min(2.0 * self.damping, 1e8)
        elif ratio > 0.9 and not self.exact:
            self.damping = max(self.damping, min(1.5 * self.damping, 2.0))
        elif ratio < 0.5:
            self.damping = max(1.0, self.damping / 2.0)
        if self.exact and ratio > GOOD:
            if self._steps_since == 1 and self._sample_size < self.problem.n:
                self._sample_size = min(4 * self._sample_size, self.problem.n)
                self._sample = None
            self._stale = True
        elif not self.exact and self._steps_here == REFRESH_AFTER:
            self._stale = self._steps_since >= REFRESH_AFTER
        elif not self.exact and self._steps_here == WHOLE_AFTER:
            self.whole = self._stale = self.problem.datafit.coupled

    def _misses(self, point: Point, penalty: Penalty, tol: float) -> bool:
        """Whether a coefficient outside the metric has to move."""
        assert self._metric is not None
        chosen = self._metric.chosen
        if chosen is None or self.everything:
            return False
        outside = ~chosen[:, :-1]
        excess = np.abs(point.original_slopes) - penalty.l1
        if self.grouped:
            excess = np.broadcast_to(
                np.linalg.norm(point.original_slopes, axis=0) - penalty.l1, excess.shape
            )
        return bool((outside & ((excess > tol) | (point.coef != 0)) & penalty.free).any())

    def _build(self, point: Point, penalty: Penalty) -> Metric:
        rows = self._rows()
        if self.whole:
            chosen = self._choose(point, penalty)
            if chosen.sum() <= LARGEST_WHOLE:
                return Metric(whole_block(rows, point.coef, point.intercept, chosen), chosen)
        blocks = row_blocks(rows, point.coef, point.intercept)
        if rows.n < self.problem.n:
            if self._gram is None:
                self._gram = gram(_sampled(self.problem, GRAM_SAMPLE))
            mean = mean_curvature(rows, point.coef, point.intercept)
            blocks *= 1 - BLEND
            blocks += BLEND * mean[:, None, None] * self._gram
        return Metric(blocks)

    def _choose(self, point: Point, penalty: Penalty) -> NDArray[np.bool_]:
        rows, width = self.problem.shape
        chosen = np.ones((rows, width + 1), bool)
        if self.everything:
            return chosen
        slopes = point.original_slopes
        if self.grouped:
            near = np.linalg.norm(slopes, axis=0) > NEAR * penalty.l1
            chosen[:, :-1] = near | point.coef.any(axis=0)
        else:
            near = np.abs(slopes) > NEAR * penalty.l1
            chosen[:, :-1] = (near & penalty.free) | (point.coef != 0)
        return chosen

    def _rows(self) -> Problem:
        if self._sample is None:
            self._sample = _sampled(self.problem, self._sample_size)
        return self._sample


def _sampled(problem: Problem, size: int) -> Problem:
    """Return the problem on ``size`` rows drawn once and for all, or on all of them."""
    if size >= problem.n:
        return problem
    rng = np.random.default_rng(0)
    return problem.take(np.sort(rng.choice(problem.n, size, replace=False)))
