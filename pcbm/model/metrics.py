"""How well predictions agree with the truth, for every kind of task.

Every function takes what a model gave and what was true, and returns plain JSON values;
a figure that cannot be had (an AUC with one class present) is ``None``, never a guess.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

from pcbm.model.calibration import calibration, confusion
from pcbm.model.intervals import STANDARD, Resampling, wilson
from pcbm.model.spread import Answers, Judged, error_intervals, figure_intervals


def row_scores(
    y: np.ndarray, predicted: np.ndarray, task: str, spread: float | None = None
) -> np.ndarray:
    """Score each row so that the mean over rows is the task's headline figure.

    Parameters
    ----------
    y, predicted : ndarray, shape (n,) or (n, C) for multilabel and several targets
    task : str
        Classification: 1 for a right row, else 0 (multilabel: every label right).
        Regression: ``1 - (y - predicted)^2 / spread``; with ``spread`` the variance of ``y``
        the mean is R^2.
    spread : float, optional
        The variance that regression errors are divided by; that of ``y`` when not given.

    Returns
    -------
    ndarray, shape (n,), float64
    """
    if task == "regression":
        errors = np.square(_columns(y) - _columns(predicted)).mean(axis=1)
        variance = float(np.var(_columns(y), axis=0).mean()) if spread is None else spread
        return 1.0 - errors / variance if variance > 0 else np.full(len(errors), np.nan)
    hits = np.asarray(y) == np.asarray(predicted)
    return (hits.all(axis=1) if hits.ndim == 2 else hits).astype(np.float64)


def headline(y: np.ndarray, predicted: np.ndarray, task: str) -> float:
    """Return accuracy (classification) or R^2 (regression)."""
    return float(row_scores(y, predicted, task).mean())


def evaluate(
    y: np.ndarray,
    predicted: np.ndarray,
    proba: np.ndarray | None,
    classes: np.ndarray | None,
    task: str,
    group: np.ndarray | None = None,
    how: Resampling | None = STANDARD,
) -> dict[str, Any]:
    """Return the evaluation of predictions as JSON values.

    Parameters
    ----------
    y, predicted : ndarray, shape (n,), or (n, C) of 0/1 for multilabel
    proba : ndarray, shape (n, C), or None for regression
        Columns in the order of ``classes``.
    classes : ndarray, shape (C,), or None for regression
    task : {"binary", "multiclass", "multilabel", "regression"}
    group : ndarray, shape (n,), optional
    how : Resampling or None
        Of the intervals; None measures none.

    Returns
    -------
    dict
        ``accuracy``, ``balanced_accuracy``, ``auc`` (macro average of one against the rest),
        ``per_class`` (name -> n, accuracy = recall, auc), ``per_group`` (name -> n, accuracy),
        ``worst_group`` (the least accuracy of a group), ``worst_group_name``, ``n``;
        ``intervals`` as `pcbm.model.spread.figure_intervals` gives them, and ``confusion`` and
        ``calibration`` as `pcbm.model.calibration` gives them.
        Regression has ``r2`` and ``rmse`` in place of the first three, and ``rmse`` per group.
    """
    intervals = None
    if how is not None:
        truth = Judged(y, classes, task, group)
        intervals = figure_intervals(truth, Answers(predicted, proba), how)
    if task == "regression":
        return {**_evaluate_regression(y, predicted, group), "intervals": intervals}
    assert classes is not None
    if task == "multilabel":
        per_class = _per_label(y, predicted, proba, classes)
        balanced = _mean([_balanced_label(y[:, j], predicted[:, j]) for j in range(len(classes))])
    else:
        per_class = _per_class(y, predicted, proba, classes)
        balanced = _mean([row["accuracy"] for row in per_class.values() if row["n"]])
    hits = row_scores(y, predicted, task)
    result: dict[str, Any] = {
        "accuracy": _mean(hits),
        "balanced_accuracy": balanced,
        "auc": _mean([row["auc"] for row in per_class.values()]),
        "per_class": per_class,
        **_groups(hits, group, "accuracy", worst=min),
        "n": len(hits),
        "confusion": confusion(y, predicted, classes, task),
        "calibration": None if proba is None else calibration(y, proba, classes, task),
        "intervals": intervals,
    }
    if task == "multilabel":
        result["label_accuracy"] = _mean([row["accuracy"] for row in per_class.values()])
    return result


def _evaluate_regression(
    y: np.ndarray, predicted: np.ndarray, group: np.ndarray | None
) -> dict[str, Any]:
    squared = np.square(_columns(y) - _columns(predicted)).mean(axis=1)
    by_group = _groups(squared, group, "rmse", worst=max, show=np.sqrt)
    r2 = headline(y, predicted, "regression")
    return {
        "r2": r2 if np.isfinite(r2) else None,
        "rmse": float(np.sqrt(squared.mean())),
        "per_class": None,
        **by_group,
        "n": len(squared),
    }


def figure_interval(y: np.ndarray, predicted: np.ndarray, task: str) -> list[float] | None:
    """Return the 95 % interval of the headline figure; None where R^2 is not defined."""
    if task == "regression":
        found = error_intervals(y, predicted, predicted)["r2"]
        return found and found["after"]
    hits = row_scores(y, predicted, task)
    return wilson(int(hits.sum()), len(hits)) if len(hits) else None


def _groups(
    values: np.ndarray, group: np.ndarray | None, name: str, *, worst: Any, show: Any = float
) -> dict[str, Any]:
    if group is None:
        return {"per_group": None, "worst_group": None, "worst_group_name": None}
    labels, place, sizes = np.unique(group, return_inverse=True, return_counts=True)
    means = np.bincount(place, weights=values) / sizes
    rows = {
        str(label): {"n": int(n), name: float(show(mean))}
        for label, n, mean in zip(labels, sizes, means, strict=True)
    }
    key = worst(rows, key=lambda label: rows[label][name])
    return {"per_group": rows, "worst_group": rows[key][name], "worst_group_name": key}


def _per_class(
    y: np.ndarray, predicted: np.ndarray, proba: np.ndarray | None, classes: np.ndarray
) -> dict[str, dict[str, Any]]:
    rows = {}
    for j, label in enumerate(classes):
        inside = y == label
        rows[str(label)] = {
            "n": int(inside.sum()),
            "accuracy": _mean((predicted == label)[inside]),
            "auc": None if proba is None else _auc(inside, proba[:, j]),
        }
    return rows


def _per_label(
    y: np.ndarray, predicted: np.ndarray, proba: np.ndarray | None, classes: np.ndarray
) -> dict[str, dict[str, Any]]:
    return {
        str(label): {
            "n": int(y[:, j].sum()),
            "accuracy": _mean(y[:, j] == predicted[:, j]),
            "auc": None if proba is None else _auc(y[:, j] == 1, proba[:, j]),
        }
        for j, label in enumerate(classes)
    }


def _balanced_label(y: np.ndarray, predicted: np.ndarray) -> float | None:
    return _mean([_mean((y == predicted)[y == value]) for value in (0, 1)])


def _auc(positive: np.ndarray, score: np.ndarray) -> float | None:
    if positive.all() or not positive.any():
        return None
    return float(roc_auc_score(positive, score))


def _mean(values: Any) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _columns(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values, dtype=np.float64)
    return values[:, None] if values.ndim == 1 else values
