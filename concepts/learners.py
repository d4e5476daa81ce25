"""The estimators a probe can be, and what a penalty C means to each of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from sklearn.svm import LinearSVC

from pcbm.concepts.svm import TOLERANCE, svm_path
from pcbm.errors import InputError, near

PENALTIES = (1.0, 10.0, 100.0, 1000.0, 10000.0)
"""The values of C that cross-validation chooses from, weakest fit first."""

PAPER_PENALTIES = (0.001, 0.01, 0.1, 1.0, 10.0)
"""The same in the official code, for activations as they are."""

GRAM_ROWS = 10_000
"""The most training rows of which all inner products are kept (800 MB)."""

_INTERCEPT_SCALING = 10.0
_SWEEPS = 2000


@dataclass(frozen=True)
class Fit:
    """Solutions for P cost vectors over the same n rows.

    ``coefficients`` (P, m) are those of the directions in ``basis`` (m, d), or the directions
    themselves; ``intercepts`` (P,); ``margins`` (P, n) of all rows, those without cost too;
    ``converged`` (P,); ``gaps`` (P,), the relative duality gaps, where the estimator knows them.
    """

    coefficients: np.ndarray
    basis: np.ndarray | None
    intercepts: np.ndarray
    margins: np.ndarray
    converged: np.ndarray
    gaps: np.ndarray | None = None

    def direction(self, p: int) -> np.ndarray:
        """Return the direction (d,) of solution p."""
        coefficients = self.coefficients[p]
        return coefficients if self.basis is None else coefficients @ self.basis


Solve = Callable[[np.ndarray, np.ndarray], Fit]
"""From signs (n,) and costs (P, n), 0 for rows that are left out, to the solutions."""


def hinge(rows: np.ndarray, *, libsvm: bool = False) -> Solve:
    """Prepare 1/2 ||w||^2 + sum c_i max(0, 1 - y_i (w.x_i + b)): the SVM of the official code.

    A small C leaves a whole interval of intercepts equally good. LIBSVM takes its middle, which
    hangs on the two most extreme rows; else it is the one nearest to half way between the means
    of the sides.
    """
    gram = rows @ rows.T

    def solve(signs: np.ndarray, costs: np.ndarray) -> Fit:
        path = svm_path(gram, signs, costs)
        shift = np.zeros(len(costs))
        if not libsvm:
            means = [
                (path.margins * side).sum(axis=1) / side.sum(axis=1)
                for side in ((costs > 0) & (signs > 0), (costs > 0) & (signs < 0))
            ]
            shift = np.clip(-(means[0] + means[1]) / 2, -path.slacks, path.slacks)
        return Fit(
            path.coefficients,
            rows,
            path.intercepts + shift,
            path.margins + shift[:, None],
            path.violations <= TOLERANCE,
            path.gaps,
        )

    return solve


def squared_errors(rows: np.ndarray) -> Solve:
    """Prepare 1/2 ||w||^2 + sum c_i (y_i - w.x_i - b)^2: ridge regression of the signs.

    At the minimum w = sum beta_i x_i with beta_i = 2 c_i (y_i - w.x_i - b) and sum beta_i = 0,
    a linear system of as many unknowns as rows.
    """
    gram = rows @ rows.T

    def solve(signs: np.ndarray, costs: np.ndarray) -> Fit:
        betas, intercepts = np.zeros(costs.shape), np.empty(len(costs))
        for p, cost in enumerate(costs):
            inside = np.flatnonzero(cost)
            matrix = gram[np.ix_(inside, inside)]
            matrix[np.diag_indices_from(matrix)] += 0.5 / cost[inside]
            right = np.stack([signs[inside], np.ones(len(inside))], axis=1)
            fitted, constant = cho_solve(cho_factor(matrix, overwrite_a=True), right).T
            intercepts[p] = fitted.sum() / constant.sum()
            betas[p, inside] = fitted - intercepts[p] * constant
        margins = betas @ gram + intercepts[:, None]
        return Fit(betas, rows, intercepts, margins, np.ones(len(costs), dtype=bool))

    return solve


def squared_hinge(rows: np.ndarray) -> Solve:
    """Prepare 1/2 (||w||^2 + (b/10)^2) + sum c_i max(0, 1 - y_i (w.x_i + b))^2, for any n.

    The solver of LIBLINEAR needs no inner products between rows, but it penalises the intercept.
    """
    basis, reduced = None, rows
    if len(rows) <= rows.shape[1] // 2:
        # The solution lies in the span of the rows: solve there, with n columns instead of d.
        basis = np.linalg.qr(rows.T)[0].T
        reduced = rows @ basis.T

    def solve(signs: np.ndarray, costs: np.ndarray) -> Fit:
        machines = [_liblinear(reduced, signs, cost) for cost in costs]
        coefficients = np.concatenate([machine.coef_ for machine in machines])
        intercepts = np.concatenate([machine.intercept_ for machine in machines])
        margins = coefficients @ reduced.T + intercepts[:, None]
        converged = np.array([int(np.max(machine.n_iter_)) < _SWEEPS for machine in machines])
        return Fit(coefficients, basis, intercepts, margins, converged)

    return solve


def _liblinear(rows: np.ndarray, signs: np.ndarray, cost: np.ndarray) -> LinearSVC:
    # The primal solver draws nothing at random; it penalises the intercept, hence the scaling.
    machine = LinearSVC(C=1.0, dual=False, intercept_scaling=_INTERCEPT_SCALING, max_iter=_SWEEPS)
    inside = cost > 0
    return machine.fit(rows[inside], signs[inside], sample_weight=cost[inside])


@dataclass(frozen=True)
class Learner:
    """An estimator, the values of C to choose from, and what C means.

    ``default`` is the C where there are too few examples to choose. ``paper``: C is the cost of
    each row in the units of the activations, as in the official code; otherwise it is shared out
    equally between both sides and among the rows of a side. ``any_size``: the estimator takes more
    than `GRAM_ROWS` rows.
    """

    estimator: Callable[[np.ndarray], Solve]
    penalties: tuple[float, ...] = PENALTIES
    default: float = 10.0
    paper: bool = False
    any_size: bool = False

    def costs(
        self, penalties: tuple[float, ...], labels: np.ndarray, inside: np.ndarray, spread: float
    ) -> np.ndarray:
        """Return the cost (P, n) of each row of scaled activations, 0 for rows not ``inside``.

        With z = f / spread, 1/2 ||w||^2 + C sum loss(w.f) is, up to a factor, the same as
        1/2 ||v||^2 + C spread^2 sum loss(v.z) with v = spread w.
        """
        if self.paper:
            each = np.where(inside, spread**2, 0.0)
        else:
            sizes = np.bincount(labels[inside], minlength=2)
            each = np.where(inside, 0.5 / sizes[labels], 0.0)
        return np.multiply.outer(np.asarray(penalties), each)


LEARNERS = {
    "svm": Learner(hinge),
    "paper": Learner(partial(hinge, libsvm=True), PAPER_PENALTIES, default=0.1, paper=True),
    "squared_hinge": Learner(squared_hinge, any_size=True),
    "ridge": Learner(squared_errors),
}


def find_learner(name: str, penalty: float | None = None) -> Learner:
    """Return the learner of a name; refuse other names and a C that is no positive number."""
    if name not in LEARNERS:
        raise InputError(f"there is no learner {name!r}: {near(name, LEARNERS)}")
    if penalty is not None and not (np.isfinite(penalty) and penalty > 0):
        raise InputError(f"the penalty C is {penalty}: give a positive number")
    return LEARNERS[name]


def check_size(learner: Learner, name: str, n: int) -> None:
    """Refuse more training rows than the learner's matrix of inner products may have."""
    if n > GRAM_ROWS and not learner.any_size:
        raise InputError(
            f"concept {name!r} has {n:,} training rows and this learner takes at most "
            f"{GRAM_ROWS:,}: give fewer examples, or use the learner 'squared_hinge'"
        )
