"""From the arguments of `elastic_net_path` to a backend, and from its answer to a `Path`."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import ConvergenceWarning

from pcbm.errors import InputError
from pcbm.heads.backends.abilities import check_able
from pcbm.heads.backends.task import Backend, Task
from pcbm.heads.inputs import check_grid, check_penalty, check_point, check_problem, check_tol
from pcbm.heads.path import lam_max_of, null_point
from pcbm.heads.solutions import Path, Recorder

Array = NDArray[np.float64]


def other_path(
    solver: str,
    Z: ArrayLike,
    y: ArrayLike,
    *,
    family: str,
    l1_ratio: float,
    n_lams: int,
    lam_min_ratio: float,
    lams: Sequence[float] | Array | None,
    tol: float,
    sample_weight: ArrayLike | None,
    offset: ArrayLike | None,
    free: ArrayLike | None,
    start: tuple[ArrayLike, ArrayLike] | None,
    penalty_factor: ArrayLike | None,
    lower: ArrayLike | None,
    upper: ArrayLike | None,
    max_iter: int,
    seed: int,
) -> Path:
    """Fit a path with another solver than ours; see `pcbm.heads.elastic_net_path`.

    Raises
    ------
    InputError
        The solver is unknown or does not serve what is asked; shapes or values do not fit.
    MissingExtraError
        The package of the solver is not installed.
    """
    options = {
        "offset": offset,
        "free": free,
        "start": start,
        "penalty_factor": penalty_factor,
        "lower": lower,
        "upper": upper,
    }
    check_able(solver, family, options)
    if solver == "sgd":
        from pcbm.heads.backends.sgd import paper_path

        path = paper_path(
            Z,
            y,
            lams,
            family=family,
            l1_ratio=l1_ratio,
            sample_weight=sample_weight,
            seed=seed,
        )
        _warn(path, tol)
        return path
    solve = _backend(solver)
    problem, classes = check_problem(Z, y, family, sample_weight, offset, free)
    net = check_penalty(problem, family, l1_ratio, penalty_factor, lower, upper)
    check_tol(tol)
    strengths = check_grid(n_lams, lam_min_ratio, lams)
    if solver == "saga" and family == "multinomial" and problem.shape[0] == 2:
        raise InputError(
            "a multinomial of two classes is one row in scikit-learn: use family='binomial', or "
            "solver='newton'"
        )
    null = null_point(problem, net)
    if strengths is None:
        top = lam_max_of(null, net)
        strengths = top * np.exp(np.linspace(0, np.log(lam_min_ratio), n_lams))
    first = null
    if start is not None:
        coef, intercept = check_point(problem, *start, "start")
        first = problem.at(net.feasible(coef), intercept)
    task = Task(
        problem=problem,
        null=null,
        first=first,
        lams=strengths,
        net=net,
        tol=tol,
        max_iter=max_iter,
        seed=seed,
    )
    record = Recorder(null)
    for lam, found in zip(strengths, solve(task), strict=True):
        penalty = net.at(lam)
        record.add(lam, found.point, penalty, found.point.violation(penalty), found.n_iter)
    path = replace(record.path(family, classes), solver=solver)
    _warn(path, tol)
    return path


def _backend(solver: str) -> Backend:
    """Import a solver when it is asked for."""
    if solver == "glmnet":
        from pcbm.heads.backends.from_glmnet import glmnet_path

        return glmnet_path
    if solver == "saga":
        from pcbm.heads.backends.saga import saga_path

        return saga_path
    from pcbm.heads.backends.minibatch import minibatch_path

    return minibatch_path


def _warn(path: Path, tol: float) -> None:
    """Warn, once, of the strength that is furthest from its solution."""
    worst = int(path.kkt.argmax())
    above = int((path.kkt > tol).sum())
    if above:
        warnings.warn(
            f"solver={path.solver!r} left {above} of {len(path)} strengths above tol={tol:g}, at "
            f"worst lam={path.lams[worst]:.4g} with a violation of {path.kkt[worst]:.2e} lam: "
            "raise tol or max_iter, or use solver='newton'",
            ConvergenceWarning,
            stacklevel=4,
        )
