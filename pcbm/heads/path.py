"""The regularisation path: one solution per strength of the penalty, by the solver asked for."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import ConvergenceWarning

from pcbm.heads.backends.abilities import check_able
from pcbm.heads.device import on_device
from pcbm.heads.inputs import (
    check_family,
    check_grid,
    check_max_iter,
    check_penalty,
    check_problem,
    check_start,
    check_tol,
)
from pcbm.heads.newton_path import newton_path
from pcbm.heads.penalties import ElasticNet
from pcbm.heads.problem import Point
from pcbm.heads.solutions import Path, Recorder
from pcbm.heads.strengths import grid, lam_max_of, null_point
from pcbm.heads.task import Solver, Task
from pcbm.heads.threads import team

Array = NDArray[np.float64]

MAX_ITER = 1000
ROUNDING = 1e-12  # of a violation divided by lam


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
        Where the first strength starts from, if its objective there is below the null model's.
    penalty_factor : (K,) array, optional
        Non-negative factors f_j of the penalty; zero leaves a column unpenalised.
    lower, upper : float, (K,) or (C, K) array, optional
        Bounds of the coefficients, ``lower <= 0 <= upper``, infinite for none; ``lower=0`` keeps
        every coefficient non-negative. Not for grouped.
    max_iter : int
        Cap on the iterations of one point. One ConvergenceWarning tells of points above ``tol``.
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
    check_family(family)
    options = {"offset": offset, "free": free, "start": start, "penalty_factor": penalty_factor}
    check_able(solver, family, {**options, "lower": lower, "upper": upper, "device": device})
    check_tol(tol)
    check_max_iter(max_iter)
    if solver == "sgd":
        from pcbm.heads.backends.sgd import paper_path

        path = paper_path(
            Z, y, lams, family=family, l1_ratio=l1_ratio, sample_weight=sample_weight, seed=seed
        )
        _warn(path, tol, max_iter)
        return path
    problem, classes = check_problem(Z, y, family, sample_weight, offset, free)
    if device is not None:
        problem = on_device(problem, device)
    net = check_penalty(problem, family, l1_ratio, penalty_factor, lower, upper)
    strengths = check_grid(n_lams, lam_min_ratio, lams)
    first = None if start is None else check_start(problem, start)
    with team(problem.n, *problem.shape):
        null = null_point(problem, net)
        if strengths is None:
            strengths = grid(lam_max_of(null, net), n_lams, lam_min_ratio)
        begin = null if first is None else _begin(null, *first, net, float(strengths[0]))
        task = Task(problem, null, begin, strengths, net, tol=tol, max_iter=max_iter, seed=seed)
        path = replace(_solved(task, solver).path(family, classes), solver=solver)
    _warn(path, tol, max_iter, offset=offset is not None)
    return path


def _begin(null: Point, coef: Array, intercept: Array, net: ElasticNet, lam: float) -> Point:
    """Return the start that was given, or the null model where its objective is no greater."""
    penalty = net.at(lam)
    with np.errstate(over="ignore", invalid="ignore"):  # of absurd numbers
        given = null.problem.at(net.feasible(coef), intercept)
        better = given.objective(penalty) < null.objective(penalty)
    return given if better else null


def _solved(task: Task, solver: str) -> Recorder:
    """Return what a solver found, judged by the same double-precision check whoever it is."""
    solve = _solver(solver)
    record = Recorder(task.null)
    for lam, found in zip(task.lams, solve(task), strict=True):
        penalty = task.net.at(lam)
        record.add(lam, found.point, penalty, found.point.violation(penalty), found.n_iter)
    return record


def _solver(name: str) -> Solver:
    """Return a solver; others than ours are imported when they are asked for."""
    if name == "newton":
        return newton_path
    if name == "glmnet":
        from pcbm.heads.backends.from_glmnet import glmnet_path

        return glmnet_path
    if name == "saga":
        from pcbm.heads.backends.saga import saga_path

        return saga_path
    from pcbm.heads.backends.minibatch import minibatch_path

    return minibatch_path


def _warn(path: Path, tol: float, max_iter: int, *, offset: bool = False) -> None:
    """Warn, once, of the strength that is furthest from its solution."""
    worst = int(path.kkt.argmax())
    above = int((path.kkt > tol * (1 + ROUNDING)).sum())
    if not above:
        return
    if path.solver != "newton":
        remedy = "raise tol or max_iter, or use solver='newton'"
    elif path.n_iter[worst] >= max_iter:
        remedy = f"its {max_iter} iterations were not enough: raise max_iter or tol"
    else:
        remedy = "rounding hides any better step: raise tol, or standardise the columns"
        remedy += ", or bring the offset nearer to its mean" if offset else ""
    warnings.warn(
        f"solver={path.solver!r} left {above} of {len(path)} strengths above tol={tol:g}, at "
        f"worst lam={path.lams[worst]:.4g} with a violation of {path.kkt[worst]:.2e} lam: {remedy}",
        ConvergenceWarning,
        stacklevel=3,
    )
