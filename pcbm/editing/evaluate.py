"""What an edit did to predictions: before and after, how sure that is, and if it went too far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pcbm.editing.chosen import ChosenOn, content_of, judged_on_chosen
from pcbm.model.intervals import (
    STANDARD,
    Resampling,
    mcnemar,
    percentiles,
)
from pcbm.model.metrics import row_scores
from pcbm.model.pipeline import evaluate_model
from pcbm.model.run import task_of
from pcbm.model.spread import Answers, Judged, compared_intervals, one_side

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
        ``intervals`` as `pcbm.model.spread.compared_intervals` gives them; ``mcnemar`` (None for
        regression); and ``warnings``, among them
        that an edit is judged on the very rows its plan says it was chosen on (``chosen_on``).
    """
    task, y = task_of(before), np.asarray(y)
    classed = task != "regression"
    answers = [
        Answers(np.asarray(each.predict(X)), each.predict_proba(X) if classed else None)
        for each in (before, after)
    ]
    predicted = [each.predicted for each in answers]
    truth = Judged(y, before.classes_ if classed else None, task, group)
    chosen = [step["plan"].get("chosen_on") for step in getattr(after, "edits_", None) or []]
    told = judged_on_chosen(chosen, rows or ChosenOn(content_of(X))) if any(chosen) else []
    intervals = compared_intervals(truth, answers[0], answers[1], how)
    sides = {
        side: evaluate_model(model, X, y, group, None) | {"intervals": one_side(intervals, side)}
        for side, model in zip(SIDES, (before, after), strict=True)
    }
    return {
        **sides,
        "changed": changed_predictions(y, *predicted, task=task),
        "intervals": intervals,
        "mcnemar": mcnemar(*(row_scores(y, each, task) > 0 for each in predicted))
        if classed
        else None,
        "warnings": told,
    }


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
        where a set does not tell its size ``n``) and ``warnings``, which names a change of sign
        that is beyond chance as over-correction.
    """
    before, after = (
        float(in_distribution[side]["accuracy"] - shifted[side]["accuracy"])
        for side in ("before", "after")
    )
    intervals = None
    if all("n" in each[side] for each in (in_distribution, shifted) for side in SIDES):
        intervals = {
            side: accuracy_difference(in_distribution[side], shifted[side], how)["interval"]
            for side in SIDES
        }
    warnings = over_correction(
        before,
        after,
        "accuracy in distribution minus shifted",
        None if intervals is None else intervals["after"],
    )
    return {"before": before, "after": after, "intervals": intervals, "warnings": warnings}


def over_correction(
    before: float, after: float, what: str, interval: Sequence[float] | None
) -> list[str]:
    """Return a warning where a signed reliance clearly changed its sign.

    A model that was repaired has a reliance near zero, below it as often as above: where the
    interval of ``after`` is known and holds zero, there is nothing to warn of.

    Parameters
    ----------
    before, after : float
        Signed reliance in [-1, 1].
    what : str
        What was measured, for the text.
    interval : (low, high) or None
        Of ``after``.
    """
    if before * after >= 0 or min(abs(before), abs(after)) <= NO_RELIANCE:
        return []
    if interval is not None and interval[0] <= 0 <= interval[1]:
        return []
    return [
        f"over-correction: the {what} went from {before:+.3f} to {after:+.3f}, so the model now "
        "goes against the cue; refit the other concepts, or scale the concept down instead of "
        "removing it"
    ]


def accuracy_difference(
    one: Mapping[str, Any], other: Mapping[str, Any], how: Resampling = STANDARD
) -> dict[str, Any]:
    """Return the accuracy of one evaluation minus that of another, on other rows.

    Returns
    -------
    dict
        ``value``, and ``interval`` of two independent resamples: hits in a resample are binomial.
    """
    rng = np.random.default_rng([how.seed, 3])
    first, second = (
        rng.binomial(each["n"], min(each["accuracy"], 1.0), how.repeats) / each["n"]
        for each in (one, other)
    )
    return {
        "value": float(one["accuracy"] - other["accuracy"]),
        "interval": percentiles(first - second, how.level),
    }


def _rows(differs: np.ndarray) -> np.ndarray:
    """Reduce an elementwise comparison to one truth value a row."""
    return np.asarray(differs.reshape(len(differs), -1).any(axis=1))
