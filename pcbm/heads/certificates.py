"""Pure functions of a head: objective, optimality, the strength that empties it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pcbm.errors import InputError
from pcbm.heads.duality import Duality
from pcbm.heads.inputs import check_lam, check_lams, check_penalty, check_point, check_problem
from pcbm.heads.penalties import ElasticNet
from pcbm.heads.problem import Point, Problem
from pcbm.heads.solutions import Path, Recorder
from pcbm.heads.strengths import lam_max_of, null_point

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
    net = check_penalty(problem, family, l1_ratio, penalty_factor, None, None)
    check_lam(lam)
    point = problem.at(*check_point(problem, coef, intercept, "the head"))
    return point.objective(net.at(lam))


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
    lower: ArrayLike | None = None,
    upper: ArrayLike | None = None,
) -> float:
    """Return the largest subgradient violation of a head over coefficients and intercepts.

    Divided by ``lam``, like ``Path.kkt``; zero is optimal. Groups count by the 2-norm of their
    column. A slope that would carry a coefficient out of its bounds violates nothing.
    """
    problem, _ = check_problem(Z, y, family, sample_weight, offset, free)
    net = check_penalty(problem, family, l1_ratio, penalty_factor, lower, upper)
    check_lam(lam)
    point = _feasible_point(problem, net, coef, intercept, "the head")
    return point.violation(net.at(lam)) / lam


def duality_gap(
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
    lower: ArrayLike | None = None,
    upper: ArrayLike | None = None,
) -> float:
    """Return an upper bound of how far the objective of a head is above the least one.

    In the units of the objective, never negative, near zero only near the optimum. The dual
    point comes from the head's own residuals, made to sum to zero, as they are or scaled until
    the l1 norm allows their slopes, whichever is better. With columns of ``penalty_factor`` zero
    the bound is the objective itself.

    References
    ----------
    Kim, Koh, Lustig, Boyd, Gorinevsky, "An interior-point method for large-scale l1-regularized
    least squares", IEEE J. Sel. Top. Signal Process. 1 (2007), section III. Ndiaye, Fercoq,
    Gramfort, Salmon, "Gap safe screening rules for sparsity enforcing penalties", JMLR 18 (2017).
    """
    problem, _ = check_problem(Z, y, family, sample_weight, offset, free)
    net = check_penalty(problem, family, l1_ratio, penalty_factor, lower, upper)
    check_lam(lam)
    point = _feasible_point(problem, net, coef, intercept, "the head")
    return Duality(problem, problem.start()).gap(point, net.at(lam))


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
    lower: ArrayLike | None = None,
    upper: ArrayLike | None = None,
) -> float:
    """Return the least strength at which every penalised coefficient is zero.

    In closed form ``max_j |Z_j' (y - ybar)| / (n f_j l1_ratio)``, the largest over rows, or the
    norm over rows when grouped; with bounds, the largest over the directions they allow. With an
    offset or unpenalised columns the null model in place of ybar is fitted first.
    """
    problem, _ = check_problem(Z, y, family, sample_weight, offset, free)
    net = check_penalty(problem, family, l1_ratio, penalty_factor, lower, upper)
    return lam_max_of(null_point(problem, net), net)


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
    lower: ArrayLike | None = None,
    upper: ArrayLike | None = None,
    n_iter: Sequence[int] | NDArray[np.int64] | None = None,
) -> Path:
    """Return the path of coefficients that were found elsewhere, judged like our own.

    Violations, objective, deviance and NEC are computed in double precision from the data; the
    other parameters are those of `elastic_net_path`.

    Parameters
    ----------
    lams : (L,) positive strengths
    coefs, intercepts : L of (C, K) and L of (C,)
        For the columns of ``Z``, within their bounds, zero where ``free`` is False. Rows are in
        the order of `elastic_net_path`.
    n_iter : (L,) ints, optional
        What the other solver counts as iterations; zeros without it.

    Raises
    ------
    InputError
        Shapes, values or names do not fit.
    """
    problem, classes = check_problem(Z, y, family, sample_weight, offset, free)
    net = check_penalty(problem, family, l1_ratio, penalty_factor, lower, upper)
    strengths = check_lams(lams)
    spent = np.zeros(len(lams), int) if n_iter is None else np.asarray(n_iter, int)
    if not len(lams) == len(coefs) == len(intercepts) == len(spent):
        raise InputError(
            f"{len(lams)} lams, {len(coefs)} coefs, {len(intercepts)} intercepts and "
            f"{len(spent)} n_iter were given: give as many of each"
        )
    record = Recorder(null_point(problem, net))
    for i, lam in enumerate(strengths):
        point = _feasible_point(problem, net, coefs[i], intercepts[i], f"point {i}")
        penalty = net.at(lam)
        record.add(lam, point, penalty, point.violation(penalty), int(spent[i]))
    return record.path(family, classes)


def _feasible_point(
    problem: Problem, net: ElasticNet, coef: ArrayLike, intercept: ArrayLike, what: str
) -> Point:
    """Return the point of a head whose coefficients keep to their bounds and fixed zeros."""
    found, level = check_point(problem, coef, intercept, what)
    outside = int((net.feasible(found) != found).sum())
    if outside:
        raise InputError(
            f"{what} has {outside} coefficients that are not zero where free is False, or outside "
            "lower and upper: set or clip them first"
        )
    return problem.at(found, level)
