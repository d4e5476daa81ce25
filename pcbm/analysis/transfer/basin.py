"""Whether a convex set of weights is an (eps, delta)-basin: flat inside, and walls around it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pcbm.analysis.transfer.weights import (
    Weights,
    blend,
    noise,
    shifted,
    squared_distance,
)
from pcbm.errors import InputError

DRAWS = 50
FEWEST_DRAWS = 10
SURE = 1.96  # standard errors: a check that is nearer to its limit is not decided

CHECKS = {
    "flat": "(i) E|l(w) - mu| <= eps",
    "around": "(ii) E[l(f + v) - mu] >= 2 eps",
    "beyond": "(iii) E[l(f + |v| (f - w1) / ||f - w1||) - mu] >= 2 eps",
}


@dataclass(frozen=True)
class Check:
    """One of the three conditions, estimated from random draws.

    Attributes
    ----------
    name : {"flat", "around", "beyond"}
        Conditions (i), (ii) and (iii).
    value : float
        The estimate of its left side.
    error : float
        Monte Carlo standard error of the value.
    limit : float
        ``eps`` or ``2 eps``.
    holds : bool or None
        None where the value is within 1.96 standard errors of the limit, or is not finite.
    """

    name: str
    value: float
    error: float
    limit: float
    holds: bool | None

    def data(self) -> dict[str, Any]:
        """Return everything as plain values, for JSON."""
        return {
            "condition": CHECKS[self.name],
            "value": self.value,
            "error": self.error,
            "limit": self.limit,
            "holds": self.holds,
        }


@dataclass(frozen=True)
class Basin:
    """The three conditions of an (eps, delta)-basin for the convex hull of some points.

    Attributes
    ----------
    eps, delta : float
        In units of the loss, and of the distance of weights.
    mu, mu_error : float
        ``E_U l(w)`` over the uniform distribution on the set, and its standard error.
    checks : tuple of Check
        (i), (ii), (iii).
    vertices : int
        Points whose convex hull is the set.
    parameters : int
        n, the dimension of the space.
    draws, seed : int
        Draws of each expectation.
    """

    eps: float
    delta: float
    mu: float
    mu_error: float
    checks: tuple[Check, Check, Check]
    vertices: int
    parameters: int
    draws: int
    seed: int

    @property
    def holds(self) -> bool | None:
        """All three hold; False where one fails, None where it is not decided."""
        verdicts = [check.holds for check in self.checks]
        if False in verdicts:
            return False
        return None if None in verdicts else True

    def data(self) -> dict[str, Any]:
        """Return everything as plain values, for JSON."""
        return {
            "holds": self.holds,
            "eps": self.eps,
            "delta": self.delta,
            "mu": self.mu,
            "mu_error": self.mu_error,
            "checks": {check.name: check.data() for check in self.checks},
            "vertices": self.vertices,
            "parameters": self.parameters,
            "draws": self.draws,
            "seed": self.seed,
        }


def measure_basin(
    loss: Callable[[Weights], float],
    points: Sequence[Weights],
    *,
    eps: float,
    delta: float,
    draws: int = DRAWS,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Basin:
    """Check whether the convex hull S of some points is an (eps, delta)-basin of a loss.

    With ``w, w1, w2 ~ U(S)``, ``mu = E l(w)`` and ``f = w1 + a (w2 - w1)``, a the largest number
    that stays in S:

    (i) ``E|l(w) - mu| <= eps``;
    (ii) ``E[l(f + v) - mu] >= 2 eps``, ``v ~ N(0, delta^2 I / n)``;
    (iii) ``E[l(f + |v| (f - w1) / ||f - w1||) - mu] >= 2 eps``, scalar ``v ~ N(0, delta^2)``.

    S is a simplex, so uniform draws and the edge have closed forms in shares of its corners. Draws
    of w, and draws of the pairs, are independent; (ii) and (iii) share the pairs. Buffers are
    mixed like parameters, with the shares of the nearest point of S.

    Parameters
    ----------
    loss : callable
        Weights -> non-negative number.
    points : sequence of Weights
        At least 2, of one architecture, none of them in the span of the others; 2 give a segment.
    eps, delta : float
        Positive.
    draws : int
        At least 10, for each expectation: three times as many losses are computed.
    seed : int
    progress : callable, optional
        Called with the losses done and the losses in all.

    Raises
    ------
    InputError
        Fewer than 2 points, points that span less than a simplex, or numbers out of range.

    References
    ----------
    Neyshabur, Sedghi, Zhang, "What is being transferred in transfer learning?", NeurIPS 2020
    (arXiv 2008.11687), definition 3.1.
    """
    _check(points, eps, delta, draws)
    rng = np.random.default_rng(seed)
    count, n = len(points), points[0].count
    inside = rng.dirichlet(np.ones(count), size=draws)
    pairs = rng.dirichlet(np.ones(count), size=(draws, 2))
    lengths = np.abs(rng.normal(scale=delta, size=draws))
    done = 0

    def at(weights: Weights) -> float:
        nonlocal done
        value = loss(weights)
        done += 1
        if progress:
            progress(done, 3 * draws)
        return value

    flat = np.array([at(blend(points, shares)) for shares in inside.tolist()])
    around, beyond = np.empty(draws), np.empty(draws)
    for k, (one, other) in enumerate(pairs):
        edge = blend(points, edge_shares(one, other).tolist())
        step = noise(edge.parameters, ("basin", seed, k))
        around[k] = at(shifted(edge, step, delta / n**0.5))
        beyond[k] = at(_beyond(edge, blend(points, one.tolist()), lengths[k]))
    with np.errstate(invalid="ignore"):
        checks = _judge(flat, around, beyond, eps)
        mu, mu_error = float(flat.mean()), _error(flat)
    return Basin(eps, delta, mu, mu_error, checks, count, n, draws, seed)


def edge_shares(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the shares of ``f``, where the ray from one point through another leaves the simplex.

    >>> edge_shares(np.array([0.5, 0.5]), np.array([0.25, 0.75]))
    array([0., 1.])
    """
    falling = np.flatnonzero(other < one)
    reach = one[falling] / (one - other)[falling]
    shares = np.clip(one + reach.min() * (other - one), 0.0, None)
    shares[falling[reach.argmin()]] = 0.0  # to the last bit
    return shares / shares.sum()


