"""What an edit did to predictions: before and after, how sure that is, and if it went too far."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pcbm.editing.chosen import ChosenOn, content_of, judged_on_chosen
from pcbm.model.intervals import (
    STANDARD,
    Resampling,
    error_intervals,
    mcnemar,
    paired_intervals,
    percentiles,
)
from pcbm.model.metrics import row_scores
from pcbm.model.pipeline import evaluate_model
from pcbm.model.run import task_of

# Half a percentage point: below this a difference of accuracies has no sign worth naming.
NO_RELIANCE = 0.005
SIDES = ("before", "after")


def evaluate_edit(
    before: Any,
    after: Any,
    X: Any,
    y: np.ndarray,
    group: np.ndarray | None = None,
    *,
    rows: ChosenOn | None = None,
    how: Resampling = STANDARD,
) -> dict[str, Any]:
    """Evaluate a model before and after an edit on the same labelled rows.

    Parameters
    ----------
    before, after : PostHocCBM or PostHocCBMRegressor
    X : array-like of shape (n, d)
        Activations.
    y : ndarray of shape (n,), or (n, C) for multilabel
        As `pcbm.model.pipeline.labels_for` reads them.
    group : ndarray of shape (n,), optional
    rows : ChosenOn, optional
        Which rows these are; without it the content hash of ``X``.
    how : Resampling
        Of the intervals.

    Returns
    -------
    dict
        ``before`` and ``after`` as `pcbm.model.metrics.evaluate` gives them, and ``changed``:
        ``n`` rows with another prediction, of these ``repaired`` (wrong before, right after),
        ``broken`` (right before, wrong after) and ``of`` the rows in all. Regression: ``n`` alone.
        ``intervals`` as `pcbm.model.intervals.paired_intervals` gives them, with ``level``,
        ``repeats`` and ``seed``; ``mcnemar`` (None for regression); and ``warnings``, among them
        that an edit is judged on the very rows its plan says it was chosen on (``chosen_on``).
    """
    task, y = task_of(before), np.asarray(y)
    predicted = before.predict(X), after.predict(X)
    chosen = [step["plan"].get("chosen_on") for step in getattr(after, "edits_", None) or []]
    told = judged_on_chosen(chosen, rows or ChosenOn(content_of(X))) if any(chosen) else []
    return {
        "before": evaluate_model(before, X, y, group),
        "after": evaluate_model(after, X, y, group),
        "changed": changed_predictions(y, *predicted, task=task),
        "intervals": edit_intervals(y, *predicted, before, group, how),
        "mcnemar": None
        if task == "regression"
        else mcnemar(*(row_scores(y, each, task) > 0 for each in predicted)),
        "warnings": told,
    }


def edit_intervals(
    y: np.ndarray,
    before: np.ndarray,
    after: np.ndarray,
    model: Any,
    group: np.ndarray | None,
    how: Resampling,
) -> dict[str, Any]:
    """Return the intervals of two sets of predictions of a model's task."""
    task = task_of(model)
    groups = None if group is None else {str(g): np.asarray(group) == g for g in np.unique(group)}
    setting = {"level": how.level, "repeats": how.repeats, "seed": how.seed}
    if task == "regression":
        return {**setting, **error_intervals(y, before, after, groups, how)}
    right, still = (row_scores(y, each, task) > 0 for each in (before, after))
    if task == "multilabel":
        found = paired_intervals(right, still, None, groups, how)
        labels = [
            paired_intervals(before[:, j] == y[:, j], after[:, j] == y[:, j], how=how)["accuracy"]
            for j in range(y.shape[1])
        ]
        names = [str(name) for name in model.classes_]
        return {**setting, **found, "per_class": dict(zip(names, labels, strict=True))}
    classes = {str(name): y == name for name in model.classes_}
    return {**setting, **paired_intervals(right, still, classes, groups, how)}


