"""Per-sample explanations: the concepts that moved one decision, largest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pcbm.errors import InputError
from pcbm.model.contributions import Contributions
from pcbm.model.intervene import Intervention, intervene

BLOCK_ROWS = 1024  # each takes several arrays of rows x concepts


def explain_samples(
    model: Any,
    X: Any,
    ids: Sequence[Any] | None = None,
    *,
    top: int | None = None,
    interventions: Mapping[str, float] | None = None,
) -> list[dict[str, Any]]:
    """Explain each row's decision by named concepts.

    Parameters
    ----------
    model : PostHocCBM or PostHocCBMRegressor
        Fitted.
    X : array-like of shape (n, d)
        Activations.
    ids : sequence of length n, optional
        Default: the row numbers.
    top : int, optional
        Keep this many concepts a sample; the others are summed up in ``other``.
    interventions : dict of str to float, optional
        Explain the decision with these concepts' raw scores held at these values, see
        `pcbm.model.intervene`.

    Returns
    -------
    list of dict
        See `sample_records`. With interventions each record has ``before`` too: ``label`` and
        ``proba`` as they are without them.
    """
    if top is not None and top < 1:
        raise InputError(f"top is {top}: give the number of concepts to list, at least 1")
    n = len(X)
    names = [str(i) for i in range(n)] if ids is None else [str(name) for name in ids]
    if len(names) != n:
        raise InputError(f"there are {n} rows but {len(names)} ids: give one id a row")
    classes = getattr(model, "classes_", None)
    records = []
    for start in range(0, n, BLOCK_ROWS):
        block = X[start : start + BLOCK_ROWS]
        held = intervene(model, block, interventions) if interventions else None
        proba = None if classes is None or held else model.predict_proba(block)
        found = sample_records(
            names[start : start + BLOCK_ROWS],
            held.contributions if held else model.explain(block),
            scores=held.scores if held else model.transform(block),
            predicted=held.predicted_after if held else model.predict(block),
            proba=held.proba_after if held else proba,
            concept_names=list(model.concept_names_),
            classes=None if classes is None else [str(name) for name in classes],
            family=model.head_.family_,
            has_residual=model.residual_ is not None,
            top=top,
        )
        if held:
            _add_before(found, held, classes, model.head_.family_)
        records += found
    return records


def _add_before(
    records: list[dict[str, Any]], held: Intervention, classes: Any, family: str
) -> None:
    """Add to each record what the model says without the intervention."""
    names = None if classes is None else [str(name) for name in classes]
    for i, record in enumerate(records):
        row = None if held.proba_before is None else map(float, held.proba_before[i])
        record["before"] = {
            "label": _label(held.predicted_before[i], names, family),
            "proba": None if row is None or names is None else dict(zip(names, row, strict=True)),
        }


def sample_records(
    ids: Sequence[str],
    parts: Contributions,
    *,
    scores: np.ndarray,
    predicted: np.ndarray,
    proba: np.ndarray | None,
    concept_names: Sequence[str],
    classes: Sequence[str] | None,
    family: str,
    has_residual: bool,
    top: int | None = None,
) -> list[dict[str, Any]]:
    """Turn split margins into the records of ``pcbm explain``.

    Returns
    -------
    list of dict
        One a sample, with plain JSON values:

        - ``id``; ``label``, the predicted class (multilabel: the labels above one half, a list;
          regression: the number);
        - ``against``: the runner-up of the predicted class (None in multilabel and regression);
        - ``toward``: the class that positive contributions argue for. In softmax that is ``label``;
          with one row for two classes it is always the second class of ``classes_``, whichever is
          predicted; multilabel explains the likeliest label; None in regression;
        - ``proba``: class -> probability (None for regression);
        - ``concepts``: ``name``, ``score`` (raw, positive = present), ``standardised``, ``coef``
          (softmax: the difference of the two rows), ``contribution`` = coef * standardised;
          largest absolute contribution first, zeros left out;
        - ``other``: the sum of the contributions that ``top`` left out;
        - ``intercept``, ``residual`` (None without a residual model), and ``margin``, the logit
          of ``toward`` minus that of its rival (multilabel: the label's logit; regression: the
          predicted number): margin = contributions + other + intercept + residual.
    """
    margin = parts.margin
    records = []
    for i, name in enumerate(ids):
        concepts, other = _concepts(parts, scores, concept_names, i, top)
        toward, against = _sides(parts, classes, family, i)
        records.append(
            {
                "id": name,
                "label": _label(predicted[i], classes, family),
                "against": against,
                "toward": toward,
                "proba": None
                if proba is None or classes is None
                else dict(zip(classes, map(float, proba[i]), strict=True)),
                "concepts": concepts,
                "other": other,
                "intercept": float(parts.intercept[i]),
                "residual": float(parts.residual[i]) if has_residual else None,
                "margin": float(margin[i]),
            }
        )
    return records


def _concepts(
    parts: Contributions, scores: np.ndarray, names: Sequence[str], row: int, top: int | None
) -> tuple[list[dict[str, Any]], float]:
    """Return one sample's concepts, largest first, and the sum of those beyond ``top``."""
    values = parts.values[row]
    order = np.argsort(-np.abs(values), kind="stable")
    order = order[values[order] != 0]
    shown, rest = order[:top], order[len(order) if top is None else top :]
    listed = [
        {
            "name": names[k],
            "score": float(scores[row, k]),
            "standardised": float(parts.standardised[row, k]),
            "coef": float(parts.coef[row, k]),
            "contribution": float(values[k]),
        }
        for k in shown
    ]
    return listed, float(values[rest].sum())


def _sides(
    parts: Contributions, classes: Sequence[str] | None, family: str, row: int
) -> tuple[str | None, str | None]:
    """Return the class that positive values argue for, and the predicted class's runner-up."""
    if classes is None:
        return None, None
    toward, against = int(parts.toward[row]), int(parts.against[row])
    if family == "multilabel":
        return classes[toward], None
    rival = against if parts.label[row] == toward else toward
    return classes[toward], classes[rival]


def _label(predicted: Any, classes: Sequence[str] | None, family: str) -> Any:
    if classes is None:
        return np.asarray(predicted, dtype=np.float64).tolist()
    if family == "multilabel":
        return [name for name, present in zip(classes, predicted, strict=True) if present]
    return str(predicted)
