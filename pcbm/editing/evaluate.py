"""What an edit did to the predictions: before and after, and whether it went too far."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pcbm.model.pipeline import evaluate_model
from pcbm.model.run import task_of

# Half a percentage point: below this a difference of accuracies has no sign worth naming.
NO_RELIANCE = 0.005


def evaluate_edit(
    before: Any,
    after: Any,
    X: Any,
    y: np.ndarray,
    group: np.ndarray | None = None,
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

    Returns
    -------
    dict
        ``before`` and ``after`` as `pcbm.model.metrics.evaluate` gives them, and ``changed``:
        ``n`` rows with another prediction, of these ``repaired`` (wrong before, right after),
        ``broken`` (right before, wrong after) and ``of`` the rows in all. Regression: ``n`` alone.
    """
    return {
        "before": evaluate_model(before, X, y, group),
        "after": evaluate_model(after, X, y, group),
        "changed": changed_predictions(
            y, before.predict(X), after.predict(X), task=task_of(before)
        ),
    }


def joined_evaluation(sets: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Join the evaluations of one edit on several sets of rows into one record.

    Parameters
    ----------
    sets : dict
        Name -> what `evaluate_edit` gave. The first is the main one, in distribution; a second
        one is taken as shifted, and `signed_reliance` compares the two.

    Returns
    -------
    dict
        The first evaluation with its name as ``data``, the others in ``also``, and with two or
        more (not for regression) ``reliance`` and ``warnings``.
    """
    first, *others = ({**record, "data": name} for name, record in sets.items())
    if not others:
        return first
    record = {**first, "also": others}
    if "accuracy" in first["before"]:
        reliance = signed_reliance(first, others[0])
        record["warnings"] = reliance.pop("warnings")
        record["reliance"] = reliance
    return record


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
    in_distribution: Mapping[str, Any], shifted: Mapping[str, Any]
) -> dict[str, Any]:
    """Compare how far a model leans on a cue, before and after an edit.

    Signed reliance is the accuracy where the cue points to the right class (in distribution)
    minus the accuracy where it points to a wrong one (shifted). Positive: the model follows the
    cue. Negative: it goes against it, which is no better.

    Parameters
    ----------
    in_distribution, shifted : dict
        What `evaluate_edit` gave on each of the two sets.

    Returns
    -------
    dict
        ``before``, ``after`` (accuracy differences in [-1, 1]) and ``warnings``, which names a
        change of sign as over-correction.
    """
    before, after = (
        float(in_distribution[side]["accuracy"] - shifted[side]["accuracy"])
        for side in ("before", "after")
    )
    warnings = []
    if before * after < 0 and min(abs(before), abs(after)) > NO_RELIANCE:
        warnings.append(
            f"over-correction: the accuracy in distribution minus shifted went from {before:+.3f} "
            f"to {after:+.3f}, so the model now goes against the cue; refit the other concepts, "
            "or scale the concept down instead of removing it"
        )
    return {"before": before, "after": after, "warnings": warnings}


def _rows(differs: np.ndarray) -> np.ndarray:
    """Reduce an elementwise comparison to one truth value a row."""
    return np.asarray(differs.reshape(len(differs), -1).any(axis=1))
