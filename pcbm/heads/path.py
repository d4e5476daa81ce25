"""The regularisation path: one warm-started solution per strength of the penalty."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import ConvergenceWarning

from pcbm.errors import InputError
from pcbm.heads.device import on_device
from pcbm.heads.inputs import check_grid, check_penalty, check_point, check_problem, check_tol
from pcbm.heads.penalties import ElasticNet, Penalty
from pcbm.heads.problem import Point, Problem
from pcbm.heads.screen import Screen
from pcbm.heads.solutions import Path, Recorder
from pcbm.heads.solver import Outcome
from pcbm.heads.streaming import Streamed
from pcbm.heads.threads import team

Array = NDArray[np.float64]

SMALLEST_L1_RATIO = 1e-3  # stands in for l1_ratio in lam_max, which is infinite for pure ridge
MAX_ITER = 1000
NULL_TOL = 1e-10  # violation of the null model, over its largest gradient
LARGEST_DROP = 3.0  # ratio of two strengths above which others are solved between them
ROUGHLY = 0.3  # tolerance of those, over their lam


def elastic_net_path(
    Z: ArrayLike,
    y: ArrayLike,
    *,
    family: str = "multinomial",
    l1_ratio: float = 0.99,
    n_lams: int = 50,
    lam_min_ratio: float = 1e-3,
    lams: Sequence[float] | Array | None = None,
    tol: float = 1e-3,
    sample_weight: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    free: ArrayLike | None = None,
    start: tuple[ArrayLike, ArrayLike] | None = None,
    penalty_factor: ArrayLike | None = None,
    lower: ArrayLike | None = None,
    upper: ArrayLike | None = None,
    max_iter: int = MAX_ITER,
    solver: str = "newton",
    seed: int = 0,
    device: str | None = None,
) -> Path:
    """Fit a sparse linear head for a whole grid of penalty strengths.

    Minimises, for each ``lam``, the weighted mean loss plus
    ``lam * sum_j f_j (l1_ratio |W_kj| + (1 - l1_ratio)/2 W_kj^2)``, intercepts free. ``Z`` is
    used as given: standardise it first (`standardise`).

    Parameters
    ----------
    Z : (n, K) array, memory map, or anything that gives its rows by slices
        Concept scores. All but arrays in memory are read a few rows at a time, about once a
        strength, and may be larger than memory: see `Path.passes`.
    y : array
        multinomial, grouped: (n,) labels, rows in the order of ``np.unique``. binomial: (n,)
        labels of two classes, positive = the second. multilabel: (n, C) of 0 and 1.
        gaussian: (n,) or (n, C) floats.
    family : {"multinomial", "grouped", "binomial", "multilabel", "gaussian"}
        multinomial is the symmetric softmax with C rows; grouped the same with the column norm
        ``||W_:j||_2`` in place of the absolute values; multilabel and gaussian sum the losses
        of their rows, with one ``lam`` for all.
    l1_ratio : float in [0, 1]
    n_lams, lam_min_ratio : int, float
        The grid ``lam_max * exp(linspace(0, log(lam_min_ratio), n_lams))``, never cut short.
        With ``l1_ratio`` below 1e-3, lam_max is that of 1e-3.
    lams : sequence of positive floats, optional
        These strengths, in this order, in place of the grid.
    tol : float
        Each point stops only when its largest subgradient violation is at most ``tol * lam``.
    sample_weight : (n,) array, optional
        Normalised to sum one, so a weight of 2 equals the row given twice. Rows of weight zero
        do not exist: a class seen only there has no coefficient row.
    offset : (n, C) array, optional
        Added to the predictors; (n,) or (n, 1) for one row.
    free : (C, K) bool array, optional
        Coefficients that may move; the others are held at zero.
    start : (coef (C, K), intercept (C,)), optional
        Where the first strength starts from.
    penalty_factor : (K,) array, optional
        Non-negative factors f_j of the penalty; zero leaves a column unpenalised.
    lower, upper : float, (K,) or (C, K) array, optional
        Bounds of the coefficients, ``lower <= 0 <= upper``, infinite for none; ``lower=0`` keeps
        every coefficient non-negative. Not for grouped.
    max_iter : int
        Cap on the iterations of one point. Reaching it gives a ConvergenceWarning.
    solver : {"newton", "glmnet", "saga", "minibatch", "sgd"}
        newton is ours. The others give the same solutions, each judged by the same ``kkt``, and
        refuse what they cannot do: glmnet is R's Fortran (extra ``glmnet``, GPL-2), saga is
        scikit-learn's, minibatch takes few rows at a time. sgd is the official code's, of another
        objective and not converged. See docs/solver.md, "Other solvers".
    seed : int
        Of saga, minibatch and sgd, which draw rows.
    device : str, optional
        Run the passes over the data in torch on "cpu", "cuda" or "cuda:N", where the data must
        fit; for the solver newton. None is numpy.

    Returns
    -------
    Path

    Raises
    ------
    InputError
        Shapes, values or names do not fit.

    References
    ----------
    Friedman, Hastie, Tibshirani, "Regularization paths for generalized linear models via
    coordinate descent", J. Stat. Softw. 33 (2010). Yuan, Ho, Lin, "An improved GLMNET for
    l1-regularized logistic regression", JMLR 13 (2012).
    """
    if device is not None and solver != "newton":
        raise InputError(
            f"device={device!r} does not serve solver={solver!r}: leave one of them out"
        )
    if solver != "newton":
        from pcbm.heads.backends.dispatch import other_path  # which builds on this module

        return other_path(
            solver,
            Z,
            y,
            family=family,
            l1_ratio=l1_ratio,
            n_lams=n_lams,
            lam_min_ratio=lam_min_ratio,
            lams=lams,
            tol=tol,
            sample_weight=sample_weight,
            offset=offset,
            free=free,
            start=start,
            penalty_factor=penalty_factor,
            lower=lower,
            upper=upper,
            max_iter=max_iter,
            seed=seed,
        )
    problem, classes = check_problem(Z, y, family, sample_weight, offset, free)
    if device is not None:
        problem = on_device(problem, device)
    net = check_penalty(problem, family, l1_ratio, penalty_factor, lower, upper)
    check_tol(tol)
    given = check_grid(n_lams, lam_min_ratio, lams)
    first = None if start is None else check_point(problem, *start, "start")
    with team(problem.n, *problem.shape):
        null = null_point(problem, net)
        top = lam_max_of(null, net)
        strengths = given
        if strengths is None:
            strengths = top * np.exp(np.linspace(0, np.log(lam_min_ratio), n_lams))
        point, last = null, top
        if first is not None:
            point, last = problem.at(net.feasible(first[0]), first[1]), strengths[0]
        screen = _search(problem, grouped=net.grouped)
        record = Recorder(null)
        solved: list[Point] = []  # the last two, for the line through them
        for index, lam in enumerate(strengths):
            for rough in _between(last, lam):
                point = screen.solve(point, net.at(rough), ROUGHLY * rough, max_iter).point
            last, penalty = lam, net.at(lam)
            ahead = _ahead(solved, strengths[: index + 1], penalty)
            outcome = screen.solve(point, penalty, tol * lam, max_iter, ahead)
            if not outcome.converged:
                _warn(lam, outcome, tol)
            point = outcome.point
            solved = [*solved, point][-2:]
            record.add(lam, point, penalty, outcome.violation, outcome.n_iter)
    return record.path(family, classes)


def _search(problem: Problem, *, grouped: bool) -> Screen | Streamed:
    """Return what solves a path's points: rows that are dear to read are read less often."""
    return (Streamed if problem.streamed else Screen)(problem, grouped=grouped)


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


