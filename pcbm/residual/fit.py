"""Fitting a residual of a chosen kind on top of a frozen head."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pcbm.errors import InputError, near
from pcbm.heads.inputs import check_scores, check_weights
from pcbm.residual.erasure import Erasure, erasure, span_erasure
from pcbm.residual.linear import LinearResidual, fit_linear
from pcbm.residual.mlp import MlpResidual, MlpSettings, fit_mlp
from pcbm.residual.problem import offset_problem
from pcbm.residual.reading import Reading, without

RESIDUALS = ("none", "linear", "orthogonal", "erase", "mlp")


class Residual(Protocol):
    """Logits added to those of a frozen head; frozen itself.

    ``kind`` is one of `RESIDUALS` but ``none``, ``weight_decay`` its strength.
    """

    @property
    def kind(self) -> str:
        """The kind, as it was asked for."""

    @property
    def reading(self) -> Reading:
        """What is read of an activation."""

    @property
    def weight_decay(self) -> float:
        """Of the weights, as the kind defines it."""

    def decision(self, X: NDArray) -> np.ndarray:
        """Return the added logits of activations (n, d): (n, C), or (n, 1) for one row."""

    def record(self) -> dict[str, Any]:
        """Return what a report says of this residual, as JSON values."""

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Return arrays and a JSON value to be stored; `load_residual` is the inverse."""


def fit_residual(
    X: ArrayLike,
    y: ArrayLike,
    logits: ArrayLike,
    *,
    kind: str = "linear",
    family: str,
    classes: ArrayLike | None = None,
    vectors: ArrayLike | None = None,
    scores: ArrayLike | None = None,
    scores_in_class: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    weight_decay: float | None = None,
    random_state: int = 0,
) -> Residual:
    """Fit a residual on top of a frozen head (PCBM-h, Yuksekgonul et al. 2023, section 2.2).

    Parameters
    ----------
    X : array-like, shape (n, d)
        Activations, as the backbone gave them.
    y : array-like, shape (n,) or (n, C)
        As the head was fitted with.
    logits : array-like, shape (n, C), or (n, 1) or (n,) for one column
        Of the head; they stay as they are. One column of two classes: positive = second class.
    kind : {"linear", "orthogonal", "erase", "mlp"}
        ``linear`` and ``mlp`` read the activations, ``orthogonal`` their part outside the span of
        ``vectors``, ``erase`` the activations with ``scores`` erased.
    family : str
        The head's loss.
    classes : array-like, shape (C,), optional
        The labels in the order of the logits; default those of ``y``, sorted. Needed when ``y``
        lacks a class.
    vectors : array-like, shape (K, d), optional
        Directions of the concepts; for ``orthogonal``.
    scores : array-like, shape (n, k), optional
        Concept scores that are erased from what the residual reads, see `erasure`; required for
        ``erase``, and erased for any other kind as well when given (a guard after an edit:
        the scores of the removed concepts).
    scores_in_class : array-like, shape (n, k), optional
        Concept scores that are erased within the classes of ``y``, after ``scores``.
    sample_weight : array-like, shape (n,), optional
        In the linear kinds a weight of 2 equals the row given twice, up to the validation rows
        that are drawn for the default of ``weight_decay``.
    weight_decay : float, optional
        Default: chosen on a fifth of the rows (linear kinds), .3 (``mlp``).
    random_state : int
        Seed of the validation split and of ``mlp``.

    Returns
    -------
    Residual

    Raises
    ------
    InputError
        An unknown kind, directions or scores that are missing or leave nothing to read, labels
        that do not fit the logits.
    """
    if kind not in RESIDUALS[1:]:
        raise InputError(f"residual {kind!r} is unknown: {near(str(kind), RESIDUALS[1:])}")
    rows, target, offset = check_scores(X), np.asarray(y), np.asarray(logits, dtype=np.float64)
    offset = offset[:, None] if offset.ndim == 1 else offset
    given = {"labels": target, "rows of logits": offset}
    tables = [None if S is None else np.asarray(S) for S in (scores, scores_in_class)]
    for name, each in [*given.items(), *(("rows of scores", S) for S in tables if S is not None)]:
        if len(each) != len(rows):
            raise InputError(
                f"there are {len(rows)} activations but {len(each)} {name}: give one each"
            )
    weight = check_weights(sample_weight, len(rows))
    there = weight > 0
    if not there.all():  # such rows do not exist, nor does a class that only they have
        rows, target, offset, weight = rows[there], target[there], offset[there], weight[there]
        tables = [None if S is None else S[there] for S in tables]
    erased = _erased(rows, kind, vectors, tables[0], weight)
    if tables[1] is not None:
        left = without(rows, erased)
        erased = (*erased, erasure(left, tables[1], weight, within=target))
    reading = Reading.fit(rows, erased, weight)
    problem = offset_problem(reading.apply(rows), target, offset, family, weight, classes)
    if kind == "mlp":
        settings = MlpSettings() if weight_decay is None else MlpSettings(weight_decay=weight_decay)
        return fit_mlp(problem, reading, settings=settings, seed=random_state)
    return fit_linear(problem, reading, kind=kind, weight_decay=weight_decay, seed=random_state)


def _erased(
    X: NDArray,
    kind: str,
    vectors: ArrayLike | None,
    scores: ArrayLike | None,
    weight: NDArray,
) -> tuple[Erasure, ...]:
    """Return what is taken out of the activations before a residual reads them, in order."""
    needed = {"orthogonal": ("vectors", vectors), "erase": ("scores", scores)}
    if kind in needed and needed[kind][1] is None:
        raise InputError(f"residual {kind!r} was asked for without {needed[kind][0]}: give them")
    # Scores first: a projection of what is uncorrelated with them stays so.
    erased = () if scores is None else (erasure(X, scores, weight),)
    if kind == "orthogonal":
        assert vectors is not None
        span = span_erasure(vectors)
        if len(span.centre) != X.shape[1]:
            raise InputError(
                f"the activations have {X.shape[1]} columns but the concepts live in "
                f"{len(span.centre)} dimensions: use the same backbone, layer and pooling"
            )
        return (*erased, span)
    return erased


KINDS: dict[str, type[LinearResidual] | type[MlpResidual]] = {
    "linear": LinearResidual,
    "orthogonal": LinearResidual,
    "erase": LinearResidual,
    "mlp": MlpResidual,
}


def load_residual(arrays: dict[str, np.ndarray], record: dict[str, Any]) -> Residual:
    """Return the residual that its ``state`` described."""
    if record["kind"] not in KINDS:
        raise InputError(f"the residual {record['kind']!r} is unknown: use a newer pcbm")
    return KINDS[record["kind"]].from_state(arrays, record)
