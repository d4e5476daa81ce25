"""Pure functions of a head: objective, optimality, the strength that empties it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pcbm.errors import InputError
from pcbm.heads.inputs import check_fixed, check_lam, check_lams, check_point, check_problem
from pcbm.heads.path import lam_max_of, null_point
from pcbm.heads.penalties import Penalty
from pcbm.heads.solutions import Path, Recorder

Array = NDArray[np.float64]


def objective(
    Z: ArrayLike,
    y: ArrayLike,
    coef: ArrayLike,
    intercept: ArrayLike,
    lam: float,
    *,
    family: str = "multinomial",
    l1_ratio: float = 0.99,
    sample_weight: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    penalty_factor: ArrayLike | None = None,
) -> float:
    """Return the weighted mean loss plus penalty of a head; see `elastic_net_path`."""
    problem, _ = check_problem(Z, y, family, sample_weight, offset, None)
    factor = check_fixed(problem, l1_ratio, 1.0, penalty_factor)
    check_lam(lam)
    point = problem.at(*check_point(problem, coef, intercept, "the head"))
    return point.objective(
        Penalty.elastic_net(lam, l1_ratio, factor, problem.free, grouped=family == "grouped")
    )


def kkt_violation(
    Z: ArrayLike,
    y: ArrayLike,
    coef: ArrayLike,
    intercept: ArrayLike,
    lam: float,
    *,
    family: str = "multinomial",
    l1_ratio: float = 0.99,
    sample_weight: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    free: ArrayLike | None = None,
    penalty_factor: ArrayLike | None = None,
) -> float:
    """Return the largest subgradient violation of a head over coefficients and intercepts.

    Divided by ``lam``, like ``Path.kkt``; zero is optimal. Groups count by the 2-norm of their
    column.
    """
    problem, _ = check_problem(Z, y, family, sample_weight, offset, free)
    factor = check_fixed(problem, l1_ratio, 1.0, penalty_factor)
    check_lam(lam)
    point = problem.at(*check_point(problem, coef, intercept, "the head"))
    penalty = Penalty.elastic_net(lam, l1_ratio, factor, problem.free, grouped=family == "grouped")
    return point.violation(penalty) / lam


def lam_max(
    Z: ArrayLike,
    y: ArrayLike,
    *,
    family: str = "multinomial",
    l1_ratio: float = 0.99,
    sample_weight: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    free: ArrayLike | None = None,
    penalty_factor: ArrayLike | None = None,
) -> float:
    """Return the least strength at which every penalised coefficient is zero.

    In closed form ``max_j |Z_j' (y - ybar)| / (n f_j l1_ratio)``, the largest over rows, or the
    norm over rows when grouped. With an offset or unpenalised columns the null model in place of
    ybar is fitted first.
    """
    problem, _ = check_problem(Z, y, family, sample_weight, offset, free)
    factor = check_fixed(problem, l1_ratio, 1.0, penalty_factor)
    null = null_point(problem, factor)
    return lam_max_of(null, l1_ratio, factor, grouped=family == "grouped")


def evaluate_path(
    Z: ArrayLike,
    y: ArrayLike,
    lams: Sequence[float] | Array,
    coefs: Sequence[ArrayLike] | Array,
    intercepts: Sequence[ArrayLike] | Array,
    *,
    family: str = "multinomial",
    l1_ratio: float = 0.99,
    sample_weight: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    free: ArrayLike | None = None,
    penalty_factor: ArrayLike | None = None,
    n_iter: Sequence[int] | NDArray[np.int64] | None = None,
) -> Path:
    """Return the path of coefficients that were found elsewhere, judged like our own.

    Violations, objective, deviance and NEC are computed in double precision from the data; the
    other parameters are those of `elastic_net_path`.

    Parameters
    ----------
    lams : (L,) positive strengths
    coefs, intercepts : L of (C, K) and L of (C,)
        For the columns of ``Z``, zero where ``free`` is False. Rows are in the order of
        `elastic_net_path`.
    n_iter : (L,) ints, optional
        What the other solver counts as iterations; zeros without it.

    Raises
    ------
    InputError
        Shapes, values or names do not fit.
    """
    problem, classes = check_problem(Z, y, family, sample_weight, offset, free)
    factor = check_fixed(problem, l1_ratio, 1.0, penalty_factor)
    strengths = check_lams(lams)
    spent = np.zeros(len(lams), int) if n_iter is None else np.asarray(n_iter, int)
    if not len(lams) == len(coefs) == len(intercepts) == len(spent):
        raise InputError(
            f"{len(lams)} lams, {len(coefs)} coefs, {len(intercepts)} intercepts and "
            f"{len(spent)} n_iter were given: give as many of each"
        )
    record = Recorder(null_point(problem, factor))
    for i, lam in enumerate(strengths):
        coef, intercept = check_point(problem, coefs[i], intercepts[i], f"point {i}")
        if coef[~problem.free].any():
            raise InputError(f"point {i} moves coefficients that are not free: set them to zero")
        point = problem.at(coef, intercept)
        penalty = Penalty.elastic_net(
            lam, l1_ratio, factor, problem.free, grouped=family == "grouped"
        )
        record.add(lam, point, penalty, point.violation(penalty), int(spent[i]))
    return record.path(family, classes)
