"""What each concept adds to a decision: the arithmetic of a linear head, taken apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pcbm.model.logits import COMPARED, decided


@dataclass(frozen=True)
class Contributions:
    """A margin split into concepts, intercept and residual, one row a sample.

    The margin is the logit of ``toward`` minus that of ``against``, and equals
    ``values.sum(axis=1) + intercept + residual`` exactly. A softmax head is compared with the
    runner-up class, because its rows are defined only up to a common shift.

    Attributes
    ----------
    label : ndarray, shape (n,), int
        Position of the predicted class; regression: 0, the first target.
    toward, against : ndarray, shape (n,), int
        What positive and negative values argue for. Softmax: the predicted class and the
        runner-up. One row of coefficients (binary): always the second and the first class,
        whichever is predicted. Multilabel: a label, and -1 for its absence. Regression: the
        explained target, and -1.
    standardised : ndarray, shape (n, K)
        Concept scores in units of their training spread, 0 at the training mean.
    coef : ndarray, shape (n, K)
        The coefficients in force: ``coef_[toward] - coef_[against]``.
    values : ndarray, shape (n, K)
        ``coef * standardised``.
    intercept, residual : ndarray, shape (n,)
    """

    label: np.ndarray
    toward: np.ndarray
    against: np.ndarray
    standardised: np.ndarray
    coef: np.ndarray
    values: np.ndarray
    intercept: np.ndarray
    residual: np.ndarray

    @property
    def margin(self) -> np.ndarray:
        """The logit of ``toward`` minus that of ``against``, shape (n,)."""
        return self.values.sum(axis=1) + self.intercept + self.residual


def contributions(
    standardised: np.ndarray,
    coef: np.ndarray,
    intercept: np.ndarray,
    residual: np.ndarray | None,
    family: str,
    toward: np.ndarray | None = None,
) -> Contributions:
    """Split the margins of a batch of samples.

    Parameters
    ----------
    standardised : ndarray, shape (n, K)
    coef : ndarray, shape (C, K) or (1, K)
    intercept : ndarray, shape (C,) or (1,)
    residual : ndarray, shape (n, C), or None
        Logits that a residual model adds.
    family : {"multinomial", "grouped", "binomial", "multilabel", "gaussian"}
    toward : ndarray of int, shape (n,), optional
        Row of ``coef`` to explain instead of the predicted class (softmax, multilabel) or of the
        first target (regression); not for one row of two classes.

    Returns
    -------
    Contributions
    """
    n, rows = len(standardised), len(coef)
    extra = np.zeros((n, rows)) if residual is None else residual
    logits = standardised @ coef.T + intercept + extra
    every = np.arange(n)
    if family in COMPARED:
        label = logits.argmax(axis=1)
        toward = label if toward is None else np.asarray(toward)
        others = logits.copy()
        others[every, toward] = -np.inf
        against = others.argmax(axis=1)
        used = coef[toward] - coef[against]
        start = intercept[toward] - intercept[against]
        rest = extra[every, toward] - extra[every, against]
    else:
        label = _label_of_rows(logits, family)
        row = np.zeros(n, dtype=int) if family == "binomial" else label
        row = row if toward is None else np.asarray(toward)
        toward = np.ones(n, dtype=int) if family == "binomial" else row
        against = np.zeros(n, dtype=int) if family == "binomial" else np.full(n, -1)
        used, start, rest = coef[row], intercept[row], extra[every, row]
    return Contributions(
        label, toward, against, standardised, used, used * standardised, start, rest
    )


def _label_of_rows(logits: np.ndarray, family: str) -> np.ndarray:
    if family == "binomial":
        return decided(logits, family)
    if family == "gaussian":
        return np.zeros(len(logits), dtype=int)
    return logits.argmax(axis=1)
