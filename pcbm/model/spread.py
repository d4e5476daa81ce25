"""How sure every figure of an evaluation is, of one model or of two on the same rows.

Plain shares (an accuracy, that of a class or group) have Wilson's interval. What is made of several
shares, and areas under curves, are bootstrapped: within the classes, within the groups, or over all
rows of a multilabel task or a regression. A difference of two models is bootstrapped on the same
resamples. The intervals of one model are the same whether it stands alone or beside another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pcbm.model.intervals import (
    STANDARD,
    Resampling,
    paired_intervals,
    percentiles,
    varied,
)
from pcbm.model.resample import auc_draws, mean_draws

Triple = dict[str, list[float]]
SIDES = ("before", "after", "difference")
MOST_UNDEFINED = 0.1  # share of resamples that may lack a class before there is no interval


@dataclass(frozen=True)
class Answers:
    """What a model answered: predictions (n,) or (n, C), and probabilities (n, C) or None."""

    predicted: np.ndarray
    proba: np.ndarray | None = None


@dataclass(frozen=True)
class Judged:
    """What answers are judged by: the truth, the classes, the task, the groups of the rows."""

    y: np.ndarray
    classes: np.ndarray | None
    task: str
    group: np.ndarray | None = None

    @property
    def groups(self) -> dict[str, np.ndarray] | None:
        """Which rows each group holds."""
        if self.group is None:
            return None
        return {str(name): np.asarray(self.group) == name for name in np.unique(self.group)}


def figure_intervals(truth: Judged, answers: Answers, how: Resampling = STANDARD) -> dict[str, Any]:
    """Return the interval of every figure of one evaluation.

    Parameters
    ----------
    truth : Judged
    answers : Answers
    how : Resampling

    Returns
    -------
    dict
        ``level``, ``repeats``, ``seed``, and as [low, high] ``accuracy``, ``balanced_accuracy``,
        ``auc``, ``worst_group``, ``label_accuracy`` (multilabel); by name ``per_class`` (accuracy),
        ``per_class_auc``, ``per_group``. Regression: ``r2``, ``rmse``, ``worst_group`` and
        ``per_group`` (RMSE). None where the figure is not defined.
    """
    return one_side(compared_intervals(truth, answers, answers, how), "after")


def compared_intervals(
    truth: Judged, before: Answers, after: Answers, how: Resampling = STANDARD
) -> dict[str, Any]:
    """Return the intervals of two models on the same rows, and of their differences.

    Parameters
    ----------
    truth : Judged
    before, after : Answers
    how : Resampling

    Returns
    -------
    dict
        As `figure_intervals`, with ``before``, ``after`` and ``difference`` in place of each
        interval.
    """
    setting = {"level": how.level, "repeats": how.repeats, "seed": how.seed}
    if truth.task == "regression":
        predicted = before.predicted, after.predicted
        return {**setting, **error_intervals(truth.y, *predicted, truth.group, how)}
    assert truth.classes is not None
    names = [str(name) for name in truth.classes]
    if truth.task == "multilabel":
        return {**setting, **_labels(truth, before, after, names, how)}
    hits = [each.predicted == truth.y for each in (before, after)]
    inside = {name: truth.y == label for name, label in zip(names, truth.classes, strict=True)}
    shares = paired_intervals(hits[0], hits[1], inside, truth.groups, how)
    shares["per_class"] = {name: (shares["per_class"] or {}).get(name) for name in names}
    positive: np.ndarray = np.asarray(truth.y)[:, None] == np.asarray(truth.classes)
    strata = np.unique(truth.y, return_inverse=True)[1]
    return {**setting, **shares, **_areas(positive, before, after, names, how, strata)}


def _labels(
    truth: Judged, before: Answers, after: Answers, names: list[str], how: Resampling
) -> dict[str, Any]:
    """Return the intervals of labels that stand beside each other in a row."""
    y = np.asarray(truth.y)
    hits = [np.asarray(each.predicted) == y for each in (before, after)]
    right, still = (each.all(axis=1) for each in hits)
    found = paired_intervals(right, still, None, truth.groups, how)
    found["per_class"] = {
        name: paired_intervals(hits[0][:, j], hits[1][:, j], how=how)["accuracy"]
        for j, name in enumerate(names)
    }
    known = np.column_stack([y, 1 - y]).astype(float)
    width = known.shape[1]
    columns = [known, *(known * np.tile(each, 2) for each in hits)]
    drawn = mean_draws(np.column_stack([*columns, *(each.mean(axis=1) for each in hits)]), how)
    base = drawn[:, :width]
    with np.errstate(divide="ignore", invalid="ignore"):
        recall = [drawn[:, (i + 1) * width : (i + 2) * width] / base for i in range(2)]
    sides = [_known_mean(each.reshape(len(each), 2, -1), 1) for each in recall]
    found["balanced_accuracy"] = _triple(*(_known_mean(each, 1) for each in sides), how=how)
    found["label_accuracy"] = _triple(drawn[:, -2], drawn[:, -1], how=how)
    return {**found, **_areas(y == 1, before, after, names, how, None)}


def _known_mean(values: np.ndarray, axis: int) -> np.ndarray:
    """Return the mean of the finite values; NaN where there are none."""
    known = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        return np.where(known, values, 0.0).sum(axis=axis) / known.sum(axis=axis)


def _areas(
    positive: np.ndarray,
    before: Answers,
    after: Answers,
    names: list[str],
    how: Resampling,
    strata: np.ndarray | None,
) -> dict[str, Any]:
    """Return the intervals of the AUC of each class, and of their mean."""
    nothing: dict[str, Any] = {"auc": None, "per_class_auc": None, "auc_repeats": None}
    if before.proba is None or after.proba is None:
        return nothing
    one = auc_draws(positive, before.proba, how, strata)
    two = one if after is before else auc_draws(positive, after.proba, how, strata)
    if one is None or two is None:
        return nothing
    present = positive.sum(axis=0)
    fewest = np.minimum(present, len(positive) - present)  # so many pairs share no row
    least = int(fewest[fewest > 0].min(initial=len(positive)))
    return {
        "auc": _triple(_known_mean(one, 1), _known_mean(two, 1), how=how, rows=least)
        if fewest.any()
        else None,
        "per_class_auc": {
            name: _triple(one[:, j], two[:, j], how=how, rows=int(m)) if m else None
            for j, (name, m) in enumerate(zip(names, fewest, strict=True))
        },
        "auc_repeats": len(one),
    }


def _triple(
    before: np.ndarray, after: np.ndarray, *, how: Resampling, rows: int | None = None
) -> Triple | None:
    """Return the intervals of both sides and of the difference; None where too few are defined.

    With ``rows``, a share that no resample changes has the Wilson interval of so many rows.
    """
    with np.errstate(invalid="ignore"):  # of resamples that are not defined
        values = np.column_stack([before, after, after - before])
    values = values[np.isfinite(values).all(axis=1)]
    if len(values) < (1 - MOST_UNDEFINED) * len(before):
        return None
    found = {name: percentiles(values[:, j], how.level) for j, name in enumerate(SIDES)}
    if rows is not None:
        found |= {side: varied(found[side], rows, how.level) for side in SIDES[:2]}
    return found


def one_side(record: Mapping[str, Any], side: str) -> dict[str, Any]:
    """Return the intervals of one of two models, in the form of `figure_intervals`."""

    def taken(triple: Triple | None) -> list[float] | None:
        return None if triple is None else triple[side]

    found: dict[str, Any] = {}
    for name, value in record.items():
        if name.startswith("per_") and value is not None:
            found[name] = {key: taken(item) for key, item in value.items()}
        else:
            found[name] = taken(value) if isinstance(value, dict) else value
    return found


def error_intervals(
    y: np.ndarray,
    before: np.ndarray,
    after: np.ndarray,
    group: np.ndarray | None = None,
    how: Resampling = STANDARD,
) -> dict[str, Any]:
    """Return bootstrap intervals of two regressions on the same rows.

    Parameters
    ----------
    y, before, after : ndarray of shape (n,) or (n, T)
        Truth and predictions.
    group : ndarray of shape (n,), optional
    how : Resampling

    Returns
    -------
    dict
        ``r2`` and ``rmse`` with ``before``, ``after`` and ``difference``, and of the RMSE
        ``worst_group`` (the largest of a group) and ``per_group``: name -> the same. The variance
        under R^2 is that of the resample.
    """
    truth, *guesses = (np.asarray(a, dtype=float).reshape(len(y), -1) for a in (y, before, after))
    squared = np.column_stack([np.square(truth - guess).mean(axis=1) for guess in guesses])
    truth = truth - truth.mean(axis=0)  # large values would cost digits of the variance
    drawn = mean_draws(np.column_stack([squared, truth, np.square(truth)]), how)
    width = truth.shape[1]
    moments = drawn[:, 2 + width :] - np.square(drawn[:, 2 : 2 + width])
    with np.errstate(divide="ignore", invalid="ignore"):
        r2 = 1 - drawn[:, :2] / moments.mean(axis=1, keepdims=True)
    found = {
        "r2": _triple(*r2.T, how=how) if np.ptp(truth, axis=0).any() else None,
        "rmse": _triple(*np.sqrt(drawn[:, :2]).T, how=how),
        "worst_group": None,
        "per_group": None,
    }
    if group is None:
        return found
    names, place = np.unique(group, return_inverse=True)
    shares = (place[:, None] == np.arange(len(names))) / np.bincount(place)
    columns = [len(y) * shares * errors[:, None] for errors in squared.T]
    roots = np.split(np.sqrt(mean_draws(np.hstack(columns), how, place)), 2, axis=1)
    worst = (each.max(axis=1) for each in roots)
    return found | {
        "worst_group": _triple(*worst, how=how),
        "per_group": {
            str(name): _triple(*(each[:, j] for each in roots), how=how)
            for j, name in enumerate(names)
        },
    }
