"""Which metric the solver uses, on how many rows, and when it is taken anew."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pcbm.heads.metric import gram, mean_curvature, row_blocks, sizes, whole_block
from pcbm.heads.model import Metric
from pcbm.heads.penalties import Penalty
from pcbm.heads.problem import Point, Problem
from pcbm.heads.sampling import bending_rows

Array = NDArray[np.float64]

SMALL_WHOLE = 256  # coordinates up to which a softmax Hessian is taken whole from the start
LARGEST_WHOLE = 2500  # coordinates up to which it is taken whole at all
SAMPLE = 4096  # rows that the first metrics are taken from
BLEND = 0.2  # share of the plain second moments in a sampled block metric, against its noise
FRESH = 0.15  # share of the violation that a step with a new Hessian is expected to leave
POOR = 0.5  # share from which a new Hessian on a sample asks for more rows
KEEP = 8  # penalty strengths that a block metric of a softmax serves
REFRESH_AFTER = 8  # steps at one strength after which it is taken anew
JUDGE_AFTER = 4  # steps at one strength after which whole is weighed against blocks
ENOUGH = 60  # steps at one strength after which blocks have had their chance
SLOWEST = 0.97  # share left by a step beyond which no forecast is made
NEAR = 0.8  # share of the threshold at which a zero coefficient is let into the metric
STEP = 1e7  # cost of a step besides its products, in operations of a large matrix product
STEPS_WHOLE = 2.0  # steps that a whole Hessian is expected to need at one strength
PASS, NARROW = 10.0, 50.0  # cost of a pass over the data per n K C, and per n K, likewise
CAREFUL = 0.25  # length of a step below which the model was far too flat
SHORTEST = 2.0**-30
STEEP = 0.6  # gain of a step above which the model bends more than the loss
MOST_DAMPING = 4.0
FLAT = 1e-10  # share of the largest curvature that every model has: its minimum is finite
LEAST_CAUTION, MORE_CAUTION = 1e-3, 10.0
SOLVE = 3.0  # cost of a Newton solution per cube of its coordinates, likewise


@dataclass
class _Kept:
    """A metric in use, and the penalty strengths and steps since it was taken."""

    metric: Metric
    strengths: int = 0
    steps: int = 0


class Curvature:
    """The metric along a path.

    Losses that are sums over rows have a block per row, which is their Hessian. A softmax takes
    the Hessian whole where that is cheap; else blocks, and whole, over the non-zero and almost
    non-zero coefficients, where the steps that blocks still need would cost more. Costs are
    counted in operations, not in seconds, so that every run takes the same way.

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
        self.everything = problem.datafit.coupled and rows * (width + 1) <= SMALL_WHOLE
        self.whole = self.everything
        self.damping: float = 1.0 if last is None else last.damping
        self.caution: float = 0.0 if last is None else last.caution
        self._kept: dict[bool, _Kept] = {}
        few = problem.datafit.coupled and not self.everything  # blocks are approximate anyway
        self._sample_size = problem.n if problem.n <= (1 if few else 4) * SAMPLE else SAMPLE
        if last is not None:
            self._sample_size = min(max(self._sample_size, last._sample_size), problem.n)
        self._gram: Array | None = None
        self._ratios: list[float] = []
        self._wanted = 0
        self._toll = 0.0  # steps that blocks would have needed where they were given up

    @property
    def exact(self) -> bool:
        """Whether the metric is a Hessian, up to sampling."""
        return self.whole or not self.problem.datafit.coupled

    @property
    def approximate(self) -> bool:
        """Whether steps are likely to need extrapolation."""
        return not self.exact or self._sample_size < self.problem.n

    @property
    def shortest(self) -> float:
        """Share of the way to a model's minimum below which a better model is worth more."""
        return CAREFUL if self.caution < 1.0 else SHORTEST

    def begin(self) -> None:
        """Start on a new penalty strength."""
        self._ratios = []
        self.whole = self.everything or self._stay_whole()
        self.damping = max(1.0, self.damping / 2.0)
        for kept in self._kept.values():
            kept.strengths += 1
        kept_blocks = self._kept.get(False)
        if kept_blocks is not None and not self.exact and kept_blocks.strengths >= KEEP:
            del self._kept[False]

    def metric(self, point: Point, penalty: Penalty, tol: float) -> Metric:
        """Return the metric for a step from ``point``."""
        if self.problem.datafit.coupled and not self.everything:
            self._wanted = int(self._choose(point, penalty).sum())
        if self.whole and self._wanted > LARGEST_WHOLE:
            self.whole = False
        kept = self._kept.get(self.whole)
        if kept is None or self._misses(kept.metric, point, penalty, tol):
            kept = self._kept[self.whole] = _Kept(self._build(point, penalty))
        metric = kept.metric.scaled(self.damping)
        return self._cautious(metric) if self.caution else metric

    def _cautious(self, metric: Metric) -> Metric:
        """Return a metric plus a share of what bounds every Hessian of the loss.

        Where rows are fitted with certainty, rightly or wrongly, the Hessian is almost zero and
        the minimum of its model is far away.
        """
        if self._gram is None:
            self._gram = gram(self.problem)
        more = self.caution * self.problem.datafit.bound * self._gram
        if metric.chosen is None:
            return Metric(metric.blocks + more)
        blocks, first = metric.blocks.copy(), 0
        for chosen in metric.chosen:
            own = slice(first, first + int(chosen.sum()))
            blocks[0, own, own] += more[np.ix_(chosen, chosen)]
            first = own.stop
        return Metric(blocks, metric.chosen)

    def learn(self, ratio: float, length: float, gain: float, to_go: float) -> None:
        """Take note of how a step went.

        Parameters
        ----------
        ratio : share of the violation that the step left
        length, gain : of the step, see `pcbm.heads.solver.Advance`
        to_go : share of the violation now that the tolerance allows
        """
        if length == 0.0 or (length < 1.0 and self.damping >= MOST_DAMPING):
            self.caution = min(max(MORE_CAUTION * self.caution, LEAST_CAUTION), 1.0)
        if length == 0.0:
            return
        kept = self._kept[self.whole]
        kept.steps += 1
        self._ratios.append(ratio)
        if length < 1.0:
            self.damping = min(2.0 * self.damping, MOST_DAMPING)
        elif ratio < 0.5 or gain > STEEP:
            self.damping = max(1.0, self.damping / 2.0)
            self.caution /= MORE_CAUTION
            if self.caution < LEAST_CAUTION**2:
                self.caution = 0.0
        if to_go >= 1.0:
            return
        if self.exact:
            self._renew_hessian(kept, ratio, to_go)
        elif len(self._ratios) >= JUDGE_AFTER and self._whole_pays(to_go):
            self._take_whole(to_go)
        elif len(self._ratios) == REFRESH_AFTER and kept.steps >= REFRESH_AFTER:
            del self._kept[False]

    def escalate(self, to_go: float) -> bool:
        """Spend more on the metric, because steps lead nowhere; return whether that is possible."""
        if self.problem.datafit.coupled and not self.whole and self._wanted <= LARGEST_WHOLE:
            self._take_whole(to_go)
            return True
        if self._sample_size < self.problem.n:
            self._sample_size = self.problem.n
            self._kept.clear()
            return True
        return False

    def _take_whole(self, to_go: float) -> None:
        self._toll = len(self._ratios) + self._steps_left(to_go)
        self.whole = True
        self.damping = 1.0
        self._ratios = []

    def _renew_hessian(self, kept: _Kept, ratio: float, to_go: float) -> None:
        """Drop the Hessian when steps with a new one would cost less."""
        size = kept.metric.blocks.shape[1]
        step = self._pass_cost() + self._solve_cost(size)
        anew = self._build_cost(size) + step * max(1.0, np.log(to_go) / np.log(FRESH))
        poor = kept.steps == 1 and ratio > POOR and self._sample_size < self.problem.n
        if poor:
            self._sample_size = min(4 * self._sample_size, self.problem.n)
        if poor or self._steps_left(to_go) * step > anew:
            del self._kept[self.whole]
            self._ratios = []

    def _whole_pays(self, to_go: float) -> bool:
        """Whether a whole Hessian would reach the tolerance at less cost than blocks."""
        if not self.problem.datafit.coupled or self._wanted > LARGEST_WHOLE:
            return False
        if len(self._ratios) >= ENOUGH:
            return True
        steps = max(1.0, np.log(to_go) / np.log(FRESH))
        return self._steps_left(to_go) * self._block_step() > self._whole_cost(steps)

    def _stay_whole(self) -> bool:
        if True not in self._kept or self._wanted > LARGEST_WHOLE:
            return False
        return self._toll * self._block_step() > self._whole_cost(STEPS_WHOLE)

    def _block_step(self) -> float:
        rows, width = self.problem.shape
        return self._pass_cost() + rows * 10.0 * width**2

    def _whole_cost(self, steps: float) -> float:
        step = self._pass_cost() + self._solve_cost(self._wanted)
        return self._build_cost(self._wanted) + steps * step

    def _steps_left(self, to_go: float) -> float:
        """Return how many more steps like those at this strength reach the tolerance."""
        mean = np.exp(np.mean(np.log(np.maximum(self._ratios or [SLOWEST], 1e-3))))
        return float(np.log(to_go) / np.log(min(mean, SLOWEST)))

    def _pass_cost(self) -> float:
        rows, width = self.problem.shape
        return STEP + self.problem.n * (width + 1) * (PASS * rows + NARROW)

    def _build_cost(self, size: int) -> float:
        return float(self._blocks()) * self._sample_size * size**2

    def _solve_cost(self, size: int) -> float:
        return SOLVE * self._blocks() * float(size) ** 3

    def _blocks(self) -> int:
        return 1 if self.problem.datafit.coupled else self.problem.datafit.n_rows

    def _misses(self, metric: Metric, point: Point, penalty: Penalty, tol: float) -> bool:
        """Whether a coefficient outside the metric has to move."""
        if metric.chosen is None or self.everything:
            return False
        slopes = penalty.allowed(point.original_slopes)
        excess = np.abs(slopes) - penalty.l1
        if self.grouped:
            excess = np.broadcast_to(np.linalg.norm(slopes, axis=0) - penalty.l1, slopes.shape)
        moves = ((excess > tol) & penalty.free) | (point.coef != 0)
        return bool((moves & ~metric.chosen[:, :-1]).any())

    def _build(self, point: Point, penalty: Penalty) -> Metric:
        coef, intercept = point.coef, point.intercept
        sample = bending_rows(self.problem, coef, intercept, self._sample_size)
        least = FLAT * sample.datafit.bound * sizes(sample)
        if self.whole:
            chosen = self._choose(point, penalty)
            block = whole_block(sample, coef, intercept, chosen)
            _add_diagonal(block, np.broadcast_to(least, chosen.shape)[chosen])
            return Metric(block, chosen)
        blocks = row_blocks(sample, coef, intercept)
        _add_diagonal(blocks, least)
        if sample.n < self.problem.n:
            if self._gram is None:
                self._gram = gram(self.problem)
            mean = mean_curvature(sample, coef, intercept)
            blocks *= 1 - BLEND
            for block, bend in zip(blocks, mean, strict=True):  # C (K+1)^2 numbers: no second array
                block += BLEND * bend * self._gram
        return Metric(blocks)

    def _choose(self, point: Point, penalty: Penalty) -> NDArray[np.bool_]:
        """Mark the coefficients that are not zero or nearly so, and the intercepts."""
        rows, width = self.problem.shape
        chosen = np.ones((rows, width + 1), bool)
        if self.everything:
            return chosen
        slopes = penalty.allowed(point.original_slopes)
        if self.grouped:
            near = np.linalg.norm(slopes, axis=0) > NEAR * penalty.l1
            chosen[:, :-1] = near | point.coef.any(axis=0)
        else:
            near = np.abs(slopes) > NEAR * penalty.l1
            chosen[:, :-1] = (near & penalty.free) | (point.coef != 0)
        return chosen


def _add_diagonal(blocks: Array, numbers: Array) -> None:
    """Add to the diagonals of blocks (B, D, D), in place."""
    diagonal = np.arange(blocks.shape[1])
    blocks[:, diagonal, diagonal] += numbers