def _beyond(edge: Weights, start: Weights, length: float) -> Weights:
    """Return the point that lies so far behind the edge, seen from the start."""
    way = {
        name: value.detach().cpu().double() - start.parameters[name].detach().cpu().double()
        for name, value in edge.parameters.items()
    }
    size = squared_distance(edge.parameters, start.parameters) ** 0.5
    return shifted(edge, way, float(length / size))


def _judge(
    flat: np.ndarray, around: np.ndarray, beyond: np.ndarray, eps: float
) -> tuple[Check, Check, Check]:
    m = len(flat)
    deviation = float(np.abs(flat - flat.mean()).mean())
    # Leaving one draw out at a time carries the uncertainty of mu into that of the deviation.
    means = (flat.sum() - flat) / (m - 1)
    apart = np.abs(flat[None, :] - means[:, None])
    left_out = (apart.sum(axis=1) - np.diagonal(apart)) / (m - 1)
    error = float(np.sqrt((m - 1) * left_out.var()))
    checks = [_verdict("flat", deviation, error, eps, below=True)]
    for name, values in (("around", around), ("beyond", beyond)):
        value = float(values.mean() - flat.mean())
        error = float(np.hypot(_error(values), _error(flat)))
        checks.append(_verdict(name, value, error, 2 * eps, below=False))
    return checks[0], checks[1], checks[2]


def _verdict(name: str, value: float, error: float, limit: float, *, below: bool) -> Check:
    room = limit - value if below else value - limit
    if not np.isfinite(room):
        # An infinite loss outside is above every limit; inside it is above eps.
        return Check(name, value, error, limit, None if np.isnan(room) else bool(room > 0))
    decided = abs(room) >= SURE * error
    return Check(name, value, error, limit, bool(room >= 0) if decided else None)


def _error(values: np.ndarray) -> float:
    return float(values.std(ddof=1) / len(values) ** 0.5)


def _check(points: Sequence[Weights], eps: float, delta: float, draws: int) -> None:
    for name, value in (("eps", eps), ("delta", delta)):
        if not (value > 0 and np.isfinite(value)):
            raise InputError(f"{name} was given as {value}: give a positive number")
    if draws < FEWEST_DRAWS:
        raise InputError(f"the draws were given as {draws}: give at least {FEWEST_DRAWS}")
    if len(points) < 2:
        raise InputError(f"{len(points)} point spans no set: give at least 2")
    sides = np.array(
        [[squared_distance(a.parameters, b.parameters) for b in points] for a in points]
    )
    # Gram matrix of the edges from the first point, out of squared distances alone.
    gram = (sides[1:, :1] + sides[:1, 1:] - sides[1:, 1:]) / 2
    scale = np.sqrt(np.outer(np.diagonal(gram), np.diagonal(gram)))
    if (np.diagonal(gram) <= 0).any() or np.linalg.eigvalsh(gram / scale)[0] < 1e-9:
        raise InputError(
            f"the {len(points)} points do not span a simplex (two are equal, or one lies in the "
            "span of the others): leave one out"
        )
