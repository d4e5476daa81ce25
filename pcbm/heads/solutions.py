"""The record of a path: what was found at each strength, coefficients kept sparse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array, vstack

from pcbm.heads.duality import Duality
from pcbm.heads.penalties import Penalty
from pcbm.heads.problem import Point

Array = NDArray[np.float64]

NEC_THRESHOLD = 1e-5


@dataclass(frozen=True)
class Path:
    """A regularisation path of L points for C coefficient rows and K concepts.

    Attributes
    ----------
    lams : (L,) penalty strengths
    sparse : (L, C * K) sparse array of the coefficients for the columns as they were given, one
        point a row; `coef` and `coefs` give them dense, `sparse_rows` makes it
    intercepts : (L, C)
    kkt : (L,) largest subgradient violation over coefficients and intercepts, divided by lam
    nec : (L,) number of effective concepts, see `nec`
    objective : (L,) loss plus penalty
    gap : (L,) how far the objective is above the least one at most, see `duality_gap`
    deviance : (L,) share of the null model's loss that the fit explains
    n_iter : (L,) outer iterations
    passes : (L,) readings of all data rows (of all or of some columns) that each point took, the
        first with those that check the data and fit the null model; None where not counted
    family : multinomial, grouped, binomial, multilabel or gaussian
    classes : (C,) class labels ((2,) for binomial), None for multilabel and gaussian
    solver : name of what found it, see `elastic_net_path`
    """

    lams: Array
    sparse: csr_array
    intercepts: Array
    kkt: Array
    nec: Array
    objective: Array
    gap: Array
    deviance: Array
    n_iter: NDArray[np.int64]
    family: str
    classes: NDArray | None
    solver: str = "newton"
    passes: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        """Return the number of points."""
        return len(self.lams)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(L, C, K)."""
        points, rows = self.intercepts.shape
        return points, rows, self.sparse.shape[1] // rows

    @property
    def coefs(self) -> Array:
        """Coefficients (L, C, K) of all points, dense: a new array at every call."""
        return self.sparse.toarray().reshape(self.shape)

    def coef(self, index: int) -> Array:
        """Return the coefficients (C, K) of point ``index``, a new dense array."""
        points, rows, width = self.shape
        row = range(points)[index]  # from the end too, and IndexError beyond
        part = slice(self.sparse.indptr[row], self.sparse.indptr[row + 1])
        out = np.zeros(rows * width)
        out[self.sparse.indices[part]] = self.sparse.data[part]
        return out.reshape(rows, width)

    def decision(self, Z: ArrayLike, index: int) -> Array:
        """Return the linear predictors (n, C) of point ``index`` on ``Z`` (n, K)."""
        return np.asarray(Z, float) @ self.coef(index).T + self.intercepts[index]


def nec(coef: ArrayLike) -> float:
    """Return the number of effective concepts of ``coef`` (C, K): non-zeros per row, a mean.

    A coefficient counts when its size exceeds 1e-5.
    """
    coef = np.atleast_2d(np.asarray(coef, float))
    return float((np.abs(coef) > NEC_THRESHOLD).sum() / len(coef))


def sparse_rows(coefs: Sequence[Array] | Array) -> csr_array:
    """Return dense coefficients (L, C, K) as ``Path.sparse`` keeps them."""
    return vstack([csr_array(np.reshape(coef, (1, -1))) for coef in coefs], format="csr")


class Recorder:
    """Gathers the points of a path, and keeps of each only what `Path` tells.

    Parameters
    ----------
    null : the solution with every penalised coefficient at zero
    """

    def __init__(self, null: Point) -> None:
        self._null = null
        self._lams: list[float] = []
        self._rows: list[csr_array] = []
        self._intercepts: list[Array] = []
        self._duality = Duality(null.problem, null)
        self._figures: list[tuple[float, ...]] = []
        self._n_iter: list[int] = []
        self._passes: list[int] = [0]  # as counted up to each point

    def add(
        self, lam: float, point: Point, penalty: Penalty, violation: float, n_iter: int
    ) -> None:
        """Add a point in double precision on all columns, its violation and the steps spent."""
        self._lams.append(lam)
        self._rows.append(csr_array(point.coef.reshape(1, -1)))
        self._intercepts.append(point.original_intercept)
        explained = 1 - point.loss / self._null.loss if self._null.loss > 0 else 0.0
        value, gap = point.objective(penalty), self._duality.gap(point, penalty)
        self._figures.append((violation / lam, nec(point.coef), value, gap, explained))
        self._n_iter.append(n_iter)
        self._passes.append(point.problem.passes.count)

    def path(self, family: str, classes: NDArray | None) -> Path:
        """Return the points added so far."""
        kkt, necs, objective, gap, deviance = np.array(self._figures).T
        return Path(
            lams=np.array(self._lams),
            sparse=vstack(self._rows, format="csr"),
            intercepts=np.array(self._intercepts),
            kkt=kkt,
            nec=necs,
            objective=objective,
            gap=gap,
            deviance=deviance,
            n_iter=np.array(self._n_iter),
            family=family,
            classes=classes,
            passes=np.diff(self._passes),
        )
