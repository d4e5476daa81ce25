"""Module criticality: how far a module can go back towards its start, and how flat it is there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from torch import nn

from pcbm.analysis.networks import Network
from pcbm.analysis.transfer.weights import Weights, blend, noise, shifted, squared_distance
from pcbm.errors import InputError

ALPHAS = 11
DRAWS = 5
SMALLEST = 1e-4  # sigma below which a point counts as infeasible
NEARNESS = 1.01  # the bracket of sigma at which bisection stops, as a ratio


@dataclass(frozen=True)
class Criticality:
    """``mu_i,eps`` of one module.

    Attributes
    ----------
    module : str
    count : int
        Numbers in its parameters.
    distance : float
        ``||theta_i^F - theta_i^0||_F``.
    mu : float or None
        ``min alpha^2 distance^2 / sigma^2``; on a path ``min ||theta_i^t - theta_i^0||^2 /
        sigma^2``. None where no point is feasible; `reason` says why.
    at : float or None
        The alpha of the minimum, or the position of its checkpoint on the path.
    sigma : float or None
        The largest feasible noise found there, within 1 %; not searched for where mu is 0.
    loss, error : float or None
        Mean loss there over draws, and its Monte Carlo standard error.
    rewound : float
        Loss with the module at its start and no noise.
    reason : str or None
    """

    module: str
    count: int
    distance: float
    mu: float | None
    at: float | None
    sigma: float | None
    loss: float | None
    error: float | None
    rewound: float
    reason: str | None

    def data(self) -> dict[str, Any]:
        """Return everything as plain values, for JSON."""
        return asdict(self)


def weight_modules(network: Network) -> list[str]:
    """Return the modules that hold a matrix or a filter of their own: what is called a layer."""
    return [
        name
        for name, module in network.module.named_modules()
        if name and any(p.ndim >= 2 for p in module.parameters(recurse=False))
    ]


def module_parameters(network: Network, module: str) -> list[str]:
    """Return the names of all parameters within a module.

    Raises
    ------
    InputError
        It has none.
    """
    found: nn.Module = network.module.get_submodule(module)
    held = {id(value) for value in found.parameters()}
    names = [name for name, value in network.module.named_parameters() if id(value) in held]
    if not names:
        raise InputError(
            f"the module {module!r} of {network.name} has no parameters: choose one that has"
        )
    return names


def module_criticality(
    loss: Callable[[Weights], float],
    start: Weights,
    end: Weights,
    names: Sequence[str],
    *,
    eps: float,
    path: Sequence[Weights] | None = None,
    alphas: int = ALPHAS,
    draws: int = DRAWS,
    seed: int = 0,
    module: str = "module",
) -> Criticality:
    """Measure the criticality of the module that holds these parameters.

    ``mu = min alpha^2 ||theta^F - theta^0||_F^2 / sigma^2`` over ``0 <= alpha <= 1`` and
    ``0 < sigma <= 1`` subject to ``E_u L(theta^0 + alpha (theta^F - theta^0) + u) <= eps``,
    ``u ~ N(0, sigma^2 I)``, all else at ``theta^F``.

    Every sigma and alpha sees the same draws of noise, scaled. For each alpha of an even grid the
    largest feasible sigma is found by bisection of its logarithm, which takes the mean loss to
    grow with sigma. An alpha that could not improve on the best one so far is left after one look.

    Parameters
    ----------
    loss : callable
        Weights -> non-negative number.
    start, end : Weights
        ``theta^0`` and ``theta^F``. Buffers are those of the end.
    names : sequence of str
        Parameters of the module.
    eps : float
        What the mean loss may be.
    path : sequence of Weights, optional
        Checkpoints from start to end: instead of the line, each of them is a candidate, with
        ``||theta^t - theta^0||^2`` as numerator.
    alphas : int
        Points of the grid, 0 and 1 included.
    draws : int
        Draws of noise.
    seed : int
    module : str
        For the result.

    Returns
    -------
    Criticality
        0 where the module may stand at its start.

    Raises
    ------
    InputError
        Numbers out of range.

    References
    ----------
    Neyshabur, Sedghi, Zhang, NeurIPS 2020 (arXiv 2008.11687), definition 3.2; Chatterji,
    Neyshabur, Sedghi, "The intriguing role of module criticality in the generalization of deep
    networks", ICLR 2020.
    """
    _check(eps, alphas, draws)
    span = squared_distance(end.parameters, start.parameters, names)
    search = _Search(loss, names, eps, draws, (module, seed))
    best: _Found | None = None
    for at, point, numerator in _candidates(start, end, names, path, alphas, span):
        # What sigma must reach here to do better than the best so far.
        needed = SMALLEST
        if best is not None:
            needed = NEARNESS * (numerator / best.mu) ** 0.5
        if needed <= 1.0:
            best = search.at(point, at, numerator, max(needed, SMALLEST)) or best
        if best is not None and best.mu == 0.0:
            break
    rewound = loss(_with(end, start, names))
    given = {
        "module": module,
        "count": sum(end.parameters[name].numel() for name in names),
        "distance": span**0.5,
        "rewound": rewound,
    }
    if best is None:
        return Criticality(
            **given, mu=None, at=None, sigma=None, loss=None, error=None,
            reason=f"no point is feasible at sigma = {SMALLEST:g}: the least mean loss seen is "
            f"{search.least:.4g}, above eps = {eps:g}",
        )  # fmt: skip
    spread = np.std(best.losses, ddof=1) / len(best.losses) ** 0.5 if draws > 1 else None
    return Criticality(
        **given, mu=best.mu, at=best.at, sigma=best.sigma, loss=float(np.mean(best.losses)),
        error=None if spread is None else float(spread), reason=None,
    )  # fmt: skip


@dataclass(frozen=True)
class _Found:
    mu: float
    at: float
    sigma: float
    losses: list[float]


@dataclass
class _Search:
    """The largest feasible noise at a point."""

    loss: Callable[[Weights], float]
    names: Sequence[str]
    eps: float
    draws: int
    key: tuple[Any, ...]
    least: float = np.inf

    def at(self, point: Weights, at: float, numerator: float, needed: float) -> _Found | None:
        """Return the criticality with the largest feasible sigma, None below the needed one."""
        losses = self._feasible(point, needed)
        if losses is None:
            return None
        sigma, high = needed, 1.0
        if numerator > 0 and needed < 1.0:
            whole = self._feasible(point, 1.0)
            if whole is not None:
                sigma, losses = 1.0, whole
            while whole is None and high / sigma > NEARNESS:
                middle = (sigma * high) ** 0.5
                found = self._feasible(point, middle)
                if found is None:
                    high = middle
                else:
                    sigma, losses = middle, found
        return _Found(numerator / sigma**2, at, sigma, losses)

    def _feasible(self, point: Weights, sigma: float) -> list[float] | None:
        """Return the loss of every draw, None as soon as their mean must be above eps."""
        module = {name: point.parameters[name] for name in self.names}
        losses: list[float] = []
        for draw in range(self.draws):
            moved = shifted(point, noise(module, (*self.key, draw)), sigma)
            losses.append(self.loss(moved))
            if not sum(losses) <= self.draws * self.eps:
                self.least = min(self.least, float(np.mean(losses)))
                return None
        return losses


def _candidates(
    start: Weights,
    end: Weights,
    names: Sequence[str],
    path: Sequence[Weights] | None,
    alphas: int,
    span: float,
) -> Iterator[tuple[float, Weights, float]]:
    """Yield position, weights and numerator of every point of the line or of the path."""
    if path is not None:
        for k, point in enumerate(path):
            numerator = squared_distance(point.parameters, start.parameters, names)
            yield float(k), _with(end, point, names), numerator
        return
    ends = [Weights({name: side.parameters[name] for name in names}) for side in (start, end)]
    for alpha in np.linspace(0.0, 1.0, alphas).tolist():
        yield alpha, _with(end, blend(ends, [1 - alpha, alpha]), names), alpha**2 * span


def _with(end: Weights, module: Weights, names: Sequence[str]) -> Weights:
    """Return the end with these parameters taken from elsewhere."""
    taken = {name: module.parameters[name] for name in names}
    return Weights({**end.parameters, **taken}, end.buffers)


def _check(eps: float, alphas: int, draws: int) -> None:
    if not (eps >= 0 and np.isfinite(eps)):
        raise InputError(f"eps was given as {eps}: give a number that is not negative")
    if alphas < 2:
        raise InputError(f"the grid of alpha was given {alphas} point: give at least 2")
    if draws < 1:
        raise InputError(f"the draws were given as {draws}: give at least 1")
