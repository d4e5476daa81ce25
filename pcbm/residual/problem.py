"""The problem a residual solves: what is left to fit on top of the logits of a frozen head."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pcbm.errors import InputError
from pcbm.heads import held_out_rows
from pcbm.heads.datafits import Datafit, Gaussian, Logistic, Multinomial

Array = NDArray[np.float64]

VALIDATION_SHARE = 0.2
LABELLED = ("multinomial", "grouped", "binomial")


@dataclass(frozen=True)
class OffsetProblem:
    """Fit logits that are added to an offset.

    Attributes
    ----------
    Z : ndarray, shape (n, d)
        What the residual reads.
    loss : Datafit
        The head's loss on these rows, of class-major predictors (C, n).
    offset : ndarray, shape (C, n)
        Logits of the head.
    unit : ndarray, shape (C,)
        What targets and offset were divided by: the spread of what the head leaves (squared
        error), else 1. Fitted logits are to be multiplied by it.
    strata : ndarray, shape (n,), or int
        Class positions that a validation part is drawn from, or the number of rows.
    """

    Z: Array
    loss: Datafit
    offset: Array
    unit: Array
    strata: NDArray[np.intp] | int

    def take(self, rows: NDArray[np.intp]) -> OffsetProblem:
        """Return the problem of some rows; their weights sum to one again."""
        shares = self.loss.weights[rows] / self.loss.weights[rows].sum()
        strata = len(rows) if isinstance(self.strata, int) else self.strata[rows]
        loss = self.loss.take(rows, shares)
        return OffsetProblem(self.Z[rows], loss, self.offset[:, rows], self.unit, strata)

    def parts(self, seed: int) -> tuple[OffsetProblem, OffsetProblem]:
        """Return four fifths of the rows to fit on and a fifth to validate on."""
        held = held_out_rows(self.strata, VALIDATION_SHARE, seed)
        return self.take(np.setdiff1d(np.arange(len(self.Z)), held)), self.take(held)

    def value(self, added: Array) -> float:
        """Return the mean loss when logits (n, C) are added to the offset."""
        return self.loss.evaluate(self.offset + added.T).value


def offset_problem(
    Z: Array, y: NDArray, logits: Array, family: str, weight: Array, classes: ArrayLike | None
) -> OffsetProblem:
    """Return the problem of fitting ``y`` from ``Z`` on top of logits (n, C).

    Parameters
    ----------
    Z : ndarray, shape (n, d)
    y : ndarray, shape (n,) or (n, C)
    logits : ndarray, shape (n, C) or (n, 1)
    family : str
    weight : ndarray, shape (n,)
        Positive.
    classes : array-like, shape (C,), optional
        The labels in the order of the logits; default those of ``y``, sorted.

    Raises
    ------
    InputError
        A label is not among the classes, or the logits have another number of columns.
    """
    shares, offset, columns = weight / weight.sum(), logits.T, logits.shape[1]
    unit = np.ones(columns)
    if family in LABELLED:
        if y.size != len(y):
            raise InputError(f"y has shape {y.shape}: family {family!r} takes one label a row")
        labels = _positions(y.ravel(), classes, 2 if family == "binomial" else columns)
        if family == "binomial":
            targets = labels[None].astype(float)
            return OffsetProblem(Z, Logistic(targets, shares), offset, unit, labels)
        return OffsetProblem(Z, Multinomial(labels, shares, columns), offset, unit, labels)
    targets = np.ascontiguousarray(np.asarray(y, dtype=float).reshape(len(y), -1).T)
    if len(targets) != columns:
        raise InputError(
            f"y has {len(targets)} columns but the logits have {columns}: give those of one head"
        )
    if family == "multilabel":
        return OffsetProblem(Z, Logistic(targets, shares), offset, unit, len(y))
    left = targets - offset
    spread = np.sqrt(np.square(left - (left @ shares)[:, None]) @ shares)
    unit = np.where(spread > 0, spread, 1.0)
    loss = Gaussian(targets / unit[:, None], shares)
    return OffsetProblem(Z, loss, offset / unit[:, None], unit, len(y))


def _positions(y: NDArray, classes: ArrayLike | None, count: int) -> NDArray[np.intp]:
    known = np.unique(y) if classes is None else np.asarray(classes)
    if len(known) != count:
        raise InputError(
            f"there are {len(known)} classes but logits for {count}: give the classes of the head"
        )
    where = {name: j for j, name in enumerate(known.tolist())}
    names, place = np.unique(y, return_inverse=True)
    foreign = [name for name in names.tolist() if name not in where]
    if foreign:
        raise InputError(
            f"y holds {str(foreign[0])!r}, which is no class of the head: remove its rows"
        )
    return np.array([where[name] for name in names.tolist()], dtype=np.intp)[place]