def joined_evaluation(
    sets: Mapping[str, Mapping[str, Any]], *, how: Resampling = STANDARD
) -> dict[str, Any]:
    """Join the evaluations of one edit on several sets of rows into one record.

    Parameters
    ----------
    sets : dict
        Name -> what `evaluate_edit` gave. The first is the main one, in distribution; a second
        one is taken as shifted, and `signed_reliance` compares the two.
    how : Resampling
        Of the reliance's intervals.

    Returns
    -------
    dict
        The first evaluation with its name as ``data``, the others in ``also``, and with two or
        more (not for regression) ``reliance`` and ``warnings``.
    """
    first, *others = ({**record, "data": name} for name, record in sets.items())
    if not others:
        return first
    told = [text for record in (first, *others) for text in record.get("warnings") or []]
    record = {**first, "also": others}
    if "accuracy" in first["before"]:
        reliance = signed_reliance(first, others[0], how=how)
        told = [*reliance.pop("warnings"), *told]
        record["reliance"] = reliance
    return {**record, "warnings": list(dict.fromkeys(told))}


def evaluations(record: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    """Return the evaluations of an edit, one a set of rows; the inverse of `joined_evaluation`."""
    return [] if record is None else [record, *record.get("also", ())]


def changed_predictions(
    y: np.ndarray, before: np.ndarray, after: np.ndarray, *, task: str
) -> dict[str, Any]:
    """Count the rows whose prediction an edit changed, and what became of them."""
    moved = _rows(before != after)
    if task == "regression":
        return {"n": int(moved.sum()), "of": len(moved), "repaired": None, "broken": None}
    right_before, right_after = ~_rows(before != y), ~_rows(after != y)
    return {
        "n": int(moved.sum()),
        "of": len(moved),
        "repaired": int((~right_before & right_after).sum()),
        "broken": int((right_before & ~right_after).sum()),
    }


def signed_reliance(
    in_distribution: Mapping[str, Any],
    shifted: Mapping[str, Any],
    *,
    how: Resampling = STANDARD,
) -> dict[str, Any]:
    """Compare how far a model leans on a cue, before and after an edit.

    Signed reliance is the accuracy where the cue points to the right class (in distribution)
    minus the accuracy where it points to a wrong one (shifted). Positive: the model follows the
    cue. Negative: it goes against it, which is no better.

    Parameters
    ----------
    in_distribution, shifted : dict
        What `evaluate_edit` gave on each of the two sets.
    how : Resampling
        Of the intervals; the two sets are resampled independently, which is cautious where they
        hold the same rows with and without a cue.

    Returns
    -------
    dict
        ``before``, ``after`` (accuracy differences in [-1, 1]), ``intervals`` of the two (None
        where a set does not tell its size ``n``) and ``warnings``, which names a change of sign as
        over-correction.
    """
    before, after = (
        float(in_distribution[side]["accuracy"] - shifted[side]["accuracy"])
        for side in ("before", "after")
    )
    warnings = over_correction(before, after, "accuracy in distribution minus shifted")
    intervals = None
    if all("n" in each[side] for each in (in_distribution, shifted) for side in SIDES):
        intervals = {
            side: _difference_interval(in_distribution[side], shifted[side], how) for side in SIDES
        }
    return {"before": before, "after": after, "intervals": intervals, "warnings": warnings}


def over_correction(before: float, after: float, what: str) -> list[str]:
    """Return a warning where a signed reliance in [-1, 1] changed its sign; ``what`` it is."""
    if before * after >= 0 or min(abs(before), abs(after)) <= NO_RELIANCE:
        return []
    return [
        f"over-correction: the {what} went from {before:+.3f} to {after:+.3f}, so the model now "
        "goes against the cue; refit the other concepts, or scale the concept down instead of "
        "removing it"
    ]


def _difference_interval(
    one: Mapping[str, Any], other: Mapping[str, Any], how: Resampling
) -> list[float]:
    """Resample two independent accuracies: the hits in a resample are binomial."""
    rng = np.random.default_rng([how.seed, 3])
    first, second = (
        rng.binomial(each["n"], min(each["accuracy"], 1.0), how.repeats) / each["n"]
        for each in (one, other)
    )
    return percentiles(first - second, how.level)


def _rows(differs: np.ndarray) -> np.ndarray:
    """Reduce an elementwise comparison to one truth value a row."""
    return np.asarray(differs.reshape(len(differs), -1).any(axis=1))
