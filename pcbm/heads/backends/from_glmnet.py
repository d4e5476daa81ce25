"""Friedman, Hastie and Tibshirani's Fortran through the package glmnetforpython (GPL-2).

Its function ``glmnet`` is called, not its class ``GLMNet``, which passes names that the function
does not know and thereby loses every option. What differs from our units:

- factors of the penalty are rescaled to sum to K, so lam is multiplied by their mean;
- gaussian responses are divided by their standard deviation s, lam with them, which makes the ridge
  part of the penalty s times too weak: we divide ourselves, and split the penalty anew into
  ``lam a / s`` for the norm and ``lam (1 - a)`` for its square;
- ``mtype="grouped"`` is accepted and has no effect;
- strengths are sorted, and the path ends early on a nearly perfect fit: its last solution then
  stands for the rest, with the violation that it has there;
- the data are overwritten, and messages are printed to stdout.
"""

from __future__ import annotations

import contextlib
import importlib
import io
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pcbm.errors import InputError, MissingExtraError, need
from pcbm.heads.datafits import Gaussian, Logistic, Multinomial
from pcbm.heads.problem import Point
from pcbm.heads.task import Found, Task, matrix

Array = NDArray[np.float64]

LOOSEST, TIGHTEST = 1e-7, 1e-15  # thresh: glmnet's default, and the rounding of its objective
PASSES = 100  # passes for each iteration allowed: with max_iter=1000 glmnet's default of 1e5


def glmnet_path(task: Task) -> Iterator[Found]:
    """Solve a task with glmnet, its ``thresh`` tightened until every violation is small enough."""
    fit = load_glmnet()
    best: dict[int, Found] = {}
    waiting, thresh, runs = np.arange(len(task.lams)), LOOSEST, 1
    while len(waiting) and thresh >= TIGHTEST:
        try:
            points = _run(fit, task, task.lams[waiting], thresh)
        except ValueError as error:  # fatal, or not one strength was reached
            if best:
                break
            reason = " ".join(str(part) for part in error.args)
            raise InputError(f"glmnet failed ({reason}): use solver='newton'") from error
        for index, point in zip(waiting.tolist(), points, strict=True):
            lam, known = task.lams[index], best.get(index)
            if known is None or task.violation(point, lam) < task.violation(known.point, lam):
                best[index] = Found(point, runs)
        far = [task.violation(best[i].point, lam) > task.tol for i, lam in enumerate(task.lams)]
        waiting, thresh, runs = np.flatnonzero(far), thresh / 100, runs + 1
    return (best[index] for index in range(len(task.lams)))


def load_glmnet() -> Any:
    """Return glmnet's function; say which extra brings it, and under which licence."""
    try:
        need("glmnetforpython", "glmnet")
    except MissingExtraError as error:
        raise MissingExtraError(f"{error} (its licence is GPL-2), or use solver='newton'") from None
    library = importlib.import_module("glmnetforpython.loadGlmLib")
    with contextlib.redirect_stdout(io.StringIO()):
        loaded = library.loadGlmLib()
    if loaded is None:
        raise InputError(
            "solver='glmnet' has no compiled library for this system: use solver='newton'"
        )
    return importlib.import_module("glmnetforpython.glmnet").glmnet


def _run(fit: Any, task: Task, lams: Array, thresh: float) -> list[Point]:
    """Return the point of each strength from one run over all rows of coefficients."""
    datafit = task.problem.datafit
    if isinstance(datafit, Multinomial):
        columns = np.eye(datafit.n_rows)[datafit.labels]
        coefs, intercepts = _call(fit, task, "multinomial", columns, None, lams, thresh)
    else:
        assert isinstance(datafit, Logistic | Gaussian)
        one = _logistic_row if isinstance(datafit, Logistic) else _gaussian_row
        parts = [one(fit, task, k, lams, thresh) for k in range(datafit.n_rows)]
        coefs = np.concatenate([coef for coef, _ in parts], axis=1)
        intercepts = np.concatenate([intercept for _, intercept in parts], axis=1)
    return [task.problem.point(c, b) for c, b in zip(coefs, intercepts, strict=True)]


def _logistic_row(fit: Any, task: Task, k: int, lams: Array, thresh: float) -> tuple[Array, Array]:
    target = task.problem.datafit.targets[k]  # type: ignore[attr-defined]
    if np.ptp(target) == 0:  # a label without both values: glmnet refuses it
        shape = len(lams), 1, task.problem.shape[1]
        return np.zeros(shape), np.full(shape[:2], task.null.intercept[k])
    return _call(fit, task, "binomial", np.column_stack([1 - target, target]), k, lams, thresh)


def _gaussian_row(fit: Any, task: Task, k: int, lams: Array, thresh: float) -> tuple[Array, Array]:
    """Fit one output at standard deviation one, at which glmnet's penalty is in our units."""
    problem = task.problem
    target = problem.datafit.targets[k]  # type: ignore[attr-defined]
    if problem.offset is not None:
        target = target - problem.offset[k]
    weights, mean = problem.datafit.weights, problem.datafit.weights @ target
    scale = float(np.sqrt(weights @ (target - mean) ** 2))
    if scale <= 1e-12 * max(abs(mean), np.finfo(float).tiny):  # constant: nothing to fit
        return np.zeros((len(lams), 1, problem.shape[1])), np.full((len(lams), 1), mean)
    norm, ridge = task.net.l1_ratio / scale, 1 - task.net.l1_ratio
    coef, intercept = _call(
        fit,
        task,
        "gaussian",
        (target - mean)[:, None] / scale,
        None,
        lams * (norm + ridge),
        thresh,
        l1_ratio=norm / (norm + ridge),
    )
    return coef * scale, intercept * scale + mean


def _call(
    fit: Any,
    task: Task,
    family: str,
    target: Array,
    row: int | None,
    lams: Array,
    thresh: float,
    *,
    l1_ratio: float | None = None,
) -> tuple[Array, Array]:
    """Call glmnet; return coefficients (L, C, K) and intercepts (L, C) in the order of ``lams``.

    ``row`` picks the offset of one coefficient row; None takes those of all (a gaussian response
    has its offset subtracted already).
    """
    problem = task.problem
    falling, place = np.unique(-lams, return_inverse=True)
    options = {
        "alpha": np.float64(task.net.l1_ratio if l1_ratio is None else l1_ratio),
        "lambdau": -falling * task.net.factor.mean(),
        "weights": problem.datafit.weights[:, None].copy(),
        "penalty_factor": task.net.factor[None].copy(),
        "standardize": False,
        "thresh": np.float64(thresh),
        "maxit": np.int32(min(PASSES * task.max_iter, np.iinfo(np.int32).max)),
    }
    if problem.offset is not None and family != "gaussian":
        own = problem.offset if row is None else problem.offset[[row, row]] * [[1], [-1]]
        options["offset"] = own.T.copy()
    with contextlib.redirect_stdout(io.StringIO()):
        found = fit(
            x=matrix(problem, order="F"),
            y=np.array(target, order="F"),
            family=family,
            **options,
        )
    rows = found["beta"] if family == "multinomial" else [found["beta"]]
    coefs = np.stack([np.asarray(row).T for row in rows], axis=1)
    intercepts = np.reshape(found["a0"], (len(rows), -1)).T
    reached = np.minimum(np.arange(len(falling)), len(coefs) - 1)[place]
    return coefs[reached], intercepts[reached]
