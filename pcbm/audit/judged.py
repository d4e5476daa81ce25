"""Rows to judge an edit on, with the scores of a model on them, and the figures that count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pcbm.errors import InputError
from pcbm.model.metrics import row_scores
from pcbm.model.run import task_of

LEAST, WORST = "least", "worst_group"


@dataclass(frozen=True)
class Judged:
    """Labelled rows to judge on.

    Attributes
    ----------
    X : ndarray, shape (n, d)
        Activations.
    y : ndarray, shape (n,) or (n, C)
        Labels as `pcbm.model.pipeline.labels_for` gives them.
    group : ndarray, shape (n,), optional
    """

    X: Any
    y: np.ndarray
    group: np.ndarray | None = None


@dataclass(frozen=True)
class Scored:
    """Rows with a model's standardised concept scores (n, K) and its residual's logits."""

    rows: Judged
    Z: np.ndarray
    residual: np.ndarray | float


def scored(model: Any, rows: Judged) -> Scored:
    """Return rows with the scores and the residual's logits of a model."""
    if len(rows.y) != len(rows.X):
        raise InputError(f"there are {len(rows.X)} rows to judge on but {len(rows.y)} labels")
    Z = (model.transform(rows.X) - model.mean_) / model.scale_
    residual = 0.0 if model.residual_ is None else model.residual_.decision(np.asarray(rows.X))
    return Scored(rows, Z, residual)


def logits(found: Scored, coef: np.ndarray, intercept: np.ndarray) -> np.ndarray:
    """Return the logits (n, R) of a head with these coefficients, the residual's included."""
    return found.Z @ np.atleast_2d(coef).T + intercept + found.residual


def predictions(
    model: Any, sets: Mapping[str, Scored], coef: np.ndarray, intercept: np.ndarray
) -> dict[str, np.ndarray]:
    """Return the predictions of a model with another head on every set of rows."""
    return {
        name: np.asarray(model.decide(logits(found, coef, intercept)))
        for name, found in sets.items()
    }


def figures(
    model: Any, sets: Mapping[str, Judged], predicted: Mapping[str, np.ndarray]
) -> dict[str, float]:
    """Return the figures by which an edit is compared with others.

    Returns
    -------
    dict
        Under the name of each set its accuracy (regression: R^2); with two sets or more ``least``,
        the smallest of these, which an edit that only trades one set for the other does not
        raise; where groups are known ``worst_group``, the least accuracy of a group in any set.
    """
    task = task_of(model)
    hits = {name: row_scores(rows.y, predicted[name], task) for name, rows in sets.items()}
    found = {name: float(values.mean()) for name, values in hits.items()}
    if len(found) > 1:
        found[LEAST] = min(found.values())
    if task != "regression":
        worst = [
            worst_group(hits[name], rows.group)
            for name, rows in sets.items()
            if rows.group is not None
        ]
        if worst:
            found[WORST] = min(worst)
    return found


def worst_group(hits: np.ndarray, group: np.ndarray) -> float:
    """Return the least mean of ``hits`` over the groups."""
    _, place, sizes = np.unique(group, return_inverse=True, return_counts=True)
    return float((np.bincount(place, weights=hits) / sizes).min())


def primary(names: Sequence[str]) -> str:
    """Return the figure that decides: ``least`` where there is one, else the first."""
    return LEAST if LEAST in names else names[0]
