"""scikit-learn's solvers: SAGA for the logistic losses, coordinate descent for squared error.

SAGA stops on how far coefficients move, whatever the intercepts do: while all coefficients are zero
it stops at once, so the intercepts of an empty model are put in their closed form. Each strength is
solved again, from where it stopped and to a tenth of the tolerance, until the violation, which
counts the intercepts, is small enough.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
import sklearn
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import ElasticNet, LogisticRegression
from sklearn.utils.fixes import parse_version

from pcbm.errors import InputError
from pcbm.heads.datafits import Gaussian, Logistic, Multinomial
from pcbm.heads.task import Found, Task, matrix

Array = NDArray[np.float64]

TIGHTEST = 1e-14  # tolerance from which on nothing moves
# Before 1.8 the penalty has to be named; since then that is deprecated.
NAMED = parse_version(sklearn.__version__) < parse_version("1.8")


class Rows(Protocol):
    """One estimator and the rows of coefficients it moves, warm-started from call to call."""

    coef: Array
    intercept: Array

    def fit(self, lam: float, tol: float, max_iter: int) -> int:
        """Go on at strength ``lam``; return the iterations spent."""


def saga_path(task: Task) -> Iterator[Found]:
    """Solve a task strength by strength with scikit-learn, each from the last solution."""
    blocks = _blocks(task)
    for lam in task.lams:
        inner, spent = task.tol / 10, 0
        while True:
            steps = [block.fit(lam, inner, task.max_iter - spent) for block in blocks]
            spent += max(steps)
            point = task.problem.point(
                np.concatenate([block.coef for block in blocks]),
                np.concatenate([block.intercept for block in blocks]),
            )
            done = task.violation(point, lam) <= task.tol
            if done or spent >= task.max_iter or inner < TIGHTEST:
                break
            inner /= 10
        yield Found(point, spent)


def _blocks(task: Task) -> list[Rows]:
    """Return the estimators of a task: one for a softmax, else one for each coefficient row."""
    Z = matrix(task.problem)
    datafit = task.problem.datafit
    if isinstance(datafit, Multinomial):
        if datafit.n_rows == 2:
            raise InputError(
                "a multinomial of two classes is one row in scikit-learn: use family='binomial', "
                "or solver='newton'"
            )
        return [Softmax(Z, datafit.labels, task, slice(None))]
    assert isinstance(datafit, Logistic | Gaussian)
    kind = Softmax if isinstance(datafit, Logistic) else Squares
    return [kind(Z, target, task, slice(k, k + 1)) for k, target in enumerate(datafit.targets)]


class Softmax:
    """SAGA on a softmax, or on one logistic row; a label without both values stays where it is.

    scikit-learn minimises ``C sum_i s_i loss_i + penalty``, so C = max(w) / lam with
    s = w / max(w): its step is that of weights of at most one.
    """

    def __init__(self, Z: Array, target: NDArray, task: Task, rows: slice) -> None:
        weights = task.problem.datafit.weights
        self._data = Z, target.astype(int), weights / weights.max()
        self._heaviest = float(weights.max())
        self._empty = task.null.intercept[rows]
        self.coef, self.intercept = task.first.coef[rows], task.first.intercept[rows]
        self._model: Any = None
        classes = np.unique(self._data[1])
        if len(classes) > 1:
            named = {"penalty": "elasticnet"} if NAMED else {}
            self._model = LogisticRegression(
                solver="saga",
                l1_ratio=task.net.l1_ratio,
                warm_start=True,
                random_state=task.seed,
                **named,
            )
            self._model.classes_ = classes

    def fit(self, lam: float, tol: float, max_iter: int) -> int:
        """Go on at strength ``lam``; return the epochs spent."""
        if self._model is None:
            return 0
        self._model.coef_, self._model.intercept_ = self.coef.copy(), self.intercept.copy()
        self._model.set_params(C=self._heaviest / lam, tol=tol, max_iter=max(max_iter, 1))
        _quietly(self._model, *self._data)
        self.coef, self.intercept = self._model.coef_, self._model.intercept_
        if not self.coef.any():
            self.intercept = self._empty
        return int(self._model.n_iter_.max())


class Squares:
    """Coordinate descent on half the mean squared error of one output."""

    def __init__(self, Z: Array, target: NDArray, task: Task, rows: slice) -> None:
        weights = task.problem.datafit.weights
        self._data = Z, target, weights * len(weights)
        self._model = ElasticNet(l1_ratio=task.net.l1_ratio, warm_start=True)
        self.coef, self.intercept = task.first.coef[rows], task.first.intercept[rows]
        self._model.coef_ = self.coef[0].copy()

    def fit(self, lam: float, tol: float, max_iter: int) -> int:
        """Go on at strength ``lam``; return the sweeps spent."""
        self._model.set_params(alpha=lam, tol=tol, max_iter=max(max_iter, 1))
        _quietly(self._model, *self._data)
        self.coef = self._model.coef_[None].copy()
        self.intercept = np.array([self._model.intercept_])
        return int(self._model.n_iter_)


def _quietly(model: Any, Z: Array, target: Array, weights: Array) -> None:
    """Fit without the estimator's own ConvergenceWarning: the violation decides."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(Z, target, sample_weight=weights)
