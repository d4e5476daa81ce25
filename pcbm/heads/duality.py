"""How far a point can be from the optimum: the duality gap, from what a point already knows.

With predictors eta = W z + b + o, the dual of min_{W in box, b} L(eta) + P(W) is

    max over theta (C, n) of   -L*(theta) + <theta, o> - P*(-theta Z),   sum_i theta_ki = 0,

the constraint because intercepts are free. Every such theta bounds the optimum from below. At
theta = dL/deta of a point, Fenchel's equality gives the first two terms without another look at
the data, ``J = L - <theta Z, W> - <sum_i theta_i, b>``; L* is convex, so on the way from there to
a second dual point whose J is known, J is at least the straight line (docs/solver.md).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr

from pcbm.heads.datafits import SMALLEST_SHARE, Gaussian, Multinomial
from pcbm.heads.penalties import Penalty
from pcbm.heads.problem import Point, Problem

Array = NDArray[np.float64]

ROUNDING = 1e-13  # that a scaled dual point keeps from its constraint


class Duality:
    """Duality gaps of the points of one problem.

    Parameters
    ----------
    problem : in double precision, all columns
    null : its solution with every penalised coefficient at zero
    """

    def __init__(self, problem: Problem, null: Point) -> None:
        self._offset = problem.offset
        self._datafit = problem.datafit
        plain = problem.offset is None and not null.coef.any()
        level_model = null if plain else replace(problem, offset=None).start()
        self._column_means = problem.column_means()
        self._share = problem.datafit.mean_target()
        # of constant probabilities that equal the shares of the classes
        self._slopes = level_model.slopes - np.outer(level_model.level, self._column_means)
        self._mean_offset, self._target_offset = np.zeros(len(self._share)), 0.0
        if problem.offset is not None:
            self._mean_offset = problem.offset @ problem.datafit.weights
            self._target_offset = problem.datafit.linear(problem.offset)

    def gap(self, point: Point, penalty: Penalty) -> float:
        """Return an upper bound of the objective at ``point`` less the least objective.

        Never negative. A column without penalty and bounds asks for slopes of exactly zero, which
        no point has; there only theta = 0 is left, and the gap is the objective itself.
        """
        if isinstance(self._datafit, Gaussian):
            bound, bend, slopes = self._level_gaussian(point)
        else:
            bound, slopes = self._level_shares(point)
            bend = 0.0
        lowest = max(
            scale * bound + scale * (1 - scale) * bend - penalty.conjugate(-scale * slopes)
            for scale in _scales(slopes, penalty)
        )
        return max(point.objective(penalty) - lowest, 0.0)

    def _level_gaussian(self, point: Point) -> tuple[float, float, Array]:
        """Take the mean from the residuals; return J, what scaling by s adds to s J, and slopes.

        L* is quadratic: J(s theta) = s J(theta) + s (1 - s) sum_i w_i e_i^2 / 2.
        """
        level = point.level
        bound = _fenchel(point) + float(level @ (level / 2 + self._share - self._mean_offset))
        slopes = point.slopes - np.outer(level, self._column_means)
        return bound, point.loss - float(level @ level) / 2, slopes

    def _level_shares(self, point: Point) -> tuple[float, Array]:
        """Mix the residuals with those of constant probabilities q until they sum to zero.

        A share a of q, with mean residual -level (1 - a) / a, does it; the least a that leaves q
        between 0 and 1 (of a softmax: at least 0) is taken.
        """
        bound, level, slopes = self._without_constant_rows(point)
        share = self._share
        room = np.where(level > 0, share, np.inf)
        if not isinstance(self._datafit, Multinomial):
            room = np.where(level < 0, 1 - share, room)
        ratio = float((np.abs(level) / room).max())
        if ratio == 0:
            return bound, slopes
        q = share - level / ratio
        mixed = ratio / (1 + ratio)
        other_slopes = self._slopes + np.outer(q - share, self._column_means)
        inner = float(q @ self._mean_offset) - self._target_offset
        other = float(self._entropy(q).sum()) + inner
        return (1 - mixed) * bound + mixed * other, (1 - mixed) * slopes + mixed * other_slopes

    def _without_constant_rows(self, point: Point) -> tuple[float, Array, Array]:
        """Return J, level and slopes with residuals of zero in rows whose target never varies.

        There no other residuals sum to zero. They took part in J by at most the entropy of
        their mean (Jensen) and that mean times the largest offset.
        """
        constant = np.minimum(self._share, 1 - self._share) < SMALLEST_SHARE
        bound = _fenchel(point)
        if isinstance(self._datafit, Multinomial) or not constant.any():
            return bound, point.level, point.slopes
        size = np.abs(point.level[constant])
        farthest = 0.0 if self._offset is None else np.abs(self._offset[constant]).max(axis=1)
        bound -= float((self._entropy(size) + size * farthest).sum())
        kept = ~constant
        return bound, point.level * kept, point.slopes * kept[:, None]

    def _entropy(self, q: Array) -> Array:
        """Return -l*(q - y) of each row, whatever y."""
        q = np.clip(q, 0.0, 1.0)
        return entr(q) if isinstance(self._datafit, Multinomial) else entr(q) + entr(1 - q)


def _fenchel(point: Point) -> float:
    """Return J at the residuals of a point."""
    inner = float(np.vdot(point.slopes, point.coef) + point.level @ point.intercept)
    return point.loss - inner


def _scales(slopes: Array, penalty: Penalty) -> set[float]:
    """Return shares of ``slopes`` to try, of which one has a finite conjugate.

    All of them; as much as the norm of the penalty allows, whatever the bounds; as much as it
    allows where no bound ends what slopes beyond it would gain.
    """
    pulls = [penalty.allowed(slopes)]
    if penalty.box is not None:
        endless = np.where(slopes < 0, np.isinf(penalty.box.upper), np.isinf(penalty.box.lower))
        pulls.append(np.where(endless, pulls[0], 0.0))
    return {1.0, *(_share_within(pull, penalty) for pull in pulls)}


def _share_within(pull: Array, penalty: Penalty) -> float:
    """Return the largest share of slopes that the norm of the penalty allows, at most 1."""
    size = np.linalg.norm(pull, axis=0) if penalty.grouped else np.abs(pull).max(axis=0)
    over = size > penalty.l1
    return float((penalty.l1[over] / size[over]).min(initial=1.0)) * (1 - ROUNDING)