def null_point(problem: Problem, net: ElasticNet) -> Point:
    """Return the solution with every penalised coefficient at zero."""
    point = problem.start()
    if problem.offset is None and (net.factor > 0).all():
        return point
    nothing = np.zeros_like(net.factor)
    penalty = Penalty(nothing, nothing, net.free & (net.factor == 0), box=net.box)
    scale = max(float(np.abs(point.slopes).max(initial=0.0)), np.finfo(float).tiny)
    screen = _search(problem, grouped=False)
    return screen.solve(point, penalty, NULL_TOL * scale, MAX_ITER).point


def lam_max_of(null: Point, net: ElasticNet) -> float:
    """Return the least strength at which every penalised coefficient is zero.

    max_j |dL/dW_kj| / (f_j l1_ratio) at the null model, over coefficients that may follow their
    gradient; the column norm when grouped. Where there are none, or the null model is perfect, no
    strength is the least; 1 stands in.
    """
    slopes = net.at(1.0).allowed(null.original_slopes)
    size = np.linalg.norm(slopes, axis=0) if net.grouped else np.abs(slopes).max(axis=0)
    penalised = net.factor > 0
    top = (size[penalised] / net.factor[penalised]).max(initial=0.0)
    if null.problem.constant:  # only rounding is left
        top = 0.0
    return float(top / max(net.l1_ratio, SMALLEST_L1_RATIO)) if top > 0 else 1.0


def _warn(lam: float, outcome: Outcome, tol: float) -> None:
    warnings.warn(
        f"lam={lam:.4g} stopped after {outcome.n_iter} iterations at a violation of "
        f"{outcome.violation / lam:.2e} lam, above tol={tol:g}: "
        "raise tol or max_iter, or standardise the columns",
        ConvergenceWarning,
        stacklevel=3,
    )
