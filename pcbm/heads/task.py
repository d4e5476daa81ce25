"""One path to be solved, as every solver sees it: ours (`newton_path`) and those in `backends`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from pcbm.heads.penalties import ElasticNet
from pcbm.heads.problem import Point, Problem

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Task:
    """A problem, strengths, and what was asked of the solutions.

    Parameters
    ----------
    problem : centred features, loss, offset and free coefficients
    null : the solution with every penalised coefficient at zero
    first : the point to start from, ``null`` where none was given
    lams : (L,) strengths, in the order of the answer
    net : the penalty but for its strength
    tol : largest violation over lam
    max_iter : cap on the iterations of one strength
    seed : of everything that is drawn
    """

    problem: Problem
    null: Point
    first: Point
    lams: Array
    net: ElasticNet
    tol: float
    max_iter: int
    seed: int

    def violation(self, point: Point, lam: float) -> float:
        """Return the largest subgradient violation of a point, over lam."""
        return point.violation(self.net.at(lam)) / lam


@dataclass(frozen=True)
class Found:
    """What a solver gives for one strength: a point of the problem, and the iterations spent."""

    point: Point
    n_iter: int


class Solver(Protocol):
    """Solves a task: one `Found` for each strength, in order, converged or not."""

    def __call__(self, task: Task) -> Iterable[Found]:
        """Return what was found."""


def block(problem: Problem, part: slice) -> Array:
    """Return some rows of the centred features, (m, K), in double precision."""
    return np.ascontiguousarray(problem.features.chunk(part).T, dtype=float)


def matrix(problem: Problem, order: Literal["C", "F"] = "C") -> Array:
    """Return all rows of the centred features, (n, K), as a copy in memory."""
    return np.array(problem.features.chunk(slice(0, problem.n)).T, dtype=float, order=order)
