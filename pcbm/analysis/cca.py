"""Canonical correlation analysis in three summaries: mean rho, rho_1, mean rho^2."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from pcbm.analysis.canonical import Canonical, of_sides, rank_rules
from pcbm.analysis.result import LINEAR, RIGID, SYMMETRIC, Comparison
from pcbm.analysis.sides import two_sides
from pcbm.errors import InputError

MEAN, LARGEST, MEAN_SQUARED = "cca", "cca_max", "cca2"


def mean_cca(X: ArrayLike, Y: ArrayLike, ridge: float = 0.0) -> Comparison:
    """Compare two sides by the mean of their canonical correlations.

    Parameters
    ----------
    X, Y : array-like, shapes (n, p) and (n, q)
        The same rows in the same order.
    ridge : float
        Added to the eigenvalues of each side's covariance, in units of their mean. It keeps small
        samples apart, and gives up the invariance to invertible maps.

    Returns
    -------
    Comparison
        The mean is over the smaller rank, which `details` names for both sides. No value where
        ``rank_x + rank_y > n - 1`` without a ridge: the column spaces then meet by counting alone.

    Raises
    ------
    InputError
        A negative ridge; see `pcbm.analysis.sides.two_sides`.

    References
    ----------
    Hotelling, "Relations between two sets of variates", Biometrika 28 (1936). The means over rho
    and rho^2: Kornblith et al., ICML 2019, section 3 (there R^2_CCA and rho-bar_CCA).
    """
    return summary(MEAN, canonical(X, Y, ridge), ridge)


def max_cca(X: ArrayLike, Y: ArrayLike, ridge: float = 0.0) -> Comparison:
    """Compare two sides by their largest canonical correlation; see `mean_cca`.

    It nears 1 in high dimension whatever is compared, and says how high it stands for sides that
    have nothing in common.
    """
    return summary(LARGEST, canonical(X, Y, ridge), ridge)


def mean_squared_cca(X: ArrayLike, Y: ArrayLike, ridge: float = 0.0) -> Comparison:
    """Compare two sides by the mean of their squared canonical correlations; see `mean_cca`."""
    return summary(MEAN_SQUARED, canonical(X, Y, ridge), ridge)


def canonical(X: ArrayLike, Y: ArrayLike, ridge: float = 0.0) -> Canonical:
    """Return the canonical correlations that the three summaries are of; see `mean_cca`."""
    if ridge < 0:
        raise InputError(f"the ridge of CCA was given as {ridge}: it is 0 or more")
    A, B = two_sides(X, Y, "CCA")
    keep = rank_rules(A, B, X, Y)
    return of_sides(A, B, keep, ridge)


def summary(metric: str, found: Canonical, ridge: float = 0.0) -> Comparison:
    """Return one of the three summaries of canonical correlations."""
    reason = no_meaning(found, "rank") if not ridge else empty(found)
    value = None if reason else float(SUMMARIES[metric](found.rho))
    details = {
        "ranks": list(found.k),
        **({"ridge": ridge} if ridge else {}),
    }
    warnings: tuple[str, ...] = ()
    if metric == LARGEST and value is not None:
        chance = chance_of_largest(found.n, *found.k)
        details["independent"] = chance
        warnings = (
            f"rho_1 nears 1 in high dimension: about {chance:.2f} for independent Gaussian sides "
            f"of these ranks ({found.k[0]} and {found.k[1]}) on {found.n} rows",
        )
    return Comparison(
        metric=metric,
        value=value,
        kind="similarity",
        direction=SYMMETRIC,
        invariances=RIGID if ridge else LINEAR,
        n=found.n,
        reason=reason,
        warnings=warnings,
        details=details,
    )


SUMMARIES: dict[str, Callable[[np.ndarray], float]] = {
    MEAN: lambda rho: rho.mean(),
    LARGEST: lambda rho: rho.max(),
    MEAN_SQUARED: lambda rho: np.mean(rho**2),
}


def no_meaning(found: Canonical, what: str) -> str | None:
    """Return why canonical correlations mean nothing, or None."""
    k_x, k_y = found.k
    if k_x + k_y > found.n - 1:
        return (
            f"the {what}s {k_x} and {k_y} add to more than n - 1 = {found.n - 1}: "
            f"{k_x + k_y - found.n + 1} correlations are 1 by counting alone; use more rows"
        )
    return empty(found)


def empty(found: Canonical) -> str | None:
    """Return that a side is constant, or None."""
    for name, k in zip(("first", "second"), found.k, strict=True):
        if k == 0:
            return f"the {name} side is constant"
    return None


def chance_of_largest(n: int, p: int, q: int) -> float:
    """Return the limit of rho_1 for independent Gaussian sides of p and q columns on n rows.

    Wachter, "The limiting empirical measure of multiple discriminant ratios", Annals of Statistics
    8 (1980): the upper edge of the spectrum, with n - 1 degrees of freedom after centring.
    """
    a, b = p / (n - 1), q / (n - 1)
    return 1.0 if a + b >= 1 else float(np.sqrt(a * (1 - b)) + np.sqrt(b * (1 - a)))
